"""What the user gives as a dataset: a folder, one that is split into parts, or a table."""

from __future__ import annotations

import os
from pathlib import Path

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import at_home
from deepsort_cli.core.images import is_image_name
from deepsort_cli.data.files import list_files
from deepsort_cli.data.layouts import part_role, split_parts
from deepsort_cli.data.settings import SCAN_DEFAULTS, ScanSettings
from deepsort_cli.data.tables import LISTS, is_table, read_csv


def part_folders(root: Path, settings: ScanSettings = SCAN_DEFAULTS) -> dict[str, str]:
    """What splits a dataset into parts: name of a folder directly in it, of a list or of a split → role.

    Empty when it is not split.
    """
    if is_table(root):
        return {entry.role: entry.role for entry in read_csv(root).entries if entry.role}
    with os.scandir(root) as entries:
        names = [(entry.name, entry.is_dir() and _may_enter(entry, settings)) for entry in entries]
    if has_lists(root, settings):
        return {name: LISTS[name] for name, _ in sorted(names) if name in LISTS}
    roles = split_parts([f"{name}/" for name, is_folder in names if is_folder])
    if roles or not any(is_folder and part_role(name) == "val" for name, is_folder in names):
        return roles
    listing = list_files(root, settings.link_sources, settings.cache_dir)
    images = [path for path in listing.paths if is_image_name(path) and not path.startswith(".") and "/." not in path]
    return split_parts(images)  # which say whether val is a person


def _may_enter(entry: os.DirEntry[str], settings: ScanSettings) -> bool:
    """Whether a folder is no link, or one into a folder that the user allows."""
    if not entry.is_symlink():
        return True
    target = Path(entry.path).resolve()
    return any(target.is_relative_to(at_home(source).resolve()) for source in settings.link_sources)


def has_lists(root: Path, settings: ScanSettings = SCAN_DEFAULTS) -> bool:
    """Whether MSMT17's list files say what belongs to a dataset; a layout or pattern of the user's own wins."""
    if settings.layout not in ("auto", "msmt17") or settings.pattern:
        return False
    return any((root / name).is_file() for name, role in LISTS.items() if role in ("train", "query"))


def check_root(root: Path) -> None:
    """Make sure that a dataset folder can be read, or a CSV exists.

    Raises:
        InputError: it is missing, no folder, or not readable.
    """
    try:
        if not is_table(root):
            with os.scandir(root):
                pass
        elif not root.exists():
            raise FileNotFoundError
    except FileNotFoundError:
        what = "file" if is_table(root) else "folder"
        raise InputError(f"{root}: no such {what}. Give the folder that holds the dataset.") from None
    except NotADirectoryError:
        raise InputError(
            f"{root}: this is a file. Give the folder that holds the dataset, or a CSV that names its images."
        ) from None
    except OSError as error:
        raise InputError(f"{root}: cannot be read ({error.strerror}).") from None
