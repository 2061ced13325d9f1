"""Where ground truth lies: MOTChallenge, DanceTrack and SportsMOT folders, KITTI's label folders, single files."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

from deepsort_cli.core.errors import InputError

KITTI_FOLDERS = ("label_02", "training/label_02")
ARCHIVES = (".zip", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".tar", ".rar")
_NO_LABELS = ("labels", "readme", "license", "seqmap", "requirements")
"""How names of text files begin that lie beside label files and are none."""


@dataclass(frozen=True)
class TruthFile:
    """The ground truth of one sequence.

    Attributes:
        name: the sequence's name.
        path: the file.
        folder: the sequence's folder, where it has one; its `seqinfo.ini` may say how long the sequence is.
    """

    name: str
    path: Path
    folder: Path | None = None


def find_truth(given: Path) -> list[TruthFile]:
    """The ground truth files meant by a path, in the order of their sequences' names.

    Args:
        given: a file; a sequence's folder or its `gt` folder; a folder of sequence folders, or a data set's folder
            with those one or two levels below (`train/`, `dataset/val/`); a folder of `<sequence>.txt`, like KITTI's
            `label_02`.

    Raises:
        InputError: there is none, or two sequences have the same name.
    """
    if given.exists() and not given.is_dir():  # also a pipe
        check_no_archive(given, "`gt`")
        place = given.parent if given.parent.name else given.resolve().parent
        folder = place.parent if place.name == "gt" else None
        return [TruthFile(given.stem if folder is None else folder.resolve().name, given, folder)]
    if not given.is_dir():
        raise InputError(f"`gt` {given}: no such file or folder.")
    if (given / "gt.txt").is_file():
        folder = given.resolve().parent
        return [TruthFile(folder.name, given / "gt.txt", given.parent if given.name != "" else folder)]
    if (given / "gt" / "gt.txt").is_file():
        return [TruthFile(given.resolve().name, given / "gt" / "gt.txt", given)]
    parts = _folders(given)
    found = _sequences(given) or [one for part in parts for one in _sequences(part)]
    found = found or [one for part in parts for below in _folders(part) for one in _sequences(below)]
    for folder in (given, *(given / name for name in KITTI_FOLDERS)):
        if not found and folder.is_dir():
            found = _label_files(folder)
    if not found:
        raise InputError(
            f"`gt` {given}: neither gt/gt.txt nor sequence folders with gt/gt.txt inside, nor files <sequence>.txt."
        )
    found.sort(key=lambda one: one.name)
    for one, other in itertools.pairwise(found):
        if one.name == other.name:
            raise InputError(
                f"`gt` {given}: two sequences are called {one.name}: {one.path} and {other.path}. "
                "Give one of their parent folders."
            )
    return found


def check_no_archive(path: Path, name: str) -> None:
    """Refuse archives, as annotation tools and benchmarks give them.

    Args:
        name: the setting the path was given with, as messages name it.

    Raises:
        InputError: saying to unpack it.
    """
    if path.suffix.lower() in ARCHIVES:
        raise InputError(f"{name} {path}: an archive. Unpack it and give the folder inside.")


def _folders(folder: Path) -> list[Path]:
    return sorted(one for one in folder.iterdir() if one.is_dir())


def _sequences(folder: Path) -> list[TruthFile]:
    return [
        TruthFile(one.name, one / "gt" / "gt.txt", one) for one in _folders(folder) if (one / "gt" / "gt.txt").is_file()
    ]


def _label_files(folder: Path) -> list[TruthFile]:
    files = sorted(one for one in folder.glob("*.txt") if one.is_file())
    return [TruthFile(one.stem, one) for one in files if not one.stem.lower().startswith(_NO_LABELS)]
