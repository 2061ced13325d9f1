"""Folders: pictures, and MOTChallenge sequences with their pictures, their video, or without any pixels."""

from __future__ import annotations

from pathlib import Path

from deepsort_cli.core.counted import counted
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.mot import DEFAULT_FPS, SequenceInfo, read_seqinfo
from deepsort_cli.video.settings import SourceSettings
from deepsort_cli.video.sources.base import Source, Warn
from deepsort_cli.video.sources.blank import BlankSource
from deepsort_cli.video.sources.images import ImagesSource, images_in
from deepsort_cli.video.sources.pictures import IMAGE_SUFFIXES
from deepsort_cli.video.sources.video import VIDEO_SUFFIXES, open_video


def open_folder(folder: Path, settings: SourceSettings, *, pixels: bool, frame_count: int | None, warn: Warn) -> Source:
    """A folder of pictures, or a MOTChallenge sequence.

    Args:
        frame_count: the length of a sequence that does not tell it, where `pixels` is off.

    Raises:
        InputError: nothing in it can be used.
    """
    if not (folder / "seqinfo.ini").is_file() and not (folder / "img1").is_dir():
        images = images_in(folder)
        if not images:
            if any(path.suffix.lower() in VIDEO_SUFFIXES for path in folder.rglob("*")):
                raise InputError(
                    f"`source` {folder}: a folder of videos, not of pictures. `archive.output_dir`=out tracks all of "
                    "them, with a folder of results for each."
                )
            raise InputError(
                f"`source` {folder}: no images in this folder, and neither img1/ nor seqinfo.ini as in a "
                f"MOTChallenge sequence. Image files end in {', '.join(sorted(IMAGE_SUFFIXES))}."
            )
        return ImagesSource(images, settings, kind="images", name=folder.resolve().name, pixels=pixels, warn=warn)
    source = _open_sequence(folder, settings, pixels=pixels, frame_count=frame_count, warn=warn)
    truth = folder / "gt" / "gt.txt"
    if truth.is_file():
        source.ground_truth_file = truth
    source.files = [*source.files, truth, folder / "seqinfo.ini"]
    return source


def _open_sequence(
    folder: Path, settings: SourceSettings, *, pixels: bool, frame_count: int | None, warn: Warn
) -> Source:
    """A MOTChallenge sequence: its images, its only video, or no pixels at all."""
    sequence = read_seqinfo(folder) if (folder / "seqinfo.ini").is_file() else None
    image_folder = folder / (sequence.image_folder if sequence else "img1")
    images = images_in(image_folder) if image_folder.is_dir() else []
    name = sequence.name if sequence else folder.resolve().name
    fps = sequence.fps if sequence else DEFAULT_FPS
    if not pixels:
        length = sequence.length if sequence else _length(images) or frame_count
        if not length:
            raise InputError(f"`source` {folder}: no seqinfo.ini and no images: its length is unknown.")
        size = (sequence.width, sequence.height) if sequence else (0, 0)
        return BlankSource(name, length, settings, fps=fps, size=size, sequence=sequence)
    if images:
        _tell_missing(image_folder, images, sequence, warn)
        return ImagesSource(
            images, settings, kind="sequence", name=name, fps=fps, sequence=sequence,
            indices=_frame_indices(images), warn=warn,
        )  # fmt: skip
    videos = sorted(path for path in folder.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES)
    if len(videos) == 1:
        source = open_video(videos[0], settings, warn=warn, fps=fps)
        source.sequence = sequence
        return source
    raise InputError(
        f"`source` {folder}: the sequence has no images in {image_folder.name}/. Without images, only stored "
        "detections can be tracked: `detections`=FILE, without a video, crops, a heat map or a window."
    )


def _frame_indices(images: list[Path]) -> list[int]:
    """Frame indices from the files' numbers, as in 000001.jpg; from their order where they are not numbered from 1."""
    numbers = [int(path.stem) for path in images if path.stem.isdecimal()]
    if len(numbers) == len(images) and numbers[0] >= 1 and len(set(numbers)) == len(numbers):
        return [number - 1 for number in sorted(numbers)] if numbers[0] <= len(numbers) else list(range(len(images)))
    return list(range(len(images)))


def _length(images: list[Path]) -> int:
    return _frame_indices(images)[-1] + 1 if images else 0


def _tell_missing(folder: Path, images: list[Path], sequence: SequenceInfo | None, warn: Warn) -> None:
    if sequence and len(images) != sequence.length:
        warn(f"{folder} holds {counted(len(images), 'image')}, but seqinfo.ini says {sequence.length}.")
    elif _length(images) != len(images):
        warn(f"{folder} holds {counted(len(images), 'image')} numbered up to {_length(images)}; some are missing.")
