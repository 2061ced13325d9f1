"""Moving pictures: one picture after the other for as long as somebody looks, the newest each, never a queue."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator

from deepsort_cli.core.cpus import available_cpus
from deepsort_cli.serving.hub import Camera, View
from deepsort_cli.serving.pictures import QUALITIES, WIDTHS, Pictures, Wish

SHORTEST, LONGEST = 1 / 15, 1.0
"""Seconds from picture to picture."""
CPU_SHARE = 0.08
"""What pictures may cost, as a part of all cores: with more viewers than that allows there are fewer pictures."""
SLOW_SECONDS, FAST_SECONDS = 0.4, 0.1
"""Seconds that a picture is on its way to a viewer who should have smaller ones, and to one who could have larger."""


class Stage:
    """What viewers see: a camera's picture changes at one pace for all of them. To be used from one event loop."""

    def __init__(self, pictures: Pictures) -> None:
        self.pictures = pictures
        self.viewers = 0
        self.period = SHORTEST
        self._fresh: dict[int, asyncio.Event] = {}
        self._views: dict[int, View] = {}
        self._looking: dict[int, int] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._spent, self._measured = self._cpu(), time.monotonic()

    @contextlib.contextmanager
    def look(self, camera: Camera) -> Iterator[None]:
        """Within the block somebody looks at a camera."""
        index = camera.index
        self._looking[index] = self._looking.get(index, 0) + 1
        if index not in self._tasks:
            self._fresh[index] = asyncio.Event()
            self._tasks[index] = asyncio.get_running_loop().create_task(self._pump(camera))
        try:
            yield
        finally:
            self._looking[index] -= 1
            if not self._looking[index]:
                self._tasks.pop(index).cancel()
                self._views.pop(index, None)

    async def next(self, camera: Camera, after: int) -> View:
        """The view on stage, when it is another than number `after`; within `look`."""
        while (view := self._views.get(camera.index)) is None or view.number == after:
            await self._fresh[camera.index].wait()
        return view

    async def _pump(self, camera: Camera) -> None:
        index = camera.index
        while True:
            view = camera.look()
            if view is not None and view.image is not None and view is not self._views.get(index):
                self._views[index] = view
                self._fresh[index].set()
                self._fresh[index] = asyncio.Event()
            self._adapt()
            await asyncio.sleep(self.period)

    def _adapt(self) -> None:
        """Once a second, set the pace by what pictures cost lately."""
        now = time.monotonic()
        if now - self._measured < 1:
            return
        spent = self._cpu()
        share = (spent - self._spent) / (now - self._measured) / (CPU_SHARE * available_cpus())
        self._spent, self._measured = spent, now
        self.period = min(max(self.period * min(max(share, 0.7), 2.0), SHORTEST), LONGEST)

    def _cpu(self) -> float:
        """Seconds of processor time that the server has used."""
        return time.thread_time() + self.pictures.seconds


class Taste:
    """How one viewer gets pictures: smaller ones where they take long to arrive."""

    def __init__(self, width: int) -> None:
        smaller = [one for one in reversed(WIDTHS) if one < width][:2]
        self._wishes = [
            *(Wish(width, quality) for quality in QUALITIES),
            *(Wish(one, QUALITIES[-1]) for one in smaller),
        ]
        self._level = 0
        self._quick = 0

    @property
    def wish(self) -> Wish:
        return self._wishes[self._level]

    def took(self, seconds: float) -> None:
        """A picture was on its way for so long."""
        if seconds > SLOW_SECONDS:
            self._level, self._quick = min(self._level + 1, len(self._wishes) - 1), 0
        elif seconds < FAST_SECONDS:
            self._quick += 1
            if self._quick >= 50:
                self._level, self._quick = max(self._level - 1, 0), 0
        else:
            self._quick = 0
