"""`deepsort train` as users run it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")

from tests.reid.conftest import make_people

Deepsort = Callable[..., "subprocess.CompletedProcess[str]"]

TINY = """
data: {root: people, val_ratio: 0.25}
model: {feature_dim: 32, input: {height: 32, width: 16}}
augment: {pad: 2}
training: {epochs: 2, batch_size: 16, name: tiny, device: cpu}
"""


ENVIRONMENT = {"OMP_NUM_THREADS": "1", "COLUMNS": "200", "NO_COLOR": "1"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_people(tmp_path / "people", 16, per_camera=3)
    (tmp_path / "train.yaml").write_text(TINY)
    return tmp_path


def run_of(folder: Path) -> Path:
    return folder / "runs" / "tiny"


def test_train_continue_and_finish(folder: Path, deepsort: Deepsort) -> None:
    first = deepsort("train", "-c", "train.yaml", "--lr", "2e-3", "--json", env=ENVIRONMENT)
    assert first.returncode == 0, first.stderr
    summary = json.loads(first.stdout)
    assert summary["epochs"] == 2
    assert summary["resumed_epoch"] is None
    assert set(summary["best"]) >= {"epoch", "mAP", "rank1", "rank5", "mINP"}
    assert Path(folder / summary["best_checkpoint"]).is_file()
    for text in ("12 identities", "norms and biases", "0.002", "epoch   2/2"):  # the plan, the groups, the progress
        assert text in first.stderr
    assert (run_of(folder) / "plots" / "training_curves.png").read_bytes().startswith(b"\x89PNG")
    assert "lr: 0.002" in (run_of(folder) / "config.yaml").read_text()

    longer = deepsort(
        "train", "-c", "train.yaml", "--lr", "2e-3", "--epochs", "3", "--json", "--quiet", env=ENVIRONMENT
    )
    assert longer.returncode == 0
    assert json.loads(longer.stdout)["resumed_epoch"] == 2
    assert "epoch" not in longer.stderr.split("warning:")[0]  # warnings alone


def test_ctrl_c_saves_and_exits_130(folder: Path) -> None:
    script = Path(sys.executable).with_name("deepsort")
    command = [str(script), "train", "-c", "train.yaml", "--epochs", "500"]
    process = subprocess.Popen(
        command, cwd=folder, stderr=subprocess.PIPE, text=True, env={**os.environ, "COLUMNS": "200"}
    )
    deadline = time.monotonic() + 600
    while not (run_of(folder) / "history.json").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=900)
    assert process.returncode == 130, errors
    assert "the same command continues" in errors
    assert "Traceback" not in errors
    assert (run_of(folder) / "checkpoints" / "last.pth").is_file()


def test_torchrun(folder: Path) -> None:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "deepsort_cli", "train", "-c", "train.yaml", "--epochs", "1", "--json"]
    environment = {**os.environ, **ENVIRONMENT}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["epochs"] == 1  # one summary, of the first process
    assert "2 processes" in done.stderr
    assert done.stderr.count("epoch   1/1") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--root", "nowhere"], "nowhere"),
        (["-c", "train.yaml", "--set", "training.epoch=1"], "training.epochs"),
        (["-c", "train.yaml", "--batch-size", "130"], "130"),
    ],
)
def test_bad_input_is_one_panel(folder: Path, deepsort: Deepsort, arguments: list[str], message: str) -> None:
    done = deepsort("train", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (folder / "runs").exists()


def test_print_config_shows_every_documented_key(deepsort: Deepsort) -> None:
    done = deepsort("train", "--print-config", "--set", "optimizer.layer_lr_multipliers={'conv*': 0.1}")
    assert done.returncode == 0
    for key in ("test_root:", "scan:", "milestones:", "accum_steps:", "freeze_feature_layers:", "conv*: 0.1"):
        assert key in done.stdout
