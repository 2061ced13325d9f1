"""Folders of tracks that may show one person."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("torchvision")

from deepsort_cli.core.preprocess import Preprocess  # noqa: E402
from deepsort_cli.data.manifest import Manifest  # noqa: E402
from deepsort_cli.reid import lookalikes  # noqa: E402
from deepsort_cli.reid.backbones.osnet import OSNet  # noqa: E402

CENTERS = {f"{i:05d}": np.eye(8)[i % 6] + 0.1 * (i > 5) * np.eye(8)[7] for i in range(8)}
"""Tracks 6 and 7 look nearly as 0 and 1 do."""


def tracks(spans: dict[str, range], pattern: str = "{name}/{frame:06d}.jpg", cameras: bool = False) -> Manifest:
    """Folders with a picture of every frame of a span."""
    paths = [(pattern.format(name=name, frame=frame), int(name)) for name, span in spans.items() for frame in span]
    pids = np.array([pid + 1 for _, pid in paths])
    return Manifest(Path("crops"), tuple(path for path, _ in paths), pids, np.ones_like(pids), cameras, "")


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch):
    """`find_lookalikes` with looks by the name of the folder."""
    asked: list[list[Path]] = []

    def extract(model: OSNet, files: list[Path], *rest: object, **options: object) -> np.ndarray:
        asked.append(files)
        rng = np.random.default_rng(0)
        looks = np.array([CENTERS[file.parent.name] + 0.05 * rng.normal(size=8) for file in files])
        return (looks / np.linalg.norm(looks, axis=1, keepdims=True)).astype(np.float32)

    monkeypatch.setattr(lookalikes, "extract_features", extract)

    def call(*parts: Manifest) -> list[tuple[str, str]]:
        return lookalikes.find_lookalikes(parts, OSNet("osnet_x0_25", 2), Preprocess(), torch.device("cpu"))

    call.asked = asked  # type: ignore[attr-defined]
    return call


EARLY_AND_LATE = {name: range(1, 90) if int(name) < 6 else range(90, 120) for name in CENTERS}


def test_two_tracks_of_one_person_are_found(found) -> None:
    """6 came when 0 had gone and looks as 0 did; 0 to 5 were seen at once, and so were 6 and 7."""
    assert sorted(found(tracks(EARLY_AND_LATE))) == [("00000", "00006"), ("00001", "00007")]
    (files,) = found.asked
    assert len(files) == 8 * lookalikes.MOST_LOOKS
    split = {name: span for name, span in EARLY_AND_LATE.items() if name != "00006"}
    held_out = tracks({"00006": EARLY_AND_LATE["00006"]})
    assert sorted(found(tracks(split), held_out)) == [("00000", "00006"), ("00001", "00007")]
    said = lookalikes.about([("00000", "00006")] * 7)
    assert said.startswith("00000 and 00006, 00000 and 00006")
    assert "and 2 more pairs" in said


@pytest.mark.parametrize(
    "images",
    [
        tracks({name: range(1, 50) for name in CENTERS}),  # all at once: numbered pictures, or really all at once
        tracks({name: range(10 * int(name), 10 * int(name) + 9) for name in CENTERS}),  # nobody ever with another
        tracks(EARLY_AND_LATE, cameras=True),
        tracks(EARLY_AND_LATE, "{name}_c1_f{frame:07d}.jpg"),
        tracks(EARLY_AND_LATE, "{name}/cam1/{frame:06d}.jpg"),
    ],
    ids=["at once", "never at once", "cameras", "other names", "deeper"],
)
def test_what_is_no_track_of_one_video_is_left_alone(found, images: Manifest) -> None:
    assert found(images) == []
