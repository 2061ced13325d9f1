"""A run shown in a browser: what joins it with the server."""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from deepsort_cli.core import InputError
from deepsort_cli.core.events import Listener
from deepsort_cli.core.extras import install
from deepsort_cli.settings.track import TrackSettings
from deepsort_cli.video.sources import Source
from deepsort_cli.workflows.track.events import Progress, Serving, Summary
from deepsort_cli.workflows.track.parts import Parts

if TYPE_CHECKING:
    from deepsort_cli.serving.hub import Camera, Hub, HubSink
    from deepsort_cli.serving.server import ServerThread


def serves(settings: TrackSettings) -> bool:
    """Whether the run is to be shown."""
    return settings.serve.address is not None


class Show:
    """A run's hub and its server.

    Attributes:
        hub: what is on view.
        url: where.
    """

    def __init__(self, hub: Hub, server: ServerThread, url: str) -> None:
        self.hub, self.url = hub, url
        self._server = server

    def sink(self, index: int) -> HubSink:
        """What the frames of a source go into."""
        return self.hub.sink(self.hub.cameras[index])

    def listener(self, listener: Listener) -> Listener:
        """Tells both a listener and the hub."""
        return _Told(listener, self.hub.cameras)

    def start(self, listener: Listener) -> None:
        """Let browsers in."""
        self._server.start()
        listener.happened(Serving(self.url))

    def close(self) -> None:
        """End the server. Can be called again."""
        self._server.close()


def open_show(settings: TrackSettings, sources: Sequence[Source], names: Sequence[str], parts: Parts) -> Show | None:
    """Take the address, and prepare what is shown there; None where nothing is to be.

    Raises:
        InputError: the extra is not installed, or the address cannot be had.
    """
    if settings.serve.address is None:
        return None
    _require_extra()
    from deepsort_cli.serving.address import Address, bind
    from deepsort_cli.serving.app import Site
    from deepsort_cli.serving.hub import Camera, Hub
    from deepsort_cli.serving.pictures import Pictures
    from deepsort_cli.serving.server import ServerThread

    began = time.time()
    listening = bind(Address.parse(settings.serve.address))
    cameras = [
        Camera(
            i, name, live=source.is_live, size=(source.width, source.height), trail=settings.output.trail, began=began
        )
        for i, (source, name) in enumerate(zip(sources, names, strict=True))
    ]
    hub = Hub("deepsort", _version(), cameras, started=began)
    site = Site(hub, Pictures(settings.output, parts.detector.class_names or {}))
    return Show(hub, ServerThread(site.app(), listening), listening.url)


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
    from deepsort_cli.serving.hub import Status

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
    from dataclasses import replace

    from deepsort_cli.core.urls import hide_in

    failed = summary.error is not None
    camera.status = replace(
        camera.status,
        state="failed" if failed else "ended",
        message=hide_in(summary.error or ""),
        fps=0.0,
        latency_ms=None,
        people=0,
    )
