"""Where a run stands, and going on from there."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from deepsort_cli.core.counted import counted
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import is_file
from deepsort_cli.reid.carried import CarriedThreshold
from deepsort_cli.reid.checkpoint import info_of, read_checkpoint
from deepsort_cli.reid.losses import figure_names
from deepsort_cli.reid.meter import no_figures
from deepsort_cli.reid.optim import lr_factor
from deepsort_cli.reid.run_folder import RunFolder
from deepsort_cli.reid.schedule import keep_schedule, with_value
from deepsort_cli.reid.settings import (
    AUTO,
    FIXED,
    SILENT,
    SchedulerSettings,
    TrainConfig,
    marked,
)
from deepsort_cli.reid.train_data import TrainData
from deepsort_cli.reid.validation import best_row

FIRST_FIGURES = ("loss", "ce", "triplet", "contrastive", "center", "accuracy", "active", "positive", "negative")
"""`figure_names()` of checkpoints that do not say theirs."""

CHOOSES_IMAGES = (
    *("data.test_root", "data.val_ratio", "data.ignore_camera"),
    *("data.scan.layout", "data.scan.pattern", "data.scan.drop_small", "data.scan.min_samples"),
    *("data.scan.min_side", "data.scan.max_pixels", "data.scan.paranoid", "data.scan.link_sources"),
)
"""Settings that say which images are used, and how: where those differ, they may be why."""

Row = dict[str, float]
Found = tuple[Path, dict[str, Any]]
"""A checkpoint to go on from, and its content."""


@dataclass
class Position:
    """Where a run stands.

    Attributes:
        epoch: finished epochs.
        step: finished steps of the epoch under way.
        sums: sums of `figures` over those steps, and their number.
        first_loss: mean loss of the first steps of the run.
        history: one row per finished epoch, after one for the start (epoch 0) where it was validated.
        course: epochs over which the learning rate takes its course; those beyond have its last value.
        half: epochs at half size, the first ones.
        resumes: finished epochs at which the run was continued.
        figures: names of what `sums` holds.
        trial: what learning from halves of the people did, see `halves.Trial.saved`; None where it was not tried.
        threshold: what is known of the threshold to track with.
        found: `start` and `best` → average precision of each validation query then, for how sure the gain is.
    """

    epoch: int = 0
    step: int = 0
    sums: Tensor = field(default_factory=no_figures)
    first_loss: float | None = None
    history: list[Row] = field(default_factory=list)
    course: int = 0
    half: int = 0
    resumes: list[int] = field(default_factory=list)
    figures: tuple[str, ...] = field(default_factory=figure_names)
    found: dict[str, list[float]] = field(default_factory=dict)
    trial: dict[str, float] | None = None
    threshold: CarriedThreshold = field(default_factory=CarriedThreshold)

    @classmethod
    def start(cls, config: TrainConfig) -> Position:
        """Of a run that begins."""
        return cls(course=config.training.length, half=half_epochs(config))

    @classmethod
    def read(cls, saved: Mapping[str, Any]) -> Position:
        """As saved under `training` in a checkpoint, by earlier versions too."""
        threshold = CarriedThreshold.read(saved["position"].get("threshold"))
        position = cls(**{"figures": FIRST_FIGURES, **saved["position"], "threshold": threshold})
        if tuple(position.figures) != figure_names():  # other losses are known by now
            sums = dict(zip((*position.figures, ""), position.sums, strict=True))
            zero = torch.zeros(())
            position.sums = torch.stack([sums.get(name, zero) for name in (*figure_names(), "")])
        position.figures = figure_names()
        if not position.course:  # written before it was kept
            training, size = saved["config"]["training"], saved["config"]["model"]["input"]
            position.course = training["epochs"]
            position.half = round((training.get("half_size") or 0.0) * position.course)
            for row in position.history:
                half = 0 < row["epoch"] <= position.half or (row["epoch"] == 0 and position.half > 0)
                row["height"] = size["height"] // 2 if half else size["height"]
        return position

    def saved(self) -> dict[str, Any]:
        """As a checkpoint keeps it: tensors and plain containers."""
        return {**vars(self), "threshold": vars(self.threshold)}

    def replan(self, config: TrainConfig, note: Callable[[str], None]) -> None:
        """Fit the course to other settings than the run had so far, and say what that means.

        A run that has come to the end of its course has warmed up and cooled down, and seen its images at full size:
        more epochs go on as it ended. One that has not gets a course over the new number of epochs, and never goes
        back from full to half size.
        """
        epochs, rate = config.training.length, config.optimizer.highest_lr
        if self.epoch >= self.course:
            if epochs > self.epoch:
                last = rate * lr_factor(config.scheduler, self.course, self.course)
                note(
                    f"the run was finished after {counted(self.course, 'epoch')}: what follows goes on at full size "
                    f"and the learning rate it ended with, {last:.2g}. For a new course of the rate start a new run "
                    "from its weights (`model.pretrained` with its best.pth, and another `training.name`)."
                )
            return
        before = self._rate(config.scheduler, rate)
        self.course = epochs
        half = half_epochs(config)
        self.half = half if self.epoch < self.half else min(half, self.epoch)
        after = self._rate(config.scheduler, rate)
        if epochs > self.epoch:
            note(
                f"the rest of the run follows a course over {counted(epochs, 'epoch')}: "
                f"learning rate {before:.2g} → {after:.2g}, "
                + (f"half size until epoch {self.half}" if self.half > self.epoch else "images at full size")
            )

    def _rate(self, scheduler: SchedulerSettings, rate: float) -> float:
        return rate * lr_factor(scheduler, self.epoch, self.course)

    def is_half(self, epoch: int) -> bool:
        """Whether epoch `epoch` (from 0) has images at half the input size (progressive resizing)."""
        return epoch < self.half


def half_epochs(config: TrainConfig) -> int:
    """Epochs at half size of a run that begins with these settings."""
    share, epochs = config.resolved_half_size, config.training.length
    # However few epochs there are, the last ones are at full size.
    return epochs if share == 1 else min(round(share * epochs), epochs - 1)


def find_checkpoint(run: RunFolder, resume: str) -> Found | None:
    """The checkpoint to resume from, as `training.resume` says; None for a run that begins.

    Raises:
        InputError: there is none, or it holds weights only.
    """
    path = run.last if resume == "auto" else Path(resume)
    if resume == "never" or (resume == "auto" and not path.exists()):
        return None
    content = read_checkpoint(path)
    if "training" not in content:
        raise InputError(
            f"`training.resume` {path}: holds weights only. Resume from last.pth, or use `model.pretrained`={path}."
        )
    parts = ("learner", "position", "config", "data")
    if not all(isinstance(content["training"].get(part), Mapping) for part in parts):
        raise InputError(f"`training.resume` {path}: is damaged, the state to go on from is gone.")
    return path, content


def find_best(found: Found, *, random_start: bool) -> dict[str, Any] | None:
    """The weights of the best epoch of the run that a checkpoint is of: they lie beside it. None where there was none.

    Raises:
        InputError: they do not.
    """
    path, content = found
    history = content["training"]["position"]["history"]
    if not history:
        return None
    best = best_row(history, random_start=random_start)
    epoch = int(best["epoch"])
    if epoch == 0 and random_start:
        return None
    for file in (path.with_name("best.pth"), path.with_name(f"epoch_{epoch:04d}.pth"), path):
        with contextlib.suppress(InputError):
            there = read_checkpoint(file)
            info = info_of(there, file)
            whole = not there.get("training", {}).get("position", {}).get("step", 0)
            if whole and info.epoch == epoch and info.metrics.get("mAP") == best.get("mAP"):
                return there
    raise InputError(
        f"`training.resume` {path}: the best weights of this run so far, those after epoch {epoch}, are not beside it. "
        f"Put its best.pth back there, or start a new run from its weights (`model.pretrained`={path})."
    )


def make_room(run: RunFolder, config: TrainConfig, found: Found | None, note: Callable[[str], None]) -> TrainConfig:
    """Move an earlier run aside that is not continued, and say so.

    Returns:
        The settings, with the start where it lies now: its weights may have been the earlier run's.
    """
    resume, start = config.training.resume, config.model.pretrained
    continued = run.last if resume == "auto" else None if found is None else found[0]
    if continued is not None and continued.resolve() == run.last.resolve():
        return config
    inside = None if start is None or not start.is_file() else _inside(start, run.path)
    moved = run.set_aside()
    if moved is None:
        return config
    note(f"the earlier run in {run.path} was moved to {moved}")
    if inside is None or not (moved / inside).is_file():
        return config
    return with_value(config, "model.pretrained", moved / inside)


def _inside(file: Path, folder: Path) -> Path | None:
    """The path of a file below a folder; None where it lies elsewhere."""
    file, folder = file.resolve(), folder.resolve()
    return file.relative_to(folder) if file.is_relative_to(folder) else None


def tries_halves(config: TrainConfig, folder: Path) -> bool:
    """Whether a run tries halves of a few people, and so need not hold some out: where it has a start to keep.

    A run that goes on holds out whom it held out when it began.
    """
    resume = config.training.resume
    path = folder / "checkpoints" / "last.pth" if resume == "auto" else Path(resume)
    if resume != "never" and is_file(path):
        with contextlib.suppress(InputError):  # which is said where it is read to go on from
            return not read_checkpoint(path).get("training", {}).get("data", {}).get("queries", 0)
    return config.model.start is not None


def keep_start(config: TrainConfig, found: Found, note: Callable[[str], None]) -> TrainConfig:
    """The settings with the start of the run that is continued, which decides rates and sizes too, and its length."""
    path, content = found
    then = content["training"]["config"]["model"]["pretrained"]
    began = None if then is None else Path(then)
    now = config.model.pretrained
    if now not in (AUTO, began) and (now is None or began is None or now.resolve() != began.resolve()):
        note(
            f"`model.pretrained` {now or 'none'} is not used: resuming the run of {path.parent.parent}, which began "
            f"with {began or 'random weights'}. To start from {'it' if now else 'random weights'} choose another "
            "`training.name`, or set `training.resume`=never."
        )
    return with_value(keep_schedule(config, content["training"]["config"]), "model.pretrained", began)


def compare_settings(found: Found, config: TrainConfig, data: TrainData) -> dict[str, tuple[Any, Any]]:
    """What changed since the checkpoint: key → value then, value now.

    Raises:
        InputError: it is of another model, dataset or course; the message says what differs.
    """
    path, content = found
    saved = content["training"]
    then, now = flatten(saved["config"]), flatten(config.model_dump(mode="json"))
    differences = [
        f"{name}: {saved['data'].get(name)} then, {value} now"
        for name, value in data.identity().items()
        if saved["data"].get(name, value) != value  # earlier versions did not keep all of it
    ]
    usual = flatten(TrainConfig().model_dump(mode="json"))  # what settings were that did not exist yet
    changed = {key: (old, value) for key, value in now.items() if (old := then.get(key, usual.get(key))) != value}
    if differences:
        differences += [f"{key}: {changed[key][0]} then, {now[key]} now" for key in CHOOSES_IMAGES if key in changed]
    fixed, silent = marked(TrainConfig, FIXED), marked(TrainConfig, SILENT)
    differences += [f"{key}: {old} then, {new} now" for key, (old, new) in changed.items() if _is_in(key, fixed)]
    if differences:
        raise InputError(
            f"cannot resume from {path}, it is of another run:\n  "
            + "\n  ".join(differences)
            + "\nTo start a new run choose another `training.name`, or set `training.resume`=never."
        )
    return {key: values for key, values in changed.items() if not _is_in(key, silent)}


def _is_in(key: str, marks: Collection[str]) -> bool:
    """Whether a dotted key, or a section it lies in, is among `marks`."""
    parts = key.split(".")
    return any(".".join(parts[: count + 1]) in marks for count in range(len(parts)))


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings → dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat
