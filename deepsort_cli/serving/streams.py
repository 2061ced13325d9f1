"""Answers without an end: moving pictures and events, for as long as somebody reads them."""

from __future__ import annotations

import asyncio
import contextlib
import struct
import uuid
from collections.abc import AsyncGenerator, Callable, Collection, Iterator, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from deepsort_cli.serving.events import Kind, number_of, server_sent
from deepsort_cli.serving.hub import Camera, Hub
from deepsort_cli.serving.live import Ended, Stage, Taste

MOST_VIEWERS = 64
MOST_LISTENERS = 64
STUCK_SECONDS = 30.0
"""How long a picture may be on its way before its viewer is taken for gone."""
ALIVE_SECONDS = 15.0
"""Seconds of silence after which listeners are told that nothing has happened."""
BOUNDARY = "picture"


class Seats:
    """Room for so many readers of one kind.

    Attributes:
        taken: how many there are.
    """

    def __init__(self, whom: str, most: Callable[[], int]) -> None:
        """Prepare; `whom` says in the plural what they are."""
        self.taken = 0
        self._whom, self._most = whom, most

    @property
    def refusal(self) -> Response | None:
        """The answer to one more; None where there is room."""
        if self.taken < self._most():
            return None
        return JSONResponse({"error": f"{self._most()} {self._whom} already"}, 503, headers={"Retry-After": "10"})

    @contextlib.contextmanager
    def take(self) -> Iterator[None]:
        """One is taken within the block."""
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


class _Stream(StreamingResponse):
    """A streaming answer that ends where its reader takes nothing for long; to `HEAD` it has no body."""

    def __init__(self, parts: AsyncGenerator[bytes, None], media_type: str, seats: Seats) -> None:
        super().__init__(parts, media_type=media_type)
        self._parts, self._seats = parts, seats

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._seats.refusal
        if refusal is not None or scope["method"] == "HEAD":
            await (refusal or Response(headers=dict(self.headers)))(scope, receive, send)
            return
        with self._seats.take():  # at once: of many who come at the same moment none gets past the check together
            await self._stream(scope, receive, send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        loop, streaming = asyncio.get_running_loop(), asyncio.current_task()
        assert streaming is not None

        async def patient(message: Message) -> None:
            stuck = loop.call_later(STUCK_SECONDS, streaming.cancel)  # far cheaper than a time-out of asyncio's
            try:
                await send(message)
            finally:
                stuck.cancel()

        try:
            await super().__call__(scope, receive, patient)
        finally:
            await self._parts.aclose()  # at once, not when it is collected


class Streams:
    """Makes them, and counts who reads them."""

    def __init__(self, hub: Hub, stage: Stage) -> None:
        self._hub, self._stage = hub, stage
        self._viewers = Seats("viewers", lambda: MOST_VIEWERS)
        self._listeners = Seats("listeners", lambda: MOST_LISTENERS)
        self._run = uuid.uuid4().hex[:8]
        self._news = asyncio.Event()
        self._closed = False
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def viewers(self) -> int:
        """How many look at moving pictures."""
        return self._viewers.taken

    def close(self) -> None:
        """End those of events; the stage ends the others."""
        self._closed = True
        self._wake()

    # Pictures

    def motion_jpeg(self, camera: Camera, width: int) -> Response:
        """A camera as `multipart/x-mixed-replace`, which browsers, VLC and others show as a video."""
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        return _Stream(self._parts(camera, width), kind, self._viewers)

    def many(self, cameras: Sequence[Camera], width: int) -> Response:
        """Several cameras in one answer, as browsers allow few connections: records of the camera's index, the length
        of a JPEG, both uint32 with the high byte first, and the JPEG."""
        return _Stream(self._records(cameras, width), "application/octet-stream", self._viewers)

    async def _parts(self, camera: Camera, width: int) -> AsyncGenerator[bytes, None]:
        async with contextlib.aclosing(self._newest([camera], width)) as pictures:
            # A boundary ends every picture: browsers show one when they have seen where it ends.
            yield f"--{BOUNDARY}\r\n".encode()
            async for _, picture, sent in pictures:
                head = f"Content-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
                yield head.encode() + picture + f"\r\n--{BOUNDARY}\r\n".encode()
                yield b""  # comes back when the one before is on its way
                sent()

    async def _records(self, cameras: Sequence[Camera], width: int) -> AsyncGenerator[bytes, None]:
        async with contextlib.aclosing(self._newest(cameras, width)) as pictures:
            async for camera, picture, sent in pictures:
                yield struct.pack(">II", camera.index, len(picture)) + picture
                yield b""
                sent()

    async def _newest(
        self, cameras: Sequence[Camera], width: int
    ) -> AsyncGenerator[tuple[Camera, bytes, Callable[[], None]], None]:
        """Every picture that a viewer of these cameras gets, and what to call when it has been sent."""
        taste, shown = Taste(width), dict.fromkeys(cameras, -1)
        with self._stage.look(cameras), contextlib.suppress(Ended):
            while True:
                due = [camera for camera in cameras if self._is_new(camera, shown[camera])]
                if not due:
                    await self._stage.change()
                for camera in due:
                    view = self._stage.view(camera)  # another one may have come while those before were sent
                    if view is not None:
                        shown[camera] = view.number
                        picture = await self._stage.pictures.get(camera, view, taste.wish)
                        yield camera, picture, taste.sending()

    def _is_new(self, camera: Camera, number: int) -> bool:
        view = self._stage.view(camera)
        return view is not None and view.number != number

    # Events

    def events(self, request: Request, kinds: Collection[Kind], newest: int = 0) -> Response:
        """What happens, as server-sent events; after a break from where the reader was.

        Args:
            kinds: those to send.
            newest: how many events before now a new reader gets first.
        """
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._hub.log.tell(self._tell)
        given = request.headers.get("last-event-id")
        last = number_of(given, self._run)
        if last is None:  # a new reader begins now; one of another run has missed all that there was in this one
            last = max(0, self._hub.log.last - newest) if given is None else 0
        return _Stream(self._lines(last, kinds), "text/event-stream", self._listeners)

    async def _lines(self, last: int, kinds: Collection[Kind]) -> AsyncGenerator[bytes, None]:
        yield b"retry: 2000\n\n"
        while not self._closed:
            news = self._news
            found, missed = self._hub.log.after(last)
            if missed:
                yield f'event: missed\ndata: {{"missed": {missed}}}\n\n'.encode()
            for event in found:
                last = event.number
                if event.kind in kinds:
                    yield server_sent(event, self._run)
            if not found:
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(news.wait(), ALIVE_SECONDS)
                    continue
                yield b": nothing new\n\n"

    def _tell(self) -> None:
        """Called in a thread of the run's, after every event."""
        if self._listeners.taken and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has been closed meanwhile
                self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()
