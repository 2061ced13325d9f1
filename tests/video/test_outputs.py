"""What is asked for is checked before a run."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from deepsort_cli.core import Frame
from deepsort_cli.core.errors import InputError, RunError
from deepsort_cli.core.events import Listener
from deepsort_cli.core.files import claim, temporary_beside
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.video.settings import DemoSettings, OutputSettings
from deepsort_cli.video.sinks import CsvSink, MotSink, outputs
from deepsort_cli.workflows.track import run_track

DEMO = DemoSettings(width=96, height=64, people=1, frames=3)


@pytest.fixture
def detections(tmp_path: Path) -> Path:
    """Stored detections, so that nothing has to be detected."""
    path = tmp_path / "in" / "det.txt"
    path.parent.mkdir()
    path.write_text("".join(f"{frame},-1,10,10,20,40,0.9\n" for frame in range(1, 4)))
    return path


class Notes(Listener):
    def __init__(self) -> None:
        self.said: list[str] = []

    def note(self, message: str) -> None:
        self.said.append(message)


def notes_of(detections: Path | None, *, score: bool = False, sources: int = 1, **output: object) -> list[str]:
    """What a run notes."""
    notes = Notes()
    settings = TrackSettings(
        source=("demo",) * sources,
        detections=detections,
        demo=DEMO,
        output=OutputSettings(**output),  # type: ignore[arg-type]
        score=score,
    )
    run_track(settings, notes).finish()
    return notes.said


def test_every_path_has_one_row_in_the_table() -> None:
    paths = [name for name in OutputSettings.model_fields if name.startswith("save_")]
    assert [output.field for output in outputs()] == paths


def test_a_run_that_keeps_nothing_says_so_and_how_to_keep_it(detections: Path, tmp_path: Path) -> None:
    (said,) = (note for note in notes_of(detections) if "kept" in note)
    assert "`output.save_video`=out.mp4" in said
    assert "`output.save_txt`" in said
    for kept in ({"save_txt": tmp_path / "a.txt"}, {"save_crops": tmp_path / "crops"}, {"score": True}):
        assert not [note for note in notes_of(detections, **kept) if "kept" in note]  # type: ignore[arg-type]


def test_leftovers_of_a_killed_run_are_named_and_removed(detections: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.txt"
    left = temporary_beside(out)
    claim(left).close()
    with claim(temporary_beside(out)) as running:
        notes = notes_of(detections, save_txt=out)
        assert [note for note in notes if left.name in note]
        assert not [note for note in notes if Path(running.name).name in note]
        assert Path(running.name).exists()
    assert not left.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_what_others_may_not_read_stays_so_in_the_next_run(detections: Path, tmp_path: Path) -> None:
    files = {"save_csv": tmp_path / "a.csv", "save_jsonl": tmp_path / "a.jsonl"}
    notes_of(detections, **files)
    written = sorted(tmp_path.glob("a*.*"))
    assert len(written) == 2
    for path in written:
        path.chmod(0o600)
    notes_of(detections, **files, overwrite=True)
    assert [stat.S_IMODE(path.stat().st_mode) for path in written] == [0o600, 0o600]


def test_standard_output_has_room_for_one_kind_of_rows_and_one_source(detections: Path) -> None:
    with pytest.raises(InputError, match="writes the same"):
        notes_of(detections, save_txt="-", save_csv="-")
    with pytest.raises(InputError, match="`output.save_summary` -: only `output.save_txt`"):
        notes_of(detections, save_summary="-")
    with pytest.raises(InputError, match="rows of 2 sources would mix"):
        notes_of(None, sources=2, save_txt="-")


def test_earlier_crops_survive_a_run_that_is_refused(detections: Path, tmp_path: Path) -> None:
    notes_of(detections, save_crops=tmp_path / "crops")
    before = sorted((tmp_path / "crops").rglob("*.jpg"))
    assert before
    with pytest.raises(InputError, match="not empty"):
        notes_of(detections, save_crops=tmp_path / "crops")
    with pytest.raises(InputError, match="unknown video format"):
        notes_of(detections, save_crops=tmp_path / "crops", save_video=tmp_path / "a.gif", overwrite=True)
    assert sorted((tmp_path / "crops").rglob("*.jpg")) == before


def test_every_output_that_fails_is_named(detections: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the last frame, and when it is closed after that."""

    def write(sink: MotSink, frame: Frame, *_: object) -> None:
        if frame.index == 2:
            raise RunError("a.txt: the disk is full")

    def close(sink: CsvSink) -> None:
        raise RunError("b.csv: the disk is full")

    monkeypatch.setattr(MotSink, "write", write)
    monkeypatch.setattr(CsvSink, "close", close)
    with pytest.raises(RunError, match="(?s)^(?=.*a.txt: the disk is full)(?=.*b.csv: the disk is full)"):
        notes_of(detections, save_txt=tmp_path / "a.txt", save_csv=tmp_path / "b.csv")
