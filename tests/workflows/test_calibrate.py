"""`calibrate`: what is measured, where it is written, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from typer.testing import CliRunner

import deepsort_cli as deepsort
from deepsort_cli.cli.calibrate import app
from deepsort_cli.core.embedder_metadata import EmbedderMetadata
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener
from deepsort_cli.core.recording import Origin, RecordingWriter
from deepsort_cli.core.types import Detections, Frame
from deepsort_cli.perception.settings import EmbedderSettings
from deepsort_cli.settings import resolve
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.workflows.calibrate import calibrate
from deepsort_cli.workflows.track import auto_threshold


def recorded(
    path: Path,
    people: int = 8,
    features: bool = True,
    hidden: tuple[int, ...] = (),
    every: int = 1,
    classes: list[int] | None = None,
    names: dict[int, str] | None = None,
    **origin: object,
) -> Path:
    """A recording of people who walk apart from each other for 5 s, with looks of their own; `hidden` frames are
    empty, and the detector looks at every so many."""
    rng = np.random.default_rng(0)
    own = rng.normal(size=(people, 32))
    facts = Origin(source=path.stem, fps=10, **{"embedder": "reid.onnx", **origin})
    writer = RecordingWriter(path.parent, facts, names or {})
    for index in range(50):
        left = 80.0 * np.arange(people) + index
        boxes = np.stack([left, np.full(people, 20.0), left + 30, np.full(people, 100.0)], axis=1)
        looks = own + rng.normal(0, 0.3, own.shape)
        found = Detections(boxes, np.full(people, 0.9), classes, looks.astype(np.float32) if features else None)
        found = found[:0] if index in hidden else found
        writer.add(Frame(index, None, index / 10), found if index % every == 0 else None, None)
    with path.open("wb") as stream:
        writer.write(stream)
    writer.close()
    return path


def test_settings_and_picture_are_written_and_track_takes_the_settings(tmp_path: Path) -> None:
    first, second = recorded(tmp_path / "a.npz"), recorded(tmp_path / "b.npz")
    output, plot = tmp_path / "new" / "street.yaml", tmp_path / "looks.png"
    done = calibrate(first, second, preset="strong", output=output, plot=plot)
    assert (done.sources, done.looks.tracklets, len(done.looks.couples)) == (("a", "b"), 16, 2 * 56)
    assert done.outputs == (output, plot)
    assert plot.read_bytes().startswith(b"\x89PNG")
    settings = resolve(TrackSettings, config=output)
    assert (settings.preset, settings.tracker.max_cosine_distance) == ("strong", done.threshold.value)
    assert "measured without labels on a, b" in output.read_text()
    assert calibrate(first).threshold == calibrate(first).threshold
    with pytest.raises(InputError, match="`output` .*street.yaml: the file exists"):
        calibrate(first, output=output)
    assert yaml.safe_load(output.read_text())["tracker"]["max_cosine_distance"] == done.threshold.value


def test_what_a_track_remembers_goes_with_the_threshold(tmp_path: Path) -> None:
    seen, output = recorded(tmp_path / "a.npz"), tmp_path / "street.yaml"
    tracker = {"nn_budget": 5, "ema_alpha": None}
    calibrate(seen, preset="strong", tracker=tracker, output=output)
    settings = resolve(TrackSettings, config=output)
    assert (settings.tracker.nn_budget, settings.tracker.ema_alpha) == (5, None)


def test_people_are_followed_from_look_to_look(tmp_path: Path) -> None:
    assert calibrate(recorded(tmp_path / "a.npz", every=3)).looks.tracklets == 8


def test_frames_and_classes_are_chosen_of_a_recording(tmp_path: Path) -> None:
    seen = recorded(tmp_path / "a.npz", classes=[0, 0, 0, 0, 0, 0, 2, 2], names={0: "person", 2: "cart"})
    whole, people = calibrate(seen).looks, calibrate(seen, classes="person").looks
    assert (whole.tracklets, people.tracklets) == (8, 6)
    assert calibrate(seen, max_frames=25).looks.num_same < whole.num_same
    assert calibrate(seen, start=25).looks.num_same < whole.num_same
    with pytest.raises(InputError, match=r"too little to measure"):
        calibrate(seen, max_frames=4)
    with pytest.raises(InputError, match=r"a.npz: holds no frame that `input.start` and `input.stride` leave"):
        calibrate(seen, start=70)
    with pytest.raises(InputError, match=r"`detector.classes` helmet: .*no class of this name"):
        calibrate(seen, classes="helmet")


def test_a_copy_of_the_model_brings_the_threshold(tmp_path: Path, colour_model: Path) -> None:
    from deepsort_cli.core.files import file_sha256

    seen = recorded(tmp_path / "a.npz", embedder_sha256=file_sha256(colour_model))
    copy = tmp_path / "copy.onnx"
    done = calibrate(seen, reid=colour_model, output=copy)
    from deepsort_cli.perception.embedders import open_embedder

    embedder = open_embedder(EmbedderSettings(model_path=str(copy)))
    assert embedder is not None
    assert embedder.threshold == done.threshold.value
    assert isinstance(embedder.metadata, EmbedderMetadata)
    assert "without labels" in embedder.metadata.threshold_source
    for other in ({}, {"embedder_sha256": "0" * 64}):
        with pytest.raises(InputError, match=r"was recorded with(out saying with which| another) model"):
            calibrate(recorded(tmp_path / "b.npz", **other), reid=colour_model, output=tmp_path / "no.onnx")
    assert not (tmp_path / "no.onnx").exists()
    with pytest.raises(InputError, match="`reid.model_path` reads this file"):
        calibrate(seen, reid=copy, output=copy, overwrite=True)


def test_a_source_is_watched_where_there_is_no_recording(tmp_path: Path, colour_model: Path) -> None:
    with pytest.raises(InputError, match="`source` demo: nothing was detected in 3 frames"):
        calibrate("demo", reid=colour_model, max_frames=3, demo={"width": 160, "height": 120, "people": 0})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({}, "no source is given"),
        ({"source": "a.npz", "reid": "none"}, "nothing to calibrate without"),
        ({"source": "a.npz", "output": "out.txt"}, r"`output` out.txt: the name must end in .yaml or .yml or .onnx"),
        ({"source": "a.npz", "plot": "out.jpg"}, r"`plot` out.jpg: the name must end in .png"),
        ({"source": "bare.npz"}, "recorded without embeddings"),
        ({"source": ["a.npz", "other.npz"]}, "recorded with 2 Re-ID models"),
        ({"source": "few.npz"}, "2 people followed without doubt"),
        ({"source": "none.npz"}, "none.npz: no such file"),
        ({"source": "empty.npz"}, "`source` empty.npz: not a NumPy archive"),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keywords: dict[str, object], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    recorded(Path("a.npz"))
    recorded(Path("bare.npz"), features=False)
    recorded(Path("other.npz"), embedder="other.onnx")
    recorded(Path("few.npz"), people=2)
    Path("empty.npz").touch()
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=message):
        calibrate(**keywords)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("source", "picture"),
    [
        ("frames", "frames/1.png"),
        ("frames/*.png", "frames/1.png"),
        ("frames/%d.png", "frames/1.png"),
        (".", "img1/1.png"),
    ],
)
def test_no_picture_of_a_source_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, picture: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path(picture).parent.mkdir()
    Path(picture).write_bytes(b"a picture")
    with pytest.raises(InputError, match=rf"`plot` {picture}: `source` reads this file"):
        calibrate(source, plot=picture, overwrite=True)


def test_the_command_prints_what_it_found(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, [str(recorded(tmp_path / "a.npz", threshold=0.3)), "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["interval"][0] <= found["max_cosine_distance"] <= found["interval"][1]
    assert (found["model"], found["model_threshold"], found["tracklets"]) == ("reid.onnx", 0.3, 8)
    assert deepsort.calibrate is calibrate


class Said(Listener):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, message: str) -> None:
        self.lines.append(message)

    warn = note


def test_auto_measures_the_threshold_while_tracking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auto_threshold, "PERIOD", 3.0)
    seen, said = recorded(tmp_path / "a.npz", threshold=0.3), Said()
    run = deepsort.track(detections=seen, max_cosine_distance="auto", listener=said).finish()
    (found,) = (line for line in said.lines if "from now on" in line)
    measured = run.summary.max_cosine_distance
    assert f"`tracker.max_cosine_distance`={measured:.3f} from now on (3 s)" in found
    assert any("until then 0.3 is used" in line for line in said.lines)
    first = deepsort.track(detections=seen, max_cosine_distance="auto", max_frames=31).finish()
    assert first.summary.max_cosine_distance == measured
    plain = deepsort.track(detections=seen).finish()
    assert plain.summary.max_cosine_distance == 0.3
    assert np.array_equal(plain.table()["id"], run.table()["id"])


def test_auto_tracks_by_what_it_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody overlaps a place of three frames ago for certain but by looks, which the model's own threshold never takes.
    seen = recorded(tmp_path / "a.npz", hidden=(40, 41, 42), threshold=0.0001)
    plain = deepsort.track(detections=seen).finish()
    monkeypatch.setattr(auto_threshold, "PERIOD", 3.0)
    measured = deepsort.track(detections=seen, max_cosine_distance="auto").finish()
    assert (plain.summary.tracks, measured.summary.tracks) == (16, 8)
    monkeypatch.setattr(auto_threshold, "PERIOD", 4.6)  # too late
    assert deepsort.track(detections=seen, max_cosine_distance="auto").finish().summary.tracks == 16


def test_auto_says_what_it_could_not_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = Said()
    run = deepsort.track(detections=recorded(tmp_path / "a.npz"), max_cosine_distance="auto", listener=said).finish()
    assert "measured nothing: the source ended before. 0.2 was used throughout" in said.lines[-1]
    assert run.summary.max_cosine_distance == 0.2
    monkeypatch.setattr(auto_threshold, "PERIOD", 1.0)
    few = recorded(tmp_path / "few.npz", people=2)
    deepsort.track(detections=few, max_cosine_distance="auto", listener=said).finish()
    assert "measured nothing: 2 people followed" in said.lines[-1]
    bare = recorded(tmp_path / "bare.npz", features=False)
    with pytest.raises(InputError, match="no appearance to measure"):
        deepsort.track(detections=bare, max_cosine_distance="auto")
    with pytest.raises(InputError, match="needs every detection embedded"):
        deepsort.track("demo", detector="hog", preset="fast", max_cosine_distance="auto")
    for value, why in (("3", "at most 2"), ("nearly", "a number from 0 to 2, or auto"), (-1, "at least 0")):
        with pytest.raises(InputError, match=f"`max_cosine_distance` .*{why}"):
            deepsort.track("demo", max_cosine_distance=value)
