"""A page to ask, without a run behind it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import requests
from starlette.testclient import TestClient

from deepsort_cli.core.types import Frame, Tracks
from deepsort_cli.serving.address import Address, bind
from deepsort_cli.serving.album import Album
from deepsort_cli.serving.app import Site
from deepsort_cli.serving.guard import Guard
from deepsort_cli.serving.hub import Camera, Hub, HubSink, Status
from deepsort_cli.serving.pictures import Pictures
from deepsort_cli.serving.server import ServerThread
from deepsort_cli.video.settings import OutputSettings

TOKEN = "a-token-of-some-length"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
HOME = "http://127.0.0.1:8000"


def tracks_of(ids: list[int], **more: np.ndarray) -> Tracks:
    """Tracks beside each other, 40 pixels wide and 80 high."""
    n = len(ids)
    boxes = np.array([[10.0 + 50 * i, 20, 50 + 50 * i, 100] for i in range(n)]).reshape(n, 4)
    numbers = np.arange(n)
    return Tracks(np.array(ids), boxes, np.ones(n), np.zeros(n, int), np.zeros(n, int), numbers, **more)


def picture(grey: int = 90, height: int = 120, width: int = 160) -> np.ndarray:
    return np.full((height, width, 3), grey, np.uint8)


@dataclass
class Page:
    """Two cameras; the first has a picture with two people, the second has not begun.

    Attributes:
        problems: what the server could not answer.
    """

    hub: Hub
    sinks: list[HubSink]
    site: Site
    problems: list[str] = field(default_factory=list)

    def frame(self, index: int, ids: list[int], *, camera: int = 0, grey: int = 90, fps: float = 25) -> None:
        self.sinks[camera].write(Frame(index, picture(grey), index / fps), tracks_of(ids))

    def guard(self, *, private: bool = True, host: str = "127.0.0.1") -> Guard:
        return Guard(self.site.app(), TOKEN, private=private, host=host, port=8000)

    def client(self, *, private: bool = True, host: str = "127.0.0.1") -> TestClient:
        return TestClient(self.guard(private=private, host=host), base_url=HOME, raise_server_exceptions=False)

    @contextlib.contextmanager
    def served(self) -> Iterator[str]:
        """The address of a server in a thread, at a port of its own."""
        listening = bind(Address.parse("0"))
        guard = Guard(self.site.app(), TOKEN, private=True, host=listening.host, port=listening.port)
        server = ServerThread(guard, listening, ended=self.site.close, broken=self.problems.append)
        server.start()
        try:
            yield listening.url.rstrip("/")
        finally:
            server.close()


def make_page() -> Page:
    names = ("door", 'yard "north"')
    cameras = [Camera(i, name, live=False, size=(160, 120), trail=10, began=1000.0) for i, name in enumerate(names)]
    hub = Hub("deepsort", "1.0", cameras, started=1000.0, album=Album(started=1000.0, threshold=0.3))
    hub.describe = lambda image: np.full((1, 4), image.mean(), np.float32)
    flags = " ".join
    site = Site(hub, Pictures(OutputSettings(), {0: "person"}), lambda lines, zones: flags([*lines, *zones]))
    page = Page(hub, [hub.sink(camera) for camera in cameras], site)
    cameras[0].status = Status("running", frames=1, fps=12.5, people=2)
    page.frame(0, [1, 2])
    return page


def jpegs(response: requests.Response) -> Iterator[bytes]:
    """The pictures of a motion JPEG stream."""
    data = b""
    for chunk in response.iter_content(4096):
        data += chunk
        while (begin := data.find(b"\xff\xd8")) >= 0 and (end := data.find(b"\xff\xd9")) >= 0:
            yield data[begin : end + 2]
            data = data[end + 2 :]
