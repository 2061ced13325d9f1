"""The models that come with the package: found, checked, described."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepsort_cli.core.errors import RunError
from deepsort_cli.core.files import file_sha256
from deepsort_cli.perception import bundled
from deepsort_cli.perception.bundled import bundled_model, bundled_models, model_file
from deepsort_cli.perception.embedders import open_embedder
from deepsort_cli.perception.settings import EmbedderSettings


@pytest.fixture
def box(colour_embedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two small models with their checksums, in place of the real ones."""
    monkeypatch.setattr(bundled, "ASSETS", tmp_path)
    lines = []
    for name in ("second", "first"):
        path = colour_embedder(name=f"{name}.onnx")
        path.with_suffix(".md").write_text(f"# {name}\n")
        lines.insert(0, f"{file_sha256(path)}  {path.name}\n")
    (tmp_path / "SHA256SUMS").write_text("".join(lines))
    return tmp_path


def test_the_first_one_listed_is_the_default(box: Path) -> None:
    assert [(model.name, model.card) for model in bundled_models()] == [
        ("first", "# first\n"),
        ("second", "# second\n"),
    ]
    assert bundled_model() == box / "first.onnx"
    embedder = open_embedder()
    assert embedder is not None
    assert embedder.name == "first.onnx"


def test_models_are_known_by_name(box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(box)
    embedder = open_embedder(EmbedderSettings(model_path="second"))
    assert embedder is not None
    assert embedder.name == "second.onnx"
    assert model_file("third.onnx") == Path("third.onnx")
    Path("second").touch()
    assert model_file("second") == Path("second"), "a file of that name comes first"


@pytest.mark.parametrize("damage", ["changed", "missing"])
def test_a_damaged_model_is_not_loaded(box: Path, damage: str) -> None:
    path = box / "first.onnx"
    if damage == "missing":
        path.unlink()
    else:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    with pytest.raises(RunError, match=r"first\.onnx.*Reinstall the package"):
        open_embedder()
    assert open_embedder(EmbedderSettings(model_path="second")) is not None


def test_an_empty_box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundled, "ASSETS", tmp_path)
    assert bundled_models() == []
    assert open_embedder() is None
