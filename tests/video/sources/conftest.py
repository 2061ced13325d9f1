"""Sources opened as tests need them, fake cameras, and a web server."""

from __future__ import annotations

import base64
import contextlib
import functools
import http.server
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from deepsort_cli.video.settings import DemoSettings, SourceSettings
from deepsort_cli.video.sources import Source, live, open_source

from ..conftest import number_in, numbered_image

HURRY = threading.Event()
DEMO = DemoSettings(width=96, height=72, people=2, frames=12, fps=10)


def opened(spec: object, *, pixels: bool = True, frame_count: int | None = None, **settings: Any) -> Source:
    return open_source(str(spec), SourceSettings(**settings), DEMO, pixels=pixels, frame_count=frame_count)


def shown(source: Source) -> list[int]:
    """The numbers shown in a source's frames; each must sit at the frame's own index."""
    with source:
        frames = list(source)
    assert not source.frame_count_exact or source.frame_count == len(frames)
    numbers = [number_in(frame.image) for frame in frames]
    assert numbers == [frame.index for frame in frames]
    return numbers


def write_seqinfo(folder: Path, length: int, extra: str = "") -> None:
    (folder / "seqinfo.ini").write_text(
        f"[Sequence]\nname=Street\nimDir=img1\nframeRate=14\nseqLength={length}\nimWidth=64\nimHeight=48\n{extra}"
    )


class FakeCapture:
    """Stands for cv2.VideoCapture of a camera: numbered frames, then a lost connection."""

    def __init__(self, numbers: Iterable[int], *, opens: bool = True, fps: float = 20.0, pause: float = 0.0) -> None:
        self._numbers = iter(numbers)
        self._opens, self._fps, self._pause = opens, fps, pause
        self.released = False
        self.reads = 0

    def isOpened(self) -> bool:
        return self._opens

    def read(self) -> tuple[bool, np.ndarray | None]:
        time.sleep(self._pause)
        self.reads += 1
        number = next(self._numbers, None)
        if number is None or self.released:
            return False, None
        return True, numbered_image(number)

    def get(self, prop: int) -> float:
        return self._fps if prop == cv2.CAP_PROP_FPS else 0.0

    def release(self) -> None:
        self.released = True


@pytest.fixture
def cameras(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Any]]:
    """Lets the given captures answer, one per attempt to open; returns the targets asked for."""

    def plug_in(*captures: FakeCapture) -> list[Any]:
        asked: list[Any] = []
        waiting = list(captures)

        def open_capture(target: Any) -> FakeCapture:
            asked.append(target)
            return waiting.pop(0) if waiting else FakeCapture([], opens=False)

        monkeypatch.setattr(live, "open_capture", open_capture)
        return asked

    return plug_in


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files in ways that servers have.

    `/live` is a camera's stream of JPEG frames that breaks off after 12 of them, `/flawed` one whose picture 3 is cut
    off, 5 is noise between the marks of a picture, and 7 has no content;
    `/multipart` such a stream that was recorded. `/endless/NAME` sends a file without saying how long it is,
    `/paced/NAME` does so over ten seconds, or until it is told to `HURRY`, `/broken/NAME` ends halfway, `/moved/NAME`
    sends elsewhere, `/locked/NAME` wants the user `me` with the password of the server, `/page` is a web page.
    """

    password = "p#a/s?s@w[o]r d"

    def do_GET(self) -> None:
        kind, _, name = self.path.split("?")[0].lstrip("/").partition("/")
        answer = getattr(self, f"_{kind}", None)
        if answer is None:
            super().do_GET()
        else:
            with contextlib.suppress(ConnectionError):
                answer(name)

    def _begin(self, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()

    def _live(self, name: str) -> None:
        self._begin(Content_Type="multipart/x-mixed-replace; boundary=frame")
        for number in range(12):
            data = cv2.imencode(".jpg", numbered_image(number))[1].tobytes()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            self.wfile.write(head.encode() + data + b"\r\n")

    def _flawed(self, name: str) -> None:
        self._begin(Content_Type="multipart/x-mixed-replace; boundary=frame")
        for number in range(12):
            data = cv2.imencode(".jpg", numbered_image(number))[1].tobytes()
            data = {3: data[: len(data) // 8], 5: data[:2] + b"\x55" * 400 + data[-2:], 7: b""}.get(number, data)
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            self.wfile.write(head.encode() + data + b"\r\n")
            time.sleep(0.005)

    def _multipart(self, name: str) -> None:
        data = b""
        for number in range(12):
            picture = cv2.imencode(".jpg", numbered_image(number))[1].tobytes()
            data += b"--frame\r\nContent-Type: image/jpeg\r\n\r\n" + picture + b"\r\n"
        data += b"--frame--\r\n"
        self._begin(Content_Type="multipart/x-mixed-replace; boundary=frame", Content_Length=str(len(data)))
        self.wfile.write(data)

    def _endless(self, name: str) -> None:
        self._begin()
        self.wfile.write((Path(self.directory) / name).read_bytes())

    def _paced(self, name: str) -> None:
        data = (Path(self.directory) / name).read_bytes()
        self._begin()
        for part in range(100):
            self.wfile.write(data[part * len(data) // 100 : (part + 1) * len(data) // 100])
            self.wfile.flush()
            HURRY.wait(0.1)

    def _broken(self, name: str) -> None:
        data = (Path(self.directory) / name).read_bytes()
        self._begin(Content_Length=str(len(data)))
        self.wfile.write(data[: len(data) // 2])

    def _moved(self, name: str) -> None:
        self._begin(302, Location=f"/{name}?token=secret", Content_Length="0")

    def _locked(self, name: str) -> None:
        expected = base64.b64encode(f"me:{self.password}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {expected}":
            self._begin(401, WWW_Authenticate='Basic realm="door"', Content_Length="0")
            return
        self.path = f"/{name}"
        super().do_GET()

    def _page(self, name: str) -> None:
        self._begin(Content_Type="text/html")
        self.wfile.write(b"<!doctype html><title>Not here</title>" * 20)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    HURRY.clear()
    handler = functools.partial(_Handler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as service:
        threading.Thread(target=service.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{service.server_address[1]}"
        HURRY.set()
        service.shutdown()
