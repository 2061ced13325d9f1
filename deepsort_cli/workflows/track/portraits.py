"""Small pictures of people, cut out of frames: the best of each, and no more memory than that."""

from __future__ import annotations

import math
from collections import OrderedDict

import numpy as np

from deepsort_cli.core.boxes import cut
from deepsort_cli.core.images import jpeg, shrunk
from deepsort_cli.core.types import FloatArray, Frame, Image, Tracks

HEIGHT, WIDTH = 160, 96
"""The largest size of a portrait in pixels."""
QUALITY = 85
LARGER = 1.3
"""A later picture replaces an earlier one if it has so many times its area, so that few are encoded."""
ENOUGH = 4 * HEIGHT * WIDTH
"""Pictures larger than this are not better ones."""
MOST_TRACKS = 2_000
"""Tracks whose pictures are kept; of whom nothing was seen for longest goes first."""


class Portraits:
    """The best small picture of every track, and of every person."""

    def __init__(self) -> None:
        self._tracks: OrderedDict[tuple[str, int], tuple[float, bytes]] = OrderedDict()
        self._people: dict[int, tuple[float, bytes]] = {}

    def see(self, frame: Frame, tracks: Tracks) -> None:
        """Take what is better than what is there: whoever is larger in the picture, of those matched in it."""
        if frame.image is None or tracks.people is None:
            return
        height, width = frame.image.shape[:2]
        shown = np.clip(tracks.boxes, 0, (width, height, width, height))
        areas = np.minimum((shown[:, 2] - shown[:, 0]) * (shown[:, 3] - shown[:, 1]), ENOUGH)
        for i in np.flatnonzero((tracks.people > 0) & (tracks.time_since_update == 0) & (areas >= 1)).tolist():
            key, person, area = (frame.source, int(tracks.ids[i])), int(tracks.people[i]), float(areas[i])
            if area < LARGER * self._tracks.get(key, (0.0, b""))[0]:
                continue
            picture = portrait(frame.image, tracks.boxes[i])
            if not picture:
                continue
            self._tracks[key] = area, picture
            self._tracks.move_to_end(key)
            if len(self._tracks) > MOST_TRACKS:
                self._tracks.popitem(last=False)
            if area > self._people.get(person, (0.0, b""))[0]:
                self._people[person] = area, picture

    def put(self, person: int, picture: bytes, *, stays: bool = False) -> None:
        """Take a person's picture of elsewhere, until there is one of this run; or for good."""
        if picture:
            self._people[person] = (math.inf if stays else 0.0), picture

    def of_track(self, camera: str, track: int) -> bytes:
        """A JPEG; empty where there is none."""
        return self._tracks.get((camera, track), (0.0, b""))[1]

    def of_person(self, person: int) -> bytes:
        """A JPEG; empty where there is none."""
        return self._people.get(person, (0.0, b""))[1]


def portrait(image: Image, box: FloatArray | None = None) -> bytes:
    """A small JPEG of a picture, or of the part of it within a box x1 y1 x2 y2; empty where the box shows nothing."""
    shown = image if box is None else cut(image, box.tolist())
    if shown is None or not shown.size:
        return b""
    return jpeg(shrunk(shown, min(HEIGHT / shown.shape[0], WIDTH / shown.shape[1])), QUALITY)
