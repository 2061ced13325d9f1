"""Training a Re-ID model: the one loop, and what it needs to be stopped and continued at any moment.

No generator state is carried along: every draw comes from a seed derived from (seed, epoch, step). A checkpoint holds
what was learned and a position, and a run that is killed and started again computes on a CPU, to the last bit, what
it would have computed uninterrupted.
"""

from __future__ import annotations

import contextlib
import logging
import math
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from deepsort_cli.core.cpus import available_cpus
from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.preprocess import Preprocess
from deepsort_cli.reid.checkpoint import CheckpointInfo, load_pretrained, read_checkpoint, save_checkpoint
from deepsort_cli.reid.crops import Crops, EpochBatches, TrainingImages, build_loader, half_size
from deepsort_cli.reid.curves import draw_curves
from deepsort_cli.reid.distributed import Ranks, choose_device, from_main, main_first, process_group, total
from deepsort_cli.reid.learner import FIGURES, Learner
from deepsort_cli.reid.optim import lr_factor
from deepsort_cli.reid.osnet import OSNet, count_macs, count_parameters
from deepsort_cli.reid.progress import Progress, RunPlan, StepReport
from deepsort_cli.reid.run_folder import RunFolder, open_log, open_run, versions
from deepsort_cli.reid.sampler import plan_epoch, seed_of
from deepsort_cli.reid.settings import TrainConfig
from deepsort_cli.reid.train_data import TrainData, check_batches, load_data
from deepsort_cli.reid.validation import COLLAPSE_ADVICE, METRICS, best_row, chance_map, has_collapsed, validate

DIVERGED = 10.0
"""A loss this many times that of the first steps will not come back."""

OUT_OF_MEMORY = ("not enough memory", "can't allocate memory", "bad_alloc")
"""How PyTorch says on a CPU that memory ran out; it has no exception of its own for that."""

GPU_REPORT_EVERY = 10
"""Updates between two reports on a GPU, which has to wait for each; a CPU reports every one."""

FIXED_KEYS = (
    "model.name",
    "model.feature_dim",
    "model.neck",
    "model.input",
    "optimizer.name",
    "optimizer.layer_lr_multipliers",
    "loss.center_weight",
    "training.batch_size",
    "training.instances",
    "training.accum_steps",
    "training.freeze",
    "training.ema_decay",
    "training.seed",
)
"""Settings a run cannot change when it is resumed: the saved state would not fit, or the draws would differ."""

SILENT_KEYS = (
    "data.",
    "training.output_dir",
    "training.name",
    "training.resume",
    "training.device",
    "training.workers",
)
"""Settings whose change is not worth a remark on resume; the images themselves are compared instead."""

Row = dict[str, float]


@dataclass(frozen=True)
class TrainResult:
    """How a training ended.

    Attributes:
        folder: the run folder.
        epochs: finished epochs of the whole run.
        best: history row of the best epoch by mAP; of the last one without validation.
        last: history row of the last epoch.
        seconds: of this call.
        images_per_second: of the training steps of this call, 0 if there were none.
        resumed_epoch: finished epochs this call went on from, None for a fresh start.
        warnings: as given to `Progress.warn`.
    """

    folder: Path
    epochs: int
    best: Mapping[str, float]
    last: Mapping[str, float]
    seconds: float
    images_per_second: float
    resumed_epoch: int | None
    warnings: tuple[str, ...]


@dataclass
class Position:
    """Where a run stands.

    Attributes:
        epoch: finished epochs.
        step: finished steps of the epoch under way.
        sums: sums of `FIGURES` over those steps, and their number.
        first_loss: mean loss of the first steps of the run.
        history: one row per finished epoch, after one for the start (epoch 0) where it was validated.
    """

    epoch: int = 0
    step: int = 0
    sums: Tensor = field(default_factory=lambda: torch.zeros(len(FIGURES) + 1))
    first_loss: float | None = None
    history: list[Row] = field(default_factory=list)


def train(config: TrainConfig, progress: Progress | None = None) -> TrainResult:
    """Train, or continue training, a Re-ID model (recipe: Luo et al. 2019).

    Under torchrun every process calls this; they share the work, and the one of rank 0 reports and writes.

    Raises:
        InputError: something in `config`, or in the data it names, cannot be used.
        RunError: the loss diverged, memory ran out, or a file could not be written.
        KeyboardInterrupt: interrupted; the state was saved.
    """
    config = config.resolved()
    ranks = Ranks.from_environment()
    progress = progress if progress is not None and ranks.main else Progress()
    device = choose_device(config.training.device, ranks)
    with contextlib.ExitStack() as stack:
        stack.enter_context(process_group(ranks, device))
        with main_first(ranks):
            data = load_data(config.data, config.training.seed, progress)
        remarks = check_batches(data, config.training, ranks.world)
        folder = config.training.output_dir / (config.training.name or default_name(config))
        run = stack.enter_context(open_run(folder)) if ranks.main else None
        log = stack.enter_context(open_log(run.logs if run else None))
        with _plain_errors(config, device, log):
            trainer = Trainer(config, data, device, ranks, folder, run, log, progress)
            for remark in remarks:
                trainer.warn(remark)
            with watch_signals() as stop:
                return trainer.run_epochs(stop)


class Trainer:
    """One run: built from its parts, then `run_epochs`."""

    def __init__(
        self,
        config: TrainConfig,
        data: TrainData,
        device: torch.device,
        ranks: Ranks,
        folder: Path,
        run: RunFolder | None,
        log: logging.Logger,
        progress: Progress,
    ):
        self.started = time.perf_counter()
        self.config, self.data, self.device, self.ranks = config, data, device, ranks
        self.folder, self.run, self.log, self.progress = folder, run, log, progress
        self.warnings: list[str] = []
        self.position = Position()
        self.resumed_epoch: int | None = None
        self.last_save = time.monotonic()
        self.board: Any = None

        # The weights: of an interrupted run, else pretrained, else random.
        torch.manual_seed(seed_of(config.training.seed))
        settings = config.model
        model = OSNet(settings.name, len(data.pids), settings.feature_dim, settings.neck, settings.neck_feature)
        found = from_main(self._find_checkpoint(), ranks)
        if found is None and settings.pretrained is not None:
            self.start = self._load_pretrained(model, settings.pretrained)
        self.learner = Learner(model, config, device, ranks)
        if found is not None:
            self.start = self._resume(*found)
        elif settings.pretrained is None:
            self.start = "random weights"

        # The images.
        budget = config.data.cache_mb << 20
        self.train_crops = Crops([data.train.file(i) for i in range(len(data.train))], settings.input)
        cached = self._cache(self.train_crops, budget, "decoding training images")
        self.val_crops = None
        if data.query is not None and data.gallery is not None:
            files = [part.file(i) for part in (data.query, data.gallery) for i in range(len(part))]
            self.val_crops = Crops(files, settings.input)
            self._cache(self.val_crops, budget - cached, "decoding validation images")
            self.chance = chance_map(data.query, data.gallery)
        workers = config.training.workers
        if workers is None:
            workers = 0 if cached and device.type == "cpu" else min(8, available_cpus())
        self.batches = EpochBatches()
        images = TrainingImages(self.train_crops, data.classes, config.augment)
        self.loader = build_loader(
            images,
            self.batches,
            workers,
            pin=device.type == "cuda",
            batch_size=config.training.batch_size,
            note=self.note,
        )

        self.info = CheckpointInfo(
            name=model.name,
            num_classes=len(data.pids),
            feature_dim=model.feature_dim,
            neck=model.neck,
            preprocess=settings.input,
            pids=tuple(data.pids.tolist()),
            fingerprint=data.train.fingerprint,
            versions=versions(),
            neck_feature=model.neck_feature,
        )
        self.half_epochs = round(config.resolved_half_size * config.training.epochs)
        self.meter = Meter(config.training.batch_size, ranks)
        self._announce(cached, self.loader.workers)

    def run_epochs(self, stop: Stop) -> TrainResult:
        """The training loop.

        Args:
            stop: looked at after every update.

        Raises:
            RunError: see `train`.
            KeyboardInterrupt: see `train`.
        """
        self.stop = stop
        settings, scheduler = self.config.training, self.config.scheduler
        if self.position.epoch >= settings.epochs:
            self.note(f"all {settings.epochs} epochs are done already. Raise --epochs, or choose another --name.")
        elif not self.position.history and self.position.step == 0 and self.val_crops is not None:
            # Where the run starts from, to measure it by; and trouble with the validation images shows now, not later.
            row: Row = {"epoch": 0, **self._validate(0)}
            self.position.history.append(row)
            self._keep_best(self._info(row))

        for epoch in range(self.position.epoch, settings.epochs):
            epoch_started = time.perf_counter()
            if self.learner.start_epoch(epoch):
                self.note(f"epoch {epoch + 1}: all layers are trained from now on")
            plan = self._plan(epoch)
            half = self._is_half(epoch)
            if epoch and self._is_half(epoch - 1) and not half:
                self.note(f"epoch {epoch + 1}: images at full size from now on")
            self.batches.set(plan, settings.seed, epoch, self.position.step, self.ranks, half)
            self.meter.start_epoch(self.position.sums, self.device)
            source = iter(self.loader)
            for step in range(self.position.step, len(plan)):
                with self.meter.waiting():
                    images, classes = next(source)
                # Where accumulating, a batch counts for its share of the update it belongs to.
                first = step - step % settings.accum_steps
                batches = min(settings.accum_steps, len(plan) - first)
                update = step == first + batches - 1
                lr = self.config.optimizer.highest_lr * lr_factor(scheduler, epoch + step / len(plan), settings.epochs)
                torch.manual_seed(seed_of(settings.seed, epoch, step))
                self.meter.add(self.learner.step(images, classes, lr, share=1 / batches, update=update))
                if update and self._time_to_look_up(step):
                    self._look_up(epoch, step + 1, len(plan), lr)
            self._finish_epoch(epoch, len(plan), lr, epoch_started)
        return self._result()

    def _time_to_look_up(self, step: int) -> bool:
        if self.device.type == "cpu":
            return True
        return (step // self.config.training.accum_steps + 1) % GPU_REPORT_EVERY == 0

    def _look_up(self, epoch: int, step: int, steps: int, lr: float) -> None:
        """Between two updates: report, notice trouble, save now and then, stop if asked to."""
        save_is_due = time.monotonic() - self.last_save > 60 * self.config.training.save_every_minutes
        window = self.meter.read(stop=self.stop.requested, save=save_is_due and self.ranks.main)
        self._check_loss(window.figures["loss"], epoch, step)
        rate, wait = window.images_per_second, window.wait
        self.progress.step(StepReport(epoch + 1, step, steps, window.figures, lr, rate, wait))
        if step < steps and (window.stop or window.save):
            self.position.step, self.position.sums = step, self.meter.sums.cpu()
            self._save(replace(self.info, epoch=epoch, preprocess=self._input(epoch)))
            if window.stop:
                self.log.info("interrupted in epoch %d after step %d", epoch + 1, step)
                raise KeyboardInterrupt

    def _finish_epoch(self, epoch: int, steps: int, lr: float, started: float) -> None:
        """Validate, keep the best, save, tell."""
        settings = self.config.training
        whole = self.meter.read_epoch(stop=self.stop.requested)
        self._check_loss(whole.figures["loss"], epoch, steps)
        row: Row = {"epoch": epoch + 1, "steps": steps, "lr": lr, **whole.figures}
        if (epoch + 1) % settings.eval_every == 0 or epoch + 1 == settings.epochs:
            row |= self._validate(epoch)
        history = [*self.position.history, row]
        best = best_row(history)
        self.position = Position(epoch + 1, first_loss=self.position.first_loss, history=history)
        info = self._info(row)
        # In this order: killed between any two of these, the run repeats the epoch and writes the same again.
        if best is row:
            self._keep_best(info)
        self._save(info)
        if self.run is not None:
            self.run.keep_epoch(epoch + 1, settings.keep_checkpoints)
            self.run.write_history(history)
            draw_curves(history, self.run.curves)
        seconds = time.perf_counter() - started
        figures = ", ".join(f"{name} {value:.4g}" for name, value in row.items() if name != "epoch")
        self.log.info("epoch %d: %s; %.1f s, %.0f images/s", epoch + 1, figures, seconds, whole.images_per_second)
        self.progress.epoch(row, best, seconds)
        if self.board is not None:
            for name, value in row.items():
                self.board.add_scalar(name, value, epoch + 1)
            self.board.add_scalar("images_per_second", whole.images_per_second, epoch + 1)
            self.board.flush()
        if self.val_crops is not None and has_collapsed(history, self.config.loss, self.chance):
            self.warn(COLLAPSE_ADVICE.format(triplet=row["triplet"], mAP=100 * row["mAP"]))
        if whole.stop and epoch + 1 < settings.epochs:
            self.log.info("interrupted after epoch %d", epoch + 1)
            raise KeyboardInterrupt

    def _is_half(self, epoch: int) -> bool:
        """Whether epoch `epoch` (from 0) has images at half the input size (progressive resizing)."""
        return epoch < self.half_epochs

    def _input(self, epoch: int) -> Preprocess:
        """What the model of that epoch expects."""
        full = self.config.model.input
        return half_size(full) if self._is_half(epoch) else full

    def _validate(self, epoch: int) -> Row:
        if self.val_crops is None or self.data.query is None or self.data.gallery is None:
            return {}
        return validate(
            self.learner.inference_model,
            self.val_crops,
            self.data.query,
            self.data.gallery,
            self._input(epoch),
            batch_size=self.config.training.batch_size,
            device=self.device,
            ranks=self.ranks,
            progress=self.progress,
        )

    def _info(self, row: Row) -> CheckpointInfo:
        metrics = {name: row[name] for name in METRICS if name in row}
        epoch = int(row["epoch"])
        return replace(self.info, epoch=epoch, metrics=metrics, preprocess=self._input(max(epoch - 1, 0)))

    def _keep_best(self, info: CheckpointInfo) -> None:
        if self.run is not None:
            save_checkpoint(self.run.best, self.learner.inference_model.state_dict(), info)

    def _save(self, info: CheckpointInfo) -> None:
        """Write last.pth for the present position."""
        self.last_save = time.monotonic()
        if self.run is None:
            return
        if not self.learner.is_finite():
            raise self._diverged("weights are no longer finite numbers", self.position.epoch, self.position.step)
        state = {
            "learner": self.learner.state(),
            "position": vars(self.position),
            "config": self.config.model_dump(mode="json"),
            "data": self.data.identity(),
        }
        save_checkpoint(self.run.last, self.learner.inference_model.state_dict(), info, state)

    def _check_loss(self, loss: float, epoch: int, step: int) -> None:
        if not math.isfinite(loss):
            raise self._diverged("the loss is no longer a finite number", epoch + 1, step)
        if self.position.first_loss is None:
            self.position.first_loss = loss
        first = self.position.first_loss
        if loss > DIVERGED * max(first, 1.0):
            raise self._diverged(f"the loss rose from {first:.3g} to {loss:.3g}", epoch + 1, step)

    def _diverged(self, what: str, epoch: int, step: int) -> RunError:
        kept = "No checkpoint was written yet."
        if self.run is not None and self.run.last.exists():
            kept = f"The last good state is kept in {self.run.last}."
        return RunError(
            f"training diverged: {what} (epoch {epoch}, step {step}). {kept} Lower --lr (now "
            f"{self.config.optimizer.highest_lr:g}), set training.grad_clip, or turn mixed precision off (--amp off)."
        )

    def _plan(self, epoch: int) -> Any:
        settings = self.config.training
        identities = settings.batch_size // settings.instances
        return plan_epoch(self.data.classes, identities, settings.instances, seed=settings.seed, epoch=epoch)

    def _cache(self, crops: Crops, limit: int, what: str) -> int:
        return crops.cache(limit, lambda done: self.progress.working(what, done, len(crops)))

    def _find_checkpoint(self) -> tuple[Path, dict[str, Any]] | None:
        """The checkpoint to resume from, as `training.resume` says; only the main process looks."""
        if self.run is None:
            return None
        resume = self.config.training.resume
        path = self.run.last if resume in {"auto", "never"} else Path(resume)
        if resume == "auto" and not path.exists():
            return None
        content = None if resume == "never" else read_checkpoint(path)
        if content is not None and "training" not in content:
            raise InputError(f"--resume {path}: holds weights only. Resume from last.pth, or use --pretrained {path}.")
        if not path.resolve().is_relative_to(self.run.path.resolve()) or resume == "never":
            moved = self.run.set_aside()
            if moved is not None:
                self.note(f"the earlier run in {self.run.path} was moved to {moved}")
        return None if content is None else (path, content)

    def _resume(self, path: Path, content: Mapping[str, Any]) -> str:
        """Take over the state of a checkpoint.

        Raises:
            InputError: it is of another model, dataset or course; the message says what differs.
        """
        saved = content["training"]
        then, now = flatten(saved["config"]), flatten(self.config.model_dump(mode="json"))
        differences = [
            f"{name}: {saved['data'].get(name)} then, {value} now"
            for name, value in self.data.identity().items()
            if saved["data"].get(name) != value
        ]
        changed = {key: (then.get(key), value) for key, value in now.items() if then.get(key) != value}
        for key, (old, new) in list(changed.items()):
            if key.startswith(FIXED_KEYS):
                differences.append(f"{key}: {old} then, {new} now")
        if differences:
            raise InputError(
                f"cannot resume from {path}, it is of another run:\n  "
                + "\n  ".join(differences)
                + "\nTo start a new run choose another --name, or pass --resume never."
            )
        for key, (old, new) in changed.items():
            if not key.startswith(SILENT_KEYS):
                self.note(f"changed since the checkpoint: {key} {old} → {new}")
        self.learner.load_state(saved["learner"])
        self.position = Position(**saved["position"])
        self.resumed_epoch = self.position.epoch
        if self.run is not None:
            self.run.forget_after(self.position.epoch)
            self.run.write_history(self.position.history)
        within = f" and {self.position.step} steps" if self.position.step else ""
        return f"resumed from {path} after {self.position.epoch} epochs{within}"

    def _load_pretrained(self, model: OSNet, path: Path) -> str:
        report, source = load_pretrained(model, path)
        for line in report.lines():
            self.note(f"{path.name}: {line}")
        then, now = source.preprocess, self.config.model.input
        for name in ("mean", "std", "channel_order"):  # another size does no harm
            if getattr(then, name) != getattr(now, name):
                self.warn(f"{path} was trained with model.input.{name} {getattr(then, name)}, not {getattr(now, name)}")
        return f"{source.source} weights from {path}"

    def _announce(self, cached: int, workers: int) -> None:
        config, data, position = self.config, self.data, self.position
        held_out = "no validation"
        if data.query is not None and data.gallery is not None:
            held_out = f"{len(data.query):,} queries in {len(data.gallery):,} images, mAP by chance {self.chance:.1%}"
        precision = {None: "float32", torch.bfloat16: "bfloat16", torch.float16: "float16"}[self.learner.amp]
        processes = f", {self.ranks.world} processes" if self.ranks.several else ""
        model = self.learner.model
        sizes = [_work(model, config.model.input)]
        if self.half_epochs:
            sizes.append(f"{_work(model, half_size(config.model.input))} in the first {self.half_epochs} epochs")
        plan = RunPlan(
            folder=self.folder,
            start=self.start,
            model=f"{model.name}, {count_parameters(model):,} parameters, multiply-adds: {', '.join(sizes)}",
            data=(
                f"{len(data.train):,} images of {len(data.pids):,} identities"
                + (f", {cached / 2**20:.0f} MB in memory" if cached else ", decoded as needed"),
                held_out,
            ),
            hardware=f"{self.device}, {precision}{processes}, {workers} loader processes",
            steps=len(self._plan(position.epoch)),
            epochs=config.training.epochs,
            first_epoch=position.epoch,
            groups=tuple(self.learner.groups),
        )
        for line in (self.start, plan.model, *plan.data, plan.hardware):
            self.log.info(line)
        if self.run is not None:
            facts = {**self.info.versions, "dataset": str(data.train.root), "fingerprint": self.info.fingerprint}
            self.run.write_config(config, {**facts, "start": self.start})
            if config.training.tensorboard:
                self.board = _tensorboard(self.folder / "tensorboard", position.epoch)
        self.progress.started(plan)

    def _result(self) -> TrainResult:
        if self.board is not None:
            self.board.close()
        history = self.position.history
        return TrainResult(
            folder=self.folder,
            epochs=self.position.epoch,
            best=best_row(history),
            last=history[-1],
            seconds=time.perf_counter() - self.started,
            images_per_second=self.meter.overall_rate(),
            resumed_epoch=self.resumed_epoch,
            warnings=tuple(self.warnings),
        )

    def note(self, text: str) -> None:
        self.log.info(text)
        self.progress.note(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        self.log.warning(text)
        self.progress.warn(text)


@dataclass(frozen=True)
class Window:
    """Means of `FIGURES` over some steps of all processes, their speed, and what any process asks for."""

    figures: Row
    images_per_second: float
    wait: float
    stop: bool
    save: bool


class Meter:
    """Sums up `FIGURES` where they are computed and reads them rarely, because a GPU has to wait for that.

    Attributes:
        sums: over the epoch so far.
    """

    def __init__(self, batch_size: int, ranks: Ranks):
        self.batch_size, self.ranks = batch_size, ranks
        self.sums = self.read_until = self.at_start = torch.zeros(len(FIGURES) + 1)
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
        means = {name: value / max(steps, 1.0) for name, value in zip(FIGURES, values, strict=True)}
        return means, steps / self.ranks.world, stops > 0, saves > 0


@dataclass
class Stop:
    """Whether the user asked to stop."""

    requested: bool = False


@contextlib.contextmanager
def watch_signals() -> Iterator[Stop]:
    """The first Ctrl-C (or SIGTERM) asks to stop at the next good moment; a second one stops at once."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():  # only the main thread can handle signals
        yield stop
        return

    def handle(number: int, frame: object) -> None:
        if stop.requested:
            raise KeyboardInterrupt
        stop.requested = True

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _plain_errors(config: TrainConfig, device: torch.device, log: logging.Logger) -> Iterator[None]:
    """Log every error, and say in plain words what the known ones of PyTorch mean."""
    try:
        yield
    except Exception as error:
        log.exception("stopped")
        text = str(error)
        if isinstance(error, torch.OutOfMemoryError | MemoryError) or any(sign in text for sign in OUT_OF_MEMORY):
            raise RunError(
                f"out of memory on {device} with --batch-size {config.training.batch_size} at "
                f"{config.model.input.height}×{config.model.input.width}. Lower one of them, set --amp bf16, or "
                "lower data.cache_mb."
            ) from error
        if "DataLoader worker" in text and isinstance(error, RuntimeError):
            raise RunError(
                f"a loader process died ({text.splitlines()[0]}). Lower --workers, or free memory (in containers also "
                "shared memory: --shm-size)."
            ) from error
        raise


def _work(model: OSNet, size: Preprocess) -> str:
    return f"{count_macs(model, size.height, size.width) / 1e6:,.0f} M at {size.height}×{size.width}"


def default_name(config: TrainConfig) -> str:
    """Name of a run folder: the model and the dataset's folder."""
    root = config.data.root
    return config.model.name if root is None else f"{config.model.name}-{root.resolve().name}"


def flatten(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested mappings → dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _tensorboard(folder: Path, epoch: int) -> Any:
    """A TensorBoard writer, None where it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=epoch + 1)
