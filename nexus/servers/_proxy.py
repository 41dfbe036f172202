"""A longer way to a server: a proxy that holds each request back, and counts."""

import asyncio
import copy
import secrets
import shutil
import threading
from collections.abc import Coroutine
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

from nexus._guard import guard_folder
from nexus.servers._base import Server, ServerError, private_folder

CHUNK = 1 << 16  # bytes


class Delayed(Server):
    """`server`, reached at `url` over a longer way; the server itself knows nothing of it.

    `delay`: seconds for which each request is held back; it may be set while connections are open.
    `trips`: requests that have been answered, of all connections together; it may be reset.

    A request is what a client sends after it was last answered, in however many pieces, so `trips`
    is exact for protocols that take turns, such as MySQL's; logging in takes trips as well. Each
    trip takes `delay` or longer. What gets no answer (MySQL's "quit", or the close of a
    prepared statement) is no trip; it is held back, and the next request counts as its
    continuation, which is not held back again. Only requests are delayed: the way is as wide as
    before, and a large answer comes as fast as a small one.
    """

    def __init__(self, server: Server, delay: float = 0.0) -> None:
        self.delay = delay
        self.trips = 0
        self._server = server
        self._there = _address(server.url)
        self._socket: Path | None = None
        self._own: Path | None = None  # a folder to remove; the server's own goes with the server
        if isinstance(self._there, str):
            if not server.program:
                self._own = private_folder()
                guard_folder(self._own)
            folder = self._own or server.program.folder
            self._socket = folder / f"delayed-{secrets.token_hex(4)}.sock"
        self._loop: asyncio.AbstractEventLoop | None = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._listening = self._run(self._listen())
        here = self._listening.sockets[0].getsockname()
        super().__init__(server.name, server.version, _moved(server.url, here))

    def connect(self, **options: Any) -> Any:
        """As `connect` of the server, over the longer way. Raises ServerError as that does."""
        self.check()
        far = copy.copy(self._server)
        far.url = self.url
        return far.connect(**options)

    def check(self) -> None:
        """Raise ServerError when this way, or the server at its end, is no more."""
        if self._loop is None:
            raise ServerError(f"This way to {self.name} has been stopped: start another.")
        self._server.check()

    def stop(self) -> None:
        """Close the way and every connection on it; the server lives on. Twice is once."""
        super().stop()
        if self._loop is None:
            return
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = None
        if self._socket:
            self._socket.unlink(missing_ok=True)
        if self._own:
            shutil.rmtree(self._own, ignore_errors=True)

    def __repr__(self) -> str:
        return f"{self._server!r}, over a longer way"

    def _run(self, work: Coroutine) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _listen(self) -> asyncio.Server:
        if self._socket:
            return await asyncio.start_unix_server(self._carry, str(self._socket))
        return await asyncio.start_server(self._carry, "127.0.0.1", 0)

    async def _close(self) -> None:
        self._listening.close()
        carriers = asyncio.all_tasks() - {asyncio.current_task()}
        for task in carriers:
            task.cancel()
        await asyncio.gather(*carriers, return_exceptions=True)

    async def _carry(self, near_in: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        """One connection, until either end closes it: then both are closed."""
        waits = False  # whether the client has asked and was not answered yet

        async def requests() -> None:
            nonlocal waits
            while data := await near_in.read(CHUNK):
                if not waits:
                    waits = True
                    await asyncio.sleep(self.delay)
                far.write(data)
                await far.drain()

        async def answers() -> None:
            nonlocal waits
            while data := await far_in.read(CHUNK):
                self.trips += waits  # ahead of the answer: whoever has it finds it counted
                waits = False
                near.write(data)
                await near.drain()

        # Nobody awaits this task: an error or a cancellation that left it would go to stderr.
        with suppress(OSError, asyncio.CancelledError), closing(near):
            far_in, far = await self._reach()
            with closing(far):
                ways = [asyncio.ensure_future(way()) for way in (requests, answers)]
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in ways:
                        way.cancel()
                    await asyncio.gather(*ways, return_exceptions=True)

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._there, str):
            return await asyncio.open_unix_connection(self._there)
        return await asyncio.open_connection(*self._there)


def _address(url: str) -> str | tuple[str, int]:
    """Where a server's URL leads: a Unix socket's path, or host and port."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return parts.path
    if path := parse_qs(parts.query).get("unix_socket"):
        return path[0]
    if parts.hostname and (port := parts.port or _PORTS.get(parts.scheme)):
        return parts.hostname, port
    raise ServerError(f"A delay needs a socket or a host and a port; {parts.scheme}:// names none.")


_PORTS = {"mysql": 3306, "mariadb": 3306, "redis": 6379, "amqp": 5672}


def _moved(url: str, here: str | tuple[str, int]) -> str:
    """`url`, leading to `here` instead."""
    parts = urlsplit(url)
    if isinstance(here, tuple):
        login = parts.netloc.rpartition("@")[0]
        netloc = f"{login}@" * bool(login) + f"{here[0]}:{here[1]}"
        return urlunsplit(parts._replace(netloc=netloc))
    if parts.scheme == "unix":
        return url.replace(parts.path, here, 1)
    query = parse_qs(parts.query) | {"unix_socket": [here]}
    return urlunsplit(parts._replace(query=urlencode(query, doseq=True, safe="/")))
