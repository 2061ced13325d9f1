"""Archives from sources to index, with workers in this process: what is done, skipped, done again, refused."""

from __future__ import annotations

import csv
import errno
import json
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

import deepsort_cli
from deepsort_cli.core.errors import InputError
from deepsort_cli.core.files import held, write_failure
from deepsort_cli.video.sinks import MotSink
from deepsort_cli.workflows.archive import Archive, Planned, fingerprints, run
from deepsort_cli.workflows.archive.records import Folder
from deepsort_cli.workflows.workers import Done, Here
from tests.workflows.archive.conftest import Heard, Track, contents, write_video

PLACES = ["north/a.mp4", "north/b.avi", "south/a.mp4"]


def states(archive: Archive) -> dict[str, str]:
    return {result.place: result.state for result in archive.results}


def reasons(archive: Archive) -> set[str]:
    return {result.reason for result in archive.results}


def test_every_video_has_its_folder(clips: Path, track: Track, person_model: Path, tmp_path: Path) -> None:
    heard = Heard()
    archive = track(clips, listener=heard, save_txt="tracks.txt", save_crops="people/crops")
    assert states(archive) == dict.fromkeys(PLACES, "done")
    assert heard.events[0] == Planned(3, 0, min(3, heard.events[0].workers))
    for result in archive.results:
        run_alone = deepsort_cli.track(
            str(clips / result.place),
            detector=str(person_model),
            reid="none",
            save_txt=tmp_path / f"{result.place.replace('/', '_')}.txt",
        ).finish()
        assert result.outputs[0].parent == tmp_path / "out" / result.place
        assert (result.frames, result.people) == (run_alone.summary.frames, run_alone.summary.tracks) == (12, 1)
        assert (result.folder / "tracks.txt").read_bytes() == run_alone.summary.outputs[0].read_bytes() != b""
        assert list((result.folder / "people" / "crops").rglob("*.jpg"))
        assert result.duration == pytest.approx(1.2)
        assert sum(result.record["timeline"]) == run_alone.summary.rows
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        ".deepsort", "index.csv", "index.html", "north", "south",
    ]  # fmt: skip
    assert not list((tmp_path / "out" / ".deepsort").glob("work-*"))


def test_people_are_those_of_the_tables_and_warnings_are_told_once(clips: Path, track: Track) -> None:
    heard = Heard()
    archive = track(clips, listener=heard, save_txt="tracks.txt", min_length=13, rotate="1h")
    assert [(result.people, len(result.record["warnings"])) for result in archive.results] == [(0, 2)] * 3
    for key in ("`output.rotate`", "`refinement.min_length`"):
        told = [warning for warning in heard.warnings if key in warning]
        assert len(told) == 2
        assert told[1].startswith("2 other videos: ")


def test_what_models_say_meanwhile_is_told_of_every_video(clips: Path, track: Track, person_model: Path) -> None:
    """A network whose boxes are partly no numbers."""
    model = onnx.load(person_model)
    (found,) = (tensor for tensor in model.graph.initializer if tensor.name == "found")
    rows = numpy_helper.to_array(found).copy()
    rows[0, 99] = [np.nan, 0.5, 1.0, 1.5, 0.9, 0.9, *[0.0] * 79]
    found.CopyFrom(numpy_helper.from_array(rows, "found"))
    broken = clips.parent / "broken.onnx"
    onnx.save(model, broken)
    heard = Heard()
    archive = track(clips, listener=heard, detector=str(broken))
    assert [(result.people, len(result.record["warnings"])) for result in archive.results] == [(1, 1)] * 3
    told = [warning for warning in heard.warnings if "boxes are no numbers" in warning]
    assert len(told) == 2
    assert told[1].startswith("2 other videos: broken.onnx")


def test_what_is_done_is_skipped(clips: Path, track: Track, tmp_path: Path) -> None:
    track(clips, save_txt="tracks.txt")
    before = contents(tmp_path / "out")
    heard = Heard()
    other: dict[str, object] = {"jobs": 3, "device": "cpu", "serve": {"token": 20 * "x"}, "across": {"looks": 9}}
    again = track(f"{clips}/**/*", listener=heard, save_txt="tracks.txt", **other)
    assert states(again) == dict.fromkeys(PLACES, "skipped")
    assert not heard.tracked
    assert [result.people for result in again.results] == [1, 1, 1]
    os.utime(clips / "north/a.mp4")  # a new time, the same content: compared, and the next time known by its time
    assert states(track(clips, save_txt="tracks.txt")) == dict.fromkeys(PLACES, "skipped")
    now = contents(tmp_path / "out")
    assert {name for name in now if now[name] != before[name]} == {"north/a.mp4/summary.json"}


def changed_setting(clips: Path, out: Path) -> dict[str, object]:
    return {"n_init": 1}


def more_outputs(clips: Path, out: Path) -> dict[str, object]:
    return {"save_csv": "t.csv"}


def another_video(clips: Path, out: Path) -> dict[str, object]:
    write_video(clips / "south/a.mp4", frames=14)
    return {}


def lost_results(clips: Path, out: Path) -> dict[str, object]:
    (out / "south/a.mp4/tracks.txt").unlink()
    return {}


def unfinished(clips: Path, out: Path) -> dict[str, object]:
    path = out / "south/a.mp4/summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"finished": False}))
    return {}


def another_model(clips: Path, out: Path) -> dict[str, object]:
    (clips.parent / "colours.onnx").touch()
    return {"reid": str(clips.parent / "colours.onnx")}


@pytest.mark.parametrize(
    ("change", "redone", "word"),
    [
        (changed_setting, 3, "`tracker.n_init`=1 (was 3)"),
        (more_outputs, 3, "`output.save_csv`=t.csv"),
        (another_model, 3, "`reid.model_path`"),
        (another_video, 1, "the source changed"),
        (lost_results, 1, "results are missing: tracks.txt"),
        (unfinished, 1, "unfinished"),
        (lambda clips, out: {"overwrite": True}, 3, "redone, as asked"),
    ],
)
def test_what_is_done_again_and_why(
    clips: Path,
    track: Track,
    tmp_path: Path,
    colour_model: Path,
    change: Callable[[Path, Path], dict[str, object]],
    redone: int,
    word: str,
) -> None:
    track(clips, save_txt="tracks.txt")
    keywords = change(clips, tmp_path / "out")
    if "reid" in keywords:
        shutil.copyfile(colour_model, str(keywords["reid"]))
    before = contents(tmp_path / "out")
    dry = track(clips, save_txt="tracks.txt", dry_run=True, **keywords)
    assert list(states(dry).values()).count("to do") == redone
    assert any(word in reason for reason in reasons(dry))
    assert not dry.index
    assert contents(tmp_path / "out") == before
    (tmp_path / "out/south/a.mp4/mine.txt").write_text("a note of mine")
    heard = Heard()
    assert states(track(clips, save_txt="tracks.txt", listener=heard, **keywords))["south/a.mp4"] == "done"
    assert len(heard.tracked) == redone
    assert (tmp_path / "out/south/a.mp4/mine.txt").exists()  # what is not the archive's stays
    fresh = track(clips, output_dir=tmp_path / "fresh", save_txt="tracks.txt", **keywords)
    assert fresh.failed == []
    now = contents(tmp_path / "out")
    assert now.pop("south/a.mp4/mine.txt")
    assert now == contents(tmp_path / "fresh")


def test_what_settings_did_not_know_was_as_by_default(clips: Path, track: Track, tmp_path: Path) -> None:
    """A new version with more settings does not do everything again."""
    track(clips)
    for path in (tmp_path / "out").rglob("summary.json"):
        record = json.loads(path.read_text())
        del record["settings"]["tracker.n_init"]
        record["settings"]["tracker.gone"] = 1
        path.write_text(json.dumps(record))
    assert set(states(track(clips, dry_run=True)).values()) == {"skipped"}
    assert set(states(track(clips, dry_run=True, n_init=2)).values()) == {"to do"}


def test_failures_are_listed_and_tried_again(clips: Path, track: Track, tmp_path: Path) -> None:
    (clips / "broken.mp4").write_bytes(b"\0\1\2" * 100)
    heard = Heard()
    archive = track(clips, listener=heard, save_txt="tracks.txt")
    assert states(archive) == {"broken.mp4": "failed", **dict.fromkeys(PLACES, "done")}
    assert "1 of 4" in str(archive.failure())
    assert "broken.mp4: not a video" in str(archive.failure())
    rows = list(csv.DictReader((tmp_path / "out/index.csv").open(encoding="utf-8")))
    assert [(row["video"], row["state"], row["people"]) for row in rows] == [
        ("north/a.mp4", "done", "1"), ("north/b.avi", "done", "1"), ("south/a.mp4", "done", "1"),
        ("broken.mp4", "failed", ""),
    ]  # fmt: skip
    assert "not a video" in rows[-1]["message"]
    assert not (tmp_path / "out/broken.mp4").exists()
    again = track(clips, save_txt="tracks.txt")
    assert states(again)["broken.mp4"] == "failed"
    write_video(clips / "broken.mp4")
    assert states(track(clips, save_txt="tracks.txt"))["broken.mp4"] == "done"
    assert "failed" not in (tmp_path / "out/index.csv").read_text(encoding="utf-8")


def test_one_index_of_several_runs(clips: Path, track: Track, tmp_path: Path) -> None:
    (clips / "south/bad.mp4").write_bytes(b"\0")
    track(clips / "south")
    heard = Heard()
    track(clips / "north", listener=heard)
    page = (tmp_path / "out/index.html").read_text(encoding="utf-8")
    assert all(f">{place}<" in page for place in ("a.mp4", "b.avi", "bad.mp4"))
    replaced = f"a.mp4: the results of {clips / 'south/a.mp4'} are replaced by those of {clips / 'north/a.mp4'}. "
    assert [warning for warning in heard.warnings if warning.startswith(replaced)]
    reason = next(r.reason for r in track(clips / "south", dry_run=True).results if r.place == "a.mp4")
    assert reason == f"the source changed: it was {clips / 'north/a.mp4'}"


def test_names_that_need_care(track: Track, tmp_path: Path) -> None:
    name = 'clips/<b> & "x" #1 100%/ü?.mp4'
    write_video(tmp_path / name)
    odd = write_video(tmp_path / "clips" / os.fsdecode(b"latin-\xe4.mp4"))
    archive = track(tmp_path / "clips", save_txt="tracks.txt")
    assert not archive.failed
    page = (tmp_path / "out/index.html").read_text(encoding="utf-8")
    assert "<b> &" not in page
    assert 'href="%3Cb%3E%20%26%20%22x%22%20%231%20100%25/%C3%BC%3F.mp4/tracks.txt"' in page
    assert f'href="{"latin-%E4.mp4"}/' in page
    assert set(states(track(tmp_path / "clips", save_txt="tracks.txt")).values()) == {"skipped"}
    assert odd.exists()


def test_sequences_and_the_demo(track: Track, tmp_path: Path) -> None:
    import cv2
    import numpy as np

    folder = tmp_path / "MOT/A/frames"
    folder.mkdir(parents=True)
    (tmp_path / "MOT/A/seqinfo.ini").write_text("[Sequence]\nseqLength=3\nimDir=frames\n")
    for number in range(1, 4):
        cv2.imwrite(str(folder / f"{number:06d}.png"), np.full((48, 64, 3), 90, np.uint8))
    small = {"demo": {"width": 64, "height": 64, "people": 1, "frames": 3}}
    archive = track(tmp_path / "MOT", "demo", **small)
    assert states(archive) == {"A": "done", "demo": "done"}
    assert [result.frames for result in archive.results] == [3, 3]
    assert set(states(track(tmp_path / "MOT", "demo", **small)).values()) == {"skipped"}
    small["demo"]["seed"] = 1  # of the demo's settings, only the demo's results are made
    assert states(track(tmp_path / "MOT", "demo", **small)) == {"A": "skipped", "demo": "done"}
    cv2.imwrite(str(folder / "000004.png"), np.full((48, 64, 3), 90, np.uint8))
    assert states(track(tmp_path / "MOT", "demo", **small)) == {"A": "done", "demo": "skipped"}
    write_video(tmp_path / "MOT/A/drawn.mp4")
    track(f"{tmp_path}/MOT/**", output_dir=tmp_path / "nested", save_crops="crops")
    rows = list(csv.DictReader((tmp_path / "nested/index.csv").open(encoding="utf-8")))
    assert [row["video"] for row in rows] == ["A", "A/drawn.mp4", "A/frames"], "some lie within the results of others"


@pytest.mark.parametrize(
    ("keywords", "word"),
    [
        ({"save_txt": "/tmp/tracks.txt"}, "within each video's folder"),
        ({"save_txt": "../tracks.txt"}, "within each video's folder"),
        ({"save_txt": "-"}, "an archive writes files"),
        ({"save_txt": "summary.json"}, "writes a file of this name itself"),
        ({"save_txt": "a.txt", "save_csv": "./a.txt"}, "writes the same file"),
        ({"save_timeline": "t.bmp"}, "`output.save_timeline` t.bmp"),
        ({"display": True}, "without a window"),
        ({"detections": "det.txt"}, "`detections`"),
        ({"score": True}, "deepsort score"),
        ({"detector": "nothing.onnx"}, "nothing.onnx"),
        ({"detector": "clips/north/a.mp4"}, "a.mp4"),
        ({"detector": lambda image: []}, "a function stays in its process"),
        ({"line": "0,0,900,900"}, "counting.lines"),
        ({"output_dir": None}, "`archive.output_dir`"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    clips: Path, track: Track, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, keywords: dict[str, object], word: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError) as caught:
        track(clips, **keywords)
    assert word in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_what_belongs_to_others_is_not_replaced(clips: Path, track: Track, tmp_path: Path) -> None:
    theirs = tmp_path / "out/north/a.mp4/tracks.txt"
    theirs.parent.mkdir(parents=True)
    theirs.write_text("theirs")
    (tmp_path / "out/index.html").write_text("theirs")
    for path in ("index.html", "tracks.txt"):
        with pytest.raises(InputError, match=path):
            track(clips, save_txt="tracks.txt")
        if path == "index.html":
            (tmp_path / "out/index.html").unlink()
    assert theirs.read_text() == "theirs"
    outside = tmp_path / "outside"
    outside.mkdir()
    shutil.rmtree(tmp_path / "out/north")
    (tmp_path / "out/north").symlink_to(outside)
    with pytest.raises(InputError, match="link to somewhere else"):
        track(clips, save_txt="tracks.txt")
    assert not list(outside.iterdir())
    (tmp_path / "out/north").unlink()
    record = tmp_path / "out/north/a.mp4/summary.json"
    record.parent.mkdir(parents=True)
    record.write_text(json.dumps({"finished": True, "outputs": ["../../../outside", "/etc/passwd", 3]}))
    assert not track(clips, save_txt="tracks.txt").failed
    assert outside.is_dir()


def test_two_runs_do_not_meet(clips: Path, track: Track, tmp_path: Path) -> None:
    (tmp_path / "out/.deepsort").mkdir(parents=True)
    with held(tmp_path / "out/.deepsort/lock") as locked:
        assert locked
        with pytest.raises(InputError, match="another run"):
            track(clips)
        assert set(states(track(clips, dry_run=True)).values()) == {"to do"}
    assert not track(clips).failed
    begun = tmp_path / "new/.deepsort/work-of-another"
    with pytest.raises(InputError), Folder.at(tmp_path / "new").prepared():
        begun.mkdir()  # by one that began at the same moment
        raise InputError("another run is at work")
    assert begun.is_dir()


def test_a_source_that_cannot_be_compared_fails_by_itself(
    clips: Path, track: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    track(clips)
    os.utime(clips / "south/a.mp4")

    def refuse(video: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(fingerprints, "content", refuse)
    dry = track(clips, dry_run=True)
    assert [(r.place, r.reason) for r in dry.results if r.state == "to do"] == [
        ("south/a.mp4", "cannot be read (Permission denied)")
    ]


def test_track_is_for_single_runs(clips: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="track_archive"):
        deepsort_cli.track(str(clips), output_dir=tmp_path / "out")
    for keyword in ({"dry_run": True}, {"cluster": "auto"}):
        with pytest.raises(InputError, match="`archive.output_dir`"):
            deepsort_cli.track("demo", **keyword)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="folder of videos"):
        deepsort_cli.track(str(clips))


def test_a_video_that_changes_meanwhile_fails(
    clips: Path, track: Track, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deepsort_cli.workflows.archive import work

    def touched(video: object) -> str:
        os.utime(clips / "south/a.mp4")
        return "0"

    monkeypatch.setattr(work, "content", touched)
    assert "changed while it was tracked" in str(track(clips / "south").failure())
    assert not (tmp_path / "out/a.mp4").exists()


def test_a_full_disk_leaves_nothing_of_a_video_that_takes_room_from_the_others(
    clips: Path, track: Track, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_the_making: list[list[str]] = []

    def full(*_: object) -> None:
        in_the_making.append(sorted(p.name for p in (tmp_path / "out/.deepsort").glob("work-*/*-*")))
        raise write_failure("tracks.txt", OSError(errno.ENOSPC, "full"), begun=True)

    monkeypatch.setattr(MotSink, "write", full)
    archive = track(clips, save_txt="tracks.txt")
    assert states(archive) == dict.fromkeys(PLACES, "failed")
    assert {len(names) for names in in_the_making} == {1}

    class Dying(Here):
        def share(self, waiting: deque[Any]) -> Iterator[Done]:
            for job in waiting:
                assert not list(job.folder.parent.glob("*-*"))
                (job.attempt("first").folder / "people").mkdir(parents=True)
                yield Done(job, lost="its process died")

    monkeypatch.setattr(run, "Processes", lambda recipe, count, watch: Dying(recipe, watch))
    assert states(track(clips, save_txt="tracks.txt")) == dict.fromkeys(PLACES, "failed")
    assert "the disk is full. Free some space before the next run." in str(archive.failure())
    assert "kept" not in str(archive.failure())
