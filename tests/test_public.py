"""`import deepsort_cli as deepsort`: the public face."""

from __future__ import annotations

import contextlib
import dataclasses
import doctest
import hashlib
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import deepsort_cli as deepsort
from deepsort_cli.cli import app

SMALL: dict[str, Any] = {"demo": {"width": 320, "height": 240, "people": 3, "frames": 16}}


def test_names_are_there_and_no_others() -> None:
    for name in deepsort.__all__:
        assert callable(getattr(deepsort, name)), name
    assert set(deepsort.__all__) <= set(dir(deepsort))
    with pytest.raises(AttributeError, match="trak"):
        _ = deepsort.trak


def test_the_docstring_runs_as_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a short video of the demo scene under the name it uses, and a stand-in for the detector it names."""
    pytest.importorskip("onnx")
    from deepsort_cli.perception import catalogue
    from tests.person_model import save_detector

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEEPSORT_MODELS", str(tmp_path / "cache"))
    deepsort.track("demo", detector=lambda image: [], reid="none", save="street.mp4", max_frames=12).finish()
    save_detector(Path("yolox_nano.onnx"))
    data = Path("yolox_nano.onnx").read_bytes()
    model = catalogue.find("yolox_nano")
    assert model is not None
    stand_in = dataclasses.replace(model, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())
    monkeypatch.setattr(catalogue, "CATALOGUE", (stand_in,))

    test = doctest.DocTestParser().get_doctest(deepsort.__doc__ or "", {}, "deepsort_cli", None, 0)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for example in test.examples:
            exec(compile(example.source, "docstring", "exec"), test.globs)
    lines = printed.getvalue().splitlines()
    assert len(lines) == 13 and lines[0].startswith("0 0.0 [")
    assert re.match(r"street: 1 track in 12 frames, .* wrote out.mp4", lines[-1])
    assert test.globs["rows"]["frame"].tolist() == list(range(3, 13))
    assert Path("out.mp4").is_file()


@pytest.mark.parametrize(
    ("flags", "keywords"),
    [
        ([], {}),
        (["--preset", "strong", "--max-frames", "20"], {"preset": "strong", "max_frames": 20}),
        (
            ["--emit", "paper", "--n-init", "2", "--stride", "2"],
            {"emit": "paper", "tracker": {"n_init": 2}, "stride": 2},
        ),
    ],
    ids=["defaults", "preset", "sections"],
)
def test_track_is_its_command(tmp_path: Path, flags: list[str], keywords: dict[str, Any]) -> None:
    """The same rows and summary: what both leave open is resolved in one place."""
    command, call = tmp_path / "command.csv", tmp_path / "call.csv"
    sets = [word for key, value in SMALL["demo"].items() for word in ("--set", f"demo.{key}={value}")]
    done = CliRunner().invoke(app, ["track", "demo", *sets, *flags, "--save-csv", str(command), "--json"])
    assert done.exit_code == 0, done.output
    run = deepsort.track("demo", save_csv=call, **SMALL, **keywords).finish()
    assert call.read_bytes() == command.read_bytes()
    assert call.stat().st_size > 300
    (told,) = json.loads(done.stdout)
    for name in ("source", "frames", "tracks", "rows", "detector", "embedder", "max_cosine_distance", "embedded"):
        assert told[name] == getattr(run.summary, name)
    assert len(run.table()) == run.summary.rows


def test_scores_are_those_of_the_command() -> None:
    pytest.importorskip("trackeval")
    sets = [word for key, value in SMALL["demo"].items() for word in ("--set", f"demo.{key}={value}")]
    done = CliRunner().invoke(app, ["track", "demo", "--detector", "hog", *sets, "--score", "--json"])
    assert done.exit_code == 0, done.output
    run = deepsort.track(["demo"], detector={"model_path": "hog"}, score=True, **SMALL).finish()
    assert run.scoring is not None
    told = json.loads(done.stdout)[0]["scores"]
    assert round(100 * run.scoring.scores[0].HOTA, 2) == told["HOTA"]
    assert run.scoring.scores[0].id_switches == told["id_switches"]


@pytest.mark.parametrize(
    ("sources", "keywords", "words"),
    [
        ([], {}, "no source is given"),
        (["missing.mp4"], {}, "`source` missing.mp4: no such file"),
        (["demo"], {"max_agee": 3}, "`max_agee`: unknown keyword. The nearest is `max_age`"),
        (["demo"], {"reid": "missing.onnx"}, "missing.onnx: no such model file"),
        (["demo"], {"source": "demo"}, "Give them once"),
        (["demo"], {"detections": __file__, "detector": lambda image: []}, "give one of them"),
    ],
)
def test_wrong_input_is_said_before_work(sources: list[str], keywords: dict[str, Any], words: str) -> None:
    with pytest.raises(deepsort.InputError) as error:
        deepsort.track(*sources, **{"detector": lambda image: [], "reid": "none", **keywords})
    assert words in str(error.value)


def test_a_wrong_answer_ends_the_loop_with_one_error(tmp_path: Path) -> None:
    run = deepsort.track("demo", detector=lambda image: [1, 2, 3], reid="none", save_txt=tmp_path / "a.txt", **SMALL)
    with pytest.raises(deepsort.InputError, match=r"the function given cannot be used: an array of shape \(3,\)"):
        for _ in run:
            pass
    assert not list(tmp_path.iterdir())


def test_the_tracker_takes_what_detectors_answer() -> None:
    tracker = deepsort.Tracker(deepsort.TrackerSettings(n_init=1))
    assert tracker.update([[10, 10, 50, 90, 0.8]]).scores.tolist() == [0.8]
    with pytest.raises(ValueError, match=r"shape \(1, 3\)"):
        tracker.update(np.zeros((1, 3)))


def test_features_of_a_detector_s_own(caplog: pytest.LogCaptureFixture) -> None:
    """Two people swap places: features that come with detections decide, and whose threshold it was is said."""
    looks = np.eye(2, dtype=np.float32)
    answers = (
        deepsort.Detections(np.array([[x, 60.0, x + 40, 160] for x in xs]), features=looks)
        for xs in [(100, 112)] * 5 + [(112, 100)] * 5
    )
    run = deepsort.track("demo", detector=lambda image: next(answers), max_frames=10, **SMALL).finish()
    rows = run.table()
    left = [rows[(rows["frame"] == frame)] for frame in (5, 6)]
    assert [part["id"][part["x1"].argmin()] for part in left] == [1, 2]
    assert run.summary.embedder == "features of the function given"
    assert run.summary.embedded == 0
    assert "need not suit them" in caplog.text
