"""Which videos an archive has: what folders, globs, lists and single sources stand for, and where results go."""

from __future__ import annotations

import contextlib
import fnmatch
import glob
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Literal

from deepsort_cli.core.counted import counted
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import at_home, look
from deepsort_cli.core.mot import read_seqinfo
from deepsort_cli.core.urls import hide_secrets, scheme_of
from deepsort_cli.video.sources import is_demo, path_of_url
from deepsort_cli.video.sources.images import images_of_pattern, natural_order
from deepsort_cli.video.sources.pictures import IMAGE_SUFFIXES
from deepsort_cli.video.sources.video import LIST_SUFFIXES, STDIN, VIDEO_SUFFIXES
from deepsort_cli.workflows.archive.lists import read_list

Say = Callable[[str], None]
Kind = Literal["file", "folder", "pictures", "demo"]


@dataclass(frozen=True)
class Video:
    """Something to track: a video, a folder of pictures or MOTChallenge sequence, a glob of pictures, or the demo.

    Attributes:
        source: what to open, an absolute path or pattern; `demo` or `demo:…` for generated scenes.
        place: where its results go, relative to the archive's folder, with `/` between names.
        kind: what the source is.
    """

    source: str
    place: str
    kind: Kind = "file"

    def files(self) -> list[Path]:
        """The files it is read from."""
        if self.kind == "demo":
            return []
        if self.kind == "file":
            return [Path(self.source)]
        if self.kind == "pictures":
            numbered = images_of_pattern(self.source)
            found = glob.glob(self.source, recursive=True) if numbered is None else numbered  # noqa: PTH207
            return natural_order(path for path in map(Path, found) if path.suffix.lower() in IMAGE_SUFFIXES)
        folders = (Path(self.source), Path(self.source) / _image_folder(Path(self.source)))
        return [path for folder in folders if folder.is_dir() for path in _visible(folder) if path.is_file()]


def find_videos(sources: Sequence[str], output_dir: Path, note: Say = lambda message: None) -> list[Video]:
    """What the sources stand for, every video once, each with a place of its own.

    Args:
        sources: videos, folders and globs of them, text files that list such, sequences, pictures, `demo`.
        output_dir: results lie here, and are no sources.
        note: is told what was left out, and why.

    Raises:
        InputError: a source cannot be used, or there is nothing to track.
    """
    if not sources:
        raise InputError(
            "no source is given: write videos, a folder or a glob of them ('videos/**/*.mp4'), or a text file that "
            "lists them."
        )
    search = _Search(Path(os.path.realpath(output_dir)))
    here = Path.cwd()
    for source in sources:
        search.add(source, here)
    search.tell(note)
    if not search.found:
        results = f" (videos within `archive.output_dir` {output_dir} are results)" if search.results else ""
        raise InputError(f"`source` {_shown(sources)}: holds no video{results}.")
    return _distinct(search.found, note)


def _shown(sources: Sequence[str]) -> str:
    names = ", ".join(hide_secrets(source) for source in sources[:3])
    return names if len(sources) <= 3 else f"{names}, …"


@dataclass
class _Search:
    """Collects videos, and what is passed over on the way."""

    output_dir: Path
    found: list[Video] = field(default_factory=list)
    results: int = 0
    same: list[str] = field(default_factory=list)
    again: Counter[str] = field(default_factory=Counter)
    pictures: list[Path] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    _known: dict[object, str] = field(default_factory=dict)

    def add(self, spec: str, base: Path, where: str = "`source`") -> None:
        """Take what a source stands for.

        Args:
            base: relative names lie here.
            where: it was written, for messages.
        """
        spec = spec.strip()
        path = self._local(spec, base, where)
        if path is None:
            self._take(Video(spec, re.sub(r"[:/]", "_", spec), "demo"))
            return
        found = look(path, key="source")
        if found is None:
            self._add_pattern(spec, path, base, where)
        elif stat.S_ISDIR(found.st_mode):
            self._add_folder(path, path, where, named=True)
        elif not stat.S_ISREG(found.st_mode):
            raise InputError(f"{where} {spec}: not a file that can be read again. An archive is of recorded videos.")
        elif path.suffix.lower() in LIST_SUFFIXES:
            if where != "`source`":
                raise InputError(f"{where} {spec}: a list within a list. Write its lines here.")
            self._add_list(path)
        else:
            self._take(Video(_absolute(path), _place_of(path, base)))

    def _add_list(self, path: Path) -> None:
        """What the lines of a text file stand for; what is wrong with several is said at once."""
        faults = []
        for number, line in read_list(path):
            try:
                self.add(line, path.parent.absolute(), f"{path}, line {number}:")
            except InputError as error:
                faults.append(str(error))
        if faults:
            more = [f"… and {len(faults) - 5} more lines."] if len(faults) > 5 else []
            raise InputError("\n".join([*faults[:5], *more]))

    def _local(self, spec: str, base: Path, where: str) -> Path | None:
        """The path of a source; None for the demo scene."""
        scheme = scheme_of(spec)
        if scheme == "file":
            return path_of_url(spec)
        path = at_home(spec)
        if not path.is_absolute():
            path = base / path
        if is_demo(spec) and look(path, key="source") is None:
            return None
        if not spec or scheme is not None or spec == STDIN or (spec.isdecimal() and not path.exists()):
            raise InputError(
                f"{where} {hide_secrets(spec) or 'is empty'}: no file. An archive (`archive.output_dir`) is of videos "
                "on disk; track cameras and addresses by themselves."
            )
        return path

    def _add_pattern(self, spec: str, path: Path, base: Path, where: str) -> None:
        numbered = images_of_pattern(str(path))
        if numbered:
            self._take(Video(str(path), _place_of(path.parent, base), "pictures"))
            return
        if not glob.has_magic(spec):
            raise InputError(f"{where} {spec}: no such file or folder.")
        pattern, root = _as_pattern(spec, base)
        matches = _matches(at_home(spec), pattern, root)
        if not matches:
            raise InputError(f"{where} {spec}: matches no file.")
        suffix = Path(spec).suffix.lower()
        # `*.dav` asks for such files, whatever they are.
        wanted = VIDEO_SUFFIXES | ({suffix} if suffix and not glob.has_magic(suffix) else set())
        files = [match for match in matches if match.is_file()]
        videos = [match for match in files if match.suffix.lower() in wanted - IMAGE_SUFFIXES]
        folders = [match for match in matches if match.is_dir()]
        pictures = [match for match in files if match.suffix.lower() in IMAGE_SUFFIXES]
        before = len(self.found)
        for folder in natural_order(folders):
            self._add_folder(folder, root, where, named=False)
        for video in natural_order(videos):
            self._take_file(video, root)
        if len(self.found) == before and pictures and not self.results:
            self._take(Video(pattern, _place_of(pictures[0].parent, root.parent), "pictures"))
            return
        self.pictures += pictures
        left = set(files).difference(videos, pictures)
        self.others.update(match.suffix.lower() or match.name for match in left)

    def _add_folder(self, folder: Path, root: Path, where: str, *, named: bool) -> None:
        """The videos and sequences in a folder; a folder of pictures is a sequence itself.

        Args:
            root: places are relative to it.
            named: somebody named this folder; with nothing in it, that is an error.
        """
        if _is_sequence(folder):
            self._take(Video(_absolute(folder), _place_of(folder, root, own_name=True), "folder"))
            return
        before, results = len(self.found), self.results
        of_pictures: list[Path] = []
        for inner in _walk(folder):
            if self._is_result(inner):
                videos = (path for path in _visible(inner) if path.suffix.lower() in VIDEO_SUFFIXES)
                self.results += sum(path.is_file() for path in videos)
                continue
            if _is_sequence(inner):
                self._take(Video(_absolute(inner), _place_of(inner, root), "folder"))
                continue
            files = [path for path in _visible(inner) if path.is_file()]
            for video in (path for path in files if path.suffix.lower() in VIDEO_SUFFIXES):
                self._take_file(video, root)
            if any(path.suffix.lower() in IMAGE_SUFFIXES for path in files):
                of_pictures.append(inner)
        if len(self.found) > before or self.results > results:
            self.pictures += of_pictures
        elif of_pictures and of_pictures[0] == folder:
            self._take(Video(_absolute(folder), _place_of(folder, root, own_name=True), "folder"))
            self.pictures += of_pictures[1:]
        else:
            for inner in of_pictures:
                self._take(Video(_absolute(inner), _place_of(inner, root), "folder"))
        if named and len(self.found) == before and self.results == results and not self.same:
            raise InputError(
                f"{where} {folder}: holds no video, no pictures and no MOTChallenge sequence. Videos end in "
                f"{', '.join(sorted(VIDEO_SUFFIXES))}; name others by a glob, for example '{folder}/**/*.dav'."
            )

    def _take_file(self, path: Path, root: Path) -> None:
        if self._is_result(path):
            self.results += 1
        else:
            self._take(Video(_absolute(path), _place_of(path, root)))

    def _is_result(self, path: Path) -> bool:
        return Path(os.path.realpath(path)).is_relative_to(self.output_dir)

    def _take(self, video: Video) -> None:
        """Keep a video, unless it is one already found: by the same name, another, or through a link."""
        identity: object = video.source
        if video.kind in ("file", "folder"):
            status = Path(video.source).stat()
            identity = (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(video.source)
        known = self._known.get(identity)
        if known is None:
            self._known[identity] = video.source
            self.found.append(video)
        elif known == video.source:
            self.again[video.source] += 1
        else:
            self.same.append(f"{video.source} is {known}")

    def tell(self, note: Say) -> None:
        """Say what was left out."""
        for same in self.same[:5]:
            note(f"{same}: tracked once")
        if len(self.same) > 5:
            note(f"… and {len(self.same) - 5} more videos that are there twice: each is tracked once")
        if self.again:
            first, *rest = self.again
            more = f" and {counted(len(rest), 'other video')}" if rest else ""
            note(f"named more than once, tracked once: {first}{more}")
        if self.results:
            videos = counted(self.results, "video", "videos")
            note(f"{videos} in the archive's own folder: results, not sources")
        if self.pictures:
            pictures = counted(len(self.pictures), "picture or folder of them", "pictures or folders of them")
            note(
                f"left out, as there are videos: {pictures}, such as {self.pictures[0]}. Name a folder of pictures as "
                "a `source` of its own to track it"
            )
        if self.others:
            kinds = ", ".join(f"{count} {name}" for name, count in self.others.most_common(5))
            note(f"left out, as no videos by their names: {kinds}")


def _distinct(videos: list[Video], note: Say) -> list[Video]:
    """Each video with a place that no other has, also where capital letters do not count."""
    taken: set[str] = set()
    result = []
    for video in videos:
        place = video.place
        if place.casefold() in taken and (parent := Path(video.source).parent.name):
            place = f"{Path(video.source).parents[len(PurePosixPath(place).parts) - 1].name or parent}/{place}"
        first, number = place, 1
        while place.casefold() in taken:
            number += 1
            place = f"{first}-{number}"
        if place != video.place:
            note(f"{video.source}: results go to {place}, because another video's go to {video.place}")
        taken.add(place.casefold())
        result.append(replace(video, place=place))
    return result


def _place_of(path: Path, root: Path, *, own_name: bool = False) -> str:
    """A path relative to a folder, where it lies in it; else all of it. Never out of where it is put.

    Args:
        own_name: of the folder itself, its name.
    """
    full, base = Path(_absolute(path)), Path(_absolute(root))
    if full == base:
        return full.name or "root"
    if full.is_relative_to(base):
        return full.relative_to(base).as_posix()
    drive = full.drive.strip(":\\/").replace("\\", "/")
    return "/".join(part for part in (drive, *full.parts[1:]) if part) or full.name


def _absolute(path: Path) -> str:
    """The whole path, without `..`, links left as they are."""
    return os.path.abspath(path)  # noqa: PTH100 (Path.absolute keeps `..`)


def _as_pattern(spec: str, base: Path) -> tuple[str, Path]:
    """An absolute glob, and the folder in which everything lies that it may match."""
    written = at_home(spec)
    parts = written.parts
    magic = next((i for i, part in enumerate(parts) if glob.has_magic(part)), len(parts))
    return str(Path(glob.escape(str(base))) / written), base / Path(*parts[:magic])


def _matches(written: Path, pattern: str, root: Path) -> list[Path]:
    """What a glob matches. `**` follows links once: `glob` would go round in circles of them."""
    if "**" not in written.parts:
        return [Path(match) for match in glob.glob(pattern)]  # noqa: PTH207 (absolute)
    wanted = written.parts[next(i for i, part in enumerate(written.parts) if glob.has_magic(part)) :]
    found = (path for folder in _walk(root, everywhere=True) for path in (folder, *_visible(folder)))
    return list({path: None for path in found if _fits(path.relative_to(root).parts, wanted)})


def _fits(parts: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """Whether the parts of a path fit those of a pattern, `**` any number of folders."""
    if not wanted:
        return not parts
    if wanted[0] == "**":
        return any(_fits(parts[skipped:], wanted[1:]) for skipped in range(len(parts) + 1))
    return bool(parts) and fnmatch.fnmatchcase(parts[0], wanted[0]) and _fits(parts[1:], wanted[1:])


def _is_sequence(folder: Path) -> bool:
    return (folder / "seqinfo.ini").is_file() or (folder / "img1").is_dir()


def _image_folder(sequence: Path) -> str:
    """Where a sequence has its pictures; the usual folder where it does not say, or not so that it can be read."""
    with contextlib.suppress(InputError):
        return read_seqinfo(sequence).image_folder
    return "img1"


def _visible(folder: Path) -> list[Path]:
    """What lies in a folder, in natural order; nothing of one that cannot be read."""
    try:
        return natural_order(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError:
        return []


def _walk(folder: Path, *, everywhere: bool = False) -> Iterator[Path]:
    """A folder and those in it, links followed once; into MOTChallenge sequences only where `everywhere` is meant."""
    seen = set()
    waiting = [folder]
    while waiting:
        inner = waiting.pop()
        real = os.path.realpath(inner)
        if real in seen:
            continue
        seen.add(real)
        yield inner
        if everywhere or not _is_sequence(inner):
            waiting += reversed([path for path in _visible(inner) if path.is_dir()])
