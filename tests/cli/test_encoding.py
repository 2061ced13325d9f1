"""Output on streams that cannot show every character."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from deepsort_cli.cli.console import Reporter, exit_on_error
from deepsort_cli.cli.encoding import HANDLER, harmless, literal, make_streams_safe, plain, shows
from deepsort_cli.core import InputError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("256×128 → 512 …", "256x128 -> 512 ..."),
        ("│─┼╭", "|-++"),
        ("−1 – 2", "-1 - 2"),
        ("видео", "\\u0432\\u0438\\u0434\\u0435\\u043e"),
        (os.fsdecode(b"bad\xff.mp4") if os.name != "nt" else "bad\udcff.mp4", "bad\\xff.mp4"),
        ("\N{RUNNER}", "\\U0001f3c3"),
    ],
)
def test_what_ascii_lacks_is_replaced(text: str, shown: str) -> None:
    assert text.encode("ascii", HANDLER).decode() == shown


@given(st.text(st.characters(exclude_categories=())), st.sampled_from(["ascii", "cp1252", "cp437", "cp932", "utf-8"]))
def test_no_text_fails(text: str, encoding: str) -> None:
    text.encode(encoding, HANDLER)
    assert all(plain(character).isascii() for character in text)


def test_what_can_be_shown_stays() -> None:
    assert "é×…".encode("cp1252", HANDLER) == b"\xe9\xd7\x85"
    assert shows(io.TextIOWrapper(io.BytesIO(), encoding="cp1252"), "é×…")
    assert not shows(io.TextIOWrapper(io.BytesIO(), encoding="cp1252"), "→")
    assert not shows(io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), "\udcff")


HOSTILE = "a\x1b[31mred\x9b2J\rb\x07\u202egnp.exe"
AS_SHOWN = "a\\x1b[31mred\\x9b2J\\rb\\x07\\u202egnp.exe"


def test_names_cannot_steer_a_terminal() -> None:
    """Of files, people, classes, models: whoever made them may have written anything into them."""
    assert harmless(HOSTILE) == AS_SHOWN
    assert harmless("line\n\tÉlodie 李雷 می‌روم 🏃🏽‍♀️ שלום") == "line\n\tÉlodie 李雷 می‌روم 🏃🏽‍♀️ שלום"
    assert literal("[red]\x1b") == r"\[red]\x1b"


def test_messages_tables_and_results_hold_no_controls(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    report = Reporter(verbose=True)
    for say in (report.info, report.detail, report.warn):
        say(HOSTILE)
    with pytest.raises(typer.Exit), exit_on_error():
        raise InputError(HOSTILE)
    assert capsys.readouterr().err.count(AS_SHOWN) == 4
    report.result({}, HOSTILE)
    assert capsys.readouterr().out == f"{HOSTILE}\n", "programs get it as it is"
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    report.result({}, HOSTILE)
    assert capsys.readouterr().out == f"{AS_SHOWN}\n"


def test_a_file_cannot_steer_a_terminal(
    deepsort: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    name = "a\x1b[31m[red].txt"
    (tmp_path / name).write_text("1,-1,10,10,20,40,0.9\n")
    done = deepsort("track", "demo", "--detections", name, "--max-frames", 1, "--save-txt", f"out{name}", cwd=tmp_path)
    assert done.returncode == 0
    assert "wrote outa\\x1b[31m[red].txt" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr
    assert (tmp_path / f"out{name}").exists()


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_json_and_tables_on_such_streams(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    data = {"source": "видео → \udcff.mp4"}
    for report in (Reporter(json=True), Reporter()):
        stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
        monkeypatch.setattr(sys, "stdout", stream)
        make_streams_safe()
        report.table("256×128 \udcff")
        report.result(data)
        stream.flush()
        written = stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
        if report.json:
            assert json.loads(written) == data
        else:
            assert "128 \\xff" in written


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_a_code_page_of_windows(encoding: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "deepsort_cli", "models", "yolox_nano"]
    done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    assert b"416" in done.stdout
    done.stdout.decode(encoding)


@pytest.mark.skipif(sys.platform == "win32", reason="pipes of POSIX shells")
@pytest.mark.parametrize("arguments", ["--help", "--version", "track --help", "track --print-config"])
def test_a_reader_that_leaves_and_a_full_disk(arguments: str) -> None:
    command = [sys.executable, "-m", "deepsort_cli", *arguments.split()]
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, check=False, timeout=600)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")
    if Path("/dev/full").exists():
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False, timeout=600)
        assert done.returncode == 1
        assert b"standard output cannot be written" in done.stderr
        assert b"Traceback" not in done.stderr
