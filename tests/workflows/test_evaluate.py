"""Which model and which images an evaluation takes, and the whole of it as a library call."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deepsort_cli.cli import app
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener
from deepsort_cli.core.preprocess import Preprocess
from deepsort_cli.data.loading import load_manifest
from deepsort_cli.evaluation.protocol import prepare
from deepsort_cli.evaluation.settings import EvaluationDataSettings
from deepsort_cli.workflows import model_choice
from deepsort_cli.workflows.evaluate import _remembering, evaluate
from deepsort_cli.workflows.evaluation_data import Learned, load_query_and_gallery
from deepsort_cli.workflows.extraction import Extractor, open_extractor
from deepsort_cli.workflows.model_choice import FoundModel, find_model


def make_run(folder: Path, name: str, age: float, done: int, *, validated: bool = True, planned: int = 5) -> Path:
    """What a training leaves behind after `done` of 5 epochs, none as good as the start; `age` is how long ago."""
    run = folder / "runs" / name
    file = run / "checkpoints" / "best.pth"
    file.parent.mkdir(parents=True)
    file.touch()
    os.utime(file, (1e9 - 100 * age, 1e9 - 100 * age))
    history: list[dict[str, float]] = [{"epoch": epoch} for epoch in range(done + 1)]
    for row in history[: None if validated else 1]:
        row["mAP"] = 1 - row["epoch"] / 10
    (run / "history.json").write_text(json.dumps(history))
    (run / "config.yaml").write_text(f"training: {{epochs: {planned}}}\nmodel: {{pretrained: null}}\n")
    return file.relative_to(folder)


def test_given_model_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path, "other", 0, 5)
    with pytest.raises(InputError, match="osnet_x9: no such model file"):
        find_model(Path("osnet_x9"))
    (tmp_path / "any.onnx").touch()
    assert find_model(Path("any.onnx")) == FoundModel(Path("any.onnx"), "given")


def test_the_newest_finished_run_is_preferred(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path, "older", 3, 5)
    wanted = make_run(tmp_path, "newer", 2, 5)
    make_run(tmp_path, "interrupted", 1, 3)
    make_run(tmp_path, "untrained", 0, 4, validated=False)
    make_run(tmp_path, "killed at once", 0.5, 0)
    found = find_model(None)
    assert (found.path, found.source) == (wanted, "the best checkpoint of the newest finished run")
    assert "untrained" in found.remarks[0]
    assert "epoch 3 of 5" in found.remarks[2]


def test_a_run_that_is_not_finished_is_called_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    wanted = make_run(tmp_path, "interrupted", 0, 3)
    make_run(tmp_path, "untrained", 1, 5, validated=False)
    found = find_model(None)
    assert found.path == wanted
    assert "epoch 3 of 5" in found.remarks[0]
    assert "no finished run" in found.remarks[0]
    broken = make_run(tmp_path, "broken", -1, 5)
    (tmp_path / "runs/broken/history.json").write_text("[{]")
    found = find_model(None)
    assert found.path == wanted
    assert f"{broken} is newer, but nothing says how far" in found.remarks[1]
    (tmp_path / "runs/interrupted/history.json").unlink()
    found = find_model(None)
    assert found.path == broken
    assert "nothing says" in found.remarks[0]


def test_without_a_run_the_bundled_model_then_advice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(model_choice, "bundled_model", lambda: Path("box.onnx"))
    assert find_model(None) == FoundModel(Path("box.onnx"), "the bundled model")
    monkeypatch.setattr(model_choice, "bundled_model", lambda: None)
    with pytest.raises(InputError, match="no model: none was given"):
        find_model(None)


def test_explicit_folders_and_root_give_the_same_images(market: Path) -> None:
    both = EvaluationDataSettings(query=market / "query", gallery=market / "bounding_box_test")
    explicit, root = load_query_and_gallery(both), load_query_and_gallery(EvaluationDataSettings(root=market))
    assert [(x.paths, x.pids.tolist(), x.camids.tolist()) for x in explicit] == [
        (x.paths, x.pids.tolist(), x.camids.tolist()) for x in root
    ]
    assert [len(x) for x in explicit] == [24, 72]


def test_split_is_by_identity_and_seeded(market: Path) -> None:
    def split(seed: int) -> tuple[set[int], set[int]]:
        settings = EvaluationDataSettings(root=market / "bounding_box_test", val_ratio=0.5, seed=seed)
        query, gallery = load_query_and_gallery(settings)
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
        ({"query": ".", "gallery": "bounding_box_test"}, "`data.query` .*is a whole dataset"),
        ({"query": "query"}, "`data.gallery` missing"),
        ({"gallery": "query"}, "`data.query` missing"),
        ({}, "`data.query` and `data.gallery` missing"),
        ({"root": ".", "query": "query"}, "either `data.root`, or `data.query` and `data.gallery`"),
        ({"query": "query", "gallery": "bounding_box_test", "val_ratio": 0.5}, "`data.val_ratio` splits the folder"),
        ({"root": "query"}, "holds no query and gallery folders.*`data.val_ratio`=0.2"),
        ({"root": "nowhere"}, "nowhere: no such folder"),
    ],
)
def test_data_that_cannot_be_used(market: Path, given: dict[str, Any], message: str) -> None:
    paths = {key: market / value if isinstance(value, str) else value for key, value in given.items()}
    with pytest.raises(InputError, match=message):
        load_query_and_gallery(EvaluationDataSettings(**paths))


def test_a_model_that_learned_from_the_people_looked_for_is_called_so(market: Path, tmp_path: Path) -> None:
    """By `eval` and `export` alike, of a checkpoint: it says whom it knows. The start of a run knows nobody."""
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from deepsort_cli.reid.checkpoint import CheckpointInfo, save_checkpoint
    from deepsort_cli.workflows.export import export

    root = tmp_path / "people"
    shutil.copytree(market / "bounding_box_test", root)
    seen = load_manifest(root)
    data = EvaluationDataSettings(root=root, val_ratio=0.5)
    asked = sorted(set(load_query_and_gallery(data)[0].pids.tolist()))
    info = CheckpointInfo(
        "osnet_x0_25", 0, 32, "bnneck", Preprocess(height=32, width=16), fingerprint=seen.fingerprint, epoch=3
    )
    weights = info.build().state_dict()
    for change, words in (
        ({"pids": tuple(asked)}, "it learned from the 6 people looked for here"),
        ({"pids": (*asked[:2], 99)}, "it learned from 2 of the 6 people looked for here"),
        ({"pids": (99,)}, None),
        ({"pids": tuple(asked), "epoch": 0}, None),
        ({"pids": tuple(asked), "fingerprint": "of others"}, None),
    ):
        save_checkpoint(tmp_path / "m.pth", weights, replace(info, **change))
        learned = open_extractor(tmp_path / "m.pth").learned
        found = "" if learned is None else learned.about(load_query_and_gallery(data)[0])
        assert found.startswith(words) if words else not found, change
    save_checkpoint(tmp_path / "m.pth", weights, replace(info, pids=tuple(asked)))
    done = evaluate(tmp_path / "m.pth", data=data.model_dump(), plots=False, bootstrap=0, output_dir=tmp_path)
    assert "it learned from the 6 people" in " ".join(done.as_json()["model"]["warnings"])
    onnx = export(tmp_path / "m.pth", output=tmp_path / "m.onnx", data=data.model_dump(), export={"verify": False})
    assert "it learned from the 6 people" in " ".join(onnx.warnings)
    known = open_extractor(tmp_path / "m.onnx").learned
    assert known is not None
    assert "comes from a training on this dataset" in known.about(seen)
    assert not known.about(replace(seen, fingerprint="of others"))


def test_people_that_a_table_keeps_for_tests_are_not_called_known(market: Path, tmp_path: Path) -> None:
    """A table's parts share its fingerprint: that of an ONNX file is no sign of whom the model knows."""
    root = tmp_path / "people"
    shutil.copytree(market / "bounding_box_test", root)
    whole = load_manifest(root)
    lines, pids = ["path,pid,camid,split"], sorted(set(whole.pids[whole.pids > 0].tolist()))
    for path, pid, camid in zip(whole.paths, whole.pids.tolist(), whole.camids.tolist(), strict=True):
        split = "train" if pid in pids[:3] else "query" if camid == 1 else "gallery"
        lines += [f"people/{path},{pid},{camid},{split}"] if pid > 0 else []
    (tmp_path / "table.csv").write_text("\n".join(lines))
    part = load_manifest(tmp_path / "table.csv")

    def warned(data: EvaluationDataSettings, pids: list[int] | None) -> bool:
        listener, found = Listener(), prepare(*load_query_and_gallery(data))
        model = Extractor(
            Path("m.onnx"), lambda crops: crops, Preprocess(), 32, "", learned=Learned(part.fingerprint, pids)
        )
        return bool(_remembering(model, found, data, listener).remarks)

    tested = EvaluationDataSettings(root=tmp_path / "table.csv")
    assert not warned(tested, None)
    assert warned(tested, pids[2:5])
    assert warned(EvaluationDataSettings(root=tmp_path / "table.csv", val_ratio=0.4), None)


def test_library_call(market: Path, colour_model: Path, tmp_path: Path) -> None:
    """The same figures as the command's, told of stage by stage."""
    stages: dict[str, tuple[int, int | None]] = {}

    class Watch(Listener):
        def progress(self, stage: str, done: int, total: int | None) -> None:
            assert total is not None and done <= total
            stages[stage] = (done, total)

    done = evaluate(colour_model, root=market, output_dir=tmp_path, plots=False, listener=Watch())
    assert done.folder.parent == tmp_path
    content = done.as_json()
    assert content["mAP"] == round(100 * done.evaluation.mAP.value, 2)
    assert content["mAP"] > 60
    assert content["threshold"] == done.threshold
    assert stages["embedding, colours"] == (96, 96)
    assert stages["ranking"] == (24, 24)
    command = ["eval", str(colour_model), "--root", str(market), "-o", str(tmp_path), "--no-plots", "--json"]
    assert json.loads(CliRunner().invoke(app, command).stdout) | {"report": ""} == content | {"report": ""}
    with pytest.raises(InputError, match="`rot`: unknown keyword"):
        evaluate(colour_model, rot=market)
