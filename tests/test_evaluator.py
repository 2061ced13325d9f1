"""Which model and which images an evaluation takes, and the whole of it as a library call."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from deepsort_cli import evaluator
from deepsort_cli.core.errors import InputError
from deepsort_cli.evaluation.settings import EvaluationDataSettings, ReportSettings
from deepsort_cli.evaluator import Listener, find_model, load_data, run_evaluation


def test_given_model_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_model(Path("any.onnx")) == (Path("any.onnx"), "given")


def test_newest_run_then_bundled_model_then_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for age, name in enumerate(("newest", "older", "oldest")):
        path = tmp_path / "runs" / name / "checkpoints" / "best.pth"
        path.parent.mkdir(parents=True)
        path.touch()
        os.utime(path, (1e9 - 100 * age, 1e9 - 100 * age))
    assert find_model(None) == (Path("runs/newest/checkpoints/best.pth"), "the best checkpoint of the newest run")
    for path in tmp_path.glob("runs/*/checkpoints/best.pth"):
        path.unlink()
    monkeypatch.setattr(evaluator, "bundled_model", lambda: Path("box.onnx"))
    assert find_model(None) == (Path("box.onnx"), "the bundled model")
    monkeypatch.setattr(evaluator, "bundled_model", lambda: None)
    with pytest.raises(InputError, match="no model: none was given"):
        find_model(None)


def test_explicit_folders_and_root_give_the_same_images(market: Path) -> None:
    both = EvaluationDataSettings(query=market / "query", gallery=market / "bounding_box_test")
    explicit, root = load_data(both), load_data(EvaluationDataSettings(root=market))
    assert [(x.paths, x.pids.tolist(), x.camids.tolist()) for x in explicit] == [
        (x.paths, x.pids.tolist(), x.camids.tolist()) for x in root
    ]
    assert [len(x) for x in explicit] == [24, 72]


def test_split_is_by_identity_and_seeded(market: Path) -> None:
    def split(seed: int) -> tuple[set[int], set[int]]:
        settings = EvaluationDataSettings(root=market / "bounding_box_test", val_ratio=0.5, seed=seed)
        query, gallery = load_data(settings)
        return set(query.pids.tolist()), set(gallery.pids.tolist())

    query, gallery = split(0)
    assert query == gallery
    assert len(query) == 6
    assert split(0) == (query, gallery)
    assert any(split(seed)[0] != query for seed in (1, 2, 3))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"query": "query", "gallery": "nowhere"}, "nowhere: no such folder"),
        ({"query": ".", "gallery": "bounding_box_test"}, "--query .*is a whole dataset"),
        ({"query": "query"}, "--gallery missing"),
        ({"gallery": "query"}, "--query missing"),
        ({}, "--query and --gallery missing"),
        ({"root": ".", "query": "query"}, "either --root, or --query and --gallery"),
        ({"query": "query", "gallery": "bounding_box_test", "val_ratio": 0.5}, "--val-ratio splits the folder"),
        ({"root": "query"}, "holds no query and gallery folders.*--val-ratio 0.2"),
        ({"root": "nowhere"}, "nowhere: no such folder"),
    ],
)
def test_data_that_cannot_be_used(market: Path, given: dict[str, Any], message: str) -> None:
    paths = {key: market / value if isinstance(value, str) else value for key, value in given.items()}
    with pytest.raises(InputError, match=message):
        load_data(EvaluationDataSettings(**paths))


def test_library_call(market: Path, colour_model: Path, tmp_path: Path) -> None:
    stages: dict[str, tuple[int, int]] = {}

    def progress(stage: str, done: int, total: int) -> None:
        assert done <= total
        stages[stage] = (done, total)

    outcome = run_evaluation(
        colour_model,
        EvaluationDataSettings(root=market),
        report=ReportSettings(dir=tmp_path, plots=False),
        listener=Listener(progress),
    )
    assert outcome.folder.parent == tmp_path
    assert outcome.figures["mAP"] == round(100 * outcome.evaluation.ranking.mAP, 2)
    assert outcome.figures["mAP"] > 60
    assert stages["embedding, colours"] == (96, 96)
    assert stages["ranking"] == (24, 24)
