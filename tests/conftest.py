"""Fixtures shared by all tests."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from deepsort_cli.cli import wording
from tests.pauses import pause_at_random

REPOSITORY = Path(__file__).resolve().parent.parent

# The test processes share the cores: threads of PyTorch and BLAS in each of them would mostly wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples in every run, on machines of any speed; `pytest --hypothesis-profile=search` looks for new ones.
UNHURRIED = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("search", **UNHURRIED)
hypothesis.settings.register_profile("tests", derandomize=True, **UNHURRIED)
hypothesis.settings.load_profile("tests")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Started in the background of a script, where Ctrl-C is ignored; the commands under test would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the same under nohup


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--pauses", type=float, metavar="SHARE", help="pause at this share of all lines; see tests/pauses.py"
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("pauses"):
        pause_at_random(config.getoption("pauses"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public research data; tests that use it are marked `real_data`."""
    folder = Path(os.environ.get("DEEPSORT_TEST_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"the real data folder {folder} is absent; point DEEPSORT_TEST_DATA at one")
    return folder


@pytest.fixture(scope="session")
def model_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder of fetched models. Tests must not write into it."""
    return tmp_path_factory.mktemp("model_cache")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, model_cache: Path) -> None:
    """Settings from the caller's environment, and the models fetched there, must not reach the tests."""
    for name in list(os.environ):
        if name.startswith("DEEPSORT_") and name not in {"DEEPSORT_TEST_DATA"}:
            monkeypatch.delenv(name)
    monkeypatch.setenv("DEEPSORT_MODELS", str(model_cache))


@pytest.fixture(autouse=True)
def _no_process_survives() -> Iterator[None]:
    """What a test that fails leaves behind must not make others fail that count processes."""
    before = set(multiprocessing.active_children())
    yield
    left = set(multiprocessing.active_children()) - before
    for process in left:
        process.kill()
        process.join()
    assert not left


@pytest.fixture(autouse=True)
def _no_command_spoke_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages name settings by their keys again, also behind a test that ran a command in this process."""
    monkeypatch.setattr(wording, "_current", wording.Spelling())


@pytest.fixture
def deepsort(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the installed command as a user would, in an empty folder: `deepsort("track", "--source", "demo")`."""

    def run(*arguments: object, timeout: float = 900, **options: object) -> subprocess.CompletedProcess[str]:
        script = Path(sys.executable).with_name("deepsort")
        command = [str(script)] if script.exists() else [sys.executable, "-m", "deepsort_cli"]
        kept = {"DEEPSORT_MODELS"}
        environment = {name: value for name, value in os.environ.items() if name in kept or name[:9] != "DEEPSORT_"}
        environment.update({"NO_COLOR": "1", "COLUMNS": "200", "OMP_NUM_THREADS": "1"})
        environment.update(options.pop("env", {}))  # type: ignore[call-overload]
        return subprocess.run(
            [*command, *map(str, arguments)],
            cwd=options.pop("cwd", tmp_path),  # type: ignore[arg-type]
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            stdin=subprocess.DEVNULL,
        )

    return run


@pytest.fixture(scope="session")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `query` and `bounding_box_test` of 12 people that clothing tells apart, seen by two cameras.

    Each camera has one query and three gallery images of each. Tests must not write into it.
    """
    import numpy as np
    from PIL import Image

    folder = tmp_path_factory.mktemp("market")
    rng = np.random.default_rng(0)
    for part in ("query", "bounding_box_test"):
        (folder / part).mkdir()
    for pid in range(1, 13):
        clothes = rng.integers(0, 256, (3, 3))
        for camera in (1, 2):
            for shot in range(4):
                image = np.full((64, 32, 3), 90 + 40 * camera) + rng.normal(0, 12, (64, 32, 3))
                dx, dy = rng.integers(-2, 3, 2)
                for (top, bottom), colour in zip(((8, 20), (20, 36), (36, 60)), clothes, strict=True):
                    image[top + dy : bottom + dy, 8 + dx : 24 + dx] = colour
                part = "query" if shot == 0 else "bounding_box_test"
                pixels = np.clip(image, 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / part / f"{pid:04d}_c{camera}_f{shot:07d}.png")
    return folder


@pytest.fixture(scope="session")
def colour_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An ONNX embedder that averages colours over a grid: (N, 3, 64, 32) → (N, 48)."""
    import onnx
    from onnx import TensorProto, helper

    nodes = [
        helper.make_node("AveragePool", ["images"], ["grid"], kernel_shape=[8, 16], strides=[8, 16]),
        helper.make_node("Flatten", ["grid"], ["embeddings"]),
    ]
    graph = helper.make_graph(
        nodes,
        "colours",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, 64, 32])],
        [helper.make_tensor_value_info("embeddings", TensorProto.FLOAT, ["batch", 48])],
    )
    path = tmp_path_factory.mktemp("models") / "colours.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), str(path))
    return path
