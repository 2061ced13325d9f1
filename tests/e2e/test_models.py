"""The bundled Re-ID model as a user meets it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deepsort_cli.core.files import file_sha256
from deepsort_cli.perception.bundled import bundled_models
from deepsort_cli.perception.catalogue import CATALOGUE, find

Deepsort = Callable[..., "subprocess.CompletedProcess[str]"]


def bundled(deepsort: Deepsort) -> dict[str, Any]:
    """The entry of the model in the box."""
    (model,) = [entry for entry in json.loads(deepsort("models", "--json").stdout) if entry["state"] == "bundled"]
    return model


def test_models_lists_what_is_known(deepsort: Deepsort, model_cache: Path) -> None:
    done = deepsort("models")
    assert done.returncode == 0, done.stderr
    for text in ("osnet_x0_25", "yolox_nano", "Apache-2.0", str(model_cache), "deepsort models download yolox_nano"):
        assert text in done.stdout
    model = bundled(deepsort)
    assert model["name"] == "osnet_x0_25"
    assert model["bytes"] < 1_000_000
    assert model["sha256"] == file_sha256(Path(model["path"]))
    assert 0 < model["threshold"] < 1
    assert model["license"]
    assert model["training_data"]
    assert json.loads(deepsort("models", "osnet_x0_25", "--json").stdout) == model


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_list_breaks_no_name(deepsort: Deepsort, columns: int) -> None:
    done = deepsort("models", env={"COLUMNS": str(columns)})
    for name in (model.name for model in CATALOGUE):
        assert f" {name} " in done.stdout
    assert max(map(len, done.stdout.splitlines()[:12])) <= columns


def test_model_card(deepsort: Deepsort) -> None:
    done = deepsort("models", "osnet_x0_25")
    assert done.returncode == 0, done.stderr
    for heading in ("Origin", "Training data", "Recipe", "Figures", "Limits", "Licence"):
        assert heading in done.stdout
    unknown = deepsort("models", "yolox_nanno")
    assert unknown.returncode == 2
    assert "Did you mean yolox_nano?" in unknown.stderr


def test_what_is_known_of_a_model_that_can_be_fetched(deepsort: Deepsort) -> None:
    model = find("yolox_nano")
    assert model is not None
    done = deepsort("models", "yolox_nano", env={"COLUMNS": "60"})
    for text in (model.url, model.sha256, "3,659,407 bytes, not in the cache", "public records"):
        assert text in done.stdout
    path = deepsort("models", "path", "yolox_nano")
    assert (path.returncode, path.stdout) == (1, "")
    assert "deepsort models download yolox_nano" in " ".join(path.stderr.replace("│", " ").split())


def test_what_a_file_is(deepsort: Deepsort, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="checkpoints need PyTorch")
    from deepsort_cli.reid.backbones.osnet import OSNet

    torch.save({"state_dict": OSNet("osnet_x0_25", 4).state_dict()}, tmp_path / "model.pth.tar-60")
    done = deepsort("models", "model.pth.tar-60")
    assert done.returncode == 0, done.stderr
    assert "osnet_x0_25, 512 values per image" in done.stdout
    assert "training  untrained" in done.stdout
    path = bundled(deepsort)["path"]
    found = json.loads(deepsort("models", path, "--json").stdout)
    assert (found["format"], found["remarks"], found["path"]) == ("ONNX", [], path)
    assert found["input"]["origin"] == "from the model's metadata"


def test_offline_and_wrong_files(deepsort: Deepsort, tmp_path: Path) -> None:
    """Nothing is half done, and the message says how to bring the file by hand."""
    environment = {"DEEPSORT_MODELS": str(tmp_path / "cache"), "DEEPSORT_MODELS_URL": "http://127.0.0.1:9"}
    for arguments in (("models", "download", "yolox_nano"), ("track", "--source", "demo", "--detector", "yolox_nano")):
        done = deepsort(*arguments, env=environment)
        text = " ".join(done.stderr.replace("│", " ").split())
        assert done.returncode == 1
        assert "no connection to the server" in text
        assert "deepsort models add yolox_nano FILE" in text
    assert list((tmp_path / "cache").iterdir()) == []
    (tmp_path / "mine.onnx").write_bytes(b"another export")
    done = deepsort("models", "add", "yolox_nano", "mine.onnx", env=environment)
    assert done.returncode == 2
    assert "not the published yolox_nano" in " ".join(done.stderr.replace("│", " ").split())
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_run_without_a_detector_says_what_would_find_more(deepsort: Deepsort) -> None:
    scene = ("--source", "demo", "--max-frames", 2, "--reid", "none")
    done = deepsort("track", *scene)
    assert done.returncode == 0, done.stderr
    assert "deepsort models download yolox_nano" in " ".join(done.stderr.split())
    assert "deepsort models" not in deepsort("track", *scene, "--detector", "hog").stderr


def test_card_and_file_agree(deepsort: Deepsort) -> None:
    (model,) = bundled_models()
    described = bundled(deepsort)
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
            assert summary["max_cosine_distance"] == bundled(deepsort)["threshold"], "the model's own threshold"


def test_eval_falls_back_on_it(deepsort: Deepsort, market: Path) -> None:
    done = deepsort(
        "eval", "--query", market / "query", "--gallery", market / "bounding_box_test", "--no-plots", "--json"
    )
    assert done.returncode == 0, done.stderr
    assert "the bundled model" in done.stderr
    figures = json.loads(done.stdout)
    assert figures["mAP"] > 50, "it tells people in clothes of random colours apart"


DEMO = (
    "--detector", "hog", "--conf", 0.6, "--detect-every", 2, "--preset", "strong", "--set", "tracker.nsa=false",
    "--max-cosine-distance", 0.15, "--max-iou-distance", 0.6, "--camera-motion", "none", "--n-init", 6, "--max-age", 50,
)  # fmt: skip
"""The options of `make demo`."""


def test_it_keeps_the_people_of_the_demo_apart(deepsort: Deepsort) -> None:
    pytest.importorskip("trackeval")
    switches = {}
    for reid in (None, "none"):
        named = ("--reid", reid) if reid else ()
        done = deepsort("track", "--source", "demo", *DEMO, *named, "--score", "--json")
        assert done.returncode == 0, done.stderr
        (summary,) = json.loads(done.stdout)
        switches[reid] = summary["scores"]["id_switches"], summary["tracks"]
    assert 7 <= switches[None][1] <= 8, "seven people"
    assert switches[None][1] < switches["none"][1]
    assert switches[None][0] < 0.6 * switches["none"][0]
    assert switches[None][0] <= 1, "none where this was chosen; another processor's rounding may cost one"
