"""Stopping a training: the user's wish to, and errors of PyTorch in plain words."""

from __future__ import annotations

import contextlib
import logging
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import torch

from deepsort_cli.core.errors import RunError
from deepsort_cli.core.signals import ENDINGS, HANG_UP, on_hang_up
from deepsort_cli.reid.settings import TrainConfig

OUT_OF_MEMORY = ("not enough memory", "can't allocate memory", "bad_alloc")
"""How PyTorch says on a CPU that memory ran out; it has no exception of its own for that."""


@dataclass
class Stop:
    """Whether the user asked to stop."""

    requested: bool = False


@contextlib.contextmanager
def watch_signals() -> Iterator[Stop]:
    """The first Ctrl-C (or SIGTERM) asks to stop at the next good moment; a second one stops at once.

    A lost terminal asks as well, and never twice: service managers send its signal right behind the first one.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():  # only the main thread can handle signals
        yield stop
        return

    def handle(number: int, frame: object) -> None:
        if stop.requested:
            raise KeyboardInterrupt
        stop.requested = True

    def hang_up() -> None:
        stop.requested = True

    found = {number: signal.getsignal(number) for number in ENDINGS}
    before = {number: handler for number, handler in found.items() if handler is not None}  # None: no handler of Python
    for number in (signal.SIGINT, signal.SIGTERM):
        if number in before:
            signal.signal(number, handle)
    on_hang_up(hang_up)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            if number != HANG_UP or signal.getsignal(number) != signal.SIG_IGN:  # a lost one may be lost again
                signal.signal(number, handler)


@contextlib.contextmanager
def plain_errors(config: TrainConfig, device: torch.device, log: logging.Logger) -> Iterator[None]:
    """Log every error, and say in plain words what the known ones of PyTorch mean."""
    try:
        yield
    except Exception as error:
        log.exception("stopped")
        text = str(error)
        if isinstance(error, torch.OutOfMemoryError | MemoryError) or any(sign in text for sign in OUT_OF_MEMORY):
            raise RunError(
                f"out of memory on {device} with `training.batch_size`={config.training.images_per_step} at "
                f"{config.model.input.height}×{config.model.input.width}. Lower one of them, set "
                "`training.amp`=bf16, or "
                "lower `data.cache_mb`."
            ) from error
        if "DataLoader worker" in text and isinstance(error, RuntimeError):
            raise RunError(
                f"a loader process died ({text.splitlines()[0]}). Lower `training.workers`, or free memory (in "
                "containers also shared memory: --shm-size)."
            ) from error
        raise
