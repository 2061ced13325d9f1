"""What PyTorch has only once in a program: the calling one's numbers stay as random, and its settings as they were."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

from deepsort_cli.core.meanwhile import Meanwhile


def _gpus_in_use() -> bool:
    return bool(torch.cuda.is_initialized())  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def _kept() -> Iterator[None]:
    state, benchmark = torch.get_rng_state(), torch.backends.cudnn.benchmark
    on_gpus = torch.cuda.get_rng_state_all() if _gpus_in_use() else None
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = benchmark
        torch.set_rng_state(state)
        if on_gpus is not None:
            torch.cuda.set_rng_state_all(on_gpus)
        elif _gpus_in_use():
            torch.cuda.manual_seed_all(torch.initial_seed())  # as those of GPUs begin


kept_for_caller = Meanwhile(_kept)
"""Random numbers and cuDNN's choice of algorithms go on for the caller as if nothing had been in between."""
