"""Fetching a file: right ones, wrong ones, cut transfers, proxies, no network."""

from __future__ import annotations

import hashlib
import http.server
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest

from deepsort_cli.core.errors import RunError
from deepsort_cli.perception import download as module
from deepsort_cli.perception.download import download

CONTENT = np.random.default_rng(0).integers(0, 256, 300_000, np.uint8).tobytes()
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Server(http.server.ThreadingHTTPServer):
    """Serves CONTENT and misbehaves as told.

    Attributes:
        cuts: after how many bytes each of the next answers is cut.
        ranges: whether it sends parts.
        asked: the Range headers received, None for whole files; the request lines of proxied calls in `lines`.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.cuts: list[int] = []
        self.ranges = True
        self.status = 200
        self.content = CONTENT
        self.asked: list[str | None] = []
        self.lines: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/model.onnx"


class Handler(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server, wanted = self.server, self.headers.get("Range")
        server.asked.append(wanted)
        server.lines.append(self.path)
        if server.status != 200:
            self.send_error(server.status)
            return
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and server.ranges else 0
        body = server.content[start:]
        self.send_response(206 if start else 200)
        if start:
            end = len(server.content)
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{end}")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: server.cuts.pop(0)] if server.cuts else body)

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def fetch(url: str, folder: Path, seen: list[tuple[int, int]] | None = None) -> Path:
    path = folder / "cache" / "model.onnx"
    steps = seen if seen is not None else []
    download(url, path, len(CONTENT), SHA256, remedy="Do this.", progress=lambda *step: steps.append(step))
    return path


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "cache").iterdir())


def test_a_file_is_fetched_whole(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    assert fetch(server.url, tmp_path, seen).read_bytes() == CONTENT
    assert left(tmp_path) == ["model.onnx"]
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))


def test_a_cut_transfer_goes_on_at_once(server: Server, tmp_path: Path) -> None:
    server.cuts = [100_000, 150_000]
    assert fetch(server.url, tmp_path).read_bytes() == CONTENT
    whole = module.BLOCK
    assert server.asked == [None, f"bytes={whole}-", f"bytes={3 * whole}-"], "whole blocks are kept"


def test_a_cut_transfer_goes_on_in_the_next_run(server: Server, tmp_path: Path) -> None:
    server.cuts = [100_000, 0, 0]
    with pytest.raises(RunError, match=r"the transfer was cut\. 65,536 of 300,000 bytes came; the next try goes on"):
        fetch(server.url, tmp_path)
    assert left(tmp_path) == [".model.onnx.part"]
    assert fetch(server.url, tmp_path).read_bytes() == CONTENT
    assert server.asked[-1] == f"bytes={module.BLOCK}-"
    assert left(tmp_path) == ["model.onnx"]


def test_what_a_killed_program_left_is_taken_over_but_not_what_another_writes(server: Server, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    busy = cache / ".model.onnx.1.part"
    busy.write_bytes(CONTENT[:5])
    assert fetch(server.url, tmp_path).read_bytes() == CONTENT
    assert server.asked == [None]
    assert busy.read_bytes() == CONTENT[:5]
    long_ago = time.time() - 10 * module.ABANDONED
    os.utime(busy, (long_ago, long_ago))
    (cache / "model.onnx").unlink()
    assert fetch(server.url, tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, "bytes=5-"]
    assert left(tmp_path) == ["model.onnx"]


def test_a_server_without_parts_sends_all_again(server: Server, tmp_path: Path) -> None:
    server.ranges, server.cuts = False, [100_000]
    assert fetch(server.url, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (CONTENT[:-1] + b"\0", "another file came"),
        (b"<!doctype html><title>Log in</title>" + bytes(300_000), "a web page, perhaps a network's login came"),
        (CONTENT + b"more", "another file came"),
    ],
)
def test_another_file_is_deleted(server: Server, tmp_path: Path, content: bytes, what: str) -> None:
    server.content = content
    with pytest.raises(RunError, match=rf"{what}, not the one that was published.*expected {SHA256}.*Do this\."):
        fetch(server.url, tmp_path)
    assert left(tmp_path) == []


def test_a_short_page_in_its_place(server: Server, tmp_path: Path) -> None:
    server.content = b"<html>no</html>"
    with pytest.raises(RunError, match=r"cannot be fetched"):
        fetch(server.url, tmp_path)
    assert not (tmp_path / "cache" / "model.onnx").exists()


def test_what_the_server_answers_is_said(server: Server, tmp_path: Path) -> None:
    server.status = 404
    with pytest.raises(RunError, match=r"cannot be fetched: the server answers 404 Not Found\. Do this\."):
        fetch(server.url, tmp_path)
    assert len(server.asked) == 1, "asking again changes nothing"
    assert left(tmp_path) == []
    server.status = 503
    with pytest.raises(RunError, match="503"):
        fetch(server.url, tmp_path)
    assert len(server.asked) == 1 + module.ATTEMPTS


def test_no_network(server: Server, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"http://127\.0\.0\.1:9/x: cannot be fetched: no connection to the server"):
        fetch("http://user:secret@127.0.0.1:9/x?token=secret", tmp_path)
    try:
        fetch("http://user:secret@127.0.0.1:9/x?token=secret", tmp_path)
    except RunError as error:
        assert "secret" not in str(error)


def test_proxies_are_used_and_their_passwords_kept(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://me:secret@{urlsplit(server.url).netloc}")
    assert fetch("http://models.example/model.onnx", tmp_path).read_bytes() == CONTENT
    assert server.lines == ["http://models.example/model.onnx"]
    monkeypatch.setenv("HTTP_PROXY", "http://me:secret@127.0.0.1:9")
    with pytest.raises(RunError, match="the proxy does not let this through") as caught:
        fetch("http://models.example/other.onnx", tmp_path / "b")
    assert "secret" not in str(caught.value)
