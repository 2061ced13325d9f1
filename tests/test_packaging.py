"""The archives that are published: what they hold, and that it is enough."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

REPOSITORY = Path(__file__).resolve().parent.parent


def build(builder: type[SdistBuilder] | type[WheelBuilder], source: Path, target: Path) -> Path:
    return Path(next(builder(str(source)).build(directory=str(target), versions=["standard"])))


@pytest.fixture(scope="module")
def unpacked_sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(build(SdistBuilder, REPOSITORY, folder)) as archive:
        archive.extractall(folder, filter="data")
    return next(path for path in folder.iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def installed(unpacked_sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the source archive, as an installer lays it out."""
    folder = tmp_path_factory.mktemp("wheel")
    with zipfile.ZipFile(build(WheelBuilder, unpacked_sdist, folder)) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def files(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix() for path in found}


def test_wheel_holds_the_package_and_nothing_else(installed: Path) -> None:
    assert {path.name.split("-")[0] for path in installed.iterdir()} == {"deepsort_cli"}
    inside = files(installed / "deepsort_cli")
    assert inside == files(REPOSITORY / "deepsort_cli")
    assert {"py.typed", "assets/osnet_x0_25.onnx", "assets/osnet_x0_25.md", "core/page.css"} <= inside


def test_source_archive_holds_what_tests_and_documentation_need(unpacked_sdist: Path) -> None:
    for folder in ("tests", "examples", "docs", "benchmarks", "binary"):
        assert files(unpacked_sdist / folder) == files(REPOSITORY / folder)
    beside = {path.name for path in unpacked_sdist.iterdir()}
    assert beside >= {"README.md", "CHANGELOG.md", "CITATION.cff", "LICENSE", "Makefile", "mkdocs.yml", "uv.lock"}


def test_wheel_runs_from_where_it_is_installed(installed: Path, tmp_path: Path) -> None:
    code = (
        "import deepsort_cli, sys; from deepsort_cli.cli import main; print(deepsort_cli.__file__, flush=True); "
        "sys.argv[1:] = ['track', 'demo', '--detector', 'hog', '--max-frames', '3', '--save-txt', 'out.txt']; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(installed)!r}); {code}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.splitlines()[0]).is_relative_to(installed)
    assert (tmp_path / "out.txt").exists()
