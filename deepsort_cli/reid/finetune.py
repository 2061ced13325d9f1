"""Preparing a checkpoint for other data: the backbone stays, what depends on the identities starts afresh."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import cast

import torch
from pydantic import ValidationError

from deepsort_cli.core.counted import counted
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener
from deepsort_cli.core.faults import first_fault
from deepsort_cli.core.files import check_output_file
from deepsort_cli.core.preprocess import Preprocess
from deepsort_cli.reid.backbones import Backbone, build_backbone, part_of
from deepsort_cli.reid.bundled import weights_file
from deepsort_cli.reid.checkpoint import CheckpointInfo, load_model, read_checkpoint, save_checkpoint
from deepsort_cli.reid.program_state import kept_for_caller
from deepsort_cli.reid.run_folder import versions
from deepsort_cli.reid.sampler import seed_of
from deepsort_cli.reid.schedule import with_value
from deepsort_cli.reid.settings import (
    FINETUNING_RATES,
    FinetuneConfig,
    ModelName,
    ModelSettings,
    ResetSettings,
    TrainConfig,
    rate_for_people,
    share_for_people,
)
from deepsort_cli.reid.train_data import fit_batches, load_data


@dataclass(frozen=True)
class TensorReport:
    """What became of the tensors of a checkpoint.

    Attributes:
        kept: names of those taken over.
        fresh: (name, why) of those of the new model that were initialised.
        ignored: (name, why) of those of the checkpoint that the new model does not use.
    """

    kept: tuple[str, ...]
    fresh: tuple[tuple[str, str], ...]
    ignored: tuple[tuple[str, str], ...]

    def parts(self) -> dict[str, dict[str, int]]:
        """Numbers of tensors by part of the model: `{"fc": {"kept": 7}, "classifier": {"fresh": 1}, …}`."""
        counts: dict[str, Counter[str]] = {}
        for what, names in (
            ("kept", self.kept),
            ("fresh", [name for name, _ in self.fresh]),
            ("ignored", [name for name, _ in self.ignored]),
        ):
            for name in names:
                counts.setdefault(part_of(name), Counter())[what] += 1
        return {part: dict(found) for part, found in counts.items()}


@dataclass(frozen=True)
class Prepared:
    """A checkpoint made ready for other data.

    Attributes:
        path: the file.
        source: description of the checkpoint it came from.
        info: its own description.
        tensors: what became of each tensor.
        images, identities: of the target that are trained on.
        held_out: identities of the target that are validated on.
        config: settings of the training that follows.
        full_rate: the learning rate of many people, of which those there are get a share in `config`; None where the
            user gave one.
        remarks: what the user should know.
    """

    path: Path
    source: CheckpointInfo
    info: CheckpointInfo
    tensors: TensorReport
    images: int
    identities: int
    held_out: int
    config: TrainConfig
    full_rate: float | None
    remarks: tuple[str, ...]


@kept_for_caller()
def prepare_checkpoint(config: FinetuneConfig, listener: Listener | None = None) -> Prepared:
    """Write a checkpoint with the backbone of `source_checkpoint` and a head for `target_dataset`.

    Its classifier has one class for each identity that `deepsort train` will train on with the same data settings.

    Raises:
        InputError: the checkpoint, the data or the output cannot be used, or they do not fit each other.
        RunError: the file cannot be written.
    """
    listener = listener or Listener()
    source_path = config.source_checkpoint
    if source_path is None:
        raise InputError("no checkpoint given. Name one, and `target_dataset.root`: deepsort finetune CHECKPOINT.pth")
    if config.target_dataset.root is None:
        raise InputError("no target given. Set `target_dataset.root` to the folder of the new data.")
    source, source_info = load_model(source_path)
    output = config.output_path or default_output(source_path, config.target_dataset.root)
    if output.exists() and output.samefile(weights_file(source_path)):
        raise InputError(f"`output_path` {output}: this is the checkpoint itself. Choose another name.")
    train_config = training_config(config, source_info, output)
    run = run_folder(train_config)
    continues = config.train and _began_with(run) == output.resolve()
    check_output_file(output, overwrite=config.overwrite or continues, key="output_path")

    data = load_data(config.target_dataset, config.training.seed, listener, halves=True)
    if config.train or len(data.pids) < 2:
        fit_batches(data, config.training)
    full_rate = train_config.optimizer.lr if config.optimizer.lr is None else None
    train_config, slowed = _slowed(config, train_config, len(data.pids))
    _check_classifier(source_info, config, data.pids.tolist())
    torch.manual_seed(seed_of(config.training.seed))
    settings = train_config.model
    model = build_backbone(settings.name, len(data.pids), settings.feature_dim, settings.neck, settings.neck_feature)
    tensors = transfer(source, model, config.reset, source_info.keys.unexpected)
    others = _of_others(config, run, model, tensors, output) if continues else []
    info = replace(
        source_info,
        num_classes=len(data.pids),
        feature_dim=settings.feature_dim,
        neck=settings.neck,
        preprocess=settings.input,
        pids=tuple(data.pids.tolist()),
        epoch=0,
        metrics=_kept_threshold(source_info, model, settings.input, tensors),
        versions=versions(),
        neck_feature=settings.neck_feature,
        start="random" if source_info.status == "untrained" else "pretrained",
        planned_epochs=0,
        finished=True,
        full_size=True,
        validation={},
        source="deepsort",
    )
    save_checkpoint(output, model.state_dict(), info, follow=True)
    return Prepared(
        path=output,
        source=source_info,
        info=info,
        tensors=tensors,
        images=len(data.train),
        identities=len(data.pids),
        held_out=0 if data.query is None else len(set(data.query.pids.tolist())),
        config=train_config,
        full_rate=full_rate,
        remarks=(*others, *(() if config.train else data.warnings), *slowed, *_remarks(config, source_info, tensors)),
    )


def transfer(source: Backbone, model: Backbone, reset: ResetSettings, unread: tuple[str, ...] = ()) -> TensorReport:
    """Copy everything from `source` into `model` but what `reset` names and what differs in shape.

    Args:
        unread: entries of the file that `source` itself has no use for.
    """
    there, here = source.state_dict(), model.state_dict()
    reasons: dict[str, str] = {}
    for name, value in here.items():
        part = part_of(name)
        if getattr(reset, part, False):
            reasons[name] = "reset"
        elif name not in there:
            reasons[name] = "not in the checkpoint"
        elif there[name].shape != value.shape:
            reasons[name] = f"{list(there[name].shape)} in the checkpoint, {list(value.shape)} here"
    # A neck or classifier follows the features it was trained on.
    if any(name.startswith("fc.") for name in reasons):
        for name in here:
            if part_of(name) in ("bnneck", "classifier"):
                reasons.setdefault(name, "fc starts afresh")
    kept = tuple(name for name in here if name not in reasons)
    model.load_state_dict({name: there[name] for name in kept}, strict=False)
    ignored = [(name, "the new model has none") for name in [*there, *unread] if name not in here]
    ignored += [(name, "replaced") for name in there if name in reasons]
    return TensorReport(kept, tuple(reasons.items()), tuple(ignored))


def training_config(config: FinetuneConfig, source: CheckpointInfo, output: Path) -> TrainConfig:
    """The settings of the training that goes on from the prepared checkpoint.

    Raises:
        InputError: some do not go together with the checkpoint's input size.
    """
    sizes = {"height": config.model.height, "width": config.model.width}
    settings = ModelSettings(
        name=cast(ModelName, source.name),
        feature_dim=source.feature_dim if config.model.feature_dim is None else config.model.feature_dim,
        neck=config.model.neck,
        neck_feature=config.model.neck_feature,
        pretrained=output,
        input=source.preprocess.model_copy(update={name: size for name, size in sizes.items() if size is not None}),
    )
    model = build_backbone(settings.name)
    names = [name for name, _ in model.named_parameters()]
    multipliers = dict(config.optimizer.layer_lr_multipliers)  # what the user names comes first and wins
    for pattern in model.feature_layers:
        if any(fnmatchcase(name, pattern) for name in names):
            multipliers.setdefault(pattern, config.backbone_lr_factor)
    lr = FINETUNING_RATES[config.optimizer.name] if config.optimizer.lr is None else config.optimizer.lr
    root = config.target_dataset.root
    name = config.training.name or f"finetune-{source.name}-{root.resolve().name if root else 'target'}"
    try:
        return TrainConfig(
            data=config.target_dataset,
            model=settings,
            augment=config.augment,
            loss=config.loss,
            optimizer=config.optimizer.model_copy(update={"lr": lr, "layer_lr_multipliers": multipliers}),
            scheduler=config.scheduler,
            training=config.training.model_copy(update={"name": name}),
        )
    except ValidationError as error:
        raise InputError(f"{config.source_checkpoint}: {first_fault(error, TrainConfig)[1]}.") from None


def run_folder(config: TrainConfig) -> Path:
    """Where the training of a prepared checkpoint keeps its files."""
    return config.training.output_dir / str(config.training.name)


def default_output(checkpoint: Path, root: Path) -> Path:
    """Name of the prepared checkpoint in the current folder."""
    return Path(f"{checkpoint.stem}-{root.resolve().name}.pth")


def _check_classifier(source: CheckpointInfo, config: FinetuneConfig, pids: list[int]) -> None:
    """Make sure that a classifier which is to be kept tells apart the people of the target.

    Raises:
        InputError: it does not, or stands on features that start afresh.
    """
    reset, model = config.reset, config.model
    if reset.classifier:
        return
    remedy = "Leave `reset.classifier`=true."
    if source.num_classes == 0:
        raise InputError(f"{config.source_checkpoint}: has no classifier that could be kept. {remedy}")
    if source.num_classes != len(pids):
        raise InputError(
            f"{config.source_checkpoint}: its classifier tells {source.num_classes} identities apart, but "
            f"{config.target_dataset.root} has {len(pids)} to train on. {remedy}"
        )
    if source.pids and list(source.pids) != pids:
        raise InputError(
            f"{config.source_checkpoint}: its classifier was trained on other people than those of "
            f"{config.target_dataset.root}: their ids differ. {remedy}"
        )
    if reset.fc or reset.bnneck or source.neck != model.neck or model.feature_dim not in (None, source.feature_dim):
        raise InputError(
            "the classifier cannot be kept while the layers before it start afresh or change. "
            f"{remedy} Else keep fc and neck as they are: `reset.fc`=false, `reset.bnneck`=false, "
            f"`model.neck`={source.neck}."
        )


def _began_with(run: Path) -> Path | None:
    """What the run in a folder began with; None where there is none, or it cannot be read to go on from."""
    with contextlib.suppress(InputError, KeyError, TypeError):
        saved = read_checkpoint(run / "checkpoints" / "last.pth")["training"]["config"]
        return Path(saved["model"]["pretrained"]).resolve()
    return None


def _of_others(config: FinetuneConfig, run: Path, model: Backbone, tensors: TensorReport, output: Path) -> list[str]:
    """A remark where the run that goes on began with weights of another checkpoint, prepared under the same name.

    Raises:
        InputError: these would be lost, and nobody allowed it.
    """
    if not output.exists():
        return []
    try:
        before, now = load_model(output)[0].state_dict(), model.state_dict()
    except InputError:  # something else has taken its place
        check_output_file(output, overwrite=config.overwrite, key="output_path")
        return []
    if all(name in before and torch.equal(before[name], now[name]) for name in tensors.kept):
        return []
    what = f"{output} was prepared from another checkpoint than {config.source_checkpoint}, and the run in {run} began"
    if not config.overwrite:
        raise InputError(
            f"`output_path` {what} with it. Choose another `output_path` and `training.name`, or set `overwrite`."
        )
    if config.training.resume == "never":
        return []
    return [f"{what} with that: it goes on from its own weights. To start from these set `training.resume`=never"]


def _slowed(config: FinetuneConfig, training: TrainConfig, people: int) -> tuple[TrainConfig, list[str]]:
    """The settings of the training with a rate that so many people allow, and a remark where that is a lower one."""
    if config.optimizer.lr is not None or share_for_people(people) == 1:
        return training, []
    rate = rate_for_people(training.optimizer.highest_lr, people)
    why = f"faster, {people} people would make the network forget all others"
    return with_value(training, "optimizer.lr", rate), [f"`optimizer.lr` is {rate:g}: {why}"] if config.train else []


def _kept_threshold(
    source: CheckpointInfo, model: Backbone, size: Preprocess, tensors: TensorReport
) -> dict[str, float]:
    """That of the source, where the prepared weights put out what it does."""
    fresh = {part_of(name) for name, _ in tensors.fresh}
    same = source.embeds_like(model) and source.is_within(model, fresh) and size == source.preprocess
    found = source.metrics.get("threshold")
    return {"threshold": found} if same and found is not None and model.neck_feature == "before" else {}


def _remarks(config: FinetuneConfig, source: CheckpointInfo, tensors: TensorReport) -> list[str]:
    remarks = []
    if config.model.neck_feature == "after" and any(part_of(name) == "bnneck" for name, _ in tensors.fresh):
        remarks.append("its BNNeck is new and knows nothing yet: train before you evaluate or export it")
    if source.source != "deepsort" and config.model.height is None:
        size = source.preprocess
        remarks.append(f"the checkpoint does not say its input size; {size.height}×{size.width} is assumed")
    frozen, epochs = config.training.freeze_epochs, config.training.length
    if config.train and config.training.freeze_feature_layers and frozen is not None and frozen >= epochs:
        remarks.append(
            f"the backbone stays frozen for all {counted(epochs, 'epoch')}: `training.freeze_epochs` is {frozen}. "
            "Lower it to train the backbone too"
        )
    return remarks
