"""A picture of where people stood and walked, drawn at the end of a run."""

from __future__ import annotations

import math
from collections import deque
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from deepsort_cli.core.durations import clock_text
from deepsort_cli.core.files import atomic_path
from deepsort_cli.core.regions import Counts
from deepsort_cli.core.types import FloatArray, Frame, Image, Tracks
from deepsort_cli.video.background import Background
from deepsort_cli.video.sinks.base import Output, Say, Sink, write_error
from deepsort_cli.video.sinks.timeline import check_suffix

CELLS = 512
"""Longest side of the grid in which seconds are summed."""
SQUARE = 0.05
"""Side of the squares that seconds are told of, as a part of the picture's longer side, made 1, 2 or 5 times 10ⁿ."""
LONGEST_STEP = 3.0
"""A frame counts for at most so many usual ones: while a stream was away, nobody knows who stood there."""


class HeatmapSink(Sink):
    """Sums up for how long somebody's feet were in each place: the middle of a box's lower edge.

    The camera is taken to stand still. Each frame counts until the next one came. Feet below the picture count at its
    edge. Behind it all lies the median of frames spread over the run, in which those who walk do not appear.
    """

    def __init__(self, path: Path, title: str, fps: float, warn: Say = lambda message: None) -> None:
        self._path = path
        self._title = title
        self._warn = warn
        self._steps = deque([1 / fps], maxlen=15)
        self._heat: Heat | None = None
        self._feet: FloatArray = np.empty((0, 2))
        self._background = Background()
        self._ids: set[int] = set()
        self._began = self._last = 0.0

    def write(self, frame: Frame, tracks: Tracks, counts: Counts | None = None) -> None:
        if frame.image is None:
            raise ValueError("a heat map needs frames with images")
        if self._heat is None:
            self._heat, self._began = Heat(frame.image.shape[1], frame.image.shape[0]), frame.time
        else:
            step = max(0.0, frame.time - self._last)
            self._heat.add(self._feet, min(step, LONGEST_STEP * median(self._steps)))
            self._steps.append(step)
        self._last = frame.time
        boxes = tracks.boxes[np.isfinite(tracks.boxes).all(axis=1)]
        self._feet = np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, boxes[:, 3]], axis=1) / frame.image.shape[1::-1]
        self._ids.update(tracks.ids.tolist())
        self._background.add(frame.image)

    def close(self) -> None:
        heat, self._heat = self._heat, None
        if heat is None:
            return
        usual = median(self._steps)
        heat.add(self._feet, usual)
        number = len(self._ids)
        title = (
            f"{self._title}: {number} track{'' if number == 1 else 's'}, {clock_text(self._last - self._began + usual)}"
        )
        try:
            with atomic_path(self._path, follow=True) as temporary:
                _draw(temporary, title, heat, self._background.picture())
        except OSError as error:
            raise write_error(self._path, error, whole=True) from None
        if shift := self._background.shift():
            self._warn(
                f"{self._path}: the camera moved, by about {shift:.0%} of the picture. A heat map is of places in the "
                "picture, and they were different places on the ground."
            )


class Heat:
    """Seconds that somebody stood in the cells of a grid over a picture.

    Attributes:
        width, height: of the picture in pixels.
        square: side in pixels of the squares that `seconds` tells of.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.square = _rounded(SQUARE * max(width, height))
        self._cell = max(1.0, max(width, height) / CELLS)
        self._grid: FloatArray = np.zeros((math.ceil(height / self._cell), math.ceil(width / self._cell)))

    def add(self, feet: FloatArray, seconds: float) -> None:
        """Somebody stood for so long at each of (N, 2) places x y, as parts of the picture's sides."""
        rows, columns = self._grid.shape
        cells = np.floor(feet * (self.width, self.height) / self._cell).astype(np.int64)
        x, y = np.clip(cells, 0, (columns - 1, rows - 1)).T
        np.add.at(self._grid, (y, x), seconds)

    def seconds(self) -> FloatArray:
        """(rows, columns) seconds that somebody stood in the square around each cell, smoothed a little."""
        side = max(1, round(self.square / self._cell))
        summed = cv2.boxFilter(self._grid, -1, (side, side), normalize=False, borderType=cv2.BORDER_CONSTANT)
        return np.asarray(cv2.GaussianBlur(summed, (0, 0), max(side / 6, 0.3), borderType=cv2.BORDER_CONSTANT))


def _rounded(pixels: float) -> int:
    """The next lower of 1, 2, 5, 10, 20, 50, …"""
    power = 10 ** math.floor(math.log10(max(pixels, 1.0)))
    return int(power * max(digit for digit in (1, 2, 5) if digit * power <= max(pixels, 1.0)))


def _draw(path: Path, title: str, heat: Heat, background: Image) -> None:
    from matplotlib.cm import ScalarMappable  # takes half a second, and most runs draw no heat map
    from matplotlib.colors import PowerNorm
    from matplotlib.figure import Figure

    seconds = heat.seconds()
    most = float(seconds.max())
    inches = 9.0 / max(heat.width, heat.height)
    figure = Figure(figsize=(heat.width * inches + 1.4, heat.height * inches + 0.5), layout="constrained", dpi=120)
    axes = figure.add_subplot()
    grey = background @ np.array([0.114, 0.587, 0.299])
    muted = 0.65 * grey[..., None] + 0.35 * background[..., ::-1]
    corners = (0, heat.width, heat.height, 0)
    axes.imshow(np.clip(muted, 0, 255).astype(np.uint8), extent=corners, interpolation="antialiased")
    if most > 0:
        # The square root, so that paths are seen beside those who stood for long.
        scale = PowerNorm(0.5, 0, most)
        opacity = np.clip(1.6 * np.asarray(scale(seconds)), 0, 0.8)
        axes.imshow(seconds, "turbo", scale, extent=corners, alpha=opacity, interpolation="bilinear")
        bar = figure.colorbar(ScalarMappable(scale, "turbo"), ax=axes, shrink=0.9, pad=0.01)
        bar.set_label(f"seconds somebody stood within {heat.square} × {heat.square} pixels")
    axes.set_title(title, loc="left", fontsize=11, parse_math=False)
    axes.set_axis_off()
    figure.savefig(path)


OUTPUTS = (
    Output(
        "save_heatmap",
        "frames",
        lambda job: HeatmapSink(job.path, job.source.name, job.source.output_fps, job.warn),
        check=check_suffix,
        pixels=True,
    ),
)
