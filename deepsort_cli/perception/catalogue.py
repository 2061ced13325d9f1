"""Models known by name and fetched from their publishers: where they are, what they must be, where they are kept.

Naming a model, or `deepsort models download`, is the consent to fetch it; nothing is fetched unasked. A file is used
only if its SHA-256 is the one written here, whoever brought it.
"""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.files import atomic_path, file_sha256
from deepsort_cli.perception.download import download
from deepsort_cli.perception.model_cache import cache_error, cache_folder
from deepsort_cli.perception.scores import ScorePair, scores_of

DEFAULT_DETECTOR = "yolox_nano"
"""Taken where no detector is named and its file is at hand."""

MIRROR, OFFLINE = "DEEPSORT_MODELS_URL", "DEEPSORT_OFFLINE"
"""Environment variables: address of a copy of the files; 1 forbids fetching."""

Note = Callable[[str], None]
Progress = Callable[[int, int], None]
"""Takes the bytes there are and the bytes there will be."""


@dataclass(frozen=True)
class CatalogueModel:
    """A model somebody else publishes.

    Attributes:
        name: what `detector.model_path` and `deepsort models` call it.
        task: what it is for.
        title: what it is, in a few words.
        input: what it is shown.
        url: where its publisher keeps it.
        bytes: size of the file.
        sha256: what its SHA-256 must be, in hexadecimal.
        licence: licence of the weights.
        licence_source: where the publisher says so.
        checked: how address, size and sum are known: from public records only, or by downloading the file.
        figures: what was measured here, and on what; says so where nothing was.
    """

    name: str
    task: Literal["detector", "reid"]
    title: str
    input: str
    url: str
    bytes: int
    sha256: str
    licence: str
    licence_source: str
    checked: Literal["records", "download"]
    figures: str

    @property
    def scores(self) -> ScorePair | None:
        """What a detector's scores mean to a tracker; None for other models."""
        return scores_of(self.name) if self.task == "detector" else None

    @property
    def path(self) -> Path:
        """Where its file is, or would be, in the cache."""
        return cache_folder() / f"{self.name}.onnx"

    @property
    def address(self) -> str:
        """What it is fetched from: its publisher, or the mirror in DEEPSORT_MODELS_URL."""
        mirror = os.environ.get(MIRROR)
        return f"{mirror.rstrip('/')}/{self.name}.onnx" if mirror else self.url

    @property
    def megabytes(self) -> str:
        return f"{self.bytes / 1e6:.1f} MB"

    def cached(self) -> Path | None:
        """Its file in the cache, if that is there and the right one."""
        try:
            right = self.path.stat().st_size == self.bytes and _sum(self.path) == self.sha256
        except OSError:
            return None
        return self.path if right else None

    def obtain(self, note: Note = lambda message: None, progress: Progress = lambda done, total: None) -> Path:
        """Its file, fetched where the cache has not got it.

        Args:
            note: is told that something is fetched, from where and under which licence.
            progress: is told how far that is.

        Raises:
            RunError: it cannot be fetched, or what came is not the published file.
            InputError: the cache folder cannot be written.
        """
        found = self.cached()
        if found is not None:
            return found
        beside = Path(f"{self.name}.onnx")
        if beside.is_file():
            if beside.stat().st_size == self.bytes and file_sha256(beside) == self.sha256:
                note(f"{beside} in this folder is the published {self.name}: kept in {self.path.parent}")
                return self.add(beside)
            note(f"{beside} in this folder is not the published {self.name}. To use it: `{self.key}`={beside}")
        if os.environ.get(OFFLINE, "").lower() not in ("", "0", "false", "no", "off"):
            raise RunError(
                f"{self.name} is not in {self.path.parent}, and {OFFLINE} forbids fetching it. {self.by_hand}"
            )
        if self.path.exists():
            note(f"{self.path} is not the published {self.name} any more; it is replaced")
        note(f"fetching {self.name} ({self.megabytes}, weights under {self.licence}) from {self.address}")
        download(self.address, self.path, self.bytes, self.sha256, remedy=self.by_hand, progress=progress)
        return self.path

    @property
    def by_hand(self) -> str:
        """How to bring the file without this program fetching it."""
        beside = Path(f"{self.name}.onnx")
        other = f" Or use the file in this folder: `{self.key}`={beside}" if beside.is_file() else ""
        return (
            f"By hand: take {self.url} ({self.bytes:,} bytes, SHA-256 {self.sha256}) to this machine, then "
            f"deepsort models add {self.name} FILE.{other}"
        )

    def add(self, file: Path) -> Path:
        """Copy a file brought by hand into the cache, after checking that it is the published one.

        Raises:
            InputError: it is another file or cannot be read, or there can be no cache folder.
            RunError: it cannot be written there.
        """
        try:
            size, found = file.stat().st_size, file_sha256(file)
        except OSError as error:
            raise InputError(f"{file}: cannot be read ({error.strerror or error}).") from None
        if found != self.sha256:
            raise InputError(
                f"{file}: not the published {self.name}: {size:,} bytes with SHA-256 {found}, expected "
                f"{self.bytes:,} bytes with {self.sha256}. Another export can be used by its path: `{self.key}`={file}"
            )
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cache_error(self.path.parent, error) from None
        with atomic_path(self.path) as temporary:
            shutil.copyfile(file, temporary)
        return self.path

    @property
    def key(self) -> str:
        """The settings key that names such a model."""
        return f"{self.task}.model_path"


def _sum(path: Path) -> str:
    """The SHA-256 of a file, computed once as long as the file stays the same: a run asks several times."""
    seen = path.stat()
    return _sum_of(path, (seen.st_ino, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns))


@functools.lru_cache(maxsize=32)
def _sum_of(path: Path, state: tuple[int, ...]) -> str:
    return file_sha256(path)


_YOLOX = "https://github.com/Megvii-BaseDetection/YOLOX/releases/download/0.1.1rc0"
_YOLOX_LICENCE = "https://github.com/Megvii-BaseDetection/YOLOX/blob/main/LICENSE"
_NOT_MEASURED = "none of our own"

CATALOGUE: tuple[CatalogueModel, ...] = (
    CatalogueModel(
        name="yolox_nano",
        task="detector",
        title="YOLOX-nano, 80 classes of COCO; small and fast",
        input="416×416, BGR 0-255",
        url=f"{_YOLOX}/yolox_nano.onnx",
        bytes=3_659_407,
        sha256="c789161ed43c8269fcd4e67c67eeeb4e80c622da2eb296a20bc6007bd18a0b7d",
        licence="Apache-2.0",
        licence_source=_YOLOX_LICENCE,
        checked="records",
        figures="another export of the same network finds 95 % of the people in PETS09-S2L1 at IoU 0.5 (14 frames)",
    ),
    CatalogueModel(
        name="yolox_tiny",
        task="detector",
        title="YOLOX-tiny, 80 classes of COCO",
        input="416×416, BGR 0-255",
        url=f"{_YOLOX}/yolox_tiny.onnx",
        bytes=20_219_662,
        sha256="427cc366d34e27ff7a03e2899b5e3671425c262ea2291f88bb942bc1cc70b0f7",
        licence="Apache-2.0",
        licence_source=_YOLOX_LICENCE,
        checked="records",
        figures=_NOT_MEASURED,
    ),
    CatalogueModel(
        name="yolox_s",
        task="detector",
        title="YOLOX-s, 80 classes of COCO; the most accurate YOLOX here",
        input="640×640, BGR 0-255",
        url=f"{_YOLOX}/yolox_s.onnx",
        bytes=35_858_002,
        sha256="c5c2d13e59ae883e6af3b45daea64af4833a4951c92d116ec270d9ddbe998063",
        licence="Apache-2.0",
        licence_source=_YOLOX_LICENCE,
        checked="records",
        figures=_NOT_MEASURED,
    ),
    CatalogueModel(
        name="rfdetr_nano",
        task="detector",
        title="RF-DETR nano, a transformer, 91 classes of COCO; large",
        input="384×384, RGB, ImageNet mean and deviation",
        url=(
            "https://huggingface.co/onnx-community/rfdetr_nano-ONNX/resolve/"
            "eae21cee0687a91bcf9fa071605c48d7705d2d91/onnx/model.onnx"
        ),
        bytes=108_074_865,
        sha256="9cbac6b11ce34a03034e4d5a24cfac5f18632fd6761d1311dd640232088d7fee",
        licence="Apache-2.0",
        licence_source="https://huggingface.co/onnx-community/rfdetr_nano-ONNX",
        checked="records",
        figures=_NOT_MEASURED,
    ),
    CatalogueModel(
        name="nanodet_plus",
        task="detector",
        title="NanoDet-plus-m 1.5x, 80 classes of COCO; OpenCV's model zoo",
        input="416×416, BGR, mean and deviation of ImageNet",
        url=(
            "https://media.githubusercontent.com/media/opencv/opencv_zoo/main/models/"
            "object_detection_nanodet/object_detection_nanodet_2022nov.onnx"
        ),
        bytes=3_800_954,
        sha256="4b82da9944b88577175ee23a459dce2e26e6e4be573def65b1055dc2d9720186",
        licence="Apache-2.0",
        licence_source="https://github.com/opencv/opencv_zoo/tree/main/models/object_detection_nanodet",
        checked="records",
        figures=_NOT_MEASURED,
    ),
)
"""All of them; the files could not be downloaded where this was written, so their first download checks the records."""


def find(name: str) -> CatalogueModel | None:
    """The model of this name."""
    return next((model for model in CATALOGUE if model.name == name.lower()), None)


def default_detector() -> str | None:
    """Name of the detector taken where none is named; None where its file is not at hand."""
    model = find(DEFAULT_DETECTOR)
    return model.name if model is not None and model.cached() is not None else None
