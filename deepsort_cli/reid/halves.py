"""Whether training helps at all, where there are too few people to hold some out: each half is learned from in turn,
and the other half looked for (2-fold cross-validation over people)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener
from deepsort_cli.core.types import FloatArray
from deepsort_cli.data.splits import halves
from deepsort_cli.reid.carried import CarriedThreshold, mean_of
from deepsort_cli.reid.certainty import People, Trial
from deepsort_cli.reid.events import StepReport
from deepsort_cli.reid.schedule import apply_schedule, choose_schedule, facts_of, with_value
from deepsort_cli.reid.settings import TrainConfig, rate_for_people
from deepsort_cli.reid.train_data import TrainData, fit_batches

TRIAL = "each half of the people is learned from, and the other half looked for"


@dataclass(frozen=True)
class Learned:
    """A run that is over: the (Q,) average precisions of its queries at the start and at the end, and its threshold."""

    start: FloatArray
    end: FloatArray
    threshold: CarriedThreshold = field(default_factory=CarriedThreshold)


class _Progress(Listener):
    """Hands on how far the trial is, and nothing else: its epochs are not the run's."""

    def __init__(self, listener: Listener, part: int, steps: int):
        self.listener, self.part, self.steps = listener, part, steps
        self.done = 0

    def happened(self, event: object) -> None:
        if isinstance(event, StepReport):
            self.done += 1
            self.listener.progress("trying it on halves", self.part * self.steps + self.done, 2 * self.steps)


def try_halves(
    config: TrainConfig,
    data: TrainData,
    learn: Callable[[TrainConfig, TrainData, Listener], Learned],
    listener: Listener,
    full_rate: float | None = None,
) -> Trial | None:
    """Learn from each half of the people, and look for the other; None where there are too few people even for that.

    Args:
        config: settings as the user left them, with the start chosen: what is open is chosen for half the people.
        learn: trains, and writes nothing.
        full_rate: see `training.train`.
    """
    start: list[FloatArray] = []
    end: list[FloatArray] = []
    thresholds: list[CarriedThreshold] = []
    pids = []
    for part, (train, query, gallery) in enumerate(halves(data.train, config.training.seed)):
        people, classes = np.unique(train.pids, return_inverse=True)
        half = TrainData(train, classes.astype(np.int64), people, query, gallery)
        try:
            training, _ = fit_batches(half, config.training.model_copy(update={"batch_size": None, "eval_every": None}))
        except InputError:  # half of the people have no such batches
            return None
        chosen = config.model_copy(update={"training": training})
        if full_rate is not None:
            chosen = with_value(chosen, "optimizer.lr", rate_for_people(full_rate, len(people)))
        facts = facts_of(chosen, half)
        chosen = apply_schedule(chosen, choose_schedule(chosen, facts))
        chosen = with_value(chosen, "training.eval_every", chosen.training.length)  # start and end are compared
        steps = chosen.training.length * facts.steps_per_epoch
        done = learn(chosen.resolved(), half, _Progress(listener, part, steps))
        start.append(done.start)
        end.append(done.end)
        thresholds.append(done.threshold)
        pids.append(query.pids)
    if not pids:
        return None
    people_found = People(np.concatenate(pids))
    before, after = np.concatenate(start), np.concatenate(end)
    gained = people_found.difference(after, before)
    if gained is None:
        return None
    return Trial(people_found.count(after - before), gained.interval, mean_of(thresholds))
