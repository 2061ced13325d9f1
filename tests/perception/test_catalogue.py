"""Models known by name: what is in the cache, what is fetched, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.files import file_sha256
from deepsort_cli.perception import catalogue
from deepsort_cli.perception.catalogue import CATALOGUE, CatalogueModel, default_detector, find
from deepsort_cli.perception.model_cache import cache_folder
from deepsort_cli.perception.model_names import located


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("DEEPSORT_MODELS", str(folder))
    return folder


def published(file: Path, name: str = "tiny", **values: object) -> CatalogueModel:
    fields = {
        "name": name,
        "task": "detector",
        "title": "a tiny one",
        "input": "64×64",
        "url": "http://127.0.0.1:9/tiny.onnx",
        "bytes": file.stat().st_size,
        "sha256": file_sha256(file),
        "licence": "MIT",
        "licence_source": "here",
        "checked": "records",
        "figures": "none",
    }
    return CatalogueModel(**{**fields, **values})  # type: ignore[arg-type]


@pytest.fixture
def brought(tmp_path: Path) -> Path:
    path = tmp_path / "brought.onnx"
    path.write_bytes(bytes(range(256)) * 40)
    return path


def test_every_entry_is_complete() -> None:
    names = [model.name for model in CATALOGUE]
    assert len(set(names)) == len(names)
    assert catalogue.DEFAULT_DETECTOR in names
    for model in CATALOGUE:
        assert model.url.startswith("https://")
        assert len(bytes.fromhex(model.sha256)) == 32
        assert model.bytes > 1_000_000
        assert model.licence and model.licence_source.startswith("https://") and model.title and model.input


def test_a_file_brought_by_hand(cache: Path, brought: Path) -> None:
    model = published(brought)
    assert model.cached() is None
    assert model.add(brought) == cache / "tiny.onnx" == model.cached()
    assert (cache / "tiny.onnx").read_bytes() == brought.read_bytes()
    brought.write_bytes(b"something else")
    with pytest.raises(InputError, match=r"brought\.onnx: not the published tiny: 14 bytes.*`detector.model_path`="):
        model.add(brought)
    assert model.cached() is not None, "the right file stays"
    with pytest.raises(InputError, match="cannot be read"):
        model.add(cache / "absent.onnx")


def test_a_changed_file_is_not_taken_for_the_published_one(cache: Path, brought: Path) -> None:
    model = published(brought)
    path = model.add(brought)
    content = bytearray(path.read_bytes())
    content[500] ^= 1
    path.write_bytes(content)
    assert model.cached() is None


def test_a_file_is_hashed_once_as_long_as_it_stays_the_same(
    cache: Path, brought: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = published(brought)
    path = model.add(brought)
    hashed: list[Path] = []
    monkeypatch.setattr(catalogue, "file_sha256", lambda path: hashed.append(path) or file_sha256(path))
    assert [model.cached() for _ in range(3)] == [path] * 3
    assert hashed == [path]
    content = bytearray(path.read_bytes())
    content[500] ^= 1
    path.write_bytes(content)
    assert model.cached() is None, "another file of the same size"
    assert len(hashed) == 2


def test_where_fetched_models_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DEEPSORT_MODELS", "~/models")
    assert cache_folder() == Path("~/models").expanduser()
    monkeypatch.delenv("DEEPSORT_MODELS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder().parts[-2:] == ("deepsort", "models")


def test_offline_is_obeyed_and_says_how_to_bring_the_file(
    cache: Path, brought: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEEPSORT_OFFLINE", "1")
    model = published(brought)
    with pytest.raises(RunError) as caught:
        model.obtain()
    for part in (model.url, model.sha256, "deepsort models add tiny FILE", str(cache)):
        assert part in str(caught.value)
    model.add(brought)
    assert model.obtain() == model.path, "what is there needs no network"


def test_names_and_files(cache: Path, brought: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model = published(brought)
    monkeypatch.setattr(catalogue, "CATALOGUE", (model,))
    monkeypatch.setattr(catalogue, "DEFAULT_DETECTOR", "tiny")
    monkeypatch.chdir(tmp_path)
    assert default_detector() is None
    assert find("TINY") is model
    model.add(brought)
    assert default_detector() == "tiny"
    assert located("tiny", "detector") == model.path
    Path("other.onnx").touch()
    assert located("other.onnx", "detector") == Path("other.onnx")
    with pytest.raises(InputError, match="no such model file"):
        located("another.onnx", "detector")
    with pytest.raises(InputError, match=r"tiny is for `detector"):
        located("tiny", "reid")
    Path("tiny").write_bytes(b"mine")
    assert located("tiny", "detector") == Path("tiny"), "a file of that name comes first"


def test_a_read_only_cache_serves_what_it_holds(cache: Path, brought: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = published(brought)
    model.add(brought)

    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refuse)
    assert model.obtain() == model.path
    other = published(brought, name="other")
    with pytest.raises(InputError, match=r"models cannot be kept here \(Permission denied\). Set DEEPSORT_MODELS"):
        other.add(brought)
    with pytest.raises(InputError, match="models cannot be kept here"):
        other.obtain()
