"""What the settings of training mean where nothing is given. Needs no PyTorch."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from deepsort_cli.reid.settings import FinetuneConfig, TrainConfig, TrainingSettings


@pytest.mark.parametrize(
    ("given", "lr", "half_size"),
    [
        ({}, 0.01, 0),  # the bundled weights
        ({"model": {"pretrained": "none"}}, 0.1, 0.8),
        ({"model": {"name": "osnet_x1_0"}}, 0.1, 0.8),  # there are none for it
        ({"model": {"pretrained": None}, "optimizer": {"name": "adamw"}}, 0.003, 0.8),
        ({"model": {"pretrained": "public.pth"}}, 0.01, 0),
        ({"model": {"pretrained": "public.pth"}, "optimizer": {"name": "adam"}}, 3.5e-4, 0),
        ({"model": {"pretrained": None, "input": {"height": 64, "width": 31}}}, 0.1, 0),  # half is too small
        (
            {"model": {"pretrained": "public.pth"}, "optimizer": {"lr": 0.5}, "training": {"half_size": 0.25}},
            0.5,
            0.25,
        ),
    ],
)
def test_learning_rate_and_size_depend_on_the_start(given: dict[str, Any], lr: float, half_size: float) -> None:
    config = TrainConfig.model_validate(given).resolved()
    assert (config.optimizer.lr, config.training.half_size) == (lr, half_size)
    assert config.resolved() == config


def test_fine_tuning_is_at_full_size() -> None:
    assert FinetuneConfig().training.half_size == 0


def test_fine_tuning_knows_the_data_by_the_name_other_commands_use() -> None:
    config = FinetuneConfig.model_validate(
        {
            "data": {"pattern": r"(?P<pid>\d+)", "root": "a", "scan": {"paranoid": True, "layout": "folders"}},
            "target_dataset": {"root": "b", "scan": {"layout": "mars"}},
        }
    )
    target = config.target_dataset
    assert str(target.root) == "b"
    assert (target.scan.pattern, target.scan.paranoid, target.scan.layout) == (r"(?P<pid>\d+)", True, "mars")
    with pytest.raises(ValidationError, match=r"target_dataset\.nonsense"):
        FinetuneConfig.model_validate({"data": {"nonsense": 1}})


@pytest.mark.parametrize(("height", "given", "padding"), [(256, None, 10), (128, None, 5), (64, None, 2), (64, 7, 7)])
def test_padding_follows_the_input_size(height: int, given: int | None, padding: int) -> None:
    values = {"model": {"input": {"height": height, "width": height // 2}}, "augment": {"pad": given}}
    assert TrainConfig.model_validate(values).resolved().augment.pad == padding


def test_padding_leaves_something_to_see() -> None:
    size = {"model": {"input": {"height": 64, "width": 32}}}
    assert TrainConfig.model_validate({**size, "augment": {"pad": 31}}).augment.pad == 31
    with pytest.raises(ValidationError, match="`augment.pad` 32 is not below the smaller side of the input, 32 pixels"):
        TrainConfig.model_validate({**size, "augment": {"pad": 32}})


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/tmp/x", "..", ".", "", " ", "a/b", "a\\b", "x/"])
def test_the_name_of_a_run_stays_inside(name: str) -> None:
    with pytest.raises(ValidationError, match="one folder within"):
        TrainingSettings(name=name)
    assert TrainingSettings(name="osnet v2..1").name == "osnet v2..1"
