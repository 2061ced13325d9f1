"""What the index of an archive shows of a video: a picture, and how many people were there when."""

from __future__ import annotations

from array import array
from pathlib import Path

import cv2
import numpy as np

from deepsort_cli.core import Frame, Tracks
from deepsort_cli.core.files import atomic_path
from deepsort_cli.core.images import jpeg, shrunk
from deepsort_cli.core.types import Image
from deepsort_cli.video.colours import colour_of

BINS = 60
"""Parts of a timeline, all of the same length."""
WIDTH = 320
"""Longest side of a thumbnail in pixels."""


class Overview:
    """Looks at every frame of a video and its tracks.

    Attributes:
        width, height: of the frames in pixels; 0 where they are not read.
        most: people there at once.
    """

    def __init__(self) -> None:
        self.width = self.height = self.most = 0
        self._times = array("d")
        self._present = array("I")
        self._picture: Image | None = None

    def add(self, frame: Frame, tracks: Tracks) -> None:
        self._times.append(frame.time)
        self._present.append(len(tracks))
        more = len(tracks) > self.most
        self.most = max(self.most, len(tracks))
        if frame.image is None:
            return
        if not self.width:
            self.height, self.width = frame.image.shape[:2]
        if more or self._picture is None:
            self._picture = _thumbnail(frame.image, tracks)

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the end of the last."""
        if len(self._times) < 2:
            return 0.0
        spans = np.diff(self._times)
        usual = float(np.median(spans[-15:]))
        return float(self._times[-1] - self._times[0]) + max(0.0, usual)

    def timeline(self) -> list[float]:
        """Mean number of people in each of at most `BINS` parts of the video; empty without frames."""
        count = len(self._present)
        if not count:
            return []
        times = np.asarray(self._times) - self._times[0]
        bins = min(BINS, count)
        which = np.clip((times * (bins / self.duration)).astype(int), 0, bins - 1) if self.duration > 0 else times * 0
        which = which.astype(int)
        sums = np.bincount(which, weights=np.asarray(self._present, dtype=float), minlength=bins)
        frames = np.bincount(which, minlength=bins)
        return [round(float(value), 2) for value in sums / np.maximum(frames, 1)]

    def write_thumbnail(self, path: Path) -> bool:
        """The first frame with the most people, small, as JPEG; false where no frame had pixels.

        Raises:
            RunError: it cannot be written.
        """
        if self._picture is None:
            return False
        with atomic_path(path) as temporary:
            temporary.write_bytes(jpeg(self._picture, 82))
        return True


def _thumbnail(image: Image, tracks: Tracks) -> Image:
    """A small copy with the boxes of the tracks, in their colours."""
    height, width = image.shape[:2]
    scale = min(1.0, WIDTH / max(height, width))
    small = np.array(shrunk(image, scale))  # a copy, also where it is small enough
    for track_id, box in zip(tracks.ids.tolist(), tracks.boxes * scale, strict=True):
        left, top, right, bottom = (round(float(value)) for value in np.clip(box, -1e4, 1e4))
        cv2.rectangle(small, (left, top), (right, bottom), colour_of(track_id), 2, cv2.LINE_AA)
    return small
