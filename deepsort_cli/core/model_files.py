"""What a file given as a model really is, told from its content: names and suffixes are no evidence."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from deepsort_cli.core.errors import InputError

ModelKind = Literal["onnx", "checkpoint", "safetensors", "torchscript", "unknown"]

HEAD_BYTES = 512
PICKLE_STARTS = tuple(bytes([0x80, protocol]) for protocol in range(2, 6))
"""How pickles begin, in which PyTorch saved before its zip archives."""
SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"GIF8", "a GIF picture"),
    (8, b"WEBP", "a WebP picture"),
    (4, b"ftyp", "an MP4 video"),
    (0, b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
    (0, b"%PDF-", "a PDF document"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file (Keras?)"),
    (4, b"TFL3", "a TensorFlow Lite model"),
    (0, b"GGUF", "a GGUF model"),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\x00", "an xz archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"\x28\xb5\x2f\xfd", "a zstandard archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (0, b"SQLite format 3", "an SQLite database"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a Windows program"),
)
"""Offset, bytes and name of what people give by mistake."""
ARCHIVES = ("gzip", "bzip2", "xz", "7z", "RAR", "tar", "zstandard")


def model_kind(path: Path, wanted: str) -> ModelKind:
    """Which kind of model file this is; `unknown` where nothing speaks against its being one.

    Args:
        wanted: what the caller hoped for, with its article, for messages: "an ONNX model", "a PyTorch checkpoint".

    Raises:
        InputError: it is missing, a folder, unreadable or empty, or it is something that is never a model; the
            message says what, and the remedy.
    """
    head = read_head(path)
    if head.startswith(b"PK\x03\x04"):
        return _of_archive(path, wanted)
    if head.startswith(PICKLE_STARTS):
        return "checkpoint"
    if _is_safetensors(head):
        return "safetensors"
    found = next((name for offset, start, name in SIGNATURES if head[offset:].startswith(start)), None)
    if found is not None:
        remedy = "Unpack it and give the model in it." if _is_archive(found) else "Give the model itself."
        raise InputError(f"{path}: is not {wanted}: this is {found}. {remedy}")
    if _is_text(head):
        raise InputError(f"{path}: is not {wanted}: {_text_kind(head)}")
    # Protobuf's first field is the version of the format, a small number.
    return "onnx" if head[0] == 0x08 and len(head) > 1 and head[1] < 0x80 else "unknown"


def onnx_name(checkpoint: Path) -> Path:
    """What a checkpoint is called once exported: beside it, `model.pth.tar-60` becomes `model.onnx`."""
    name = re.sub(r"(\.(pth|pt|ckpt|tar|bin|pkl|safetensors|onnx)(-\d+)?)+$", "", checkpoint.name, flags=re.IGNORECASE)
    return checkpoint.with_name(f"{name or checkpoint.name}.onnx")


def read_head(path: Path) -> bytes:
    """The first bytes of a file.

    Raises:
        InputError: it is missing, a folder, unreadable or empty.
    """
    if path.is_dir():
        raise InputError(f"{path}: this is a folder. Give the model file itself{_example(path)}.")
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD_BYTES)
    except FileNotFoundError:
        raise InputError(f"{path}: no such model file.") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}).") from None
    if not head:
        raise InputError(f"{path}: the file is empty. Copy or download it again.")
    return head


def _example(folder: Path) -> str:
    """A model in a folder, as an example."""
    patterns = ("checkpoints/best.pth", "*.onnx", "*.pth", "*.pt", "*.safetensors", "*.ckpt")
    try:
        found = next((file for pattern in patterns for file in sorted(folder.glob(pattern))), None)
    except OSError:
        found = None
    return "" if found is None else f", for example {found}"


def _of_archive(path: Path, wanted: str) -> ModelKind:
    """What a zip archive holds: PyTorch saves in such."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError):  # cut off: the list of contents is at the end
        return "checkpoint"
    if any(name.endswith("constants.pkl") or "/code/" in name for name in names):
        return "torchscript"
    if any(name.endswith("data.pkl") for name in names):
        return "checkpoint"
    raise InputError(f"{path}: is not {wanted}: this is {_zip_words(names)}")


def _zip_words(names: Sequence[str]) -> str:
    if names and all(name.endswith(".npy") for name in names):
        return "an archive of NumPy arrays (.npz). Give the model itself."
    if "[Content_Types].xml" in names:
        return "an office document. Give the model itself."
    if any(name.endswith(("config.json", "keras_metadata.pb")) for name in names) and any(".h5" in n for n in names):
        return "a Keras model. Export it to ONNX with the program that made it."
    shown = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    return f"a zip archive ({shown or 'empty'}). Unpack it and give the model in it."


def _is_archive(name: str) -> bool:
    return any(word in name for word in ARCHIVES)


def _is_safetensors(head: bytes) -> bool:
    """Eight bytes with the length of a JSON header, and that header."""
    return len(head) > 10 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 1 << 32 and head[9] in b'"} \n'


def _is_text(head: bytes) -> bool:
    """Model formats hold control characters within a few bytes; no text does."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True  # UTF-16
    return all(byte >= 32 or byte in b"\t\n\r\f\x1b" for byte in head)


def _text_kind(head: bytes) -> str:
    """What a text file is, and what to do."""
    start = head.decode("utf-8", errors="replace").lstrip("\ufeff \t\r\n")
    lower = start.lower()
    if start.startswith("version https://git-lfs"):
        return "this is a Git LFS pointer, a note of 130 bytes in its place. Run `git lfs pull` to fetch the file."
    if lower.startswith(("<!doctype html", "<html", "<head", "<!--")) or "<html" in lower:
        return (
            "this is a text file, a web page (HTML). A page about the model was saved instead of the model: download "
            "it again from the link to the raw file."
        )
    if lower.startswith(("<?xml", "<net")):
        if "<net" in lower:
            return "this is a text file, an OpenVINO model. Give the ONNX model it was made from."
        return "this is a text file (XML), an error message of a download server perhaps. Download it again."
    if start.startswith(("{", "[")):
        return "this is a text file (JSON), settings or an error message of a download server. Give the model itself."
    return "this is a text file. Give the model itself."
