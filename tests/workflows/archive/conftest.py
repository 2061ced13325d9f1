"""A small archive, a detector that costs nothing, and workers within the test's own process."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from deepsort_cli.workflows.archive import Archive, Result, Working, run, track_archive
from deepsort_cli.workflows.workers import Here
from tests.person_model import save_detector
from tests.workflows.track import helpers


class Heard(helpers.Heard):
    """Remembers everything; calls `then` with every event."""

    @property
    def tracked(self) -> list[str]:
        """Places of the videos tracked, in the order in which they ended."""
        return [event.place for event in self.events if isinstance(event, Result)]

    @property
    def at_work(self) -> list[Working]:
        return [event for event in self.events if isinstance(event, Working) and event.place]


@pytest.fixture(scope="session")
def person_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A detector that sees one person in the middle of every picture."""
    path = tmp_path_factory.mktemp("detector") / "person.onnx"
    save_detector(path)
    return path


def write_video(path: Path, frames: int = 12, shade: int = 60) -> Path:
    """A grey video of 64×48 pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(frames):
            image = np.full((48, 64, 3), (shade + number) % 256, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    return path


@pytest.fixture
def clips(tmp_path: Path) -> Path:
    """A folder with three videos of 12 frames in two folders."""
    for shade, name in ((40, "north/a.mp4"), (80, "north/b.avi"), (120, "south/a.mp4")):
        write_video(tmp_path / "clips" / name, shade=shade)
    return tmp_path / "clips"


Track = Callable[..., Archive]


@pytest.fixture
def track(person_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Track]:
    """`track_archive` into `out`, with quick models, in this process."""
    monkeypatch.setattr(run, "Processes", lambda recipe, count, watch: Here(recipe, watch))
    threads = cv2.getNumThreads()

    def call(*sources: object, **keywords: Any) -> Archive:
        usual: dict[str, Any] = {"output_dir": tmp_path / "out", "detector": str(person_model), "reid": "none"}
        return track_archive(*sources, **{"listener": Heard(), **usual, **keywords})

    yield call
    cv2.setNumThreads(threads)


def contents(folder: Path) -> dict[str, str]:
    """Every visible file in a folder and what is in it; of records without the seconds that the work took."""
    found = {}
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(".") for part in place.parts):
            data = path.read_bytes()
            if path.name == "summary.json":
                record = json.loads(data)
                assert record.pop("seconds") >= 0
                data = json.dumps(record).encode()
            found[place.as_posix()] = hashlib.sha256(data).hexdigest()
    return found
