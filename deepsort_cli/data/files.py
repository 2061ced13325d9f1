"""The files of a dataset folder, found without ever leaving it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from deepsort_cli.core.files import at_home

CACHE_FOLDER = ".reid_cache"
"""Where scans are remembered, inside the dataset; never part of it."""


_CHANGED = "st_mtime_ns" if os.name == "nt" else "st_ctime_ns"
"""When a file was last changed in any way; Windows only knows when its contents were."""


class Problem(NamedTuple):
    """A file that is not used.

    Attributes:
        path: relative to the root.
        reason: a code from `REASONS`.
        detail: what exactly is wrong.
        digest: of its contents, in hexadecimal; empty when it could not be read, None when it was not to be.
    """

    path: str
    reason: str
    detail: str = ""
    digest: str | None = None


@dataclass
class Listing:
    """Every file under a root.

    Attributes:
        root: the dataset folder, without symbolic links in its own path.
        paths: relative paths with forward slashes, sorted.
        sizes: bytes per path; −1 where it was not looked up.
        changed: nanoseconds of the last change per path, by the file system's clock.
        targets: relative path → real path, for symbolic links that may be followed.
        problems: entries that cannot be read as files.
        begun: nanoseconds when listing began, by this machine's clock.
    """

    root: Path
    paths: list[str] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    targets: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    begun: int = field(default_factory=time.time_ns)

    def add(self, path: str, size: int, changed: int) -> None:
        self.paths.append(path)
        self.sizes.append(size)
        self.changed.append(changed)

    def add_problem(self, problem: Problem) -> None:
        self.add(problem.path, -1, 0)
        self.problems.append(problem)

    def sort(self) -> None:
        """Bring the columns into the order of the paths (three lists of plain values are many times faster to collect
        and to sort than one of tuples, which the garbage collector would visit again and again)."""
        order = sorted(range(len(self.paths)), key=self.paths.__getitem__)
        self.paths = [self.paths[i] for i in order]
        self.sizes = [self.sizes[i] for i in order]
        self.changed = [self.changed[i] for i in order]

    def real_path(self, path: str) -> str:
        """Where to read the file at a relative path."""
        return self.targets.get(path) or os.path.join(self.root, path)  # noqa: PTH118 (half a million calls)

    def fingerprint(self, table: str = "") -> str:
        """SHA-1 over relative paths and sizes: the same for a copy, another when a file comes, goes or changes size.

        Args:
            table: digest of the table that says who is who, where there is one.
        """
        digest = hashlib.sha1(os.fsencode("\0".join(self.paths)), usedforsecurity=False)
        digest.update(b"\0\0" + " ".join(map(str, self.sizes)).encode() + table.encode())
        return digest.hexdigest()


def list_files(root: Path, link_sources: Sequence[Path] = (), ignore: Path | None = None) -> Listing:
    """List every file below `root`.

    A symbolic link to a file is followed when its target lies inside `root` or inside one of `link_sources`; a link to
    a folder when its target lies inside one of `link_sources`, once. Any other link and everything that is no regular
    file becomes a problem and is not read.

    Args:
        root: an existing folder.
        link_sources: folders outside the root that links may point into.
        ignore: a folder inside `root` that does not belong to the dataset (a cache kept there).
    """
    root = root.resolve()
    links = _Links(root, link_sources)
    listing = Listing(root)
    folders = [("", "", 0)]  # relative path; where it really lies, if a link leads there; when that link was made
    ignored = {CACHE_FOLDER}
    if ignore is not None and ignore.resolve() != root and ignore.resolve().is_relative_to(root):
        ignored.add(ignore.resolve().relative_to(root).as_posix())
    while folders:
        folder, elsewhere, since = folders.pop()
        prefix = f"{folder}/" if folder else ""
        try:
            with _open_folder(Path(elsewhere) if elsewhere else root / folder) as entries:
                for entry in entries:
                    inner = os.path.join(elsewhere, entry.name) if elsewhere else ""  # noqa: PTH118 (many calls)
                    if entry.is_file(follow_symlinks=False):
                        try:
                            status = entry.stat(follow_symlinks=False)
                        except OSError as error:
                            listing.add_problem(Problem(prefix + entry.name, "unreadable", error.strerror or ""))
                        else:
                            listing.add(prefix + entry.name, status.st_size, max(getattr(status, _CHANGED), since))
                            if inner:
                                listing.targets[prefix + entry.name] = inner
                    elif entry.is_symlink():
                        place = inner or str(root / prefix / entry.name)
                        followed = links.add(listing, prefix + entry.name, place)
                        if followed:
                            folders.append((prefix + entry.name, followed, max(since, _last_change(place))))
                    elif not entry.is_dir(follow_symlinks=False):
                        listing.add_problem(Problem(prefix + entry.name, "not_a_file", "a pipe, socket or device"))
                    elif entry.name != CACHE_FOLDER and prefix + entry.name not in ignored:
                        folders.append((prefix + entry.name, inner, since))
        except OSError as error:
            listing.add_problem(Problem(folder, "unreadable", f"folder: {error.strerror}"))
    listing.sort()
    return listing


def list_named(root: Path, paths: Sequence[str], link_sources: Sequence[Path] = ()) -> Listing:
    """Look up files that a table names, by paths relative to `root`; they must lie in it or in a link source."""
    root = root.resolve()
    links = _Links(root, link_sources)
    listing = Listing(root)
    for path in paths:
        links.add(listing, path, os.path.join(root, path))  # noqa: PTH118 (many calls)
    listing.sort()
    return listing


class _Links:
    """Which symbolic links may be followed."""

    def __init__(self, root: Path, sources: Sequence[Path]) -> None:
        self.root = str(root)
        self.sources = [str(at_home(source).resolve()) for source in sources]
        self.followed: set[str] = set()

    def add(self, listing: Listing, path: str, place: str) -> str:
        """Add the file that `place` leads to; or return the folder that it leads to, where that is to be read."""
        target = os.path.realpath(place)
        if not any(_lies_in(target, folder) for folder in (self.root, *self.sources)):
            what = "link to" if os.path.lexists(place) and target != place else "at"
            listing.add_problem(Problem(path, "outside_root", f"{what} {target}"))
            return ""
        try:
            status = os.lstat(target)
        except OSError:
            is_link = Path(place).is_symlink()
            missing = Problem(path, "broken_link", f"link to {target}") if is_link else Problem(path, "missing")
            listing.add_problem(missing)
            return ""
        if stat.S_ISREG(status.st_mode):
            listing.add(path, status.st_size, max(getattr(status, _CHANGED), _last_change(place)))
            if target != place:
                listing.targets[path] = target
        elif stat.S_ISLNK(status.st_mode):
            listing.add_problem(Problem(path, "broken_link", "links in a circle"))
        elif stat.S_ISDIR(status.st_mode):
            if not _lies_in(target, self.root) and not _lies_in(self.root, target) and target not in self.followed:
                self.followed.add(target)
                return target
            listing.add_problem(Problem(path, "folder_link", f"link to {target}"))
        else:
            listing.add_problem(Problem(path, "not_a_file", f"link to {target}"))
        return ""


def _last_change(link: str) -> int:
    """When a link was made to lead where it leads now, which may be to an older file than before."""
    try:
        return int(getattr(os.lstat(link), _CHANGED))
    except OSError:
        return 0


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


@contextlib.contextmanager
def _open_folder(path: Path) -> Iterator[Iterator[os.DirEntry[str]]]:
    """The entries of a folder that is no link; their `stat` then need not walk the whole path each time."""
    if os.scandir not in os.supports_fd:
        with os.scandir(path) as entries:
            yield entries
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        with os.scandir(descriptor) as entries:
            yield entries
    finally:
        os.close(descriptor)
