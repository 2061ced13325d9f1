"""A wrong flag, a typing error or a missing command answers with what was probably meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from deepsort_cli.cli import COMMANDS, app
from deepsort_cli.cli.suggestions import OTHER_COMMANDS, flags_like, looks_like_source, no_such_command


def said(*words: str, code: int = 2) -> str:
    """What the command says to these words, on one line."""
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == code, done.output
    return " ".join(done.output.replace("│", " ").split())


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("track", "--detecter", "x"), "Did you mean --detector or"),
        (("track", "--save-tx", "x"), "Did you mean --save-txt"),
        (("track", "--video", "x.mp4"), "Did you mean --source?"),
        (("track", "--input=x.mp4"), "Did you mean --source?"),
        (("track", "--output", "x.mp4"), "Did you mean --save?"),
        (("track", "--weights", "x.onnx"), "Did you mean --detector?"),
        (("track", "--wieghts", "x.onnx"), "Did you mean --detector?"),
        (("track", "--yolo-model", "x.onnx"), "Did you mean --detector?"),
        (("track", "--conf-thres", "0.3"), "Did you mean --conf?"),
        (("track", "--max_age", "3"), "Did you mean --max-age?"),
        (("track", "--img-size", "640"), "Did you mean --imgsz?"),
        (("track", "--show"), "Did you mean --display?"),
        (("track", "--tracker", "x"), "Did you mean --preset?"),
        (("track", "-save", "x.mp4"), "Did you mean --save?"),
        (("track", "-detector=x"), "Did you mean --detector?"),
        (("eval", "--weights", "x"), "Did you mean --checkpoint?"),
        (("export", "-m", "x"), "It needs no flag: deepsort export CHECKPOINT"),
        (("train", "--data", "x"), "Did you mean --root?"),
        (("train", "--learning-rate", "1"), "Did you mean --lr?"),
        (("track", "--zzzzzz"), "All there are: deepsort track --help-all"),
        (("--verson",), "Did you mean --version?"),
        (("--source", "0"), "Flags come after a command"),
        (("scan", "people"), "people: no flag stands before it. Did you mean --root people?"),
        (("scan", "people", "others"), "stands before them. Did you mean --root people --test-root others?"),
        (("scan", "--root", "people", "others"), "Did you mean --test-root others?"),
        (("scan", "my people"), "Did you mean --root 'my people'?"),
        (("scan", "a", "b", "c"), "What deepsort scan takes: deepsort scan --help"),
        (("train", "people"), "Did you mean --root people?"),
        (("finetune", "a.pth", "people"), "people: no flag stands before it. Did you mean --root people?"),
        (("eval", "a.onnx", "people"), "Did you mean --root people?"),
        (("export", "a.pth", "b.onnx"), "Did you mean --output b.onnx?"),
        (("reorganize", "a", "b"), "Did you mean --src a --dst b?"),
        (("refine", "a.txt", "b.txt"), "The one to write is named by --output b.txt."),
        (("score", "gt", "results"), "Did you mean --gt gt --results results?"),
        (("models", "list", "x"), "What deepsort models show takes"),
        (("trian",), "Did you mean: deepsort train"),  # codespell:ignore trian
        (("evaluate", "x"), "Did you mean: deepsort eval?"),
        (("help", "score"), "Did you mean: deepsort score --help?"),
        (("street.mp4",), "Did you mean: deepsort track street.mp4?"),
        (("0", "--save", "out.mp4"), "Did you mean: deepsort track 0?"),
        (("models", "donwload", "yolox_nano"), "Did you mean: deepsort models download?"),  # codespell:ignore donwload
    ],
)
def test_the_answer_says_what_was_probably_meant(words: tuple[str, ...], meant: str) -> None:
    assert meant in said(*words)


@pytest.mark.parametrize("flag", ["-m", "--model"])
def test_a_model_for_track_is_one_of_two(flag: str) -> None:
    text = said("track", flag, "x.onnx")
    assert f"No such option: {flag}. Did you mean --detector" in text
    assert "or --reid" in text


def test_passwords_that_were_typed_are_not_repeated() -> None:
    assert "hunter2" not in said("rtsp://admin:hunter2@camera/stream")


def test_a_folder_may_be_a_video_or_a_dataset(tmp_path: Path) -> None:
    text = no_such_command([str(tmp_path)], COMMANDS)
    assert f"deepsort track {tmp_path}" in text
    assert f"deepsort scan --root {tmp_path}" in text


def test_only_commands_there_are_are_named() -> None:
    assert set(OTHER_COMMANDS) <= set(COMMANDS)


def test_flags_that_are_like_nothing_are_not_guessed() -> None:
    assert flags_like("--qwertz", ["--save", "--source"]) == []
    assert flags_like("-z", ["--save", "-s"]) == []
    assert not looks_like_source("trak")


def test_deepsort_alone_shows_how_to_start() -> None:
    text = said()
    assert "deepsort track 0" in text
    assert "deepsort models" in text
    assert len(text) < 700


def test_sources_need_no_flag() -> None:
    def sources(*words: str) -> str:
        return said("track", *words, "--print-config", code=0).split("source:")[1].split("detections")[0]

    assert "street.mp4" in sources("street.mp4")
    assert "'0'" in sources("0", "--save", "out.mp4")
    several = sources("--source", "a.mp4", "b.mp4", "c.mp4")
    assert several.index("a.mp4") < several.index("b.mp4") < several.index("c.mp4")
