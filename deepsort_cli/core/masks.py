"""Pixels of single objects: kept as run lengths, as COCO writes them, so that thousands of them fit into memory.

A mask of a person takes a few hundred bytes; the same as an array, as many as the picture has pixels.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.bool_]
Map = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """The pixels of one object in a picture. `numpy.asarray(mask)` is the (height, width) bool array.

    Attributes:
        height, width: size of the picture.
        runs: uint32 lengths of runs in the order of the columns, each from top to bottom: pixels outside, inside,
            outside, … in turns, as in COCO's run-length encoding.

    Examples:
        >>> mask = Mask.of(np.array([[False, True], [False, True]]))
        >>> mask.runs.tolist(), mask.area, mask.as_coco()
        ([2, 2], 2, {'size': [2, 2], 'counts': '22'})
    """

    height: int
    width: int
    runs: npt.NDArray[np.uint32]

    @classmethod
    def of(cls, pixels: npt.ArrayLike, left: int = 0, top: int = 0, picture: tuple[int, int] | None = None) -> Mask:
        """The mask of an (h, w) array, which lies at (left, top) in a picture of (height, width).

        None: it is the whole picture.

        Raises:
            ValueError: it has not two dimensions, or does not lie in the picture.
        """
        part = np.asarray(pixels)
        if part.ndim != 2:
            raise ValueError(f"a mask must have shape (height, width), got {part.shape}")
        height, width = part.shape if picture is None else picture
        if min(left, top) < 0 or left + part.shape[1] > width or top + part.shape[0] > height:
            raise ValueError(f"a mask of {part.shape} at ({left}, {top}) reaches beyond a picture of {(height, width)}")
        columns, rows = np.nonzero(part.T)
        inside = (columns + left) * height + rows + top
        begins = np.flatnonzero(np.diff(inside, prepend=-2) != 1)
        starts = inside[begins]
        ends = inside[np.append(begins[1:], len(inside)) - 1] + 1 if len(inside) else starts
        edges = np.concatenate([[0], np.stack([starts, ends], axis=1).ravel(), [height * width]])
        runs = np.diff(edges)
        if len(runs) > 1 and runs[-1] == 0:
            runs = runs[:-1]
        return cls(height, width, runs.astype(np.uint32))

    @classmethod
    def from_coco(cls, coded: Mapping[str, Any]) -> Mask:
        """From COCO's `{"size": [height, width], "counts": …}`, compressed (text or bytes) or a list of runs.

        Raises:
            ValueError: the runs do not fill the picture.
        """
        height, width = (int(side) for side in coded["size"])
        counts = coded["counts"]
        runs = _expanded(counts) if isinstance(counts, str | bytes) else list(counts)
        if min(runs, default=0) < 0 or sum(runs) != height * width:
            raise ValueError(f"the runs of a mask of {height}×{width} must add up to {height * width}")
        return cls(height, width, np.array(runs, dtype=np.uint32))

    @property
    def area(self) -> int:
        """How many pixels are inside."""
        return int(self.runs[1::2].sum())

    def crop(self) -> tuple[int, int, Pixels]:
        """Left, top and (h, w) pixels of the smallest rectangle that holds all of it; (0, 0, (0, 0)) without any."""
        edges = np.cumsum(self.runs, dtype=np.int64)
        starts, ends = edges[:-1:2], edges[1::2]
        starts, ends = starts[ends > starts], ends[ends > starts]
        if not len(starts):
            return 0, 0, np.zeros((0, 0), bool)
        first, last = int(starts[0]) // self.height, int(ends[-1] - 1) // self.height
        steps = np.zeros((last - first + 1) * self.height + 1, np.int8)
        steps[starts - first * self.height] += 1
        steps[ends - first * self.height] -= 1
        columns = np.cumsum(steps[:-1], dtype=np.int8).astype(bool).reshape(-1, self.height)
        rows = np.flatnonzero(columns.any(axis=0))
        return first, int(rows[0]), columns[:, rows[0] : rows[-1] + 1].T

    def to_array(self) -> Pixels:
        """(height, width) of the picture."""
        inside = np.arange(len(self.runs)) % 2 == 1
        return np.repeat(inside, self.runs).reshape(self.width, self.height).T

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        array = self.to_array()
        return array if dtype is None else array.astype(dtype)

    def as_coco(self) -> dict[str, Any]:
        """As COCO and its tools have it: `{"size": [height, width], "counts": compressed text}`."""
        return {"size": [self.height, self.width], "counts": _compressed(self.runs.tolist())}


def masks_of(values: Any) -> list[Mask]:
    """Masks of an (N, H, W) array, or of anything that gives `Mask`s and (H, W) arrays one after the other.

    Raises:
        ValueError: one of them has not two dimensions.
    """
    return [value if isinstance(value, Mask) else Mask.of(np.asarray(value).astype(bool)) for value in values]


def traced(
    values: Map, box: npt.NDArray[np.float64], picture: tuple[int, int], scale: tuple[float, float],
    shift: tuple[float, float] = (0.0, 0.0),
) -> Mask:  # fmt: skip
    """The mask where a coarse map is above 0, between its points by bilinear interpolation, within a box.

    Args:
        values: (h, w) map.
        box: x1 y1 x2 y2 in pixels of the picture.
        picture: its (height, width).
        scale, shift: a place (x, y) in the picture is (x · scale[0] + shift[0], y · scale[1] + shift[1]) in the map,
            both counted from the corner of the first pixel.
    """
    height, width = picture
    low, high = np.floor(box[:2]), np.ceil(box[2:])
    left, top = (int(value) for value in np.clip(low, 0, (width, height)))
    right, bottom = (int(value) for value in np.clip(high, (left, top), (width, height)))
    across = (np.arange(left, right) + 0.5) * scale[0] + shift[0] - 0.5
    down = (np.arange(top, bottom) + 0.5) * scale[1] + shift[1] - 0.5
    centres_x, centres_y = np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5
    inside_x = (centres_x >= box[0]) & (centres_x <= box[2])
    inside_y = (centres_y >= box[1]) & (centres_y <= box[3])
    found = (_between(_between(values, down, 0), across, 1) > 0) & inside_y[:, None] & inside_x
    return Mask.of(found, left, top, picture)


def _between(values: Map, places: npt.NDArray[np.floating[Any]], axis: int) -> Map:
    """Values at places between whole indices of an axis; beyond its ends, those of the ends."""
    places = np.clip(places, 0, values.shape[axis] - 1)
    below = np.floor(places).astype(np.intp)
    share = (places - below).astype(values.dtype)
    share = share[:, None] if axis == 0 else share
    above = np.minimum(below + 1, values.shape[axis] - 1)
    return np.asarray(values.take(below, axis) * (1 - share) + values.take(above, axis) * share)


def _compressed(runs: list[int]) -> str:
    """COCO's text: differences to the last but one run, in digits of five bits and a sign (`maskApi.c`)."""
    text = []
    for i, run in enumerate(runs):
        rest = run - runs[i - 2] if i > 2 else run
        more = True
        while more:
            digit, rest = rest & 0x1F, rest >> 5
            more = rest != (-1 if digit & 0x10 else 0)
            text.append(chr(48 + digit + (0x20 if more else 0)))
    return "".join(text)


def _expanded(text: str | bytes) -> list[int]:
    """The inverse of `_compressed`."""
    runs: list[int] = []
    value = shift = 0
    for character in text.encode() if isinstance(text, str) else text:
        digit = character - 48
        value |= (digit & 0x1F) << shift
        shift += 5
        if not digit & 0x20:
            if digit & 0x10:
                value -= 1 << shift
            runs.append(value + runs[-2] if len(runs) > 2 else value)
            value = shift = 0
    return runs
