"""What a model file is, told from its content."""

from __future__ import annotations

import json
import struct
import zipfile
from pathlib import Path

import pytest

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.model_files import model_kind, onnx_name

HEADER = json.dumps({"w": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()


def archive(path: Path, *names: str) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, b"\x80\x02}q\x00.")
    return path


@pytest.mark.parametrize("name", ["model", "model.onnx", "model.pth.tar-60", "model.html"])
def test_the_name_says_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for content, kind in (
        (b"\x08\x08\x12\x07pytorch" + bytes(40), "onnx"),
        (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "checkpoint"),
        (struct.pack("<Q", len(HEADER)) + HEADER + bytes(4), "safetensors"),
        (bytes(range(3, 60)), "unknown"),
    ):
        path.write_bytes(content)
        assert model_kind(path, "a model") == kind
    assert model_kind(archive(path, "best/data.pkl", "best/data/0", "best/version"), "a model") == "checkpoint"
    program = archive(path, "net/data.pkl", "net/code/__torch__.py", "net/constants.pkl")
    assert model_kind(program, "a model") == "torchscript"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b"\n\n<!DOCTYPE html>\n<html><body>Sign in</body></html>", "web page"),
        ("\ufeff<HTML><HEAD><TITLE>404</TITLE>".encode(), "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", "git lfs pull"),
        (b'{"message": "Not Found"}', "JSON"),
        (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "XML"),
        (b'<?xml version="1.0"?>\n<net name="osnet" version="10">', "OpenVINO"),
        (b"epoch 1 loss 5.8\n", "text file"),
        (b"\xff\xd8\xff\xe0" + bytes(64), "JPEG"),
        (bytes([0, 0, 0, 32]) + b"ftypisom" + bytes(64), "MP4"),
        (b"\x1f\x8b\x08" + bytes(64), "Unpack"),
        (b"weights/a.pth".ljust(257, b"\0") + b"ustar\x0000" + bytes(248), "tar archive. Unpack"),
        (b"\x1c\x00\x00\x00TFL3" + bytes(64), "TensorFlow Lite"),
    ],
)
def test_what_is_never_a_model_is_called_what_it_is(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "best.pth"
    path.write_bytes(content)
    with pytest.raises(InputError, match=words) as caught:
        model_kind(path, "a model")
    assert str(path) in str(caught.value)


def test_other_archives_folders_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"zip archive \(weights/best.pth\)"):
        model_kind(archive(tmp_path / "a.zip", "weights/best.pth"), "a model")
    with pytest.raises(InputError, match="NumPy"):
        model_kind(archive(tmp_path / "a.npz", "features.npy"), "a model")
    with pytest.raises(InputError, match="no such"):
        model_kind(tmp_path / "none.pth", "a model")
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    (tmp_path / "run" / "checkpoints" / "best.pth").write_bytes(b"x")
    with pytest.raises(InputError, match=r"folder.*checkpoints/best\.pth"):
        model_kind(tmp_path / "run", "a model")


def test_the_name_of_the_exported_file() -> None:
    names = {"a/model.pth.tar-60": "a/model.onnx", "best.pth": "best.onnx", "v1.2": "v1.2.onnx", "x.PT": "x.onnx"}
    assert {name: str(onnx_name(Path(name)).as_posix()) for name in names} == names
