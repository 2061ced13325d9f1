"""Output on streams that cannot show every character."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepsort_cli.cli.console import Reporter
from deepsort_cli.cli.encoding import HANDLER, make_streams_safe, plain, shows


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
