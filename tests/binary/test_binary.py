"""The single file as a user gets it, where glibc and the kernel's files are and nothing else: make binary-test."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import REPOSITORY

BINARY = Path(os.environ.get("DEEPSORT_BINARY", REPOSITORY / "dist" / "deepsort")).absolute()
GLIBC = "libc.so.6 libm.so.6 libdl.so.2 libpthread.so.0 librt.so.1 libutil.so.1 libresolv.so.2 libmvec.so.1"

pytestmark = [
    pytest.mark.binary,
    pytest.mark.skipif(not BINARY.is_file(), reason=f"{BINARY.name} is not built: make binary"),
    pytest.mark.skipif(sys.platform != "linux", reason="the bare system is one of Linux"),
]

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def bare(home: Path) -> list[str]:
    """The command line that runs the file where no Python is and nothing else either; `home` can be written there."""
    bubblewrap = shutil.which("bwrap")
    if bubblewrap is None:
        pytest.skip("bubblewrap is not installed (apt-get install bubblewrap)")
    folder = Path("/lib", f"{platform.machine()}-linux-gnu")
    loader = next(Path("/lib64").glob("ld-linux*"), None) or next(Path("/lib").glob("ld-linux*"))
    system = [loader, *(folder / name for name in GLIBC.split() if (folder / name).exists())]
    binds = [word for path in system for word in ("--ro-bind", str(path.resolve()), str(path))]
    command = [bubblewrap, "--unshare-all", "--die-with-parent", "--clearenv", "--setenv", "HOME", "/home"]
    command += ["--setenv", "COLUMNS", "200", "--setenv", "OMP_NUM_THREADS", "1", *binds, "--proc", "/proc"]
    command += ["--dev", "/dev", "--tmpfs", "/tmp", "--bind", str(home), "/home", "--chdir", "/home"]
    command += ["--ro-bind", str(BINARY.resolve()), "/bin/deepsort"]
    tried = subprocess.run([*command, "/bin/deepsort", "--version"], capture_output=True, text=True, timeout=600)
    if "bwrap:" in tried.stderr:
        pytest.skip(f"no bare system can be made here: {tried.stderr.strip()}")
    assert tried.returncode == 0, tried.stderr
    assert tried.stderr.startswith("deepsort: unpacking itself into /home/.cache/deepsort/program/")
    return command


@pytest.fixture(scope="module")
def run(bare: list[str]) -> Run:
    def started(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        variables = [word for name, value in environment.items() for word in ("--setenv", name, value)]
        command = [*bare, *variables, "/bin/deepsort", *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=900)

    return started


@pytest.fixture(scope="module")
def people(home: Path) -> Path:
    """Four people in two colours each, seen by two cameras."""
    folder = home / "people"
    random = np.random.default_rng(3)
    for person in range(1, 5):
        (folder / f"id_{person:04}").mkdir(parents=True)
        colours = random.integers(0, 255, (2, 3))
        for shot in range(4):
            image = np.repeat(np.repeat(colours[:, None], 32, axis=1), 32, axis=0) + random.integers(-9, 9, (64, 32, 3))
            name = f"{person:04}_c{shot % 2 + 1}_f{shot:04}.png"
            Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).save(folder / f"id_{person:04}" / name)
    return folder


def test_helps_and_says_what_it_has_not_got(run: Run) -> None:
    text = run("--help")
    assert text.returncode == 0
    lines = {
        line.split()[1]: line for line in text.stdout.splitlines() if line.startswith("│") and len(line.split()) > 3
    }
    for command in ("train", "finetune", "export"):
        assert "needs the Python package" in lines[command]
        refused = run(command, *(("--root", "x") if command == "train" else ("x.pth",)))
        said = " ".join(refused.stderr.replace("│", " ").split())
        assert refused.returncode == 2
        assert "in the Python package, as nothing can be added to this single file: pip install" in said
    assert all("needs the Python package" in lines[command] for command in ("tune", "score"))
    assert "needs the Python package" not in lines["track"] + lines["eval"]
    assert "--camera-motion" in run("track", "--help-all").stdout


def test_tracks_the_demo(run: Run, home: Path) -> None:
    outputs = ("--save", "a.mp4", "--save-txt", "a.txt", "--save-timeline", "a.png")
    done = run("track", "--source", "demo", "--detector", "hog", "--max-frames", "12", *outputs)
    assert done.returncode == 0, done.stderr
    rows = np.loadtxt(home / "a.txt", delimiter=",", ndmin=2)
    assert len(np.unique(rows[:, 1])) > 2
    assert (home / "a.mp4").read_bytes()[4:8] == b"ftyp"
    with Image.open(home / "a.png") as picture:
        assert picture.width > 100, "matplotlib draws"
    again = run("track", "--source", "a.mp4", "--detector", "hog", "--max-frames", "3", "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)[0]["frames"] == 3, "it decodes video"


def test_tracks_an_archive_in_processes_of_its_own(run: Run, home: Path) -> None:
    """Workers are started anew, and so are this very file."""
    (home / "archive").mkdir()
    for name in ("one.mp4", "two.mp4"):
        made = run(
            "track", "demo", "--detector", "hog", "--reid", "none", "--max-frames", "4", "--save", f"archive/{name}"
        )
        assert made.returncode == 0, made.stderr
    flags = ("--output-dir", "done", "--save-txt", "tracks.txt", "--detector", "hog", "--reid", "none", "--jobs", "2")
    done = run("track", "archive", *flags)
    assert done.returncode == 0, done.stderr
    assert sorted(path.parent.name for path in (home / "done").rglob("tracks.txt")) == ["one.mp4", "two.mp4"]


def test_scans_and_evaluates(run: Run, home: Path, people: Path) -> None:
    scanned = run("scan", "--root", "people", "--html", "scan.html")
    assert scanned.returncode == 0, scanned.stderr
    assert "id_0001" in (home / "scan.html").read_text() or "people" in (home / "scan.html").read_text()
    evaluated = run("eval", "osnet_x0_25", "--root", "people", "--val-ratio", "0.9", "--output-dir", "report")
    assert evaluated.returncode == 0, evaluated.stderr
    written = {path.suffix for path in (home / "report").rglob("*")}
    assert {".html", ".json", ".png", ".csv"} <= written


def test_knows_its_models(run: Run) -> None:
    assert "osnet_x0_25" in run("models").stdout
    card = run("models", "osnet_x0_25")
    assert card.returncode == 0
    assert "MSMT17" in card.stdout


def test_completes_words(run: Run) -> None:
    done = run(_DEEPSORT_COMPLETE="complete_bash", COMP_WORDS="deepsort tr", COMP_CWORD="1")
    assert done.stdout.split() == ["train", "track"]
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("track", "nowhere.mp4"), "nowhere.mp4"),
        (("track", "demo", "--device", "cuda"), "For cuda take the Python package, with onnxruntime-gpu"),
        (("track", "demo", "--display"), "no screen is available"),
        (("scan", "people"), "Did you mean --root people?"),
        (("eval", "absent.onnx", "--root", "people"), "absent.onnx"),
    ],
)
def test_errors_are_those_of_the_installed_command(run: Run, words: tuple[str, ...], message: str) -> None:
    refused = run(*words)
    assert refused.returncode == 2
    assert message in " ".join(refused.stderr.replace("│", " ").split())
    assert "Traceback" not in refused.stderr


def test_shows_no_path_of_where_it_was_built(run: Run, home: Path) -> None:
    trace = run("track", "nowhere.mp4", DEEPSORT_TRACEBACK="1").stderr
    assert "Traceback" in trace
    for path in (str(REPOSITORY), str(Path.home()), sys.prefix):
        assert path not in trace + run("--help").stdout + run("models").stdout
    (program,) = (home / ".cache" / "deepsort" / "program").iterdir()
    hidden = [str(REPOSITORY).encode(), str(REPOSITORY.parent).encode() + b"/"]
    for file in (program / "deepsort", program / "_internal" / "base_library.zip"):
        assert not any(path in file.read_bytes() for path in hidden), file


def test_licences_are_in_it(run: Run, home: Path) -> None:
    (program,) = (home / ".cache" / "deepsort" / "program").iterdir()
    assert {"numpy", "opencv-python", "av", "deepsort-cli"} <= {
        folder.name for folder in (program / "licences").iterdir()
    }


def test_interrupted_while_it_unpacks_it_leaves_nothing(tmp_path: Path) -> None:
    environment = {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    started = subprocess.Popen([BINARY, "--version"], env=environment, stderr=subprocess.PIPE, text=True)
    programs = tmp_path / "cache" / "deepsort" / "program"
    while started.poll() is None and not list(programs.glob("*/new/*")):
        time.sleep(0.01)
    started.send_signal(signal.SIGINT)
    assert started.wait(600) == 130
    assert list(programs.iterdir()) == []
    assert started.stderr is not None
    started.stderr.close()


def test_interrupted_while_it_tracks_it_finishes_its_files(tmp_path: Path) -> None:
    """As the installed command: the launcher is out of the way."""
    command = [BINARY, "track", "demo", "--detector", "hog", "--set", "demo.frames=100000", "--save-txt", "a.txt"]
    environment = {"HOME": str(tmp_path), "OMP_NUM_THREADS": "1"}
    with (tmp_path / "said.txt").open("w") as said:
        started = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=said, stdout=said)
    while started.poll() is None and not any(path.stat().st_size for path in tmp_path.glob(".a*txt*")):
        time.sleep(0.1)
    started.send_signal(signal.SIGINT)
    assert started.wait(600) == 130
    assert len((tmp_path / "a.txt").read_text().splitlines()) > 0
