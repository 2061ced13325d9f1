"""`deepsort finetune` as a user runs it."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

torch = pytest.importorskip("torch", reason="fine-tuning needs PyTorch")

Deepsort = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file as torchreid writes it, with 30 classes."""
    from deepsort_cli.reid.backbones.osnet import OSNet

    path = tmp_path_factory.mktemp("public") / "osnet.pth"
    state = {"module." + name: value for name, value in OSNet("osnet_x0_25", num_classes=30).state_dict().items()}
    torch.save({"state_dict": state}, path)
    return path


@pytest.fixture
def target(market: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(market / "bounding_box_test", tmp_path / "people", ignore=shutil.ignore_patterns(".*")))


@pytest.fixture
def refuse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs the command in this process, PyTorch being loaded, and returns the message it fails with, in one line."""
    from typer.testing import CliRunner

    from deepsort_cli.cli import app

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object, code: int = 2) -> str:
        done = CliRunner().invoke(app, ["finetune", *map(str, arguments)])
        assert done.exit_code == code, done.output
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
        return " ".join(done.stderr.replace("│", " ").split())

    return run


def test_from_a_configuration_file(
    deepsort: Deepsort, refuse: Callable[..., str], public: Path, target: Path, tmp_path: Path
) -> None:
    (tmp_path / "finetune.yaml").write_text(
        yaml.safe_dump(
            {
                "source_checkpoint": str(public),
                "target_dataset": {"root": str(target), "val_ratio": 0.25},
                "reset": {"classifier": True, "bnneck": True, "fc": True},
                "output_path": "out.pth",
            }
        )
    )
    done = deepsort("finetune", "--config", "finetune.yaml", "--json", "--verbose")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert (found["identities"], found["held_out_identities"], found["training"]) == (9, 3, None)
    assert {row["tensor"].split(".")[0] for row in found["reinitialised"]} == {"fc", "bnneck", "classifier"}
    assert {name.split(".")[0] for name in found["kept"]} == {"conv1", "conv2", "conv3", "conv4", "conv5"}
    assert "re-initialised  fc.0.weight (reset)" in done.stderr
    assert "ignored         classifier.bias" in done.stderr
    assert "deepsort train --root" in done.stderr
    state = torch.load(tmp_path / "out.pth", weights_only=True)["state_dict"]
    assert state["classifier.weight"].shape == (9, 512)
    assert "out.pth: the file exists" in refuse("--config", "finetune.yaml")


def test_train_goes_straight_on_and_the_same_command_continues(
    deepsort: Deepsort, public: Path, target: Path, tmp_path: Path
) -> None:
    command = (
        "finetune", public, "--target", target, "--train", "--freeze-epochs", 1, "--batch-size", 16, "--height", 64,
        "--width", 32, "--json", "--set", "training.eval_every=1", "--set", "training.tensorboard=false",
        "--set", "target_dataset.val_ratio=0.25",
    )  # fmt: skip
    done = deepsort(*command, "--epochs", 1)
    assert done.returncode == 0, done.stderr
    training = json.loads(done.stdout)["training"]
    assert training["epochs"] == 1
    assert 0 <= training["best"]["mAP"] <= 1
    assert (tmp_path / training["best_checkpoint"]).is_file()
    assert (tmp_path / "osnet-people.pth").is_file()
    assert "frozen" in done.stderr
    config = yaml.safe_load((tmp_path / training["folder"] / "config.yaml").read_text())
    assert config["optimizer"]["layer_lr_multipliers"] == {"conv*": 0.1}
    longer = deepsort(*command, "--epochs", 2)
    assert longer.returncode == 0, longer.stderr
    assert "resumed from" in longer.stderr
    training = json.loads(longer.stdout)["training"]
    assert (training["epochs"], training["resumed_epoch"], training["held_out_identities"]) == (2, 1, 3)


def test_bad_input(refuse: Callable[..., str], public: Path, target: Path, tmp_path: Path) -> None:
    whole = public.read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.pth").write_text("epoch 1/12  loss 5.8\n" * 20)
    torch.save({"layer1.0.conv1.weight": torch.zeros(3)}, tmp_path / "resnet.pth")
    assert "cut.pth: is not a PyTorch checkpoint, or is damaged" in refuse("cut.pth", "--target", target)
    assert "text.pth: is not a PyTorch checkpoint" in refuse("text.pth", "--target", target)
    assert "not an OSNet" in refuse("resnet.pth", "--target", target)
    assert "30 identities apart" in refuse(public, "--target", target, "--keep-classifier")
    one = tmp_path / "one"
    one.mkdir()
    for path in target.glob("0001_*"):
        shutil.copy(path, one)
    assert "identit" in refuse(public, "--target", one)
    assert "telling people apart" in refuse(public, "--target", one, "--set", "target_dataset.val_ratio=0")
    (tmp_path / "file").write_text("")
    assert "not a folder" in refuse(public, "--target", target, "--output", "file/out.pth")
    assert "no target given" in refuse(public)
    assert "no checkpoint given" in refuse("--target", target)
    assert "nearest valid key is reset.classifier" in refuse(public, "--set", "reset.clasifier=true")
    assert not list(tmp_path.glob("*-people.pth"))
