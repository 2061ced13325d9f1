"""Sources are opened at once: in their order, with all that cannot be, and closed again where one cannot."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from deepsort_cli.core import InputError
from deepsort_cli.core.events import Listener
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.workflows.track import Functions, opening, run_track
from deepsort_cli.workflows.track.opening import open_all

from .helpers import Heard


class Opened:
    """What a camera is here."""

    def __init__(self, name: str, listener: Listener) -> None:
        self.name, self.listener, self.closed = name, listener, threading.Event()

    def close(self) -> None:
        self.closed.set()


class Street:
    """Cameras that all answer once `together` of them were asked, or never if fewer are asked at once.

    Attributes:
        opened: those that did.
    """

    def __init__(self, together: int) -> None:
        self.opened: dict[str, Opened] = {}
        self._meeting = threading.Barrier(together, timeout=60)

    def open(self, spec: str, settings: Any, parts: Any, listener: Listener) -> Opened:
        if spec != "late":
            self._meeting.wait()
        if "silent" in spec:
            raise InputError(f"{spec}: does not answer.")
        if spec == "broken":
            raise ZeroDivisionError("a fault of the program")
        listener.warn(f"{spec} is slow")
        self.opened[spec] = Opened(spec, listener)
        return self.opened[spec]


def call(
    street: Street,
    specs: list[str],
    monkeypatch: pytest.MonkeyPatch,
    listener: Listener | None = None,
    grace: float = 60,
) -> Any:
    monkeypatch.setattr(opening, "open_one", street.open)
    monkeypatch.setattr(opening, "GRACE", grace)
    return open_all(specs, TrackSettings(), None, listener or Listener())  # type: ignore[arg-type]


def test_all_are_asked_at_once_and_told_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    specs = [f"camera {number}" for number in range(9)]
    heard = Heard()
    found = call(Street(9), specs, monkeypatch, heard)
    assert [source.name for source in found] == specs
    found[3].listener.warn("it was lost")  # long after it was opened
    assert heard.warnings == [*(f"{spec} is slow" for spec in specs), "it was lost"]


def test_all_that_do_not_answer_are_told_and_the_others_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    street = Street(5)
    with pytest.raises(InputError) as caught:
        call(street, ["a", "silent 1", "b", "silent 2", "silent 3"], monkeypatch)
    assert str(caught.value).splitlines() == [f"silent {number}: does not answer." for number in (1, 2, 3)]
    assert all(street.opened[name].closed.wait(60) for name in "ab")


def test_faults_of_the_program_stay_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    street = Street(2)
    with pytest.raises(ZeroDivisionError):
        call(street, ["a", "broken"], monkeypatch)
    assert street.opened["a"].closed.wait(60)


def test_one_that_answers_when_nobody_waits_any_more_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    street, goes_on = Street(1), threading.Event()
    usual = street.open

    def slow(spec: str, *rest: Any) -> Opened:
        if spec == "late":
            assert goes_on.wait(60)
        return usual(spec, *rest)

    monkeypatch.setattr(street, "open", slow)
    with pytest.raises(InputError, match=r"^silent: does not answer\.$"):
        call(street, ["silent", "late"], monkeypatch, grace=0.01)
    goes_on.set()
    for _ in range(600):
        if "late" in street.opened:
            break
        threading.Event().wait(0.1)
    assert street.opened["late"].closed.wait(60)


def test_a_missing_file_among_several(tmp_path: Path) -> None:
    import deepsort_cli as deepsort

    with pytest.raises(InputError, match=r"one\.mp4.*\n.*two\.mp4"):
        deepsort.track(source=[tmp_path / "one.mp4", "demo", tmp_path / "two.mp4"], detector="hog", reid="none")


MARKET = [f"{person:04}_c{camera}s1_00{person}_01.jpg" for person in (2, 7) for camera in (1, 2, 3)]
CUHK03 = [f"{person:04}_c{camera}_f{person * 10:07}.jpg" for person in (2, 7) for camera in (1, 2, 3)]


def warnings_of(folder: Path, names: list[str], width: int, height: int, source: str = "") -> list[str]:
    """What is said of a source of such pictures before any is tracked."""
    folder.mkdir(parents=True)
    for name in names:
        cv2.imwrite(str(folder / name), np.zeros((height, width, 3), np.uint8))
    heard = Heard()
    settings = TrackSettings(source=(source or str(folder),), reid={"model_path": "none"})
    run_track(settings, heard, Functions(lambda image: np.empty((0, 6)), None)).close()
    return [one for one in heard.warnings if "Re-ID dataset" in one]


@pytest.mark.parametrize("names", [MARKET, CUHK03])
def test_folders_of_person_crops_are_told_from_videos(names: list[str], tmp_path: Path) -> None:
    [told] = warnings_of(tmp_path / "query", names, 64, 128)
    assert "query: looks like a Re-ID dataset" in told
    assert "scan, train and eval" in told
    assert warnings_of(tmp_path / "other", names, 64, 128, str(tmp_path / "other" / "*.jpg"))


@pytest.mark.parametrize(
    ("names", "size"),
    [
        (MARKET, (640, 360)),
        (CUHK03, (720, 1280)),
        ([f"{number:06}.jpg" for number in range(1, 9)], (64, 128)),
        ([f"frame_{number}.png" for number in range(8)], (240, 426)),
        ([f"{number:04}_cam1.jpg" for number in range(8)], (240, 426)),
        (["0001_c1_f0000000.jpg"], (64, 128)),
    ],
)
def test_frames_of_videos_are_not_taken_for_person_crops(
    names: list[str], size: tuple[int, int], tmp_path: Path
) -> None:
    assert not warnings_of(tmp_path / "frames", names, *size)
