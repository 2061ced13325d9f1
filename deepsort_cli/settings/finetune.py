"""Settings of `deepsort finetune`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from deepsort_cli.reid.settings import FinetuneConfig
from deepsort_cli.settings.loader import CommandSettings
from deepsort_cli.settings.options import Option

OPTIONS = (
    Option("target_dataset.root", "target", "Data", daily=True, also=("root",)),
    Option("target_dataset.test_root", "test_root", "Data", daily=True),
    Option("target_dataset.val_ratio", "val_ratio", "Data"),
    Option("target_dataset.scan.layout", "layout", "Data", metavar="LAYOUT"),
    Option("target_dataset.scan.pattern", "pattern", "Data", metavar="REGEX"),
    Option("target_dataset.scan.link_sources", "allow_links", "Data", metavar="DIR", repeat=True),
    Option("target_dataset.ignore_camera", "ignore_camera", "Data", negative="use_camera"),
    Option("output_path", "output", "Checkpoint", daily=True, short="o"),
    Option("overwrite", "overwrite", "Checkpoint", daily=True),
    Option("reset.classifier", "reset_classifier", "Checkpoint", negative="keep_classifier"),
    Option("reset.bnneck", "reset_bnneck", "Checkpoint", negative="keep_bnneck"),
    Option("reset.fc", "reset_fc", "Checkpoint", negative="keep_fc"),
    Option("model.neck", "neck", "Checkpoint"),
    Option("model.height", "height", "Checkpoint"),
    Option("model.width", "width", "Checkpoint"),
    Option("train", "train", "Training", daily=True),
    Option("training.epochs", "epochs", "Training", daily=True),
    Option("training.freeze_epochs", "freeze_epochs", "Training", daily=True),
    Option("training.batch_size", "batch_size", "Training", daily=True),
    Option("optimizer.lr", "lr", "Training", daily=True),
    Option("training.seed", "seed", "Training"),
    Option("training.output_dir", "output_dir", "Training", daily=True),
    Option("training.name", "name", "Training"),
    Option("training.device", "device", "Training", daily=True),
    Option("training.amp", "amp", "Training"),
    Option("training.workers", "workers", "Training"),
)
"""The flags and keywords of the command, in the order of its help."""


class FinetuneSettings(FinetuneConfig, CommandSettings):
    """Everything `deepsort finetune` can be told."""

    options = OPTIONS
    also_called: ClassVar[Mapping[str, str]] = {"data": "target_dataset"}
