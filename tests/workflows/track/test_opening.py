"""Sources are opened at once: in their order, with all that cannot be, and closed again where one cannot."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from deepsort_cli.core import InputError
from deepsort_cli.core.events import Listener
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.workflows.track import opening
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
