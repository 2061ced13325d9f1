"""What is said of a run before its first step."""

from __future__ import annotations

from pathlib import Path

import torch

from deepsort_cli.core.counted import counted
from deepsort_cli.core.preprocess import Preprocess
from deepsort_cli.evaluation.chance import Chance
from deepsort_cli.reid.backbones import Backbone, count_macs, count_parameters
from deepsort_cli.reid.crops import half_size
from deepsort_cli.reid.events import RunPlan
from deepsort_cli.reid.learner import Learner
from deepsort_cli.reid.resume import Position
from deepsort_cli.reid.settings import TrainConfig
from deepsort_cli.reid.train_data import TrainData
from deepsort_cli.reid.validation import best_row

PRECISIONS = {None: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16"}


def plan_of(
    config: TrainConfig,
    data: TrainData,
    learner: Learner,
    position: Position,
    *,
    folder: Path,
    start: str,
    chance: Chance | None,
    cached: int,
    workers: int,
    steps: int,
    schedule: tuple[str, ...],
) -> RunPlan:
    """What is about to happen, in words.

    Args:
        cached: bytes of training images in memory.
        workers: processes that prepare images.
        steps: of the first epoch to come.
    """
    held_out = f"nothing: {data.held_out}"
    if data.query is not None and data.gallery is not None and chance is not None:
        held_out = (
            f"{data.held_out}: {counted(len(data.query), 'query', 'queries')} in "
            f"{counted(len(data.gallery), 'image')}; by chance mAP {chance.mAP:.1%}, rank 1 {chance.rank1:.1%}"
        )
    where = f", {cached / 2**20:.0f} MB in memory" if cached else ", decoded as needed"
    processes = f", {learner.ranks.world} processes" if learner.ranks.several else ""
    model = learner.model
    sizes = [_work(model, config.model.input)]
    if position.half:
        sizes.append(f"{_work(model, half_size(config.model.input))} in the first {counted(position.half, 'epoch')}")
    random_start = config.model.pretrained is None
    return RunPlan(
        folder=folder,
        start=start,
        model=f"{model.name}, {count_parameters(model):,} parameters, multiply-adds: {', '.join(sizes)}",
        data=(f"{len(data.train):,} images of {len(data.pids):,} identities{where}", held_out),
        hardware=f"{learner.device}, {PRECISIONS[learner.amp]}{processes}, "
        f"{counted(workers, 'loader process', 'loader processes')}",
        steps=steps,
        batch=f"{config.training.identities} people × {config.training.images_per_identity} images",
        epochs=config.training.length,
        first_epoch=position.epoch,
        schedule=schedule,
        groups=tuple(learner.groups),
        best=best_row(position.history, random_start=random_start) if position.history else None,
    )


def _work(model: Backbone, size: Preprocess) -> str:
    return f"{count_macs(model, size.height, size.width) / 1e6:,.0f} M at {size.height}×{size.width}"
