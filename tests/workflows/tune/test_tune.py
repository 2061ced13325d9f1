"""`tune`: what is found, that it goes on where it ended, and what is refused."""

from __future__ import annotations

import csv
import importlib
import io
import json
import multiprocessing
import os
import re
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

import deepsort_cli as deepsort
from deepsort_cli.cli import tune as command
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.events import Listener
from deepsort_cli.core.recording import Origin, RecordingWriter
from deepsort_cli.core.types import Detections, Frame
from deepsort_cli.settings import resolve
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.settings.tune import TuneSettings, read_objective
from deepsort_cli.workflows.tune import BestSoFar, Tuned, pieces, run, study, tune
from deepsort_cli.workflows.tune.sequences import open_pieces
from deepsort_cli.workflows.tune.space import with_values

pytest.importorskip("optuna")
pytest.importorskip("trackeval")

TRIALS = 10
PARTS = "ground truth in parts of the picture"
KEPT = "tracker.nsa,tracker.box,tracker.max_iou_distance,tracker.overlap_age"


def street(folder: Path, name: str, seed: int, frames: int = 40) -> tuple[Path, Path]:
    """A recording and its ground truth: people, some hidden for a while, and false detections of low scores."""
    rng = np.random.default_rng(seed)
    people, truth = 6, []
    writer = RecordingWriter(folder, Origin(source=name, fps=10, conf=0.1, threshold=0.3, width=900, height=700))
    own = rng.normal(size=(people, 16))
    for index in range(frames):
        left = 40.0 + 110 * np.arange(people) + 5 * index * (-1.0) ** np.arange(people)
        boxes = np.stack([left, np.full(people, 80.0), left + 40, np.full(people, 180.0)], axis=1)
        truth += [f"{index + 1},{i + 1},{box[0]:.1f},80,40,100,1,1,1" for i, box in enumerate(boxes)]
        seen = [i for i in range(people) if not (18 + i <= index < 22 + i and i % 2)]
        false = rng.uniform([0, 300], [800, 500], (2, 2))
        shown = np.vstack(
            [boxes[seen] + rng.normal(0, 1, (len(seen), 4)), np.hstack([false, false + np.array([40, 100])])]
        )
        scores = np.concatenate([rng.uniform(0.5, 0.9, len(seen)), rng.uniform(0.15, 0.55, 2)])
        looks = np.vstack([own[seen] + rng.normal(0, 0.4, (len(seen), 16)), rng.normal(size=(2, 16))])
        writer.add(Frame(index, None, index / 10), Detections(shown, scores, None, looks.astype(np.float32)), None)
    path, gt = folder / f"{name}.npz", folder / f"{name}.txt"
    with path.open("wb") as stream:
        writer.write(stream)
    writer.close()
    gt.write_text("\n".join(truth) + "\n")
    return path, gt


@pytest.fixture(scope="module")
def streets(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, Path]]:
    folder = tmp_path_factory.mktemp("streets")
    return [street(folder, "north", 0), street(folder, "south", 1)]


@pytest.fixture(scope="module")
def tuned(streets: list[tuple[Path, Path]], tmp_path_factory: pytest.TempPathFactory) -> tuple[Tuned, list[object]]:
    """A whole study of two sequences, and what was told meanwhile."""
    events: list[object] = []

    class Heard(Listener):
        def happened(self, event: object) -> None:
            events.append(event)

    folder = tmp_path_factory.mktemp("study")
    sources, truths = zip(*streets, strict=True)
    with pytest.MonkeyPatch.context() as patch:  # a small study, with all that a large one has
        patch.setattr(study, "STARTUP", 4)
        patch.setattr(run, "LEAST_FOLD_TRIALS", 5)
        done = tune(*sources, gt=list(map(str, truths)), trials=TRIALS, keep=KEPT, output_dir=folder, listener=Heard())
    return done, events


def test_the_best_settings_are_those_that_track_accepts(
    tuned: tuple[Tuned, list[object]], streets: list[tuple[Path, Path]]
) -> None:
    done, _ = tuned
    assert done.best is not None
    assert done.finished
    assert done.gain > 0.005, "false detections of low scores are easily left out"
    assert len(done.trials) == TRIALS
    settings = resolve(TrackSettings, config=done.folder / "best.yaml")
    assert settings.detector.conf == done.best.values["detector.conf"]
    for (source, gt), name in zip(streets, done.pieces, strict=True):
        tracked = deepsort.track(
            detections=source, gt=gt, preset=settings.preset, detector=settings.detector, tracker=settings.tracker,
            camera_motion=settings.camera_motion.method,
        )  # fmt: skip
        scoring = tracked.finish().scoring
        assert scoring is not None
        assert pytest.approx(done.best.figures[name]["HOTA"], abs=1e-9) == scoring.scores[0].HOTA


def test_every_sequence_is_judged_by_settings_found_without_it(tuned: tuple[Tuned, list[object]]) -> None:
    done, events = tuned
    assert [fold.name for fold in done.folds] == ["north", "south"]
    assert done.believed == pytest.approx(np.mean([fold.found - fold.start for fold in done.folds]))
    told = [event for event in events if isinstance(event, BestSoFar)]
    main = [event.trial.objective for event in told if not event.search]
    assert main == sorted(main)
    assert main[-1] == done.best.objective  # type: ignore[union-attr]
    assert {event.search for event in told} == {"", "without north", "without south"}


def test_results_are_written(tuned: tuple[Tuned, list[object]]) -> None:
    done, _ = tuned
    assert {path.name for path in done.outputs} == {"best.yaml", "tune.html", "trials.csv", "result.json"}
    with (done.folder / "trials.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == TRIALS
    assert max(float(row["objective"]) for row in rows) == pytest.approx(done.best.objective, abs=1e-6)  # type: ignore[union-attr]
    page = (done.folder / "tune.html").read_text()
    assert page.count("<figure>") == 5
    assert "http" not in page
    assert "gain where it was not searched" in page
    console = Console(width=80, record=True, file=io.StringIO())
    console.print(*command._tables(done), sep="\n")
    for shown in (page, console.export_text()):  # in words of settings, not of Python
        assert "–" in shown
        assert not {"None", "True", "False"} & set(re.findall(r"\w+", shown))
    assert done.importances
    assert sum(done.importances.values()) == pytest.approx(1, abs=1e-6)
    assert json.loads((done.folder / "result.json").read_text())["cross_validation"][0]["left_out"] == "north"


def test_an_interrupted_study_goes_on_as_if_nothing_had_been(
    streets: list[tuple[Path, Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In more processes as well, though one of them is killed: what is suggested when is a matter of `at_once`."""
    source, gt = streets[0]
    search = {"at_once": 3, "cross_validate": False}
    keywords: dict[str, Any] = {"gt": gt, "trials": 12, "search": search, "keep": KEPT}
    monkeypatch.setattr(study, "STARTUP", 6)
    log = importlib.import_module("optuna").logging
    before = log.get_verbosity()
    whole = tune(source, output_dir=tmp_path / "whole", **keywords)
    assert log.get_verbosity() == before != log.ERROR
    usual, count = pieces.Piece.figures, 0
    # After the settings begun with, both halves: among the first trials, whose settings are given, and those searched.
    for after in (2 + 2, 2 + 15):

        def interrupted(*arguments: Any, after: int = after) -> Any:
            nonlocal count
            count += 1
            if count > after:
                raise KeyboardInterrupt
            return usual(*arguments)

        count = 0
        monkeypatch.setattr(pieces.Piece, "figures", interrupted)
        with pytest.raises(KeyboardInterrupt):
            tune(source, output_dir=tmp_path / "parts", **keywords)
        assert (tmp_path / "parts" / "best.yaml").is_file()
    monkeypatch.setattr(pieces.Piece, "figures", usual)
    killer = _Killer()
    parts = tune(source, output_dir=tmp_path / "parts", jobs=2, listener=killer, **keywords)
    assert killer.killed
    assert parts.trials == whole.trials
    assert parts.best.values == whole.best.values  # type: ignore[union-attr]
    with pytest.raises(InputError, match="holds a study with other seed and trials at once. Choose another folder"):
        tune(source, output_dir=tmp_path / "parts", **{**keywords, "search": {"cross_validate": False, "seed": 1}})
    other = streets[1]
    with pytest.raises(InputError, match="holds a study with other sources"):
        tune(other[0], output_dir=tmp_path / "parts", **{**keywords, "gt": other[1]})


class _Killer(Listener):
    """Kills a process when the first trial has ended."""

    def __init__(self) -> None:
        self.killed = False
        self._others = set(multiprocessing.active_children())

    def progress(self, stage: str, done: int, total: int | None) -> None:
        children = list(set(multiprocessing.active_children()) - self._others)
        if stage == "search" and children and not self.killed:
            self.killed = True
            os.kill(children[0].pid or 0, signal.SIGKILL)


def test_without_ground_truth_settings_are_judged_by_facts(tmp_path: Path) -> None:
    said: list[str] = []

    class Heard(Listener):
        def warn(self, message: str) -> None:
            said.append(message)

    source, gt = street(tmp_path, "north", 3, frames=90)
    done = tune(source, trials=12, keep=KEPT, output_dir=tmp_path / "study", listener=Heard())
    assert any("no ground truth is given" in line for line in said)
    assert any("whether the camera moves" in line for line in said)
    assert (dict(done.objective), done.folds) == ({"total": 1.0}, ())
    assert set(done.best.figures["north"]) == {"total", "found", "agreement", "joined", "objective"}  # type: ignore[union-attr]
    assert "no ground truth is given" in (tmp_path / "study" / "tune.html").read_text()
    few, _ = street(tmp_path, "short", 3, frames=4)
    with pytest.raises(InputError, match="short: no ground truth, and it cannot be judged without: .* are needed"):
        tune(few, trials=4, output_dir=tmp_path / "other")
    with pytest.raises(InputError, match="no ground truth, but others have some"):
        sequence = tmp_path / "seq"
        (sequence / "gt").mkdir(parents=True)
        (sequence / "gt" / "gt.txt").write_text(gt.read_text())
        (sequence / "seqinfo.ini").write_text("[Sequence]\nseqLength=90\nframeRate=10\n")
        (sequence / "seen.npz").write_bytes(source.read_bytes())
        tune(sequence / "seen.npz", source, trials=4, output_dir=tmp_path / "other")


def test_a_folder_of_sequences_is_taken_apart(tmp_path: Path, streets: list[tuple[Path, Path]]) -> None:
    for source, gt in streets:
        sequence = tmp_path / "train" / source.stem
        (sequence / "gt").mkdir(parents=True)
        (sequence / "det").mkdir()
        (sequence / "gt" / "gt.txt").write_text(gt.read_text())
        (sequence / "det" / "seen.npz").write_bytes(source.read_bytes())
        (sequence / "seqinfo.ini").write_text("[Sequence]\nseqLength=40\nframeRate=10\n")
    done = tune(tmp_path / "train", trials=4, keep=KEPT, cross_validate=False, output_dir=tmp_path / "study")
    assert done.pieces == ("north", "south")
    truths = tmp_path / "truths"
    truths.mkdir()
    for source, gt in streets:
        shutil.move(tmp_path / "train" / source.stem / "gt" / "gt.txt", truths / gt.name)
    elsewhere = {"keep": KEPT, "cross_validate": False, "output_dir": tmp_path / "again"}
    again = tune(tmp_path / "train", gt=truths, trials=4, **elsewhere)
    assert again.best is not None
    assert done.best is not None
    assert again.best.figures == done.best.figures
    (truths / "north.txt").rename(truths / "west.txt")
    with pytest.raises(InputError, match="no ground truth called north; it has south, west"):
        tune(tmp_path / "train", gt=truths, trials=4, **elsewhere)


def test_whatever_was_recorded_can_be_searched(streets: list[tuple[Path, Path]], tmp_path: Path) -> None:
    """Also sure detections only, and a frame every ten seconds; of the frames asked for."""
    said: list[str] = []

    class Heard(Listener):
        def note(self, message: str) -> None:
            said.append(message)

    source, gt = streets[0]
    with np.load(source, allow_pickle=False) as archive:
        arrays = dict(archive)
    facts = json.loads(str(arrays["recording"])) | {"conf": 0.7, "fps": 0.1}
    np.savez(tmp_path / "sure.npz", **arrays | {"recording": np.array(json.dumps(facts))})
    done = tune(
        tmp_path / "sure.npz", gt=gt, preset="fast", trials=4, max_frames=20, output_dir=tmp_path / "study",
        listener=Heard(),
    )  # fmt: skip
    assert done.best is not None
    assert not {"detector.conf", "tracker.low_score"} & set(done.best.values)
    assert float(done.best.values["tracker.max_age"].removesuffix("s")) >= 20
    assert done.pieces == ("north",)  # 20 frames are too few for halves
    arrays["frame_looked"] = np.arange(40) % 2 == 0
    seen = arrays["frame"] % 2 == 0
    arrays |= {name: arrays[name][seen] for name in ("frame", "boxes", "scores", "classes", "features")}
    np.savez(tmp_path / "half.npz", **arrays)
    half = tune(tmp_path / "half.npz", gt=gt, trials=4, cross_validate=False, output_dir=tmp_path / "other")
    assert half.best is not None
    assert half.best.objective > 0.3
    assert any("recorded from a score of 0.7 on: `detector.conf` and `tracker.low_score`" in line for line in said)
    assert any("`detector.interval` and `tracker.refresh_every`: settings are judged without" in line for line in said)


@pytest.mark.parametrize("keep", ["tracker.without_looks.max_iou_distance", "tracker.n_init_near", ""])
def test_what_is_read_of_the_file_is_what_was_judged(
    streets: list[tuple[Path, Path]], tmp_path: Path, keep: str
) -> None:
    """Also special cases that the preset has, beside usual keys that were searched."""
    (source, gt), given = streets[0], {"preset": "strong", "keep": keep, "cross_validate": False}
    if "without_looks" in keep:
        with np.load(source, allow_pickle=False) as archive:
            arrays = {name: array for name, array in archive.items() if name != "features"}
        source = tmp_path / "blind.npz"
        np.savez(source, **arrays)
    done = tune(source, gt=gt, trials=4, max_frames=12, output_dir=tmp_path / "study", **given)
    assert done.best is not None
    judged = with_values(done.base, done.best.values)
    assert resolve(TrackSettings, config=tmp_path / "study" / "best.yaml").tracker == judged.tracker


def test_where_nothing_is_as_good_the_file_has_what_was_begun_with(
    streets: list[tuple[Path, Path]], tmp_path: Path
) -> None:
    """Scores below all that the search begins a track with."""
    source, gt = streets[0]
    with np.load(source, allow_pickle=False) as archive:
        arrays = dict(archive)
    np.savez(tmp_path / "weak.npz", **arrays | {"scores": 0.1 + 0.1 * arrays["scores"]})
    folder = tmp_path / "study"
    given: dict[str, Any] = {"detector": {"conf": 0.1}, "tracker": {"n_init": 2}, "cross_validate": False}
    done = tune(tmp_path / "weak.npz", gt=gt, trials=4, max_frames=15, output_dir=folder, **given)
    assert done.gain < -0.3
    settings = resolve(TrackSettings, config=folder / "best.yaml")
    assert (settings.detector, settings.tracker) == (done.base.detector, done.base.tracker)
    assert (folder / "best.yaml").read_text().startswith("# What deepsort tune began with on north: nothing that")
    assert "Keep the settings begun with, which best.yaml holds" in (folder / "tune.html").read_text()


def test_equal_tracks_are_scored_once_and_no_tracks_are_kept(
    streets: list[tuple[Path, Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    (piece,) = open_pieces(
        TuneSettings(source=(str(streets[0][0]),), gt=(streets[0][1],)), streets[0][0].parent, Listener()
    )
    scored: list[int] = []
    usual = pieces.score_comparisons
    monkeypatch.setattr(pieces, "score_comparisons", lambda found: scored.append(1) or usual(found))
    first = piece.figures(TrackSettings())
    assert piece.figures(TrackSettings(tracker={"max_age": 29})) == first
    assert len(scored) == 1
    assert sum(map(len, piece._known)) < 100


def test_a_half_of_which_nothing_counts_judges_nothing(streets: list[tuple[Path, Path]], tmp_path: Path) -> None:
    source, gt = streets[0]
    rows = [line.split(",") for line in gt.read_text().splitlines()]
    ignored = [[*row[:6], "0" if int(row[0]) > 20 else "1", *row[7:]] for row in rows]
    (tmp_path / "gt.txt").write_text("".join(",".join(row) + "\n" for row in ignored))
    done = tune(source, gt=tmp_path / "gt.txt", trials=4, keep=KEPT, output_dir=tmp_path / "study")
    assert (done.pieces, done.folds) == (("north",), ())


def test_a_class_may_be_missing_in_a_half(streets: list[tuple[Path, Path]], tmp_path: Path) -> None:
    source, gt = streets[0]
    with np.load(source, allow_pickle=False) as archive:
        arrays = dict(archive)
    arrays["classes"][:9] = [200, *range(1, 9)]
    np.savez(tmp_path / "seen.npz", **arrays)
    detector = {"classes": ["0", "200"]}
    (piece,) = open_pieces(
        TuneSettings(source=(str(tmp_path / "seen.npz"),), gt=(gt,), detector=detector), tmp_path, Listener()
    )
    assert np.unique(piece.recording.detections.class_ids).tolist() == [0, 200]
    assert all(half.figures(TrackSettings(detector=detector)) for half in piece.halves())


def test_a_detector_that_was_fetched_since_looks_for_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    from deepsort_cli.workflows.track import parts
    from deepsort_cli.workflows.tune import sequences

    keys = set()
    for name in (None, "yolox_nano"):
        monkeypatch.setattr(parts, "default_detector", lambda name=name: name)
        keys |= {sequences._key("street.mp4", TuneSettings(detector=given)) for given in ({}, {"model_path": "hog"})}
    assert len(keys) == 3


def test_a_scene_of_the_demo_is_watched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from deepsort_cli.workflows import recorded
    from deepsort_cli.workflows.tune import sequences

    watched = []
    usual = recorded.watch
    monkeypatch.setattr(sequences, "watch", lambda *arguments: watched.append(1) or usual(*arguments))
    keywords: dict[str, Any] = {"demo": {"width": 320, "height": 240, "people": 3, "frames": 24}, "detector": "hog"}
    for trials in (4, 5):
        done = tune("demo", reid="none", trials=trials, cross_validate=False, output_dir=tmp_path, **keywords)
        assert len(done.trials) == trials
    assert watched == [1]


@pytest.mark.parametrize(
    ("text", "weights"),
    [("hota", {"hota": 1}), ("HOTA=1, idf1=3", {"hota": 0.25, "idf1": 0.75}), ("mota=2", {"mota": 1})],
)
def test_objectives_are_mixed(text: str, weights: dict[str, float]) -> None:
    assert read_objective(text) == weights


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"objective": "hota,hota"}, "`objective` 'hota,hota': expected hota, idf1, mota"),
        ({"objective": "hota=x"}, "a number as weight of hota, not x"),
        ({"objective": "idf1=-1"}, "above 0, not -1"),
        ({"objective": ""}, "not nothing"),
        ({"trials": 2}, "`trials` 2: must be at least 4"),
        ({"keep": "tracker.gating"}, "`search.keep` tracker.gating: is not searched. What is: detector.conf, "),
        ({"source": []}, "no source is given"),
        ({"source": "absent.npz"}, "absent.npz: no such file"),
        ({"gt": "absent.txt"}, "`gt` absent.txt: no such file"),
        ({"gt": ["a", "b"]}, "`gt`: 2 are given for 1 sources"),
        ({"gt": PARTS}, "`gt` .*: all boxes lie within 0 and 1"),
        ({"start": 40}, "holds no frame that `input.start` and `input.stride` leave"),
        ({"classes": "helmet"}, "`detector.classes` helmet: the detector has no class of this name"),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused(
    streets: list[tuple[Path, Path]], tmp_path: Path, keywords: dict[str, Any], message: str
) -> None:
    folder = tmp_path / "study"
    if keywords.get("gt") == PARTS:
        keywords = {"gt": tmp_path / "parts.txt"}
        keywords["gt"].write_text("".join(f"{frame},1,0.1,0.2,0.1,0.3,1,1,1\n" for frame in range(1, 41)))
    given = {"source": str(streets[0][0]), "gt": streets[0][1], "trials": 4, "output_dir": folder, **keywords}
    with pytest.raises(InputError, match=message):
        tune(**given)
    assert not (folder / "best.yaml").exists()


def test_a_missing_extra_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from importlib import util

    usual = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda name, *rest: None if name == "optuna" else usual(name, *rest))
    with pytest.raises(InputError, match=r"Optuna package. Get it: pip install 'deepsort-cli\[tune\]'"):
        tune("demo", output_dir=tmp_path / "study")
    done = CliRunner().invoke(command.app, ["demo"])
    assert isinstance(done.exception, InputError)
    assert not (tmp_path / "study").exists()
