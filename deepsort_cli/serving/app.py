"""What is answered to whom: the routes of the page and of its JSON."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deepsort_cli.core.errors import InputError
from deepsort_cli.core.images import UnreadableImage, decode_image
from deepsort_cli.core.regions import Line, Zone, parse_lines, parse_zones
from deepsort_cli.serving.events import kinds_of
from deepsort_cli.serving.hub import Camera, Hub
from deepsort_cli.serving.live import Stage
from deepsort_cli.serving.metrics import MEDIA_TYPE, metrics
from deepsort_cli.serving.pictures import Pictures, Wish, width_for
from deepsort_cli.serving.regions import as_text, read_regions
from deepsort_cli.serving.state import state_of
from deepsort_cli.serving.static import static_files
from deepsort_cli.serving.streams import Streams

MOST_JSON, MOST_UPLOAD = 256 * 1024, 8 * 1024 * 1024
"""Bytes of a body that are read."""
UPLOAD_SECONDS = 60.0
MOST_SIDE = 8000
"""Pixels of a side of a picture that is searched by."""

Flags = Callable[[list[str], list[str]], str]
"""From lines and zones as the settings have them to the flags that keep them."""


class Site:
    """The routes over a hub."""

    def __init__(self, hub: Hub, pictures: Pictures, flags: Flags) -> None:
        self._hub, self._pictures, self._flags = hub, pictures, flags
        self.stage = Stage(pictures)
        self._streams = Streams(hub, self.stage)
        self._static = static_files()
        self._searching = asyncio.Lock()

    def app(self) -> Starlette:
        camera = "/api/cameras/{number}"
        routes = [
            Route("/", self.page),
            Route("/static/{name}", self.static),
            Route("/api/state", self.state),
            Route("/api/live", self.live_many),
            Route(f"{camera}/live", self.live),
            Route(f"{camera}/still", self.still),
            Route(f"{camera}/history", self.history),
            Route(f"{camera}/regions", self.regions, methods=["GET", "PUT"]),
            Route("/api/people", self.people),
            Route("/api/people/{key}", self.person),
            Route("/api/people/{key}/crop", self.crop),
            Route("/api/search", self.search, methods=["POST"]),
            Route("/events", self.events),
            Route("/metrics", self.metrics),
        ]
        return Starlette(
            routes=routes, exception_handlers={HTTPException: _error, InputError: _input_error, Exception: _broken}
        )

    def close(self) -> None:
        """End all streams; to be called in the event loop."""
        self.stage.close()
        self._streams.close()

    # The page

    async def page(self, request: Request) -> Response:
        return self._file("index.html")

    async def static(self, request: Request) -> Response:
        return self._file(request.path_params["name"])

    def _file(self, name: str) -> Response:
        if name not in self._static:
            raise HTTPException(404, "there is no such file")
        content, kind = self._static[name]
        return Response(content, media_type=kind, headers={"Cache-Control": "no-cache"})

    # Cameras

    async def state(self, request: Request) -> Response:
        return JSONResponse(state_of(self._hub, writable=request.scope.get("writable", False)))

    async def history(self, request: Request) -> Response:
        hours = request.query_params.get("hours")
        return JSONResponse(self._camera(request).history.as_json(None if hours is None else _hours(hours)))

    async def still(self, request: Request) -> Response:
        camera = self._camera(request)
        view = camera.look()
        if view is None or view.image is None:
            raise HTTPException(404, f"camera {camera.index} has no picture (yet)")
        wish = Wish(_width(request), clean=request.query_params.get("clean") == "1")
        return Response(await self._pictures.get(camera, view, wish), media_type="image/jpeg")

    async def live(self, request: Request) -> Response:
        return self._streams.motion_jpeg(self._camera(request), _width(request))

    async def live_many(self, request: Request) -> Response:
        numbers = request.query_params.get("cameras")
        wanted = self._hub.cameras if numbers is None else [self._of(_whole("cameras", n)) for n in numbers.split(",")]
        return self._streams.many(list(dict.fromkeys(wanted)), _width(request))

    async def regions(self, request: Request) -> Response:
        camera = self._camera(request)
        if request.method != "PUT":
            return self._regions(*camera.regions)
        try:
            body = json.loads(await _body(request, MOST_JSON))
        except (ValueError, RecursionError):
            raise HTTPException(400, "the body is no JSON") from None
        lines, zones = read_regions(body, *camera.size, camera.name)
        camera.change_regions(parse_lines(lines), parse_zones(zones))
        return self._regions(*camera.regions)

    def _regions(self, lines: Sequence[Line], zones: Sequence[Zone]) -> Response:
        flags = self._flags([as_text(line) for line in lines], [as_text(zone) for zone in zones])
        return JSONResponse({"lines": _shown(lines), "zones": _shown(zones), "flags": flags})

    # People

    async def people(self, request: Request) -> Response:
        query = request.query_params
        return JSONResponse(
            self._album().people(
                offset=_whole("offset", query.get("offset", "0")),
                limit=min(_whole("limit", query.get("limit", "60")), 500),
                camera=None if "camera" not in query else _whole("camera", query["camera"]),
                now=query.get("now") == "1",
            )
        )

    async def person(self, request: Request) -> Response:
        found = self._album().person(request.path_params["key"])
        if found is None:
            raise HTTPException(404, "there is no such person")
        return JSONResponse(found)

    async def crop(self, request: Request) -> Response:
        picture = self._album().crop(request.path_params["key"])
        if picture is None:
            raise HTTPException(404, "there is no such picture")
        return Response(picture, media_type="image/jpeg")

    async def search(self, request: Request) -> Response:
        album, describe = self._album(), self._hub.describe
        if describe is None:
            raise HTTPException(404, "there is no Re-ID model to search with")
        kind = request.headers.get("content-type", "")
        if kind.partition("/")[0] not in ("image", "application"):
            raise HTTPException(415, f"not a picture ({kind[:40] or 'of no type'}): JPEG, PNG and WebP are")
        data = await _body(request, MOST_UPLOAD)
        async with self._searching:  # one after the other: tracking comes first
            try:
                image = await run_in_threadpool(decode_image, data)
                if max(image.shape) > MOST_SIDE:
                    raise HTTPException(413, f"the picture has more than {MOST_SIDE} pixels on a side")
                features = await run_in_threadpool(describe, image)
                return JSONResponse(await run_in_threadpool(album.search, features))
            except UnreadableImage as problem:
                raise HTTPException(415, f"not a picture that can be read: {problem}") from None
            except ValueError as problem:
                raise HTTPException(400, str(problem)) from None

    # For programs

    async def events(self, request: Request) -> Response:
        try:
            kinds = kinds_of(request.query_params.get("types"))
        except ValueError as problem:
            raise HTTPException(400, str(problem)) from None
        return self._streams.events(request, kinds, _whole("last", request.query_params.get("last", "0")))

    async def metrics(self, request: Request) -> Response:
        return Response(metrics(self._hub, self._streams.viewers), headers={"Content-Type": MEDIA_TYPE})

    def _camera(self, request: Request) -> Camera:
        number = request.path_params["number"]
        if not _is_whole(number):
            raise HTTPException(404, "there is no such camera")
        return self._of(int(number))

    def _of(self, number: int) -> Camera:
        if number >= len(self._hub.cameras):
            raise HTTPException(404, f"there is no camera {number}")
        return self._hub.cameras[number]

    def _album(self) -> Any:
        if self._hub.album is None:
            raise HTTPException(404, "there is no album of people")
        return self._hub.album


async def _body(request: Request, most: int) -> bytes:
    """The body of a request, which may take its time, but not for ever."""
    too_large = HTTPException(413, f"the body is larger than {most // 1024:,} KB")
    announced = request.headers.get("content-length", "0")
    if announced.isascii() and announced.isdigit() and int(announced) > most:
        raise too_large
    body = bytearray()

    async def read() -> None:
        async for chunk in request.stream():
            body.extend(chunk)
            if len(body) > most:
                raise too_large

    try:
        await asyncio.wait_for(read(), UPLOAD_SECONDS)
    except asyncio.TimeoutError:
        raise HTTPException(408, "the body took too long", headers={"Connection": "close"}) from None
    except ClientDisconnect:
        raise HTTPException(400, "the body ended early") from None
    return bytes(body)


def _shown(regions: Sequence[Line] | Sequence[Zone]) -> list[dict[str, Any]]:
    return [{"name": region.name, "points": region.points} for region in regions]


def _width(request: Request) -> int:
    text = request.query_params.get("width")
    return width_for(None if text is None else _whole("width", text))


def _is_whole(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 9


def _whole(name: str, text: str) -> int:
    if not _is_whole(text):
        raise HTTPException(400, f"{name}: expected a whole number")
    return int(text)


def _hours(text: str) -> float:
    with contextlib.suppress(ValueError):
        hours = float(text)
        if math.isfinite(hours) and hours > 0:
            return hours
    raise HTTPException(400, "hours: expected a number above 0")


async def _error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, headers=error.headers)


async def _broken(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": "this could not be answered; the run has said why"}, 500)


async def _input_error(request: Request, error: Exception) -> Response:
    return JSONResponse({"error": str(error)}, 400)
