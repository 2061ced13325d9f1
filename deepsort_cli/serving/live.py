"""Moving pictures: one picture after the other for as long as somebody looks, the newest each, never a queue."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from deepsort_cli.core.cpus import available_cpus
from deepsort_cli.serving.hub import Camera, View
from deepsort_cli.serving.pictures import QUALITIES, WIDTHS, Pictures, Wish

SHORTEST, LONGEST = 1 / 15, 1.0
"""Seconds from picture to picture."""
FREE = 0.75
"""A machine with less work than this for each of its cores has some to spare."""
ROOMY, TIGHT = 0.15, 0.03
"""What pictures may cost: a part of all cores where there are some to spare; else a part of what the run itself gets.
Where more viewers look than that allows, there are fewer pictures a second."""
SLOW_SECONDS, FAST_SECONDS = 0.4, 0.1
"""Seconds that a picture is on its way to a viewer who should have smaller ones, and to one who could have larger."""


class Ended(Exception):
    """There will be no more pictures: the server is being closed."""


class Stage:
    """What viewers see: pictures change at one pace for all of them, so that few have to be made.

    To be used from one event loop.
    """

    def __init__(self, pictures: Pictures) -> None:
        self.pictures = pictures
        self._pace = Pace(available_cpus())
        self._looking: Counter[Camera] = Counter()
        self._views: dict[Camera, View] = {}
        self._changed = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._closed = False

    @contextlib.contextmanager
    def look(self, cameras: Sequence[Camera]) -> Iterator[None]:
        """Within the block somebody looks at these cameras."""
        self._looking.update(cameras)
        if self._pump is None:
            self._pump = asyncio.get_running_loop().create_task(self._run())
        try:
            yield
        finally:
            for camera in cameras:
                self._looking[camera] -= 1
                if not self._looking[camera]:
                    del self._looking[camera]
                    self._views.pop(camera, None)

    def view(self, camera: Camera) -> View | None:
        """What is shown of a camera, within `look`."""
        return self._views.get(camera)

    async def change(self) -> None:
        """Wait until something else is shown.

        Raises:
            Ended: nothing will be.
        """
        if self._closed:
            raise Ended
        await self._changed.wait()

    def close(self) -> None:
        """End all streams of pictures."""
        self._closed = True
        self._changed.set()

    async def _run(self) -> None:
        while self._looking and not self._closed:
            before = dict(self._views)
            for camera in self._looking:
                view = camera.look()
                if view is not None and view.image is not None:
                    self._views[camera] = view
            if self._views != before:
                self._changed.set()
                self._changed = asyncio.Event()
            spent = time.thread_time() + self.pictures.seconds
            self._pace.measure(time.monotonic(), spent, time.process_time(), machine_load())
            await asyncio.sleep(self._pace.period)
        self._pump = None


class Pace:
    """How often there is a new picture, by what pictures cost.

    Attributes:
        period: seconds from picture to picture.
    """

    def __init__(self, cpus: int) -> None:
        self.period = SHORTEST
        self._cpus = cpus
        self._last: tuple[float, float, float] | None = None

    def measure(self, now: float, pictures: float, program: float, load: float | None) -> None:
        """Called often; once a second the pace is set anew.

        Args:
            now: seconds of any clock.
            pictures: seconds of processor time that pictures have cost so far.
            program: those of the whole program.
            load: how many threads of the whole machine want a core; None where that is not known.
        """
        if self._last is None:
            self._last = now, pictures, program
        elapsed, spent, used = (new - old for new, old in zip((now, pictures, program), self._last, strict=True))
        if elapsed < 1:
            return
        self._last = now, pictures, program
        run = used - spent
        free = (run / elapsed if load is None else load) < FREE * self._cpus
        allowed = ROOMY * self._cpus * elapsed if free else max(TIGHT * run, 1e-3)
        self.period = min(max(self.period * min(max(spent / allowed, 0.7), 2.0), SHORTEST), LONGEST)


def machine_load() -> float | None:
    """How many threads have wanted a core in the last minute, on average; None where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


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

    def sending(self) -> Callable[[], None]:
        """A picture is given to the system; call what is returned when it is on its way."""
        began = time.monotonic()
        return lambda: self.took(time.monotonic() - began)

    def took(self, seconds: float) -> None:
        """A picture had to wait for so long."""
        if seconds > SLOW_SECONDS:
            self._level, self._quick = min(self._level + 1, len(self._wishes) - 1), 0
        elif seconds < FAST_SECONDS:
            self._quick += 1
            if self._quick >= 50:
                self._level, self._quick = max(self._level - 1, 0), 0
        else:
            self._quick = 0
