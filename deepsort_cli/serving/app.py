"""What is answered to whom: the routes."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from deepsort_cli.serving.hub import Camera, Hub
from deepsort_cli.serving.live import Stage, Taste
from deepsort_cli.serving.pictures import Pictures, Wish, width_for
from deepsort_cli.serving.static import static_files

BOUNDARY = "picture"


class Site:
    """The routes over a hub."""

    def __init__(self, hub: Hub, pictures: Pictures) -> None:
        self._hub = hub
        self._pictures = pictures
        self._stage = Stage(pictures)
        self._static = static_files()

    def app(self) -> Starlette:
        routes = [
            Route("/", self.page),
            Route("/static/{name}", self.static),
            Route("/api/state", self.state),
            Route("/api/cameras/{number:int}/live", self.live),
            Route("/api/cameras/{number:int}/still", self.still),
        ]
        return Starlette(routes=routes, exception_handlers={HTTPException: _error, Exception: _broken})

    async def page(self, request: Request) -> Response:
        return self._file("index.html")

    async def static(self, request: Request) -> Response:
        return self._file(request.path_params["name"])

    def _file(self, name: str) -> Response:
        if name not in self._static:
            raise HTTPException(404, f"there is no {name}")
        content, kind = self._static[name]
        return Response(content, media_type=kind)

    async def state(self, request: Request) -> Response:
        return JSONResponse(state_of(self._hub, writable=True))

    async def still(self, request: Request) -> Response:
        camera = self._camera(request)
        view = camera.look()
        if view is None or view.image is None:
            raise HTTPException(404, f"camera {camera.index} has no picture yet")
        wish = Wish(width_for(_number(request, "width")), clean=request.query_params.get("clean") == "1")
        return Response(await self._pictures.get(camera, view, wish), media_type="image/jpeg")

    async def live(self, request: Request) -> Response:
        camera = self._camera(request)
        taste = Taste(width_for(_number(request, "width")))
        return StreamingResponse(
            self._moving(camera, taste), media_type=f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        )

    async def _moving(self, camera: Camera, taste: Taste) -> AsyncIterator[bytes]:
        number = -1
        with self._stage.look(camera):
            while True:
                view = await self._stage.next(camera, number)
                number = view.number
                picture = await self._pictures.get(camera, view, taste.wish)
                began = time.monotonic()
                head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                yield head.encode() + picture + b"\r\n"
                yield b""  # comes back when the picture is on its way
                taste.took(time.monotonic() - began)

    def _camera(self, request: Request) -> Camera:
        number = request.path_params["number"]
        if number >= len(self._hub.cameras):
            raise HTTPException(404, f"there is no camera {number}")
        camera: Camera = self._hub.cameras[number]
        return camera


def state_of(hub: Hub, *, writable: bool) -> dict[str, Any]:
    """What `/api/state` answers."""
    cameras = [_camera_state(camera) for camera in hub.cameras]
    return {
        "name": hub.name,
        "version": hub.version,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(hub.started)),
        "uptime_s": round(time.time() - hub.started, 1),
        "writable": writable,
        "across": hub.across,
        "people_now": sum(camera["people_now"] for camera in cameras),
        "cameras": cameras,
    }


def _camera_state(camera: Camera) -> dict[str, Any]:
    status, view = camera.status, camera.view
    counts = None if view is None else view.counts
    return {
        "index": camera.index,
        "name": camera.name,
        "live": camera.live,
        "began": round(camera.began, 3),
        "time": None if view is None else round(view.time, 3),
        "state": status.state,
        "message": status.message,
        "width": camera.size[0],
        "height": camera.size[1],
        "fps": round(status.fps, 1),
        "latency_ms": None if status.latency_ms is None else round(status.latency_ms, 1),
        "frames": status.frames,
        "skipped": status.skipped,
        "reconnects": status.reconnects,
        "people_now": status.people,
        "lines": []
        if counts is None
        else [{"name": c.line.name, "points": c.line.points, "in": c.inward, "out": c.outward} for c in counts.lines],
        "zones": []
        if counts is None
        else [
            {
                "name": c.zone.name,
                "points": c.zone.points,
                "inside": c.inside,
                "entered": c.entered,
                "distinct": c.distinct,
            }
            for c in counts.zones
        ],
    }


def _number(request: Request, name: str) -> int | None:
    """A whole number of the query; None where it is not there."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise HTTPException(400, f"{name}: expected a whole number")
    return int(text)


async def _error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


async def _broken(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "the server could not answer; see the log of the run"}, 500)
