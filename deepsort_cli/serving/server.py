"""The server in a thread of its own; the main program keeps its signals."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from deepsort_cli.serving.address import Listening

MOST_CONNECTIONS = 256
CLOSING_SECONDS = 1
HEAD_SECONDS = 10.0
"""How long a client may take to say what it wants."""


_here = threading.local()


def _of_others(record: logging.LogRecord) -> bool:
    """Whether a remark of uvicorn's is of another server in this program: to ours, strangers send any garbage."""
    return not getattr(_here, "serving", False)


class _Protocol(H11Protocol):
    """Uvicorn's own, which would wait for ever for the head of a request, and keep pictures that get old meanwhile."""

    _late: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=0)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        self._expect()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._late is not None:
            self._late.cancel()
        super().connection_lost(exc)

    def _expect(self) -> None:
        """Begin to wait for the head of a request, where none is being answered."""
        busy = self.cycle is not None and not self.cycle.response_complete
        if busy and self._late is not None:
            self._late.cancel()
            self._late = None
        elif not busy and self._late is None:
            self._late = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _give_up(self) -> None:
        self._late = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.abort()


class _Server(uvicorn.Server):
    """Tells when it has begun, and ends streams before it waits for them."""

    def __init__(self, config: uvicorn.Config, ended: Callable[[], None]) -> None:
        super().__init__(config)
        self.begun = threading.Event()
        self._end_streams = ended

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self.begun.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._end_streams()
        await super().shutdown(sockets=sockets)


class ServerThread:
    """Serves an app until it is closed."""

    def __init__(
        self, app: ASGIApp, listening: Listening, *, ended: Callable[[], None], broken: Callable[[str], None]
    ) -> None:
        """Prepare.

        Args:
            ended: called in the server's event loop when it is closed, to end all streams.
            broken: is told of errors of the program's own.
        """
        self._listening = listening
        for name in ("uvicorn.error", "uvicorn.asgi", "uvicorn.access"):
            logging.getLogger(name).addFilter(_of_others)
        config = uvicorn.Config(
            _telling(app, broken),
            http=_Protocol,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            server_header=False,
            date_header=False,
            proxy_headers=False,
            limit_concurrency=None,
            timeout_graceful_shutdown=CLOSING_SECONDS,
        )
        self._server = _Server(config, ended)
        self._thread = threading.Thread(target=self._run, name="serve", daemon=True)

    def start(self) -> None:
        """Let browsers in."""
        self._thread.start()
        self._server.begun.wait(10)

    def close(self) -> None:
        """End it, open streams included. Can be called again."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        self._listening.socket.close()

    def _run(self) -> None:
        _here.serving = True
        asyncio.run(self._server.serve(sockets=[self._listening.socket]))


def _telling(app: ASGIApp, broken: Callable[[str], None]) -> ASGIApp:
    """An app whose errors are told, each once."""
    told: set[str] = set()

    async def telling(scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await app(scope, receive, send)
        except Exception as error:
            message = f"{scope['method']} {scope['path']}: {type(error).__name__}: {error}"
            if message not in told and len(told) < 100:
                told.add(message)
                broken(message)
            raise

    return telling
