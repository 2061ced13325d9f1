"""The weights that come with the package: what they compute, who starts from them, and what is said about it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from deepsort_cli.core.errors import RunError  # noqa: E402
from deepsort_cli.core.events import Listener  # noqa: E402
from deepsort_cli.perception.bundled import bundled_models, model_file  # noqa: E402
from deepsort_cli.perception.embedders import open_embedder, resolve_model  # noqa: E402
from deepsort_cli.perception.settings import EmbedderSettings  # noqa: E402
from deepsort_cli.reid import bundled, keeper  # noqa: E402
from deepsort_cli.reid.bundled import has_bundled_weights, weights_file  # noqa: E402
from deepsort_cli.reid.checkpoint import load_model  # noqa: E402
from deepsort_cli.reid.events import RunPlan  # noqa: E402
from deepsort_cli.reid.extract import extract_features  # noqa: E402
from deepsort_cli.reid.finetune import prepare_checkpoint  # noqa: E402
from deepsort_cli.reid.schedule import choose_start  # noqa: E402
from deepsort_cli.reid.settings import FinetuneConfig, TrainConfig  # noqa: E402
from deepsort_cli.reid.training import train  # noqa: E402

NAME = "osnet_x0_25"


class Watch(Listener):
    plan: RunPlan

    def happened(self, event: object) -> None:
        if isinstance(event, RunPlan):
            self.plan = event


def test_the_checkpoint_computes_what_the_bundled_file_does() -> None:
    model, info = load_model(NAME)
    assert (info.name, info.status, info.metrics["threshold"]) == (NAME, "finished", 0.25)
    embedder = open_embedder()
    assert embedder is not None
    rng = np.random.default_rng(3)
    crops = [rng.integers(0, 256, (height, 64, 3), dtype=np.uint8) for height in (90, 128, 200, 256)]
    crops += [np.full((128, 64, 3), shade, np.uint8) for shade in (0, 255)]
    difference = extract_features(model, crops, info.preprocess) - embedder.embed_crops(crops)
    assert np.abs(difference).max() < 1e-5


def test_a_folder_of_the_same_name_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`deepsort train --output-dir . --name osnet_x0_25` makes one."""
    inside, onnx = weights_file(NAME), model_file(NAME)
    (tmp_path / NAME).mkdir()
    monkeypatch.chdir(tmp_path)
    assert (weights_file(NAME), model_file(NAME)) == (inside, onnx)
    assert resolve_model(EmbedderSettings(model_path=NAME)) == onnx
    assert load_model(NAME)[1].name == NAME
    (tmp_path / NAME).rmdir()
    (tmp_path / NAME).write_bytes(b"mine")
    assert weights_file(NAME) == model_file(NAME) == Path(NAME)  # a file of the user's own is meant


def test_its_normalisation_has_statistics_to_train_with() -> None:
    """With mean 0 and variance 1, as folding leaves them, the first step in training mode would be another network."""
    model, _ = load_model(NAME)
    norms = [layer for layer in model.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
    assert len(norms) > 50
    for norm in norms:
        assert (norm.running_var > 0).float().mean() > 0.5  # a few channels are dead, in the public weights too
        assert not (norm.running_mean == 0).all()
        assert not (norm.running_var == 1).all()


def test_damaged_weights_are_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in ("SHA256SUMS", f"{NAME}.pth"):
        shutil.copy(bundled.ASSETS / file, tmp_path)
    monkeypatch.setattr(bundled, "ASSETS", tmp_path)
    path = tmp_path / f"{NAME}.pth"
    assert weights_file(NAME) == path
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(RunError, match=r"osnet_x0_25\.pth.*SHA-256.*Reinstall"):
        load_model(NAME)
    path.unlink()
    with pytest.raises(RunError, match="cannot be read"):
        weights_file(NAME)
    (tmp_path / "SHA256SUMS").unlink()
    assert not has_bundled_weights(NAME)
    assert weights_file(NAME) == Path(NAME)


def test_a_file_of_that_name_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(NAME).touch()
    assert weights_file(NAME) == Path(NAME)


def test_weights_to_train_on_are_no_second_model_to_track_with() -> None:
    assert [model.path.suffix for model in bundled_models()] == [".onnx"]


@pytest.mark.parametrize(
    ("model", "start", "words"),
    [
        ({}, Path(NAME), "fit this network"),
        ({"pretrained": "auto"}, Path(NAME), "fit this network"),
        ({"input": {"height": 128, "width": 64}, "feature_dim": 32}, Path(NAME), "fit this network"),
        ({"name": "osnet_x1_0"}, None, "no trained ones of osnet_x1_0 come with the package; this takes hundreds"),
        ({"input": {"channel_order": "BGR"}}, None, "another normalisation or channel order"),
        ({"pretrained": "none"}, None, ""),
        ({"pretrained": Path("None")}, None, ""),
        ({"pretrained": None}, None, ""),
        ({"pretrained": "a.pth", "name": "osnet_x1_0"}, Path("a.pth"), ""),
    ],
)
def test_what_a_run_starts_from(model: dict[str, Any], start: Path | None, words: str) -> None:
    config = TrainConfig.model_validate({"model": model})
    assert config.model.start == start
    chosen, why = choose_start(config)
    assert chosen.model.pretrained == start
    assert words in why
    assert bool(words) == bool(why)
    assert chosen.resolved().optimizer.lr == (0.1 if start is None else 0.01)
    assert (chosen.resolved().training.half_size == 0) == (start is not None)


def test_training_starts_from_them_unasked(people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeper, "draw_curves", lambda *arguments, **options: None)
    values = {
        "data": {"root": people, "scan": {"use_cache": False}},
        "model": {"input": {"height": 64, "width": 32}},
        "training": {"epochs": 1, "amp": "off", "device": "cpu", "tensorboard": False, "output_dir": tmp_path},
    }
    watch = Watch()
    result = train(TrainConfig.model_validate(values), watch)
    assert watch.plan.start.startswith("the bundled weights of osnet_x0_25, which fit this network")
    assert not [text for text in result.warnings if "random weights" in text]
    assert yaml.safe_load((result.folder / "config.yaml").read_text())["model"]["pretrained"] == NAME
    moved = load_model(result.folder / "checkpoints" / "last.pth")[0].conv1.conv.weight
    before = load_model(NAME)[0].conv1.conv.weight
    assert 0 < (moved - before).abs().max() < 0.5 * before.abs().max()

    # The same command continues, and nothing is said of other weights; `none` would have been another run.
    values["training"] |= {"epochs": None}
    again = train(TrainConfig.model_validate(values), watch)
    assert (again.resumed_epoch, again.epochs) == (1, 1)
    assert ": about " in (result.folder / "config.yaml").read_text().partition("# chosen at the beginning: ")[2]
    assert not [text for text in again.warnings if "not used" in text]


def test_fine_tuning_takes_the_name(people: Path, tmp_path: Path) -> None:
    values = {"source_checkpoint": NAME, "target_dataset": {"root": people}, "output_path": tmp_path / "out.pth"}
    prepared = prepare_checkpoint(FinetuneConfig.model_validate(values))
    assert {name for name, _ in prepared.tensors.fresh} == {"classifier.weight"}
    assert torch.equal(load_model(prepared.path)[0].fc[0].weight, load_model(NAME)[0].fc[0].weight)
