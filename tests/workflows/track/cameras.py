"""A server of MJPEG cameras that can be unplugged and plugged in again."""

from __future__ import annotations

import contextlib
import http.server
import threading
import time
from collections import Counter
from collections.abc import Iterator

import cv2
import numpy as np

PACE = 0.02


class Cameras:
    """Cameras `url(name)`, each with a picture of its own grey that changes a little from frame to frame.

    Attributes:
        unplugged: names of those that break off and do not answer.
        stalled: names of those that keep the connection and send nothing more.
        sizes: height and width of pictures where they are not (120, 160).
        asked: how often each was connected to.
        sent: how many pictures each has sent.
        refusing: cleared, those that are unplugged leave whoever asks without an answer.
    """

    def __init__(self) -> None:
        self.unplugged: set[str] = set()
        self.stalled: set[str] = set()
        self.sizes: dict[str, tuple[int, int]] = {}
        self.asked: Counter[str] = Counter()
        self.sent: Counter[str] = Counter()
        self.refusing = threading.Event()
        self.refusing.set()
        self.ended = threading.Event()
        self.address = ""

    def url(self, name: str) -> str:
        return f"{self.address}/{name}"

    def picture(self, name: str, number: int) -> bytes:
        image = np.full((*self.sizes.get(name, (120, 160)), 3), 60 + 10 * (number % 8), np.uint8)
        return cv2.imencode(".jpg", image)[1].tobytes()


@contextlib.contextmanager
def serving() -> Iterator[Cameras]:
    """A running server."""
    cameras = Cameras()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.strip("/")
            cameras.asked[name] += 1
            if name in cameras.unplugged:
                cameras.refusing.wait()
                self.send_error(404)
                return
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            number = 0
            with contextlib.suppress(ConnectionError):
                while name not in cameras.unplugged and not cameras.ended.is_set():
                    if name not in cameras.stalled:
                        data = cameras.picture(name, number)
                        head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
                        self.wfile.write(head.encode() + data + b"\r\n")
                        number += 1
                        cameras.sent[name] += 1
                    time.sleep(PACE)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        cameras.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield cameras
        finally:
            cameras.ended.set()
            cameras.refusing.set()
            server.shutdown()
            thread.join()
