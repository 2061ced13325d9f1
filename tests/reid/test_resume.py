"""What earlier versions saved, and which settings a run may change when it goes on."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from deepsort_cli.reid import losses  # noqa: E402
from deepsort_cli.reid.losses import REGISTERED, Loss, figure_names  # noqa: E402
from deepsort_cli.reid.resume import FIRST_FIGURES, Position, flatten  # noqa: E402
from deepsort_cli.reid.settings import FIXED, SILENT, TrainConfig, marked  # noqa: E402


class Another(Loss):
    """A loss that came later."""

    name = title = "another"


def test_sums_of_an_epoch_under_way_keep_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    old = {"position": {"epoch": 1, "step": 3, "sums": torch.arange(10.0), "course": 4}}
    assert torch.equal(Position.read(old).sums, torch.arange(10.0))
    monkeypatch.setattr(losses, "REGISTERED", dict(REGISTERED))
    losses.register(Another)
    position = Position.read(old)
    found = dict(zip((*figure_names(), "steps"), position.sums.tolist(), strict=True))
    assert found == {**dict(zip(FIRST_FIGURES, range(9), strict=True)), "another": 0, "steps": 9}
    assert Position.read({"position": position.saved()}).sums.tolist() == position.sums.tolist()


def test_marked_settings_exist() -> None:
    """And the neck does not fix what is only called alike."""
    fixed, silent = marked(TrainConfig, FIXED), marked(TrainConfig, SILENT)
    keys = set(flatten(TrainConfig().model_dump(mode="json")))
    for key in fixed | silent:
        assert key in keys or any(other.startswith(f"{key}.") for other in keys), key
    assert {"model.neck", "model.neck_feature", "optimizer.layer_lr_multipliers", "loss.center_weight"} <= fixed
    assert not fixed & silent
    assert "training.epochs" not in fixed | silent
