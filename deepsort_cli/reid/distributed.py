"""Several processes training one model, started by torchrun; everything here also works for a single one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from deepsort_cli.core.errors import InputError


@dataclass(frozen=True)
class Ranks:
    """This process among the others.

    Attributes:
        rank: 0 is the one that writes.
        world: number of processes.
        local: position on this machine, which is the number of its GPU.
    """

    rank: int = 0
    world: int = 1
    local: int = 0

    @classmethod
    def from_environment(cls) -> Ranks:
        """As told by torchrun; a single process without it."""
        values = (os.environ.get(name) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
        rank, world, local = (int(value) if value else None for value in values)
        return cls(rank or 0, world or 1, local or 0)

    @property
    def main(self) -> bool:
        return self.rank == 0

    @property
    def several(self) -> bool:
        return self.world > 1


def choose_device(name: str, ranks: Ranks) -> torch.device:
    """The device of this process.

    Raises:
        InputError: no such device, or it is not there.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"`training.device` {name}: no such device. Use auto, cpu, cuda, cuda:1 or mps.") from None
    if device.type not in {"cpu", "cuda", "mps"}:
        raise InputError(f"`training.device` {name}: not supported. Use auto, cpu, cuda, cuda:1 or mps.")
    if device.type == "cuda":
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        index = ranks.local if ranks.several else device.index or 0
        processes = int(os.environ.get("LOCAL_WORLD_SIZE") or 1)
        if ranks.several and count < processes:
            raise InputError(
                f"`training.device` {name}: torchrun starts {processes} processes on this machine, which "
                "need a GPU each; "
                f"{count} found. Start {max(1, count)} (torchrun's nproc-per-node), or `training.device`=cpu."
            )
        if index >= count:
            found = f"{count} found" if count else "none found; this PyTorch sees no CUDA GPU"
            raise InputError(
                f"`training.device` {name}: GPU {index} is not there ({found}). Use `training.device`=auto or cpu."
            )
        device = torch.device("cuda", index)
        torch.cuda.set_device(device)
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise InputError("`training.device` mps: not there on this machine. Use `training.device`=auto or cpu.")
    return device


@contextlib.contextmanager
def process_group(ranks: Ranks, device: torch.device) -> Iterator[None]:
    """Join the other processes: over NCCL on GPUs, gloo elsewhere."""
    if not ranks.several:
        yield
        return
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", rank=ranks.rank, world_size=ranks.world)
    try:
        yield
    finally:
        dist.destroy_process_group()


@contextlib.contextmanager
def main_first(ranks: Ranks) -> Iterator[None]:
    """The main process runs the block alone, the others after it and find what it left in caches."""
    if ranks.several and not ranks.main:
        dist.barrier()
    try:
        yield
    finally:
        if ranks.several and ranks.main:
            dist.barrier()


def gather_rows(rows: Tensor, ranks: Ranks) -> Tensor:
    """Concatenate the (n, …) tensors of all processes in order of rank. Gradients flow back to where rows came from.

    Every process then computes the same loss, so each row's gradient arrives `world` times, which the averaging of
    DistributedDataParallel divides out again.
    """
    if not ranks.several:
        return rows
    gathered: Tensor = _Gather.apply(rows, ranks)
    return gathered


class _Gather(torch.autograd.Function):
    """All rows forth; back to each process the sum of what all of them found for its rows."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, ranks: Ranks) -> Tensor:
        ctx.ranks = ranks
        parts = [torch.empty_like(rows) for _ in range(ranks.world)]
        dist.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        summed = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(summed)
        return summed.chunk(ctx.ranks.world)[ctx.ranks.rank], None


def total(values: Tensor, ranks: Ranks) -> Tensor:
    """The sum of a tensor over all processes."""
    if ranks.several:
        values = values.clone()
        dist.all_reduce(values)
    return values


def from_main(value: Any, ranks: Ranks) -> Any:
    """The main process's object, in all processes."""
    if not ranks.several:
        return value
    box = [value]
    dist.broadcast_object_list(box, src=0)
    return box[0]
