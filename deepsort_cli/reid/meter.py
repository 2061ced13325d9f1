"""What the steps of a training add up to, read rarely."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from deepsort_cli.reid.distributed import Ranks, total
from deepsort_cli.reid.losses import figure_names

Row = dict[str, float]


def no_figures() -> Tensor:
    """Sums of all figures, and the number of steps, before the first step."""
    return torch.zeros(len(figure_names()) + 1)


@dataclass(frozen=True)
class Window:
    """Means of `figure_names()` over some steps of all processes, their speed, and what any process asks for."""

    figures: Row
    images_per_second: float
    wait: float
    stop: bool
    save: bool


class Meter:
    """Sums up `figure_names()` where they are computed and reads them rarely, because a GPU has to wait for that.

    Attributes:
        sums: over the epoch so far.
    """

    def __init__(self, batch_size: int, ranks: Ranks):
        self.batch_size, self.ranks = batch_size, ranks
        self.sums = self.read_until = self.at_start = no_figures()
        self.epoch_started = self.window_started = self.waited = 0.0
        self.images = self.seconds = 0.0

    def start_epoch(self, sums: Tensor, device: torch.device) -> None:
        """Go on from the sums of an epoch, zeros at its beginning."""
        self.sums = sums.to(device, copy=True)
        self.read_until = self.at_start = self.sums.clone()
        self.epoch_started = self.window_started = time.perf_counter()
        self.waited = 0.0

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """Measures the time spent in its block as waiting for images."""
        asked = time.perf_counter()
        yield
        self.waited += time.perf_counter() - asked

    def add(self, figures: Tensor) -> None:
        self.sums += figures

    def read(self, *, stop: bool, save: bool) -> Window:
        """The steps since the last reading."""
        figures, steps, stop, save = self._means(self.sums - self.read_until, stop, save)
        seconds = max(time.perf_counter() - self.window_started, 1e-9)
        wait = min(1.0, self.waited / seconds)
        self.read_until = self.sums.clone()
        self.window_started, self.waited = time.perf_counter(), 0.0
        return Window(figures, steps * self.batch_size / seconds, wait, stop, save)

    def read_epoch(self, *, stop: bool) -> Window:
        """The whole epoch; the speed is that since `start_epoch`."""
        figures, _, stop, _ = self._means(self.sums, stop, False)
        images = float(self.sums[-1] - self.at_start[-1]) * self.batch_size
        seconds = max(time.perf_counter() - self.epoch_started, 1e-9)
        self.images, self.seconds = self.images + images, self.seconds + seconds
        return Window(figures, images / seconds, 0.0, stop, False)

    def overall_rate(self) -> float:
        """Images per second over all epochs read."""
        return self.images / self.seconds if self.seconds else 0.0

    def _means(self, sums: Tensor, stop: bool, save: bool) -> tuple[Row, float, bool, bool]:
        asked = sums.new_tensor([float(stop), float(save)])
        *values, steps, stops, saves = total(torch.cat([sums, asked]), self.ranks).tolist()
        means = {name: value / max(steps, 1.0) for name, value in zip(figure_names(), values, strict=True)}
        return means, steps / self.ranks.world, stops > 0, saves > 0
