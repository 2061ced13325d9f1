"""A model that is not there: what was probably meant, what there is, and how to get it."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.perception import catalogue
from deepsort_cli.perception.catalogue import find
from deepsort_cli.perception.embedders import resolve_model
from deepsort_cli.perception.model_names import Task, export_advice, located, no_such_model
from deepsort_cli.perception.settings import EmbedderSettings


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPSORT_OFFLINE", "1")


@pytest.mark.parametrize(
    ("name", "task", "expected"),
    [
        ("yolox_nano.onnx", "detector", "Did you mean `detector.model_path`=yolox_nano? It is fetched once: 3.7 MB"),
        ("YOLOX_Nano.onx", "detector", "Did you mean `detector.model_path`=yolox_nano?"),
        ("yolox_nan", "detector", "Did you mean `detector.model_path` yolox_nano"),
        ("rfdetr", "detector", "Did you mean `detector.model_path` rfdetr_nano?"),
        (
            "yolo11n.pt",
            "detector",
            "yolo export model=yolo11n.pt format=onnx, and give `detector.model_path`=yolo11n.onnx",
        ),
        ("yolov8s-seg.onnx", "detector", "yolo export model=yolov8s-seg.pt format=onnx"),
        ("yolo26n.engine", "detector", "yolo export model=yolo26n.pt"),
        ("osnet_x0_25.onnx", "detector", "Did you mean `reid.model_path` osnet_x0_25? It comes with the package."),
        ("osnet_x0_25.onnx", "reid", "Did you mean `reid.model_path` osnet_x0_25? It comes with the package."),
        ("osnet_x1_0", "reid", "deepsort train with `model.name`=osnet_x1_0"),
        ("osnet_ain_x1_0.pth", "reid", "deepsort export CHECKPOINT, and give its osnet_ain_x1_0.onnx"),
        ("yolox_nano.onnx", "reid", "Did you mean `detector.model_path`=yolox_nano?"),
        ("mine.onnx", "detector", "Known by name: hog, yolox_nano"),
        ("mine.onnx", "reid", "Known by name: osnet_x0_25"),
        ("nowhere/mine.onnx", "reid", "There is no folder nowhere."),
        ("https://host/yolo.onnx", "detector", "not fetched from addresses"),
    ],
)
def test_the_message_teaches_the_next_step(name: str, task: Task, expected: str) -> None:
    message = no_such_model(name, task)
    assert message.startswith(f"{name}: no such model file. ")
    assert expected in message
    assert message.count("\n") == 0


@pytest.mark.parametrize("name", ["Model.onnx", "model", "modell.onnx", "model.pt", "model.onx"])  # codespell:ignore
def test_a_file_with_nearly_this_name_is_named(name: str) -> None:
    Path("model.onnx").write_bytes(b"0")
    assert "Did you mean `detector.model_path` model.onnx?" in no_such_model(name, "detector")


def test_names_lead_there_from_both_flags() -> None:
    with pytest.raises(InputError, match="yolo export model=yolo11n"):
        located("yolo11n.pt", "detector")
    with pytest.raises(InputError, match="does not come with the package"):
        resolve_model(EmbedderSettings(model_path="osnet_x1_0"))
    with pytest.raises(InputError, match="is for `detector.model_path`, not for `reid"):
        located("yolox_nano", "reid")


def test_a_file_of_the_same_name_in_the_folder_is_pointed_out_when_the_model_cannot_be_fetched() -> None:
    with pytest.raises(RunError) as without:
        located("yolox_nano", "detector")
    assert "in this folder" not in str(without.value)
    Path("yolox_nano.onnx").write_bytes(b"another export")
    said: list[str] = []
    with pytest.raises(RunError, match=r"use the file in this folder: `detector.model_path`=yolox_nano\.onnx"):
        located("yolox_nano", "detector", said.append)
    assert any("is not the published yolox_nano" in message for message in said)


def test_the_published_file_in_the_folder_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size and sum are those of the catalogue, so there is nothing to fetch."""
    model = find("yolox_nano")
    assert model is not None
    content = b"the published file"
    import dataclasses
    import hashlib

    small = dataclasses.replace(model, bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setattr(catalogue, "CATALOGUE", (small,))
    monkeypatch.setenv("DEEPSORT_MODELS", str(tmp_path / "cache"))
    Path("yolox_nano.onnx").write_bytes(content)
    said: list[str] = []
    assert located("yolox_nano", "detector", said.append) == tmp_path / "cache" / "yolox_nano.onnx"
    assert "is the published yolox_nano" in said[0]


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("yolo11n.pt", "yolo export model=yolo11n.pt format=onnx. Then give yolo11n.onnx."),
        ("runs/osnet_x1_0.pth", "deepsort export runs/osnet_x1_0.pth. Then give runs/osnet_x1_0.onnx."),
        ("best.pt", "a detector with its own tool"),
    ],
)
def test_checkpoints_are_exported_with_what_made_them(name: str, advice: str) -> None:
    assert advice in export_advice(Path(name)).replace("\\", "/")
