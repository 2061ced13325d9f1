"""Backbones by name: one more is one class."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

torch = pytest.importorskip("torch")

from deepsort_cli.reid import backbones as registry  # noqa: E402
from deepsort_cli.reid.backbones import Backbone, backbones, build_backbone, register  # noqa: E402
from deepsort_cli.reid.checkpoint import CheckpointInfo, load_model, save_checkpoint  # noqa: E402
from deepsort_cli.reid.settings import ModelName, TrainingSettings  # noqa: E402


class Tiny(Backbone):
    """The least that learns."""

    feature_layers = ("body.*",)

    def __init__(self, name: str, **head: Any):
        super().__init__(name, **head)
        self.body = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3, stride=2), torch.nn.BatchNorm2d(8))
        self.add_head(8)

    def feature_map(self, images: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.body(images)
        return found


def test_every_name_in_settings_is_a_backbone() -> None:
    assert set(get_args(ModelName)) == set(backbones())


def test_a_backbone_is_added_in_one_class(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Built by name, trained, frozen, kept in a checkpoint and read again, without another word anywhere."""
    from deepsort_cli.reid.optim import freeze
    from deepsort_cli.reid.untrained import fresh_layers

    monkeypatch.setattr(registry.base, "REGISTERED", dict(backbones()))
    monkeypatch.setattr(registry, "REGISTERED", registry.base.REGISTERED)
    register("tiny")(Tiny)
    info = CheckpointInfo("tiny", 4, 16, "bnneck")
    model = info.build()
    features, logits = model.train()(torch.randn(8, 3, 32, 16))
    assert (features.shape, logits.shape) == ((8, 16), (8, 4))
    save_checkpoint(tmp_path / "tiny.pth", model.state_dict(), info)
    again, _ = load_model(tmp_path / "tiny.pth")
    images = torch.randn(2, 3, 32, 16)
    assert torch.equal(again(images), model.eval()(images))
    assert fresh_layers(again) == set()
    assert fresh_layers(build_backbone("tiny", 4, 16, "bnneck")) == {"all"}
    assert freeze(model, TrainingSettings(freeze_feature_layers=True)) == [
        "body.0.weight", "body.0.bias", "body.1.weight", "body.1.bias",
    ]  # fmt: skip
