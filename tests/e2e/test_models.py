"""The bundled Re-ID model as a user meets it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from deepsort_cli.core.files import file_sha256
from deepsort_cli.perception.bundled import bundled_models

Deepsort = Callable[..., "subprocess.CompletedProcess[str]"]


def test_models_lists_what_is_bundled(deepsort: Deepsort) -> None:
    done = deepsort("models")
    assert done.returncode == 0, done.stderr
    assert "osnet_x0_25" in done.stdout
    (model,) = json.loads(deepsort("models", "--json").stdout)
    assert model["name"] == "osnet_x0_25"
    assert model["bytes"] < 1_000_000
    assert model["sha256"] == file_sha256(Path(model["path"]))
    assert 0 < model["threshold"] < 1
    assert model["license"]
    assert model["training_data"]
    assert json.loads(deepsort("models", "osnet_x0_25", "--json").stdout) == model


def test_model_card(deepsort: Deepsort) -> None:
    done = deepsort("models", "osnet_x0_25")
    assert done.returncode == 0, done.stderr
    for heading in ("Origin", "Training data", "Recipe", "Figures", "Limits", "Licence"):
        assert heading in done.stdout
    unknown = deepsort("models", "resnet")
    assert unknown.returncode == 2
    assert "Bundled: osnet_x0_25" in unknown.stderr


def test_card_and_file_agree(deepsort: Deepsort) -> None:
    (model,) = bundled_models()
    (described,) = json.loads(deepsort("models", "--json").stdout)
    for figure in (f"{100 * described['metrics']['mAP']:.1f}", f"{described['threshold']:.3f}", model.sha256):
        assert figure in model.card


def test_track_takes_it_unless_told_otherwise(deepsort: Deepsort) -> None:
    scene = ("--source", "demo", "--set", "demo.width=256", "--set", "demo.height=192", "--max-frames", 3, "--json")
    for arguments, embedder in (((), "osnet_x0_25.onnx"), (("--reid", "none"), None)):
        done = deepsort("track", *scene, *arguments)
        assert done.returncode == 0, done.stderr
        (summary,) = json.loads(done.stdout)
        assert summary["embedder"] == embedder
        if embedder:
            (described,) = json.loads(deepsort("models", "--json").stdout)
            assert summary["max_cosine_distance"] == described["threshold"], "the model's own threshold"


def test_eval_falls_back_on_it(deepsort: Deepsort, market: Path) -> None:
    done = deepsort(
        "eval", "--query", market / "query", "--gallery", market / "bounding_box_test", "--no-plots", "--json"
    )
    assert done.returncode == 0, done.stderr
    assert "the bundled model" in done.stderr
    figures = json.loads(done.stdout)
    assert figures["mAP"] > 50, "it tells people in clothes of random colours apart"


def test_it_keeps_the_people_of_the_demo_apart(deepsort: Deepsort) -> None:
    pytest.importorskip("trackeval")
    switches = {}
    for reid in (None, "none"):
        named = ("--reid", reid) if reid else ()
        done = deepsort("track", "--source", "demo", "--conf", 0.7, *named, "--score", "--json")
        assert done.returncode == 0, done.stderr
        (summary,) = json.loads(done.stdout)
        switches[reid] = summary["scores"]["id_switches"], summary["tracks"]
    assert switches[None][0] < 0.7 * switches["none"][0]
    assert switches[None][1] < switches["none"][1]
