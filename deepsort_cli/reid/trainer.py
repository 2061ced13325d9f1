"""The one loop of a training, and what it needs to be stopped and continued at any moment.

No generator state is carried along: every draw comes from a seed derived from (seed, epoch, step). A checkpoint holds
what was learned and a position, and a run that is killed and started again computes on a CPU, to the last bit, what
it would have computed uninterrupted.
"""

from __future__ import annotations

import contextlib
import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from deepsort_cli.core.counted import counted
from deepsort_cli.core.events import Listener
from deepsort_cli.core.preprocess import Preprocess
from deepsort_cli.reid.announcement import plan_of
from deepsort_cli.reid.backbones import Backbone, NeckFeature, build_backbone, part_of
from deepsort_cli.reid.bundled import weights_file
from deepsort_cli.reid.carried import CarriedThreshold
from deepsort_cli.reid.certainty import Trial
from deepsort_cli.reid.checkpoint import CheckpointInfo, info_of, load_pretrained
from deepsort_cli.reid.crops import EpochBatches, TrainingImages, build_loader
from deepsort_cli.reid.distributed import Ranks
from deepsort_cli.reid.events import EpochDone, StartValidated, StepReport
from deepsort_cli.reid.interruption import Stop
from deepsort_cli.reid.keeper import Keeper, input_of
from deepsort_cli.reid.learner import Learner
from deepsort_cli.reid.loss_watch import check_loss, diverged
from deepsort_cli.reid.meter import Meter, Row
from deepsort_cli.reid.optim import lr_factor
from deepsort_cli.reid.resume import (
    Found,
    Position,
    compare_settings,
)
from deepsort_cli.reid.run_folder import RunFolder, versions
from deepsort_cli.reid.run_images import RunImages
from deepsort_cli.reid.sampler import plan_epoch, seed_of
from deepsort_cli.reid.schedule import (
    Schedule,
    StepTimer,
    held_validations,
    seconds_of,
    with_value,
)
from deepsort_cli.reid.settings import TrainConfig
from deepsort_cli.reid.train_data import TrainData
from deepsort_cli.reid.train_result import TrainResult
from deepsort_cli.reid.validation import COLLAPSE_ADVICE, best_row, has_collapsed, verdicts
from deepsort_cli.reid.validator import Validator

GPU_REPORT_EVERY = 10
"""Updates between two reports on a GPU, which has to wait for each; a CPU reports every one."""


class Trainer:
    """One run: built from its parts, then `run_epochs`."""

    def __init__(
        self,
        config: TrainConfig,
        data: TrainData,
        images: RunImages,
        device: torch.device,
        ranks: Ranks,
        folder: Path,
        run: RunFolder | None,
        log: logging.Logger,
        listener: Listener,
        found: Found | None = None,
        why_this_start: str = "",
        schedule: Schedule | None = None,
    ):
        self.started = time.perf_counter()
        self.config, self.data, self.images = config, data, images
        self.device, self.ranks = device, ranks
        self.folder, self.run, self.log, self.listener = folder, run, log, listener
        self.warnings: list[str] = []
        self.position = Position.start(config)
        self.resumed_epoch: int | None = None
        self.last_save = time.monotonic()
        self.board: Any = None
        # What the pretrained weights put out, where they have a threshold.
        self.start_feature: NeckFeature | None = None

        # The weights: of an interrupted run, else pretrained, else random.
        torch.manual_seed(seed_of(config.training.seed))
        settings = config.model
        model = build_backbone(
            settings.name,
            len(data.pids),
            settings.feature_dim,
            settings.neck,
            settings.neck_feature,
            config.loss.cosine_scale,
        )
        if found is None and settings.pretrained is not None:
            self.start = self._load_pretrained(model, settings.pretrained) + why_this_start
        self.learner = Learner(model, config, device, ranks)
        if found is not None:
            self.start = self._resume(found)
        elif settings.pretrained is None:
            self.start = f"random weights{why_this_start}"

        self.validator = Validator(data, images, config.training.images_per_step, device, ranks)
        self.batches = EpochBatches()
        self.loader = build_loader(
            TrainingImages(images.train, data.classes, config.augment),
            self.batches,
            images.workers(config, device.type),
            pin=device.type == "cuda",
            batch_size=config.training.images_per_step,
            note=self.note,
        )
        self.meter = Meter(config.training.images_per_step, ranks)
        self.timer = StepTimer()
        info = CheckpointInfo(
            name=model.name,
            num_classes=len(data.pids),
            feature_dim=model.feature_dim,
            neck=model.neck,
            preprocess=settings.input,
            pids=tuple(data.pids.tolist()),
            fingerprint=data.train.fingerprint,
            versions=versions(),
            neck_feature=model.neck_feature,
            start="random" if settings.pretrained is None else "pretrained",
            planned_epochs=config.training.length,
            finished=False,
            validation=self.validator.about(),
        )
        # Kept with the run: what it chose when it began.
        before = [] if found is None else found[1]["training"].get("chosen", [])
        self.keeper = Keeper(run, config, data, info, before if schedule is None else schedule.lines())
        self._announce(() if schedule is None else schedule.lines())

    def open_folder(self, best: dict[str, Any] | None, start: Path | None) -> None:
        """Write what a run has from its start.

        Args:
            best: content of best.pth, where the run goes on elsewhere than it began.
            start: where the weights lie by now that it began with.
        """
        self.start = self.start.replace(str(self.config.model.pretrained), str(start))
        self.config = self.keeper.config = with_value(self.config, "model.pretrained", start)
        if self.run is None:
            return
        self.keeper.write_config(self.start)
        if self.resumed_epoch is not None:
            self.run.forget_after(self.position.epoch)
            self.run.write_history(self.position.history)
        if best is not None:
            self.keeper.save_best(best["state_dict"], info_of(best, self.run.best))
        if self.config.training.tensorboard:
            self.board = _tensorboard(self.folder / "tensorboard", self.position.epoch)

    def heed(self, trial: Trial | None) -> None:
        """Take over what was found out before the run, if anything."""
        if trial is None:
            return
        self.position.trial = trial.saved()
        if trial.threshold is not None:
            self.position.threshold = trial.threshold

    def run_epochs(self, stop: Stop) -> TrainResult:
        """The training loop.

        Args:
            stop: looked at after every update.

        Raises:
            RunError: see `train`.
            KeyboardInterrupt: see `train`.
        """
        self.stop = stop
        settings = self.config.training
        if self.position.epoch >= settings.length:
            self.note(
                f"the run is done already, after {counted(self.position.epoch, 'epoch')}. Raise `training.epochs`, or "
                "choose another `training.name`."
            )
        elif self._begins and self.images.validation is not None:
            # Where the run starts from, to measure it by; and trouble with the validation images shows now, not later.
            row: Row = {"epoch": 0, "height": self._start_input.height, **self._validate(self._start_input)}
            self.position.history.append(row)
            self.position.found["start"] = self.validator.ap
            self.listener.happened(StartValidated(row, self.validator.chance))
            if not self.random_start:  # random weights are never worth keeping
                self.position.found["best"] = self.validator.ap
                self._keep_best(row)
        elif self._begins and self.position.trial is not None and not self.position.trial["gain"] > 0:
            row = {"epoch": 0, "height": self._start_input.height}
            self.position.history.append(row)
            self._keep_best(row)

        if 0 < self.position.epoch < settings.length:  # it may have been killed before they were drawn
            self.keeper.show(self.position, best_row(self.position.history, random_start=self.random_start))
        with contextlib.ExitStack() as stack:
            stack.enter_context(contextlib.closing(self.loader))
            if self.board is not None:
                stack.enter_context(contextlib.closing(self.board))
            stack.enter_context(self.keeper.drawing())
            for epoch in range(self.position.epoch, settings.length):
                self._run_epoch(epoch)
        self.keeper.seal()
        return self._result()

    def _run_epoch(self, epoch: int) -> None:
        settings, scheduler = self.config.training, self.config.scheduler
        epoch_started = time.perf_counter()
        if self.learner.start_epoch(epoch):
            self.note(f"epoch {epoch + 1}: all layers are trained from now on")
        plan = self._plan(epoch)
        half = self.position.is_half(epoch)
        if epoch and self.position.is_half(epoch - 1) and not half:
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
            course = self.position.course
            lr = self.config.optimizer.highest_lr * lr_factor(scheduler, epoch + step / len(plan), course)
            torch.manual_seed(seed_of(settings.seed, epoch, step))
            self.meter.add(self.learner.step(images, classes, lr, share=1 / batches, update=update))
            if update and self._time_to_look_up(step):
                self._look_up(epoch, step + 1, len(plan), lr)
        self._finish_epoch(epoch, len(plan), lr, epoch_started)

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
        self.listener.happened(StepReport(epoch + 1, step, steps, window.figures, lr, rate, wait))
        self._forecast(epoch, step, steps, rate)
        if step < steps and (window.stop or window.save):
            self.position.step, self.position.sums = step, self.meter.sums.cpu()
            self._check_weights(step)
            self.keeper.save_within(self.learner, self.position)
            self.last_save = time.monotonic()
            if window.stop:
                self.log.info("interrupted in epoch %d after step %d", epoch + 1, step)
                raise KeyboardInterrupt

    def _forecast(self, epoch: int, step: int, steps: int, rate: float) -> None:
        """Say once how long the rest of the run takes."""
        settings, half = self.config.training, self.position.half
        coming = range(epoch, settings.length)
        halved = max(min(half, settings.length) - epoch, 0) * steps
        if halved:
            halved -= step
        validations = held_validations(coming, settings.validation_interval, settings.length) * self.validator.seconds
        seconds = seconds_of(rate, settings.images_per_step)
        to_go = len(coming) * steps - step
        said = self.timer.forecast(seconds, to_go, halved, self.position.is_half(epoch), validations)
        if said:
            self.note(said)

    def _finish_epoch(self, epoch: int, steps: int, lr: float, started: float) -> None:
        """Validate, keep the best, save, tell."""
        settings = self.config.training
        whole = self.meter.read_epoch(stop=self.stop.requested)
        self._check_loss(whole.figures["loss"], epoch, steps)
        row: Row = {"epoch": epoch + 1, "height": self._input(epoch).height, "steps": steps, "lr": lr, **whole.figures}
        if (epoch + 1) % settings.validation_interval == 0 or epoch + 1 == settings.length:
            row |= self._validate(self._input(epoch))
        history = [*self.position.history, row]
        best = best_row(history, random_start=self.random_start)
        zeros = torch.zeros_like(self.position.sums)
        self.position = replace(self.position, epoch=epoch + 1, step=0, sums=zeros, history=history)
        if best is row and "mAP" in row:
            self.position.found["best"] = self.validator.ap
        # In this order: killed between any two of these, the run repeats the epoch and writes the same again.
        if best is row:
            self._keep_best(row)
        self._check_weights(steps)
        self.keeper.save(self.learner, self.keeper.info_after(row, self.position), self.position)
        self.last_save = time.monotonic()
        self.keeper.finish_epoch(self.position, best)
        seconds = time.perf_counter() - started
        figures = ", ".join(f"{name} {value:.4g}" for name, value in row.items() if name != "epoch")
        self.log.info("epoch %d: %s; %.1f s, %.0f images/s", epoch + 1, figures, seconds, whole.images_per_second)
        self.listener.happened(EpochDone(row, best, seconds))
        if self.board is not None:
            for name, value in row.items():
                self.board.add_scalar(name, value, epoch + 1)
            self.board.add_scalar("images_per_second", whole.images_per_second, epoch + 1)
            self.board.flush()
        chance = self.validator.chance
        if chance is not None and has_collapsed(history, self.config.loss, chance.mAP):
            self.warn(COLLAPSE_ADVICE.format(triplet=row["triplet"], mAP=100 * row["mAP"]))
        if whole.stop and epoch + 1 < settings.length:
            self.log.info("interrupted after epoch %d", epoch + 1)
            raise KeyboardInterrupt

    @property
    def _begins(self) -> bool:
        return not self.position.history and self.position.step == 0

    @property
    def random_start(self) -> bool:
        return self.config.model.pretrained is None

    def _input(self, epoch: int) -> Preprocess:
        return input_of(self.config, self.position, epoch)

    @property
    def _start_input(self) -> Preprocess:
        """What the model expects before any epoch: trained weights know the full size, whatever epochs see first."""
        return self._input(0) if self.random_start else self.config.model.input

    def _validate(self, size: Preprocess) -> Row:
        model = self.learner.inference_model
        row = self.validator.measure(model, size, self.position.found, self.listener)
        known, of_start = self.position.threshold, None
        if not known.same_feature and known.share is None and self.start_feature is not None:
            of_start = self.validator.features_as(self.start_feature, model, size, self.listener)
        self.position.threshold = known.after(self.validator.features, self.validator.held_out, of_start)
        return row

    def _keep_best(self, row: Row) -> None:
        state = self.learner.inference_model.state_dict()
        self.keeper.save_best(state, self.keeper.info_after(row, self.position))

    def _check_loss(self, loss: float, epoch: int, step: int) -> None:
        if self.position.first_loss is None:
            self.position.first_loss = loss
        check_loss(loss, self.position.first_loss, **self._where(epoch + 1, step))

    def _check_weights(self, step: int) -> None:
        if self.run is not None and not self.learner.is_finite():
            raise diverged("weights are no longer finite numbers", **self._where(self.position.epoch, step))

    def _where(self, epoch: int, step: int) -> dict[str, Any]:
        """Where a training is that fails."""
        last = None if self.run is None else self.run.last
        return {"rate": self.config.optimizer.highest_lr, "epoch": epoch, "step": step, "last": last}

    def _plan(self, epoch: int) -> Any:
        settings = self.config.training
        identities, instances = settings.identities, settings.images_per_identity
        return plan_epoch(self.data.classes, identities, instances, seed=settings.seed, epoch=epoch)

    def _resume(self, found: Found) -> str:
        """Take over the state of a checkpoint.

        Raises:
            InputError: see `compare_settings`.
        """
        path, content = found
        saved = content["training"]
        changed = compare_settings(found, self.config, self.data)
        for key, (old, new) in changed.items():
            self.note(f"changed since the checkpoint: {key} {old} → {new}")
        self.learner.load_state(saved["learner"])
        self.position = Position.read(saved)
        if changed.keys() & {"training.epochs", "training.half_size"}:
            self.position.replan(self.config, self.note)
        self.position.resumes = [*self.position.resumes, self.position.epoch]
        self.resumed_epoch = self.position.epoch
        within = f" and {counted(self.position.step, 'step')}" if self.position.step else ""
        return f"resumed from {path} after {counted(self.position.epoch, 'epoch')}{within}"

    def _load_pretrained(self, model: Backbone, path: Path) -> str:
        report, source = load_pretrained(model, weights_file(path))
        for line in report.lines():
            self.note(f"{path.name}: {line}")
        then, now = source.preprocess, self.config.model.input
        for name in ("mean", "std", "channel_order"):  # another size does no harm
            if getattr(then, name) != getattr(now, name):
                self.warn(f"{path} was trained with model.input.{name} {getattr(then, name)}, not {getattr(now, name)}")
        fresh = {part_of(key) for key in report.left_out}
        if source.is_within(model, fresh):
            threshold = source.metrics.get("threshold")
            self.position.threshold = CarriedThreshold(threshold, same_feature=source.embeds_like(model))
            self.start_feature = source.output
        if not path.is_file():
            return f"the bundled weights of {path}"
        return f"{source.source} weights from {path}"

    def _announce(self, schedule: tuple[str, ...]) -> None:
        config, data, position = self.config, self.data, self.position
        plan = plan_of(
            config,
            data,
            self.learner,
            position,
            folder=self.folder,
            start=self.start,
            chance=self.validator.chance,
            cached=self.images.cached,
            workers=self.loader.workers,
            steps=len(self._plan(position.epoch)),
            schedule=schedule,
        )
        for line in (self.start, plan.model, *plan.data, plan.hardware, *schedule):
            self.log.info(line)
        self.listener.happened(plan)

    def _result(self) -> TrainResult:
        history = self.position.history
        best = best_row(history, random_start=self.random_start)
        people, chance = self.validator.held_out, self.validator.chance
        certainty = self.validator.certainty(self.position.found)
        gain = None if certainty is None or certainty.difference is None else certainty.difference.interval
        trial = None if self.position.trial is None else Trial.of(self.position.trial)
        judged = verdicts(history, best, chance, random_start=self.random_start, people=people, gain=gain, trial=trial)
        for verdict in judged:
            self.warn(verdict)
        return TrainResult(
            folder=self.folder,
            epochs=self.position.epoch,
            best=best,
            last=history[-1],
            start=next((row for row in history if row["epoch"] == 0), None),
            chance=chance,
            certainty=certainty,
            trial=trial,
            held_out=people,
            identities=len(self.data.pids),
            seconds=time.perf_counter() - self.started,
            images_per_second=self.meter.overall_rate(),
            resumed_epoch=self.resumed_epoch,
            warnings=tuple(self.warnings),
        )

    def note(self, text: str) -> None:
        self.log.info(text)
        self.listener.note(text)

    def warn(self, text: str) -> None:
        self.warnings.append(text)
        self.log.warning(text)
        self.listener.warn(text)


def _tensorboard(folder: Path, epoch: int) -> Any:
    """A TensorBoard writer, None where it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=epoch + 1)
