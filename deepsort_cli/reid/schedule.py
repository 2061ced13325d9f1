"""What a training does with the data at hand: chosen from a few facts, each choice with its reason in words.

What counts is how often the weights are updated: few people make short epochs, so lengths are thought of in steps and
written down in epochs. What the user sets is never touched.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from deepsort_cli.core.counted import counted
from deepsort_cli.reid.bundled import has_bundled_weights
from deepsort_cli.reid.sampler import plan_epoch
from deepsort_cli.reid.settings import (
    AUTO,
    EPOCHS,
    FEW_HELD_OUT,
    FEWEST_STEPS,
    INSTANCES,
    LEARNING_RATES,
    TRAINED_EPOCHS,
    TrainConfig,
    rate_for_people,
    share_for_people,
)
from deepsort_cli.reid.train_data import TrainData

LONGEST_WARMUP = 300
"""Steps after which trained weights are used to the new classifier, however long the run is; not measured."""

STEPS_PER_PERSON = 16
"""Most updates for each person: a track of a video holds hundreds of pictures, yet little to learn; not measured."""

KEPT = ("training.epochs", "training.eval_every", "scheduler.warmup_epochs", "optimizer.lr")
"""Keys that a run keeps when it is continued and nothing else is asked for."""


@dataclass(frozen=True)
class Facts:
    """What the choices hang on.

    Attributes:
        people: to learn from.
        pictures: median number of pictures of a person.
        cameras: that took them, 0 where nobody knows.
        trained: whether the run starts from trained weights.
        weights: those, for people.
        steps_per_epoch: roughly: it varies by a few with the draw.
        held_out: people to validate on.
    """

    people: int
    pictures: float
    cameras: int
    trained: bool
    weights: str
    steps_per_epoch: int
    held_out: int = 0


@dataclass(frozen=True)
class Choice:
    """A setting left open, what was chosen, and why.

    Attributes:
        key: dotted key of the setting.
        value: chosen; None leaves it to what the setting says of null.
        words: value and reason, for people.
    """

    key: str
    value: Any
    words: str


@dataclass(frozen=True)
class Schedule:
    """All that was chosen for a run.

    Attributes:
        summary: one line on the whole: people, steps, start.
        choices: in the order they are told in.
    """

    summary: str
    choices: tuple[Choice, ...]

    def lines(self) -> tuple[str, ...]:
        """In words, the summary first."""
        return (self.summary, *(choice.words for choice in self.choices))


def facts_of(config: TrainConfig, data: TrainData) -> Facts:
    """The facts about a run whose batch size is chosen already."""
    training, start = config.training, config.model.start
    is_bundled = start is not None and not start.is_file() and has_bundled_weights(start.name)
    plan = plan_epoch(data.classes, training.identities, training.images_per_identity, seed=training.seed, epoch=0)
    return Facts(
        people=len(data.pids),
        pictures=float(np.median(np.bincount(data.classes))),
        cameras=len(np.unique(data.train.camids)) if data.train.has_cameras else 0,
        trained=start is not None,
        weights="random weights" if start is None else "the bundled weights" if is_bundled else "trained weights",
        steps_per_epoch=max(len(plan), 1),
        held_out=0 if data.query is None else len(np.unique(data.query.pids)),
    )


def choose_schedule(config: TrainConfig, facts: Facts) -> Schedule:
    """Choose what `config` leaves open: length, warm-up, learning rate, batches. A pure function of its arguments."""
    training = config.training
    choices = []
    if training.epochs is None:
        choices.append(_length(facts))
    epochs = training.epochs or choices[0].value
    steps = epochs * facts.steps_per_epoch
    if config.scheduler.warmup_epochs is None and facts.trained:
        choices.append(_warmup(facts, epochs))
    if config.optimizer.lr is None:
        choices.append(_rate(config, facts))
    if training.eval_every is None and facts.trained and 0 < facts.held_out < FEW_HELD_OUT:
        choices.append(_validations(facts, epochs))
    if training.images_per_identity < INSTANCES:
        words = f"{training.images_per_identity} images of a person in a batch: nobody has {INSTANCES}"
        choices.append(Choice("training.instances", training.images_per_identity, words))
    by = f"{facts.cameras} cameras" if facts.cameras > 1 else "one camera" if facts.cameras else "unknown cameras"
    return Schedule(
        f"{facts.people:,} people with {facts.pictures:g} pictures each ({by}): about {counted(steps, 'step')} "
        f"from {facts.weights}",
        tuple(choices),
    )


def _length(facts: Facts) -> Choice:
    per_epoch = f"of about {counted(facts.steps_per_epoch, 'step')}"
    if not facts.trained:
        return Choice("training.epochs", EPOCHS, f"{EPOCHS} epochs {per_epoch}: from random weights")
    needed = math.ceil(FEWEST_STEPS / facts.steps_per_epoch)
    most = math.ceil(max(STEPS_PER_PERSON * facts.people, FEWEST_STEPS) / facts.steps_per_epoch)
    epochs = min(max(TRAINED_EPOCHS, needed), EPOCHS, most)
    if epochs == most < TRAINED_EPOCHS:
        why = f"so many pictures of {counted(facts.people, 'person', 'people')} repeat themselves"
    elif needed > EPOCHS:
        why = "the most there are; more passes over so few people only learn them by heart"
    elif needed > TRAINED_EPOCHS:
        why = f"epochs of so few people are short, and {FEWEST_STEPS} steps are the fewest"
    else:
        why = "trained weights need no more"
    return Choice("training.epochs", epochs, f"{counted(epochs, 'epoch')} {per_epoch}: {why}")


def _warmup(facts: Facts, epochs: int) -> Choice:
    longest = LONGEST_WARMUP / facts.steps_per_epoch
    warmup = min(epochs / 10, longest)
    steps = round(warmup * facts.steps_per_epoch)
    why = "enough for a new classifier" if warmup == longest else "a tenth of them"
    words = f"learning rate rises over about {steps:,} steps: {why}" if steps > 1 else "hardly a warm-up: few steps"
    return Choice("scheduler.warmup_epochs", warmup, words)


def _rate(config: TrainConfig, facts: Facts) -> Choice:
    name = config.optimizer.name
    rate, why = LEARNING_RATES[name][facts.trained], "random weights have far to go"
    if facts.trained:
        rate = rate_for_people(rate, facts.people)
        why = "trained weights are only adapted"
        if share_for_people(facts.people) < 1:
            why = f"faster, {counted(facts.people, 'person', 'people')} would make the network forget all others"
    return Choice("optimizer.lr", rate, f"learning rate {rate:g} at most ({name}): {why}")


def _validations(facts: Facts, epochs: int) -> Choice:
    people = counted(facts.held_out, "person", "people")
    words = f"validated at the start and at the end alone: {people} cannot tell one epoch from another"
    return Choice("training.eval_every", epochs, words)


def apply_schedule(config: TrainConfig, schedule: Schedule) -> TrainConfig:
    """The settings with what was chosen."""
    for choice in schedule.choices:
        config = with_value(config, choice.key, choice.value)
    return config


def keep_schedule(config: TrainConfig, saved: Mapping[str, Any]) -> TrainConfig:
    """The settings of a run that goes on: where they leave something open, what the checkpoint's settings say."""
    for key in KEPT:
        section, name = key.split(".")
        if getattr(getattr(config, section), name) is None:
            config = with_value(config, key, saved[section].get(name))
    return config


def with_value(config: TrainConfig, key: str, value: Any) -> TrainConfig:
    """The settings with another value of a dotted key."""
    section, name = key.split(".")
    changed = getattr(config, section).model_copy(update={name: value})
    return config.model_copy(update={section: changed})


def choose_start(config: TrainConfig) -> tuple[TrainConfig, str]:
    """The settings with the choice made that `auto` leaves, and why it was made, to follow the name of the start."""
    if config.model.pretrained != AUTO:
        return config, ""
    model = config.model
    chosen = with_value(config, "model.pretrained", model.start)
    if model.start is not None:
        return chosen, ", which fit this network (`model.pretrained`=none begins with random ones)"
    if has_bundled_weights(model.name):
        return chosen, f": the bundled weights of {model.name} are for another normalisation or channel order"
    return (
        chosen,
        f": no trained ones of {model.name} come with the package; this takes hundreds of people and hours",
    )


class StepTimer:
    """How long a run will take, from its first steps after the very first, which set things up.

    Attributes:
        told: whether it has answered.
    """

    READINGS = 3
    WORTH_SAYING = 30
    """Seconds below which nobody needs to be told."""

    def __init__(self) -> None:
        self.readings: list[float] = []
        self.told = False

    def forecast(self, seconds_per_step: float, steps: int, halved: int, is_half: bool, validations: float) -> str:
        """What to say now: once, where enough was read; empty otherwise.

        Args:
            seconds_per_step: as read now.
            steps: still to go, of which `halved` are at half size, which takes about a quarter of the time.
            is_half: whether the steps read are.
            validations: seconds that the validations to come take.
        """
        if self.told:
            return ""
        self.readings.append(seconds_per_step)
        if len(self.readings) <= self.READINGS:
            return ""
        self.told = True
        step = float(np.median(self.readings[1:]))
        whole = 4 * step if is_half else step
        seconds = whole * (steps - halved) + whole / 4 * halved + validations
        if seconds < self.WORTH_SAYING:
            return ""
        return f"about {duration(seconds)} to go on this machine: {steps:,} steps, {step:.2g} s each now"


def duration(seconds: float) -> str:
    """Roughly, in words."""
    minutes = max(round(seconds / 60), 1)
    if minutes < 100:
        return f"{minutes} minute{'' if minutes == 1 else 's'}"
    return f"{seconds / 3600:.1f} hours"


def seconds_of(images_per_second: float, batch: int) -> float:
    """Of one step."""
    return batch / max(images_per_second, 1e-9)


def held_validations(epochs: Sequence[int], every: int, last: int) -> int:
    """How many of these epochs (from 0) end with a validation."""
    return sum((epoch + 1) % every == 0 or epoch + 1 == last for epoch in epochs)
