"""Whether a detector is fetched: named, offered at a terminal, declined, or never asked."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from deepsort_cli.cli.consent import settle_detector
from deepsort_cli.cli.console import Reporter
from deepsort_cli.core.errors import RunError
from deepsort_cli.core.files import file_sha256
from deepsort_cli.perception import catalogue
from deepsort_cli.perception.catalogue import CatalogueModel
from deepsort_cli.settings import resolve
from deepsort_cli.settings.track import TrackSettings

CONTENT = b"a detector" * 100


class Terminal:
    """A console at which somebody sits and gives the same answer to every question."""

    is_terminal = True

    def __init__(self, answer: str) -> None:
        self.answer, self.questions, self.said = answer, 0, ""

    def print(self, text: object = "", **options: object) -> None:
        self.said += f"{text}\n"

    def input(self, prompt: str) -> str:
        self.questions += 1
        return self.answer


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CatalogueModel:
    """The usual detector, in a catalogue of its own; fetching it writes its file."""
    brought = tmp_path / "published.onnx"
    brought.write_bytes(CONTENT)
    model = CatalogueModel(
        "tiny", "detector", "a tiny one", "64×64", "https://models.example/tiny.onnx", len(CONTENT),
        file_sha256(brought), "MIT", "https://models.example", "records", "none",
    )  # fmt: skip
    monkeypatch.setattr(catalogue, "CATALOGUE", (model,))
    monkeypatch.setattr(catalogue, "DEFAULT_DETECTOR", "tiny")
    monkeypatch.setenv("DEEPSORT_MODELS", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))

    def fetch(url: str, path: Path, *arguments: object, **options: object) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(CONTENT)

    monkeypatch.setattr(catalogue, "download", fetch)
    return model


def settle(terminal: Terminal, *, quiet: bool = False, json: bool = False, **flags: object) -> str | None:
    settings = resolve(TrackSettings, flags={"source": ["demo"], **flags})
    report = Reporter(json, quiet, console=terminal)  # type: ignore[arg-type]
    needed = settings.detections is None
    return settle_detector(settings.detector, report, needed=needed).model_path


@pytest.fixture(autouse=True)
def _no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    import contextlib

    from deepsort_cli.cli import models

    monkeypatch.setattr(models, "transfer_bar", lambda report: contextlib.nullcontext(lambda done, total: None))


def test_enter_fetches_the_usual_detector(tiny: CatalogueModel) -> None:
    terminal = Terminal("")
    assert settle(terminal) is None, "the run finds it in the cache"
    assert catalogue.default_detector() == "tiny"
    for part in (tiny.url, "MIT", tiny.megabytes):
        assert part in terminal.said, "what it is, is said before the question"
    settle(terminal)
    assert terminal.questions == 1


def test_no_is_remembered(tiny: CatalogueModel) -> None:
    terminal = Terminal("n")
    for _ in range(2):
        settle(terminal)
    assert terminal.questions == 1
    assert tiny.cached() is None


def test_who_is_not_asked(tiny: CatalogueModel, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal("y")
    settle(terminal, quiet=True)
    settle(terminal, json=True)
    settle(terminal, **{"detector.model_path": "hog"})
    settle(terminal, detections="det.txt")
    monkeypatch.setenv("DEEPSORT_OFFLINE", "1")
    settle(terminal)
    monkeypatch.delenv("DEEPSORT_OFFLINE")
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: False))
    settle(terminal)
    assert terminal.questions == 0
    assert tiny.cached() is None


def test_a_name_is_consent(tiny: CatalogueModel) -> None:
    terminal = Terminal("n")
    assert settle(terminal, quiet=True, **{"detector.model_path": "tiny"}) == "tiny"
    assert terminal.questions == 0
    assert tiny.cached() is not None


def test_an_offer_that_cannot_be_kept_does_not_end_the_run(
    tiny: CatalogueModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise RunError("no connection.")

    monkeypatch.setattr(catalogue, "download", fail)
    terminal = Terminal("y")
    assert settle(terminal) is None
    assert "no connection. This run goes on with hog." in terminal.said
    with pytest.raises(RunError):
        settle(terminal, **{"detector.model_path": "tiny"})


def test_the_end_of_input_is_no_answer_and_no_end_of_the_run(tiny: CatalogueModel) -> None:
    class Leaves(Terminal):
        def input(self, prompt: str) -> str:
            super().input(prompt)
            raise EOFError

    terminal = Leaves("")
    for times in (1, 2):
        assert settle(terminal) is None
        assert terminal.questions == times, "nothing was answered, so it is asked again"
    assert catalogue.default_detector() is None
