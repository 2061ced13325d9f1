"""Every script in `examples/` runs as its first lines say."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.conftest import REPOSITORY

EXAMPLES = REPOSITORY / "examples"
Example = Callable[..., str]


@pytest.fixture
def example(tmp_path: Path) -> Example:
    """Runs a script in an empty folder, as the user would, and returns what it printed."""

    def run(script: str, *arguments: object) -> str:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("DEEPSORT_")}
        done = subprocess.run(
            [sys.executable, str(EXAMPLES / script), *map(str, arguments)],
            cwd=tmp_path,
            env=environment | {"OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=900,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_every_script_is_run_here() -> None:
    source = Path(__file__).read_text(encoding="utf-8")
    # make_configs.py would write into the repository; tests/settings holds those files to the settings instead.
    scripts = {path.name for path in EXAMPLES.glob("*.py")} - {"make_configs.py"}
    assert [name for name in scripts if f'example("{name}"' not in source] == []


def test_quickstart(example: Example, tmp_path: Path) -> None:
    printed = example("quickstart.py", "--max-frames", 12)
    people, frames = map(int, re.match(r"(\d+) people in (\d+) frames", printed).groups())  # type: ignore[union-attr]
    rows = np.loadtxt(tmp_path / "tracked.txt", delimiter=",", ndmin=2)
    assert people == len(np.unique(rows[:, 1])) == printed.count("person ") > 0
    assert frames == cv2.VideoCapture(str(tmp_path / "tracked.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 12


def test_quickstart_finds_nobody(example: Example, tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for number in range(3):
        cv2.imwrite(str(tmp_path / "frames" / f"{number}.png"), np.full((120, 160, 3), 90, np.uint8))
    assert example("quickstart.py", "--source", "frames").startswith("0 people in 3 frames")


def test_own_loop_with_an_embedder(example: Example, colour_model: Path, tmp_path: Path) -> None:
    printed = example("track_in_your_own_loop.py", "--max-frames", 12, "--reid", colour_model)
    assert re.search(r"person 1 appears, feet at \(\d+, \d+\)", printed)
    assert cv2.VideoCapture(str(tmp_path / "tracked.mp4")).get(cv2.CAP_PROP_FRAME_COUNT) == 12


def test_own_loop_by_motion_alone(example: Example) -> None:
    assert "person 1 appears" in example("track_in_your_own_loop.py", "--max-frames", 6, "--reid", "none")


def test_generated_people_and_their_evaluation(example: Example, colour_model: Path, tmp_path: Path) -> None:
    example("generated_people.py", "people", "--people", 6, "--train-people", 4, "--shots", 2)
    count = {part.name: len(list(part.iterdir())) for part in (tmp_path / "people").iterdir()}
    assert count == {"query": 12, "bounding_box_test": 12, "bounding_box_train": 16}
    for path in (tmp_path / "people").rglob("*.jpg"):
        with Image.open(path) as image:
            assert image.height > image.width
    trained = {path.name[:4] for path in (tmp_path / "people" / "bounding_box_train").iterdir()}
    assert trained == {"0007", "0008", "0009", "0010"}  # nobody of the test set

    printed = example("evaluate_onnx.py", "people", colour_model)
    assert re.search(r"mAP \d+\.\d%, from \d+\.\d% to", printed)
    assert printed.count("hard query: ") == 3
    (report,) = (tmp_path / "results").glob("*/report.html")
    assert str(report.relative_to(tmp_path)) in printed


def test_training(example: Example, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("torchvision")
    pytest.importorskip("onnx")
    from tests.reid.conftest import make_people

    make_people(tmp_path / "people", 12, per_camera=3)
    size = ("--height", 32, "--width", 16, "--batch-size", 16)
    printed = example("train_on_a_folder.py", "people", "--epochs", 1, *size)
    assert (tmp_path / "runs" / "osnet_x0_25-people" / "checkpoints" / "best.pth").is_file()
    assert printed.count("epoch 1, loss ") == 1
    assert "reid='reid.onnx': 512 values" in printed
    assert (tmp_path / "reid.onnx").is_file()
