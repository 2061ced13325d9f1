"""A run shown in a browser, and its events posted: what joins it with the server."""

from __future__ import annotations

import importlib.util
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from deepsort_cli.core import InputError
from deepsort_cli.core.events import Listener
from deepsort_cli.core.extras import install
from deepsort_cli.core.looks import Features
from deepsort_cli.core.regions import Line, Zone
from deepsort_cli.core.types import Image
from deepsort_cli.core.urls import hide_in
from deepsort_cli.serving.album import Album
from deepsort_cli.serving.hub import Camera, Hub, HubSink, Status
from deepsort_cli.serving.settings import ServeSettings
from deepsort_cli.serving.webhooks import Webhooks, check_url
from deepsort_cli.settings.options import flag
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.video.sources import Source
from deepsort_cli.workflows.track.events import Progress, Serving, Summary
from deepsort_cli.workflows.track.parts import Parts

if TYPE_CHECKING:
    from deepsort_cli.serving.server import ServerThread

FOR_ALL = (
    "the page is for everybody in the network who has its token, cameras and all. What goes over the wire is not "
    "encrypted: beyond a network that you trust, put a proxy with TLS before it (docs/SERVING.md)"
)
HURRIED_SECONDS = 1.0
"""What is left for events that still wait when a run is interrupted."""


@dataclass
class Show:
    """What of a run can be seen from outside.

    Attributes:
        hub: all that is known.
        serving: where the page is; None where there is none.
        server: behind that page.
        webhooks: where events are posted; None: nowhere.
        album: the people on the page.
    """

    hub: Hub
    serving: Serving | None = None
    server: ServerThread | None = None
    webhooks: Webhooks | None = None
    album: Album | None = None

    def sink(self, index: int) -> HubSink:
        """What the frames of a source go into."""
        return self.hub.sink(self.hub.cameras[index])

    def listener(self, listener: Listener) -> Listener:
        """Tells both a listener and the hub."""
        return _Told(listener, self.hub.cameras)

    def start(self, listener: Listener) -> None:
        """Let browsers in, and begin to post."""
        if self.webhooks is not None:
            self.webhooks.start()
        if self.server is not None and self.serving is not None:
            self.server.start()
            listener.happened(self.serving)
            if not self.serving.private:
                listener.note(FOR_ALL)

    def end(self) -> None:
        """There will be no more events. The page stays."""
        if self.webhooks is not None:
            self.webhooks.close()

    def close(self) -> None:
        """End everything soon. Can be called again."""
        if self.server is not None:
            self.server.close()
        if self.webhooks is not None:
            self.webhooks.close(HURRIED_SECONDS)


def open_show(
    settings: TrackSettings,
    sources: Sequence[Source],
    names: Sequence[str],
    parts: Parts,
    regions: tuple[Sequence[Line], Sequence[Zone]],
    listener: Listener,
) -> Show | None:
    """Take the address, and prepare what is shown there; None where nothing is to be.

    Args:
        names: of the sources, unique.
        regions: lines and zones of all of them.
        listener: is told what goes wrong with the server later.

    Raises:
        InputError: the extra is not installed, the address cannot be had, or events cannot be posted there.
    """
    serve = settings.serve
    if serve.address is None and serve.events is None:
        return None
    began = time.time()
    cameras = [
        Camera(
            index,
            name,
            live=source.is_live,
            size=(source.width, source.height),
            trail=settings.output.trail if serve.address is not None else 0,
            began=began,
        )
        for index, (name, source) in enumerate(zip(names, sources, strict=True))
    ]
    for camera in cameras:
        camera.regions = (tuple(regions[0]), tuple(regions[1]))
    show = Show(Hub("deepsort", _version(), cameras, across=settings.across.wanted, started=began))
    if serve.events is not None:
        check_url(serve.events)
        show.webhooks = Webhooks(serve.events, show.hub.log, listener.warn, listener.note)
    if serve.address is not None:
        show.hub.album = show.album = Album(started=began, threshold=parts.tracker.appearance_threshold)
        show.hub.describe = _describe(parts)
        show.serving, show.server = _open_server(serve, settings, show.hub, parts, listener)
    return show


def _open_server(
    serve: ServeSettings, settings: TrackSettings, hub: Hub, parts: Parts, listener: Listener
) -> tuple[Serving, ServerThread]:
    _require_extra()
    from deepsort_cli.serving.address import Address, bind
    from deepsort_cli.serving.app import Site
    from deepsort_cli.serving.guard import Guard, new_token
    from deepsort_cli.serving.pictures import Pictures
    from deepsort_cli.serving.server import ServerThread

    assert serve.address is not None
    listening = bind(Address.parse(serve.address))
    token = new_token() if serve.token is None else serve.token.get_secret_value()
    site = Site(hub, Pictures(settings.output, parts.detector.class_names or {}), _flags)
    guard = Guard(site.app(), token, private=listening.private, host=listening.host, port=listening.port)

    def broken(problem: str) -> None:
        listener.warn(f"the page could not answer {problem}")

    serving = Serving(listening.url, token if serve.token is None else None, listening.private)
    return serving, ServerThread(guard, listening, ended=site.close, broken=broken)


def _describe(parts: Parts) -> Callable[[Image], Features] | None:
    """From a picture of one person to their features; None where the run knows no looks, or brings them along."""
    embedder = parts.embedder
    if embedder is None or parts.brings_features:
        return None

    def describe(image: Image) -> Features:
        height, width = image.shape[:2]
        features: Features = embedder(image, np.array([[0.0, 0.0, width, height]]))
        return features

    return describe


def _flags(lines: Sequence[str], zones: Sequence[str]) -> str:
    """What keeps these lines and zones on the command line."""
    pairs = [(flag("line"), line) for line in lines] + [(flag("zone"), zone) for zone in zones]
    return " ".join(f"{name} {shlex.quote(value)}" for name, value in pairs)


def _version() -> str:
    from deepsort_cli import __version__

    return __version__


def _require_extra() -> None:
    missing = [name for name in ("starlette", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise InputError(f"`serve.address` needs {' and '.join(missing)}: {install('serve')}")


class _Told(Listener):
    """Hands everything on, and keeps the hub's cameras up to date."""

    def __init__(self, listener: Listener, cameras: Sequence[Camera]) -> None:
        self._listener = listener
        self._cameras = {camera.name: camera for camera in cameras}

    def note(self, message: str) -> None:
        self._listener.note(message)

    def warn(self, message: str) -> None:
        self._listener.warn(message)

    def progress(self, stage: str, done: int, total: int | None) -> None:
        self._listener.progress(stage, done, total)

    def happened(self, event: object) -> None:
        if isinstance(event, Progress):
            _advance(self._cameras[event.source], event)
        elif isinstance(event, Summary):
            _end(self._cameras[event.source], event)
        self._listener.happened(event)


def _advance(camera: Camera, progress: Progress) -> None:
    live = progress.live
    camera.status = Status(
        state="running",
        message="not connected" if live is not None and not live.connected else "",
        frames=progress.frames,
        fps=progress.fps,
        latency_ms=None if live is None else live.latency_ms,
        skipped=0 if live is None else live.skipped,
        reconnects=0 if live is None else live.reconnects,
        people=progress.present,
    )


def _end(camera: Camera, summary: Summary) -> None:
    camera.status = replace(
        camera.status,
        state="ended" if summary.error is None else "failed",
        message=hide_in(summary.error or ""),
        fps=0.0,
        latency_ms=None,
        people=0,
    )
