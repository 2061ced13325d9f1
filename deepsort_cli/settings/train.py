"""Settings of `deepsort train`."""

from __future__ import annotations

from deepsort_cli.reid.settings import TrainConfig
from deepsort_cli.settings.loader import CommandSettings
from deepsort_cli.settings.options import Option

OPTIONS = (
    Option("data.root", "root", "Data", daily=True),
    Option("data.test_root", "test_root", "Data", daily=True),
    Option("data.val_ratio", "val_ratio", "Data"),
    Option("data.scan.layout", "layout", "Data", metavar="LAYOUT"),
    Option("data.scan.pattern", "pattern", "Data", metavar="REGEX"),
    Option("data.scan.link_sources", "allow_links", "Data", metavar="DIR", repeat=True),
    Option("data.ignore_camera", "ignore_camera", "Data", negative="use_camera"),
    Option("model.name", "model", "Model", daily=True, metavar="<str>"),
    Option("model.pretrained", "pretrained", "Model", daily=True, metavar="auto|none|NAME|PATH"),
    Option("model.input.height", "height", "Model"),
    Option("model.input.width", "width", "Model"),
    Option("training.epochs", "epochs", "Training", daily=True),
    Option("training.batch_size", "batch_size", "Training", daily=True),
    Option("optimizer.lr", "lr", "Training", daily=True),
    Option("training.seed", "seed", "Training"),
    Option("training.output_dir", "output_dir", "Run", daily=True, short="o"),
    Option("training.name", "name", "Run"),
    Option("training.resume", "resume", "Run", daily=True, metavar="auto|never|PATH"),
    Option("training.device", "device", "Hardware", daily=True),
    Option("training.amp", "amp", "Hardware"),
    Option("training.workers", "workers", "Hardware"),
)
"""The flags and keywords of the command, in the order of its help."""


class TrainSettings(TrainConfig, CommandSettings):
    """Everything `deepsort train` can be told."""

    options = OPTIONS
