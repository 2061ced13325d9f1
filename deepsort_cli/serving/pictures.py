"""Pictures for the browser: drawn and encoded on demand, once for all who want the same."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from deepsort_cli.core.images import jpeg, shrunk
from deepsort_cli.core.regions import Counts
from deepsort_cli.core.types import Tracks
from deepsort_cli.serving.hub import Camera, View
from deepsort_cli.video.overlay import Overlay
from deepsort_cli.video.settings import OutputSettings

WIDTHS = (240, 320, 480, 640, 960, 1280, 1920)
"""Widths in pixels that pictures may have, so that many viewers share few of them; a source's own is the largest."""
QUALITIES = (78, 65, 50)
KEPT = 24
"""Pictures that are kept for those who want the same."""


@dataclass(frozen=True)
class Wish:
    """How somebody wants a picture.

    Attributes:
        width: in pixels, at most.
        quality: of the JPEG.
        clean: without anything drawn into it.
    """

    width: int
    quality: int = QUALITIES[0]
    clean: bool = False


def width_for(wanted: int | None) -> int:
    """The width that is made for one that is wanted; None: the largest."""
    return next((width for width in WIDTHS if wanted is not None and width >= wanted), WIDTHS[-1])


class Pictures:
    """Draws and encodes views, in a thread of its own. To be used from one event loop.

    Attributes:
        seconds: processor time used for that.
    """

    def __init__(self, settings: OutputSettings, class_names: Mapping[int, str]) -> None:
        self._overlay = Overlay(settings, class_names)  # without a memory of its own: views bring their trails
        self._thread = ThreadPoolExecutor(1, "pictures")
        self.seconds = 0.0
        self._made: OrderedDict[tuple[int, int, Wish], asyncio.Future[bytes]] = OrderedDict()

    async def get(self, camera: Camera, view: View, wish: Wish) -> bytes:
        """A view as JPEG; it has an image."""
        key = (camera.index, view.number, wish)
        made = self._made.get(key)
        if made is None or made.cancelled():
            made = asyncio.get_running_loop().run_in_executor(self._thread, self._make, view, wish)
            self._made[key] = made
            while len(self._made) > KEPT:
                self._made.popitem(last=False)
        return await asyncio.shield(made)

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _make(self, view: View, wish: Wish) -> bytes:
        began = time.thread_time()
        try:
            return self._drawn(view, wish)
        finally:
            self.seconds += time.thread_time() - began

    def _drawn(self, view: View, wish: Wish) -> bytes:
        image = view.image
        assert image is not None
        factor = min(1.0, wish.width / image.shape[1])
        if wish.clean:
            return jpeg(shrunk(image, factor), wish.quality)
        if view.tracks.data:  # masks and the like fit the picture as it is only
            drawn = self._overlay.draw(image.copy(), view.tracks, counts=view.counts, trails=view.trails)
            return jpeg(shrunk(drawn, factor), wish.quality)
        small = shrunk(image, factor)
        small = small.copy() if small is image else small
        trails = {i: [(x * factor, y * factor) for x, y in points] for i, points in view.trails.items()}
        tracks, counts = _scaled(view.tracks, factor), _scaled_counts(view.counts, factor)
        return jpeg(self._overlay.draw(small, tracks, counts=counts, trails=trails), wish.quality)


def _scaled(tracks: Tracks, factor: float) -> Tracks:
    return tracks if factor == 1 else replace(tracks, boxes=tracks.boxes * factor)


def _scaled_counts(counts: Counts | None, factor: float) -> Counts | None:
    if counts is None or factor == 1:
        return counts

    def moved(points: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
        return tuple((x * factor, y * factor) for x, y in points)

    lines = tuple(
        replace(c, line=replace(c.line, start=moved((c.line.start,))[0], end=moved((c.line.end,))[0]))
        for c in counts.lines
    )
    zones = tuple(replace(c, zone=replace(c.zone, points=moved(c.zone.points))) for c in counts.zones)
    return Counts(lines, zones)
