"""The server in threads of its own; the main program keeps its signals."""

from __future__ import annotations

import asyncio
import threading

import uvicorn
from starlette.types import ASGIApp

from deepsort_cli.serving.address import Listening

MOST_CONNECTIONS = 256
CLOSING_SECONDS = 1


class _Server(uvicorn.Server):
    """Tells when it has begun."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.begun = threading.Event()

    async def startup(self, sockets: list[object] | None = None) -> None:  # type: ignore[override]
        await super().startup(sockets=sockets)  # type: ignore[arg-type]
        self.begun.set()


class ServerThread:
    """Serves an app until it is closed."""

    def __init__(self, app: ASGIApp, listening: Listening) -> None:
        self._listening = listening
        config = uvicorn.Config(
            app,
            http="h11",
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_graceful_shutdown=CLOSING_SECONDS,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._run, name="serve", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._server.begun.wait(10)

    def close(self) -> None:
        """End it, open streams included. Can be called again."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join()
        self._listening.socket.close()

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._listening.socket]))
