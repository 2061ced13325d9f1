"""What training shows: lines and tables that fit, and what stands at the end."""

from __future__ import annotations

import contextlib
import io
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console
from rich.text import Text

pytest.importorskip("torch")

from deepsort_cli.cli.console import Reporter
from deepsort_cli.cli.train_closing import certainty_summary, close, next_commands
from deepsort_cli.cli.train_display import Part, TrainDisplay, fit
from deepsort_cli.evaluation.bootstrap import Difference, Interval
from deepsort_cli.evaluation.chance import Chance
from deepsort_cli.reid.certainty import Certainty
from deepsort_cli.reid.events import EpochDone, RunPlan, StartValidated, StepReport
from deepsort_cli.reid.losses import figure_names
from deepsort_cli.reid.optim import Group
from deepsort_cli.reid.settings import TrainConfig
from deepsort_cli.reid.train_result import TrainResult
from deepsort_cli.settings import resolve
from deepsort_cli.settings.evaluate import EvalSettings

ROW = {"epoch": 12, "lr": 0.0123, "mAP": 0.4321, "rank1": 0.5, **dict.fromkeys(figure_names(), 1.2345)}
PLAN = RunPlan(
    folder=Path("runs/osnet_x0_25-people"),
    start="random weights",
    model="osnet_x0_25, 207,496 parameters",
    data=("88 images of 9 identities", "nothing"),
    hardware="cpu, float32, 0 loader processes",
    steps=40,
    batch="9 people × 4 images",
    epochs=120,
    first_epoch=0,
    groups=(
        Group("weights of conv*", ("a",), 199_280, 0.0123, 0.0005, frozen=True),
        Group("norms and biases of conv*", ("b",), 7_704, 0.0123, 0.0, frozen=False),
    ),
)


def shown(width: int, *, terminal: bool = True, best: dict[str, float] | None = None) -> tuple[list[str], str]:
    """The lines printed, and the live table after them, on a terminal of some width."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=terminal, no_color=True, highlight=False)
    display = TrainDisplay(Reporter(console=console))
    display.happened(replace(PLAN, best=best, first_epoch=5 if best else 0))
    display.happened(StartValidated({"epoch": 0, "mAP": 0.3, "rank1": 0.25}, Chance(0.2, 0.1)))
    display.happened(StepReport(12, 3, 40, dict.fromkeys(figure_names(), 1.2345), 0.0123, 1234.5, 0.5))
    with console.capture() as live:
        console.print(display.figures)
    display.happened(EpochDone(ROW, ROW, 12.3))
    return plain(stream.getvalue()).splitlines(), plain(live.get())


def plain(text: str) -> str:
    """Without the codes for bold and dim."""
    return Text.from_ansi(text).plain


@pytest.mark.parametrize("width", [60, 80, 120])
def test_it_fits(width: int) -> None:
    lines, live = shown(width)
    assert all(len(line.rstrip()) <= width for line in [*lines, *live.splitlines()])
    heads, values = live.splitlines()
    assert len(heads.split("  ")) > 3
    for whole in ("loss", "best", "lr"):
        assert whole in heads
    assert "1.2e-02" in values
    last = lines[-1]
    assert last.startswith("epoch  12/120  loss 1.234")
    assert last.endswith("mAP 43.2%  rank 1 50.0%  best")
    (groups,) = [line for line in lines if line.startswith("norms and biases of conv*")]
    assert "7,704" in groups
    together = " ".join(" ".join(lines).split())
    assert "where the run starts: mAP 30.0% rank 1 25.0% (by chance 20.0%, 10.0%)" in together


def test_a_log_file_has_everything() -> None:
    lines, _ = shown(60, terminal=False)
    for words in ("ce 1.234", "triplet 1.234", "contrastive 1.234", "active 123%", "12.3 s", "lr 1.2e-02"):
        assert words in lines[-1]


def test_the_best_survives_a_resume() -> None:
    assert "41.0%" in shown(80, best={"epoch": 4, "mAP": 0.41})[1]
    assert "41.0%" not in shown(80, best={"epoch": 0, "mAP": 0.41})[1]  # the start is nobody's best


def test_what_matters_least_goes_first() -> None:
    parts = [Part("must"), Part("may", 1), Part("might", 2)]
    assert fit(parts, None) == "must  may  might"
    assert fit(parts, 12) == "must  may"
    assert fit(parts, 2) == "must"


def finished(**changes: object) -> TrainResult:
    result = TrainResult(
        folder=Path("my runs/one"),
        epochs=12,
        best=ROW,
        last=ROW,
        start={"epoch": 0, "mAP": 0.3, "rank1": 0.25},
        chance=Chance(0.2, 0.1),
        certainty=None,
        trial=None,
        held_out=5,
        identities=35,
        seconds=1.0,
        images_per_second=1.0,
        resumed_epoch=None,
        warnings=(),
    )
    return replace(result, **changes)  # type: ignore[arg-type]


def test_the_end_names_the_next_commands(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    config = TrainConfig.model_validate({"data": {"root": "a people", "ignore_camera": True}, "training": {"seed": 3}})
    close(Reporter(), finished(), config)
    said = capsys.readouterr().err
    assert "best mAP 43.2%, rank 1 50.0% (epoch 12)" in said
    assert "at the start 30.0%, 25.0%; by chance 20.0%, 10.0%; 5" in said
    best = "'my runs/one/checkpoints/best.pth'"
    split = "--root 'a people' --val-ratio 0.125 --seed 3 --ignore-camera"
    assert f"evaluate: deepsort eval {best} {split}\n" in said  # in one piece, however narrow
    assert f"export:   deepsort export {best} --output one.onnx\n" in said
    assert "--reid one.onnx" in said


def test_the_end_says_how_sure_it_is(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    gain = Difference(Interval(0.132, 0.081, 0.189), 0.002)
    sure = Certainty(40, Interval(0.4321, 0.381, 0.479), Interval(0.3, 0.25, 0.35), gain)
    close(Reporter(), finished(certainty=sure), TrainConfig())
    said = capsys.readouterr().err
    assert "best mAP 43.2% [38.1, 47.9], rank 1 50.0% (epoch 12)" in said
    assert "mAP against the start: +13.2 [+8.1, +18.9] (95 % intervals over people)\n" in said
    found = certainty_summary(sure)
    assert found is not None
    assert (found["mAP_interval"], found["told_apart_from_start"]) == ([0.381, 0.479], True)
    assert found["difference"] == {"mAP": 0.132, "interval": [0.081, 0.189], "p_value": 0.002}

    unsure = replace(sure, people=5, difference=Difference(Interval(0.01, -0.02, 0.03), 0.5))
    close(Reporter(), finished(certainty=unsure), TrainConfig())
    said = capsys.readouterr().err
    assert "+1.0 [-2.0, +3.0] (95 % intervals over people): cannot be told apart from the start" in said
    assert "5 held-out people say little of others" in said
    close(Reporter(), finished(certainty=replace(sure, difference=None, start=None)), TrainConfig())
    assert "against the start" not in capsys.readouterr().err


def test_without_validation_no_figure_is_claimed(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"epoch": 12, "loss": 1.0}
    close(Reporter(), finished(best=row, last=row, start=None, chance=None, held_out=0), TrainConfig())
    said = capsys.readouterr().err
    assert "not validated" in said
    assert "mAP" not in said


def test_the_evaluation_reads_the_images_as_the_training_did() -> None:
    pattern = r"c(?P<camid>\d)/(?P<pid>\d+)"
    scan = {"pattern": pattern, "accept": "trained_on_test,query_copies", "link_sources": "a b,c", "drop_small": True}
    config = TrainConfig.model_validate({"data": {"root": "people", "scan": scan}})
    words = shlex.split(next_commands(finished(), config, Path("b.pth"))["evaluate"])
    settings = resolve(EvalSettings, overrides=[words[i + 1] for i, word in enumerate(words) if word == "--set"])
    assert settings.data.scan == config.data.scan.model_copy(update={"link_sources": (), "pattern": None})
    assert words[words.index("--pattern") + 1] == pattern
    assert [words[i + 1] for i, word in enumerate(words) if word == "--allow-links"] == ["a b", "c"]


def test_a_test_folder_is_evaluated_on() -> None:
    config = TrainConfig.model_validate({"data": {"root": "people", "test_root": "market"}})
    assert next_commands(finished(), config, Path("b.pth"))["evaluate"] == "deepsort eval b.pth --root market"


@pytest.mark.parametrize(
    ("resume", "saved", "words"),
    [
        ("auto", True, "saved in runs/people; the same command continues"),
        ("never", True, "saved in runs/people; the same command with `training.resume`=auto continues"),
        ("auto", False, "stopped before the first save: the same command starts from the beginning"),
    ],
)
def test_how_to_go_on_after_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, resume: str, saved: bool, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    stream = io.StringIO()
    with (
        contextlib.suppress(KeyboardInterrupt),
        TrainDisplay(Reporter(console=Console(file=stream, width=200)), resume) as display,
    ):
        display.happened(replace(PLAN, folder=Path("runs/people")))
        if saved:
            Path("runs/people/checkpoints").mkdir(parents=True)
            Path("runs/people/checkpoints/last.pth").touch()
        raise KeyboardInterrupt
    assert stream.getvalue().splitlines()[-1] == words
