"""What a training chooses for the data at hand, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

from deepsort_cli.data.manifest import Manifest
from deepsort_cli.reid.schedule import (
    Facts,
    Schedule,
    StepTimer,
    apply_schedule,
    choose_schedule,
    duration,
    facts_of,
    held_validations,
    keep_schedule,
)
from deepsort_cli.reid.settings import TrainConfig
from deepsort_cli.reid.train_data import TrainData, fit_batches


class Cameras:
    """As much of a manifest as is asked for."""

    def __init__(self, camids: list[int]):
        self.camids = np.array(camids)
        self.has_cameras = True
        self.root = "people"


def data_of(people: int, images: int, cameras: int = 2) -> TrainData:
    manifest: Any = Cameras(list(range(cameras)))
    train: Manifest = manifest
    return TrainData(train, np.repeat(np.arange(people), images), np.arange(people), None, None)


def chosen(people: int, images: int, **settings: Any) -> tuple[TrainConfig, Schedule]:
    data = data_of(people, images)
    config = TrainConfig.model_validate(settings)
    training, _ = fit_batches(data, config.training)
    config = config.model_copy(update={"training": training})
    schedule = choose_schedule(config, facts_of(config, data))
    return apply_schedule(config, schedule), schedule


@pytest.mark.parametrize(
    ("people", "images", "epochs", "steps", "rate"),
    [
        (35, 10, 30, 120, 0.01),  # 70 groups of four, 4 batches of 16 people
        (200, 8, 30, 720, 0.01),
        (9, 8, 60, 120, 0.00066),
        (12, 120, 7, 210, 0.0012),  # tracks of a video: not 30 epochs of 30 steps
        (2, 4, 120, 120, 0.000033),
    ],
)
def test_few_people_take_more_epochs_and_a_lower_rate(
    people: int, images: int, epochs: int, steps: int, rate: float
) -> None:
    config, schedule = chosen(people, images)
    assert config.training.epochs == epochs
    assert schedule.summary == (
        f"{people} people with {images} pictures each (2 cameras): about {steps} steps from the bundled weights"
    )
    assert config.optimizer.lr == rate
    assert any(f"{people} people would make the network forget" in line for line in schedule.lines()) == (rate < 0.01)
    assert config.scheduler.warmup_epochs == epochs / 10
    assert any("repeat themselves" in line for line in schedule.lines()) == (epochs < 30)
    assert any(f"rises over about {steps // 10} steps" in line for line in schedule.lines())


def test_a_long_run_does_not_warm_up_for_ever() -> None:
    facts = Facts(people=40_000, pictures=8, cameras=0, trained=True, weights="trained weights", steps_per_epoch=5000)
    config = apply_schedule(TrainConfig(), choose_schedule(TrainConfig(), facts))
    assert config.scheduler.warmup_epochs == pytest.approx(300 / 5000)


def test_random_weights_keep_their_course() -> None:
    config, schedule = chosen(300, 8, model={"pretrained": None})
    assert (config.training.epochs, config.scheduler.warmup_epochs, config.optimizer.lr) == (120, None, 0.1)
    assert schedule.summary.endswith("from random weights")


def test_few_people_are_not_asked_which_epoch_is_best() -> None:
    facts = Facts(35, 10, cameras=2, trained=True, weights="trained weights", steps_per_epoch=4, held_out=5)
    config = apply_schedule(TrainConfig(), choose_schedule(TrainConfig(), facts))
    assert (config.training.eval_every, config.training.validation_interval) == (30, 30)
    for changed in (replace(facts, held_out=20), replace(facts, held_out=0), replace(facts, trained=False)):
        assert apply_schedule(TrainConfig(), choose_schedule(TrainConfig(), changed)).training.eval_every is None
    given = TrainConfig.model_validate({"training": {"eval_every": 2}})
    assert apply_schedule(given, choose_schedule(given, facts)).training.eval_every == 2


def test_what_is_set_wins() -> None:
    config, schedule = chosen(35, 10, training={"epochs": 7}, optimizer={"lr": 0.002}, scheduler={"warmup_epochs": 2})
    assert schedule.choices == ()
    assert (config.training.epochs, config.optimizer.lr, config.scheduler.warmup_epochs) == (7, 0.002, 2)
    assert ": about 28 steps from" in schedule.summary


def test_people_with_few_pictures_make_smaller_groups() -> None:
    config, schedule = chosen(35, 3)
    assert (config.training.instances, config.training.identities) == (3, 21)
    assert any("3 images of a person in a batch: nobody has 4" in line for line in schedule.lines())
    assert chosen(35, 4)[0].training.instances == 4


def test_a_run_that_goes_on_keeps_what_was_chosen() -> None:
    saved = {"training": {"epochs": 60}, "scheduler": {"warmup_epochs": 6.0}, "optimizer": {"lr": 0.0004}}
    kept = keep_schedule(TrainConfig(), saved)
    assert (kept.training.epochs, kept.scheduler.warmup_epochs, kept.optimizer.lr) == (60, 6.0, 0.0004)
    longer = keep_schedule(TrainConfig.model_validate({"training": {"epochs": 80}}), saved)
    assert (longer.training.epochs, longer.scheduler.warmup_epochs) == (80, 6.0)


def test_the_time_to_go_is_said_once_when_it_is_known() -> None:
    timer = StepTimer()
    said = [timer.forecast(seconds, 100, 0, False, 60.0) for seconds in (9.0, 1.0, 2.0, 3.0, 2.0)]
    assert said == ["", "", "", "about 4 minutes to go on this machine: 100 steps, 2 s each now", ""]
    halves = StepTimer()  # 80 steps at half size, then 20 that take four times as long
    assert [halves.forecast(1.0, 100, 80, True, 0.0) for _ in range(4)][-1].startswith("about 3 minutes")
    assert [StepTimer().forecast(0.01, 100, 0, False, 0.0) for _ in range(4)] == [""] * 4
    assert duration(59.0) == "1 minute"
    assert duration(3600.0 * 5) == "5.0 hours"
    assert held_validations(range(3, 12), every=5, last=12) == 3  # after epochs 5, 10 and 12
