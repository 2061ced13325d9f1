"""Picture files as a source: single ones, folders, globs and numbered patterns."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.files import at_home
from deepsort_cli.core.images import UnreadableImage
from deepsort_cli.core.mot import DEFAULT_FPS, SequenceInfo
from deepsort_cli.core.types import Frame, Image
from deepsort_cli.video.settings import SourceSettings
from deepsort_cli.video.sources.base import Source, Warn, silent
from deepsort_cli.video.sources.geometry import FirstSize
from deepsort_cli.video.sources.pictures import IMAGE_SUFFIXES, PAGED_SUFFIXES, Pages, PictureReader, pages_of

MOST_NAMED = 5
"""Skipped pictures that are named one by one."""


@dataclass(frozen=True)
class _Picture:
    """One frame: which page of which file, at which index and time."""

    index: int
    path: Path
    page: int = 0
    paged: bool = False
    time: float | None = None


class ImagesSource(Source):
    """Picture files, each of their pages a frame. Damaged ones are passed over or end the run."""

    def __init__(
        self,
        paths: Sequence[Path],
        settings: SourceSettings,
        *,
        kind: str,
        name: str,
        fps: float = DEFAULT_FPS,
        sequence: SequenceInfo | None = None,
        indices: Sequence[int] | None = None,
        pixels: bool = True,
        warn: Warn = silent,
    ) -> None:
        """List the frames and read the first one.

        Args:
            indices: frame index of every file, ascending, where that is not its place in the list; each is one frame.
            pixels: whether frames carry images; without, nothing is decoded.

        Raises:
            InputError: none can be read, or the first cannot and `settings.on_error` is fail.
        """
        self._warn, self._pixels = warn, pixels
        self.files = paths
        self._reader = PictureReader(settings.bit_depth, warn)
        self._skipped: list[Path] = []
        self._fit = FirstSize(name, warn)
        if indices is None:
            pictures = _with_pages(paths, warn)
        else:
            pictures = [_Picture(index, path) for index, path in zip(indices, paths, strict=True)]
        total = pictures[-1].index + 1
        super().__init__(name, (0, 0), fps, settings, total)
        self.kind = kind
        self.sequence = sequence
        self._check_start(total, name)
        chosen = self._indices(total)
        self._frames = [picture for picture in pictures if picture.index in chosen]
        self.frame_count = len(self._frames)
        if pictures[0].time is not None and settings.fps is None:
            ends = (pictures[-1].time or 0.0) * len(pictures) / max(1, len(pictures) - 1)
            self.fps = len(pictures) / ends if ends > 0 else fps
        self._first: tuple[int, Image] | None = self._first_readable() if pixels else None
        if self._first is not None:
            self.height, self.width = self._first[1].shape[:2]

    def _first_readable(self) -> tuple[int, Image]:
        reason = "no frame is left"
        for place, picture in enumerate(self._frames):
            try:
                return place, self._fit(self._reader.read(picture.path, picture.page, paged=picture.paged))
            except UnreadableImage as error:
                reason = f"{picture.path}: {error}."
                if self.settings.on_error == "fail":
                    break
                self._skip(picture, error)
        raise InputError(f"`source` {reason}") from None

    def __iter__(self) -> Iterator[Frame]:
        first, self._first = self._first, None
        for place, picture in enumerate(self._frames):
            image: Image | None = None
            if self._pixels:
                if first is not None and place < first[0]:
                    continue
                image = first[1] if first is not None and place == first[0] else self._read(picture)
                if image is None:
                    continue
            own = picture.time if self.settings.fps is None else None
            yield Frame(picture.index, image, picture.index / self.fps if own is None else own)
        if len(self._skipped) > MOST_NAMED:
            self._warn(f"{self.name}: {len(self._skipped)} pictures could not be read and were left out.")

    def _read(self, picture: _Picture) -> Image | None:
        try:
            return self._fit(self._reader.read(picture.path, picture.page, paged=picture.paged))
        except UnreadableImage as error:
            if self.settings.on_error == "fail":
                raise RunError(f"{picture.path}: {error}. Results so far are kept (input.on_error is fail).") from None
            self._skip(picture, error)
            return None

    def _skip(self, picture: _Picture, error: UnreadableImage) -> None:
        self._skipped.append(picture.path)
        if len(self._skipped) <= MOST_NAMED:
            page = f", page {picture.page + 1}" if picture.paged else ""
            self._warn(f"{picture.path}{page}: {error}. Frame {picture.index + 1} is left out.")

    def close(self) -> None:
        self._reader.close()


def _with_pages(paths: Sequence[Path], warn: Warn) -> list[_Picture]:
    """Every page of every file, in order, with its time where the only file has times."""
    pictures: list[_Picture] = []
    for path in paths:
        pages = Pages(1)
        if path.suffix.lower() in PAGED_SUFFIXES:
            try:
                pages = pages_of(path)
            except UnreadableImage:
                pages = Pages(1)  # told when its turn comes
        if not pages.complete:
            warn(f"{path} is damaged: its list of pages breaks off, {pages.count} can be read.")
        time = 0.0
        for page in range(pages.count):
            timed = pages.seconds is not None and len(paths) == 1
            pictures.append(_Picture(len(pictures), path, page, pages.count > 1, time if timed else None))
            time += pages.seconds[page] if pages.seconds is not None else 0.0
    return pictures


def images_in(folder: Path) -> list[Path]:
    """The visible picture files of a folder, in natural order."""
    return natural_order(
        path for path in folder.iterdir() if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
    )


def natural_order(paths: Iterable[Path]) -> list[Path]:
    """Sorted so that frame 9 comes before frame 10."""

    def key(path: Path) -> list[tuple[int, int, str]]:
        parts = re.split(r"(\d+)", str(path))
        return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]

    return sorted(paths, key=key)


def images_of_pattern(spec: str) -> list[Path] | None:
    """The files of a pattern like `frames/%06d.png`, by number; None where the text is no such pattern."""
    path = at_home(spec)
    found = re.search(r"%(0?\d*)d", path.name)
    if not found:
        return None
    before, after = path.name[: found.start()].replace("%%", "%"), path.name[found.end() :].replace("%%", "%")
    width = int(found[1] or 1)
    digits = rf"\d{{{width},}}" if found[1].startswith("0") else r"\d+"
    matching = re.compile(re.escape(before) + f"({digits})" + re.escape(after))
    if not path.parent.is_dir():
        return []
    numbered = [(int(match[1]), file) for file in path.parent.iterdir() if (match := matching.fullmatch(file.name))]
    return [file for _, file in sorted(numbered)]
