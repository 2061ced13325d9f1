"""Training a Re-ID model: from settings to a finished run."""

from __future__ import annotations

import contextlib
import logging

import numpy as np

from deepsort_cli.core.events import Listener
from deepsort_cli.data.splits import ENOUGH_TO_HOLD_OUT, why_no_halves
from deepsort_cli.reid.certainty import Trial
from deepsort_cli.reid.distributed import Ranks, choose_device, from_main, main_first, process_group
from deepsort_cli.reid.halves import TRIAL, Learned, try_halves
from deepsort_cli.reid.interruption import Stop, plain_errors, watch_signals
from deepsort_cli.reid.lookalikes import about, find_lookalikes
from deepsort_cli.reid.program_state import kept_for_caller
from deepsort_cli.reid.resume import find_best, find_checkpoint, keep_start, make_room, tries_halves
from deepsort_cli.reid.run_folder import open_log, open_run
from deepsort_cli.reid.run_images import load_images
from deepsort_cli.reid.schedule import apply_schedule, choose_schedule, choose_start, facts_of, with_value
from deepsort_cli.reid.settings import TrainConfig
from deepsort_cli.reid.train_data import TrainData, fit_batches, load_data
from deepsort_cli.reid.train_result import TrainResult
from deepsort_cli.reid.trainer import Trainer

ENOUGH_FOR_RANDOM_WEIGHTS = 100
"""Fewest people for whom a start from random weights goes without a warning."""

NO_LOG = logging.Logger("deepsort.trial")
NO_LOG.addHandler(logging.NullHandler())


@kept_for_caller()
def train(config: TrainConfig, listener: Listener | None = None, full_rate: float | None = None) -> TrainResult:
    """Train, or continue training, a Re-ID model (recipe: Luo et al. 2019).

    Under torchrun every process calls this; they share the work, and the one of rank 0 reports and writes.

    Args:
        full_rate: the learning rate of many people where that of `config` was chosen for so few as there are: a trial
            on halves of them takes the share of it that halves allow. None: `config` has the user's own rate, or none.

    Raises:
        InputError: something in `config`, or in the data it names, cannot be used.
        RunError: the loss diverged, memory ran out, or a file could not be written.
        KeyboardInterrupt: interrupted; the state was saved.
    """
    ranks = Ranks.from_environment()
    listener = listener if listener is not None and ranks.main else Listener()
    device = choose_device(config.training.device, ranks)
    with contextlib.ExitStack() as stack:
        stack.enter_context(process_group(ranks, device))
        with main_first(ranks):
            folder = config.training.output_dir / (config.training.name or default_name(config))
            halves = not ranks.several and tries_halves(config, folder)
            data = load_data(config.data, config.training.seed, listener, halves=halves)
        given = config.training
        training, remarks = fit_batches(data, given, ranks.world)
        config = config.model_copy(update={"training": training})
        run = stack.enter_context(open_run(folder)) if ranks.main else None
        log = stack.enter_context(open_log(run))
        with plain_errors(config, device, log):

            def note(text: str) -> None:
                log.info(text)
                listener.note(text)

            found = from_main(None if run is None else find_checkpoint(run, config.training.resume), ranks)
            why, schedule, best = "", None, None
            if found is not None:
                config = keep_start(config, found, remarks.append)
                if run is not None and (found[0] != run.last or not run.best.exists()):
                    best = find_best(found, random_start=config.model.pretrained is None)
            else:
                config, why = choose_start(config)
                unfitted = config.model_copy(update={"training": given})
                schedule = choose_schedule(config, facts_of(config, data))
                config = apply_schedule(config, schedule)
            config = config.resolved()
            images = load_images(data, config, listener)
            trainer = Trainer(config, data, images, device, ranks, folder, run, log, listener, found, why, schedule)
            if found is None and config.model.pretrained is None and len(data.pids) < ENOUGH_FOR_RANDOM_WEIGHTS:
                remarks.append(
                    f"{len(data.pids)} people are too few to learn from random weights, which takes hundreds. Start "
                    "from trained weights: `model.pretrained` (a file, or a bundled model's name), or "
                    "`deepsort finetune`"
                )
            if found is None and config.model.pretrained is not None and ranks.main:
                pairs = find_lookalikes(data.parts, trainer.learner.model, config.model.input, device)
                remarks += [about(pairs)] if pairs else []
            for remark in (*data.warnings, *remarks):
                trainer.warn(remark)
            if run is not None:  # nothing can be refused any more
                start = make_room(run, config, found, note).model.pretrained
                trainer.open_folder(best, start)
            with watch_signals() as stop:
                if found is None and halves and _worth_a_trial(config, data):
                    open_settings = with_value(unfitted, "model.pretrained", trainer.config.model.pretrained)
                    trial = _try(open_settings, data, trainer, stop, full_rate)
                    trainer.heed(trial)
                return trainer.run_epochs(stop)


def _worth_a_trial(config: TrainConfig, data: TrainData) -> bool:
    """Whether a run should find out first whether it helps: from so few people that it may not."""
    return data.query is None and len(data.pids) < ENOUGH_TO_HOLD_OUT and config.data.val_ratio is None


def _try(config: TrainConfig, data: TrainData, trainer: Trainer, stop: Stop, full_rate: float | None) -> Trial | None:
    """Find out whether a run helps, and say so, or why it cannot be told.

    Args:
        config: as the user left it, with the start chosen.
        trainer: of the run.
        full_rate: see `train`.
    """

    def learn(config: TrainConfig, data: TrainData, listener: Listener) -> Learned:
        images = load_images(data, config, Listener())
        part = Trainer(config, data, images, trainer.device, trainer.ranks, trainer.folder, None, NO_LOG, listener)
        part.run_epochs(stop)
        found = part.position.found
        return Learned(np.array(found["start"]), np.array(part.validator.ap), part.position.threshold)

    why_not = why_no_halves(data.train)
    if why_not:
        trainer.note(f"whether it helps cannot be tried on halves of the people: {why_not}")
        return None
    trainer.note(f"first, whether it helps: {TRIAL}. That takes about as long as the training itself")
    trial = try_halves(config, data, learn, trainer.listener, full_rate)
    trainer.note("it cannot be tried: half of the people make no batches" if trial is None else trial.words())
    return trial


def default_name(config: TrainConfig) -> str:
    """Name of a run folder: the model and the dataset's folder."""
    root = config.data.root
    return config.model.name if root is None else f"{config.model.name}-{root.resolve().name}"
