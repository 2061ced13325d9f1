"""`deepsort export` as a user runs it, and the whole way from crops to tracks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

torch = pytest.importorskip("torch", reason="exporting needs PyTorch")
pytest.importorskip("onnx", reason="exporting needs onnx")

Deepsort = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from deepsort_cli.core.preprocess import Preprocess
    from deepsort_cli.reid.checkpoint import CheckpointInfo, save_checkpoint

    info = CheckpointInfo("osnet_x0_25", 3, 32, "none", Preprocess(height=64, width=32), metrics={"mAP": 0.4})
    path = tmp_path_factory.mktemp("models") / "model.pth"
    save_checkpoint(path, info.build().state_dict(), info)
    return path


@pytest.fixture
def refuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs the command in this process, PyTorch being loaded, and returns the message it fails with, in one line."""
    from typer.testing import CliRunner

    from deepsort_cli.cli import app

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object, code: int = 2) -> str:
        done = CliRunner().invoke(app, ["export", *map(str, arguments)])
        assert done.exit_code == code, done.output
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
        return " ".join(done.stderr.replace("│", " ").split())

    return run


def test_from_a_configuration_file(deepsort: Deepsort, checkpoint: Path, tmp_path: Path) -> None:
    settings = {
        "checkpoint": str(checkpoint),
        "output_path": "out.onnx",
        "export": {"dynamic_batch": False, "simplify": False, "opset": 15, "threshold": 0.3},
    }
    (tmp_path / "export.yaml").write_text(yaml.safe_dump(settings))
    done = deepsort("export", "--config", "export.yaml", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["output"] == "out.onnx"
    assert [check["batch"] for check in found["checks"]] == [1, 2, 7, 32]
    assert all(check["passed"] for check in found["checks"])
    assert found["metadata"]["threshold"] == 0.3
    assert found["bytes"] == (tmp_path / "out.onnx").stat().st_size
    import onnx

    graph = onnx.load(str(tmp_path / "out.onnx"))
    assert graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value == 1
    assert graph.opset_import[0].version == 15


def test_tables_for_people(deepsort: Deepsort, checkpoint: Path) -> None:
    done = deepsort("export", checkpoint, "-o", "a.onnx", "--half", "--batch", 2, "--benchmark")
    assert done.returncode == 0, done.stderr
    for words in ("ONNX Runtime against PyTorch", "ms per batch"):
        assert words in done.stdout
    for words in ("cosine to float32", "deepsort track"):
        assert words in done.stderr


def test_a_broken_model_is_refused_and_leaves_nothing(
    refuse: Callable[..., str], checkpoint: Path, tmp_path: Path
) -> None:
    content = torch.load(checkpoint, weights_only=True)
    content["state_dict"]["conv5.conv.weight"].fill_(float("nan"))
    torch.save(content, tmp_path / "bad.pth")
    message = refuse("bad.pth")
    assert "the model is broken" in message
    assert "No file was written" in message
    assert [path.name for path in tmp_path.iterdir()] == ["bad.pth"]


class Malicious:
    def __init__(self, mark: Path):
        self.mark = mark

    def __reduce__(self):
        return os.mkdir, (str(self.mark),)


def test_bad_input(refuse: Callable[..., str], checkpoint: Path, tmp_path: Path) -> None:
    whole = checkpoint.read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: len(whole) // 2])
    torch.save({"state_dict": {"a": torch.zeros(1)}, "x": Malicious(tmp_path / "mark")}, tmp_path / "evil.pth")
    torch.save({"layer1.0.conv1.weight": torch.zeros(3)}, tmp_path / "resnet.pth")
    (tmp_path / "there.onnx").write_bytes(b"old")
    assert "damaged" in refuse("cut.pth")
    assert "could run code" in refuse("evil.pth")
    assert not (tmp_path / "mark").exists()
    assert "not an OSNet" in refuse("resnet.pth")
    assert "no such model file" in refuse("missing.pth")
    assert "there.onnx: the file exists" in refuse(checkpoint, "--output", "there.onnx")
    assert "exclude each other" in refuse(checkpoint, "--half", "--int8")
    assert "no such file" in refuse(checkpoint, "-o", "a.onnx", "--metrics", "missing.json")
    assert "not a folder" in refuse(checkpoint, "-o", "there.onnx/a.onnx")
    assert (tmp_path / "there.onnx").read_bytes() == b"old"


# Some 60 small, plain steps, after which generated people are found whatever the seed, precision or number of threads;
# in 20 steps at the rate of long trainings random weights get worse.
RANDOM = (
    "--pretrained",
    "none",
    "--epochs",
    30,
    "--lr",
    0.01,
    "--set",
    "training.half_size=0",
    "--set",
    "augment.erase=0",
)


def walk(
    deepsort: Deepsort,
    folder: Path,
    first: Path,
    second: Path,
    test: Path,
    source: list[object],
    start: tuple[object, ...],
) -> float:
    """train → eval → finetune → train → export → eval of the ONNX → track; returns the threshold that was carried."""

    def run(*arguments: object) -> dict:
        # One thread: where other work fills the processor, two wait for each other most of the time.
        done = deepsort(*arguments, "--json", timeout=900, env={"OMP_NUM_THREADS": "1"})
        assert done.returncode == 0, f"{arguments}\n{done.stderr}"
        return json.loads(done.stdout)

    size = ("--set", "model.input.height=64", "--set", "model.input.width=32")
    # Generated people are few, so those learned from are among those tested on; that is refused unasked.
    known = ("--set", "data.scan.accept=trained_on_test")
    short = (*known, "--batch-size", 16, "--set", "training.eval_every=100", "--set", "training.tensorboard=false")
    trained = run("train", "--root", first, "--test-root", test, "--name", "one", *start, *size, *short)
    assert trained["last"]["mAP"] > 1.5 * trained["chance"]["mAP"]  # or nothing below means anything
    report = ("--root", test, "--no-plots", "--set", "evaluation.bootstrap=0")
    before = run("eval", trained["last_checkpoint"], *report)
    prepared = run(
        "finetune", trained["last_checkpoint"], "--target", second, "--test-root", test, "-o", "two.pth",
        "--set", "target_dataset.scan.accept=trained_on_test",
    )  # fmt: skip
    assert [row["tensor"] for row in prepared["reinitialised"]] == ["classifier.weight"]
    again = run(
        "train", "--root", second, "--test-root", test, "--name", "two", "--pretrained", "two.pth", "--epochs", 3,
        *size, *short,
    )  # fmt: skip
    # The start of the second training is the end of the first: same backbone, fc and neck.
    history = json.loads((folder / again["folder"] / "history.json").read_text())
    assert 100 * history[0]["mAP"] == pytest.approx(before["mAP"], abs=0.02)
    exported = run("export", again["last_checkpoint"], "--output", "reid.onnx", "--root", test)
    assert exported["warnings"] == []
    after = run("eval", "reid.onnx", *report)
    assert after["mAP"] == pytest.approx(100 * again["last"]["mAP"], abs=0.02)  # as PyTorch found it
    assert after["threshold"] == pytest.approx(exported["metadata"]["threshold"])
    (summary,) = run("track", *source, "--reid", "reid.onnx", "--save-txt", "tracks.txt")
    assert summary["frames"] > 0
    assert (folder / "tracks.txt").stat().st_size > 0
    assert summary["max_cosine_distance"] == pytest.approx(exported["metadata"]["threshold"])
    return float(exported["metadata"]["threshold"])


@pytest.mark.slow
def test_from_crops_to_tracks(deepsort: Deepsort, market: Path, tmp_path: Path) -> None:
    test = Path(shutil.copytree(market, tmp_path / "test"))
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, pids in ((first, range(1, 9)), (second, range(5, 13))):
        folder.mkdir()
        for pid in pids:
            for path in (market / "bounding_box_test").glob(f"{pid:04d}_*"):
                shutil.copy(path, folder)
    walk(deepsort, tmp_path, first, second, test, ["--source", "demo", "--max-frames", 12], RANDOM)


@pytest.mark.slow
@pytest.mark.real_data
def test_from_real_crops_to_real_tracks(deepsort: Deepsort, shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "reid" / "cuhk03"

    def some(part: str, target: Path, pattern: str) -> None:
        target.mkdir(parents=True, exist_ok=True)
        for path in (source / part).glob(pattern):
            shutil.copy(path, target)

    some("bounding_box_train", tmp_path / "first", "00[0-1]*.jpg")
    some("bounding_box_train", tmp_path / "second", "00[2-3]*.jpg")
    for part in ("query", "bounding_box_test"):
        some(part, tmp_path / "test" / part, "076*.jpg")
        some(part, tmp_path / "test" / part, "077*.jpg")
    video = ["--source", shared_data / "video" / "vtest.avi", "--max-frames", 12]
    # Twenty real people teach random weights nothing that could be told from chance.
    public = ("--pretrained", shared_data / "models" / "osnet_x0_25_msmt17.pth", "--epochs", 3)
    walk(deepsort, tmp_path, tmp_path / "first", tmp_path / "second", tmp_path / "test", video, public)
