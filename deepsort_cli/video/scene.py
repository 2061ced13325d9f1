"""What generated scenes have in common: people are painted over a floor, and the truth about them is known exactly."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from deepsort_cli.core.types import FloatArray, Image, IntArray
from deepsort_cli.video.figures import Clothes, Placement, draw_figure, figure_box, silhouette
from deepsort_cli.video.ground import cast_shadow, soft_spot
from deepsort_cli.video.settings import DemoSettings


@dataclass(frozen=True)
class GroundTruth:
    """Who is where in one frame: the N figures that reach into the picture.

    Attributes:
        ids: (N,) int64 from 1, ascending.
        boxes: (N, 4) float64 x1 y1 x2 y2 around the whole figure, without its shadow, also where it is hidden.
        visibility: (N,) float64, the part of the figure's pixels that is inside the picture and not covered.
    """

    ids: IntArray
    boxes: FloatArray
    visibility: FloatArray


class Scene(ABC):
    """Frames and truth of a generated scene; any frame can be asked for by its number.

    Attributes:
        frames: how many there are.
    """

    def __init__(self, settings: DemoSettings, frames: int, floor: Image, clothes: Sequence[Clothes]) -> None:
        """Prepare.

        Args:
            floor: (H, W, 3) uint8 BGR, the picture without people.
            clothes: of everybody; person i has the id i + 1.
        """
        self.settings = settings
        self.frames = frames
        self._floor = floor
        self._clothes = clothes
        self._shadow = soft_spot()

    def render(self, index: int) -> Image:
        """Frame `index` (from 0) as a new (H, W, 3) uint8 BGR array."""
        image = self._floor.copy()
        people = self._people(index)
        for _, place in people:
            cast_shadow(image, place, self._shadow)
        for person, place in people:
            draw_figure(image, self._clothes[person], place)
        return image

    def ground_truth(self, index: int) -> GroundTruth:
        """The exact boxes, ids and visibility in frame `index` (from 0)."""
        width, height = self.settings.width, self.settings.height
        free = np.ones((height, width), dtype=bool)
        found = []
        for person, place in reversed(self._people(index)):  # nearest first
            covered = silhouette(self._clothes[person], place, width, height)
            if covered is None:
                continue
            rows, columns, mask, pixels = covered
            seen = np.count_nonzero(mask & free[rows, columns])
            free[rows, columns] &= ~mask
            found.append((person + 1, figure_box(self._clothes[person], place), seen / pixels))
        found.sort(key=lambda entry: entry[0])
        return GroundTruth(
            ids=np.array([number for number, _, _ in found], dtype=np.int64),
            boxes=np.array([box for _, box, _ in found], dtype=np.float64).reshape(-1, 4),
            visibility=np.array([visible for _, _, visible in found], dtype=np.float64),
        )

    @abstractmethod
    def _people(self, index: int) -> list[tuple[int, Placement]]:
        """Everybody in or near the picture, farthest first."""

    def _in_picture(self, places: Iterable[tuple[int, Placement]]) -> list[tuple[int, Placement]]:
        """Those of them who may reach into the picture, farthest first."""
        near = [
            (person, place)
            for person, place in places
            if -place.height / 2 < place.x < self.settings.width + place.height / 2
        ]
        return sorted(near, key=lambda entry: (entry[1].y, entry[0]))
