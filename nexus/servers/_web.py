"""An application served over HTTP/1.1 from a thread of the kernel."""

import inspect
import socket
import threading
from collections.abc import Callable
from typing import Any

import uvicorn
from a2wsgi import WSGIMiddleware
from uvicorn.protocols.http.h11_impl import H11Protocol

from nexus.servers._base import Server, ServerError

PATIENCE = 10.0  # seconds that an application may take to start or to stop


class Web(Server):
    """An application at `url`. `connections` and `requests` count what came in, and may be reset.

    Connections are kept alive for a minute when idle, and TCP_NODELAY is on: without it a reused
    connection waits for the client's delayed acknowledgement and looks slower than a new one.
    """

    def __init__(self, app: Callable) -> None:
        self.connections = 0
        self.requests = 0
        listening = socket.create_server(("127.0.0.1", 0))
        self.port = listening.getsockname()[1]
        config = uvicorn.Config(
            self._counting(app if _is_asgi(app) else WSGIMiddleware(app)),
            http=self._protocol(),
            ws="none",
            loop="asyncio",
            interface="asgi3",
            log_config=None,  # silence: a notebook compares what is on stderr
            log_level="critical",
            access_log=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, daemon=True
        )
        self._thread.start()
        self._await_start()
        super().__init__("Web server", "", f"http://127.0.0.1:{self.port}")

    def stop(self) -> None:
        super().stop()
        self._server.should_exit = True
        self._thread.join(PATIENCE)

    def _await_start(self) -> None:
        pause = threading.Event()
        while not self._server.started:
            if not self._thread.is_alive():
                raise ServerError("The application did not start: its lifespan failed.")
            pause.wait(0.005)

    def _counting(self, app: Callable) -> Callable:
        async def counted(scope: dict, receive: Callable, send: Callable) -> None:
            if scope["type"] == "http":
                self.requests += 1
            await app(scope, receive, send)

        return counted

    def _protocol(self) -> type[H11Protocol]:
        web = self

        class Counted(H11Protocol):
            def connection_made(self, transport: Any) -> None:
                web.connections += 1
                connection = transport.get_extra_info("socket")
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                super().connection_made(transport)

        return Counted


def _is_asgi(app: Callable) -> bool:
    """An ASGI application is a coroutine function, or an object that is called like one."""
    return inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(type(app).__call__)
