"""Commands that follow a command, to be copied. Cheap to import: no PyTorch here."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from deepsort_cli.data.settings import SCAN_DEFAULTS, ScanSettings
from deepsort_cli.reid.settings import TrainConfig
from deepsort_cli.settings.train import OPTIONS

if TYPE_CHECKING:
    from deepsort_cli.reid.finetune import Prepared


def reading_flags(scan: ScanSettings) -> list[str]:
    """Arguments for `train` or `eval` without which the images would be read as other people's, or not at all."""
    words = [word for folder in scan.link_sources for word in ("--allow-links", str(folder))]
    for key in ("layout", "pattern", "accept", "min_samples", "drop_small", "min_side", "max_pixels", "paranoid"):
        value = getattr(scan, key)
        if value == getattr(SCAN_DEFAULTS, key):
            continue
        if key in ("layout", "pattern"):
            words += [f"--{key}", value]
        else:
            words += ["--set", f"data.scan.{key}={','.join(value) if key == 'accept' else value}"]
    return words


def train_command(prepared: Prepared) -> str:
    """A `deepsort train` command that starts from the prepared file."""
    data, model, training = prepared.config.data, prepared.config.model, prepared.config.training
    words = ["deepsort", "train", "--root", str(data.root), "--pretrained", str(prepared.path)]
    # A run under the usual name, from other weights, would be continued instead.
    words += ["--name", str(training.name)]
    if data.test_root is not None:
        words += ["--test-root", str(data.test_root)]
    if data.ignore_camera:
        words.append("--ignore-camera")
    words += reading_flags(data.scan)
    default, flags = TrainConfig(), {option.key: option.flag for option in OPTIONS}
    if model.name != default.model.name:
        words += ["--model", model.name]
    for key, value, usual in (
        ("data.val_ratio", data.val_ratio, default.data.val_ratio),
        ("training.seed", training.seed, default.training.seed),  # chooses who is held out
        ("training.output_dir", training.output_dir, default.training.output_dir),
        ("model.feature_dim", model.feature_dim, default.model.feature_dim),
        ("model.neck", model.neck, default.model.neck),
        ("model.neck_feature", model.neck_feature, default.model.neck_feature),
        ("model.input.height", model.input.height, default.model.input.height),
        ("model.input.width", model.input.width, default.model.input.width),
    ):
        if value != usual:
            words += [flags[key], str(value)] if key in flags else ["--set", f"{key}={value}"]
    return shlex.join(words)
