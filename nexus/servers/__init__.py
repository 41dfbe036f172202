"""Servers of one's own: each call starts one, private to this kernel, gone when the kernel goes.

    db = servers.mariadb("departures")
    with db.connect() as connection: ...

A server is found in this order: a URL in the environment (MARIADB_URL, REDIS_URL, RABBITMQ_URL), a
program on this machine, an embedded one. Whatever fails raises a ServerError whose first line says
what to do. Every server is a context manager, and `stop()` may be called twice.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from nexus import newman as _newman
from nexus._guard import guard_folder
from nexus.servers import _mariadb, _rabbitmq, _redis
from nexus.servers._base import MissingServer, Server, ServerError, UnknownServer, seen

if TYPE_CHECKING:
    from nexus.servers._proxy import Delayed
    from nexus.servers._smtp import SMTP
    from nexus.servers._web import Web

__all__ = [
    "MissingServer",
    "Server",
    "ServerError",
    "UnknownServer",
    "available",
    "delayed",
    "guard_folder",
    "mariadb",
    "rabbitmq",
    "redis",
    "seen",
    "smtp",
    "web",
]


def available(name: str) -> str | None:
    """None when `name()` would start a server here, else one line that says how to get it.

    "newman" is known too, the client that `nexus.newman` runs: an entry names it among its servers.
    Raises UnknownServer when there is nothing of that name.
    """
    if name not in _ABSENT:
        raise UnknownServer(_unknown(name))
    try:
        return _ABSENT[name]()
    except ServerError as error:  # a malformed URL in the environment
        return str(error)


def mariadb(data: str | None = None) -> _mariadb.MariaDB:
    """Start a MariaDB, each call a new one.

    `data`: None (an empty database `journal`), "flights" (database `flights`, the five raw tables)
    or "departures" (database `departures`, as the service has it). The first call on a machine
    loads the data, later ones copy the loaded files.
    """
    return _mariadb.start(data)


def redis(*, tcp: bool = False, **config: str | int) -> _redis.Redis:
    """Start an empty Redis, each call a new one, which keeps nothing on disk.

    `config`: settings of redis.conf, `_` for `-`: `redis(maxmemory="2mb")`. It listens on a Unix
    socket; with `tcp` also on a port of 127.0.0.1, and asks for the password that is in `url`.
    """
    return _redis.start(tcp=tcp, **config)


def rabbitmq() -> _rabbitmq.RabbitMQ:
    """Start a RabbitMQ, each call a new one: `url` has its port of 127.0.0.1 and its password."""
    return _rabbitmq.start()


def smtp() -> "SMTP":
    """Start a mail server that keeps what it takes, and refuses, delays or greylists on demand."""
    from nexus.servers._smtp import SMTP  # here, because most kernels need no mail

    return SMTP()


def web(app: Callable) -> "Web":
    """Serve a WSGI or ASGI application on a port of 127.0.0.1."""
    from nexus.servers._web import Web  # here, because most kernels serve nothing

    return Web(app)


def delayed(server: Server, delay: float = 0.0) -> "Delayed":
    """A longer way to a running `server`: at its `url` each request is held back `delay` seconds.

    `delay` may be set while it runs; `trips` counts the requests that were answered.
    """
    from nexus.servers._proxy import Delayed  # here, because few kernels need it

    return Delayed(server, delay)


_ABSENT: dict[str, Callable[[], str | None]] = {
    "mariadb": _mariadb.absent,
    "redis": _redis.absent,
    "rabbitmq": _rabbitmq.absent,
    "smtp": lambda: None,
    "web": lambda: None,
    "newman": _newman.absent,
}


def _unknown(name: str) -> str:
    return f"No server is called {name!r}; there are: {', '.join(_ABSENT)}."


def __getattr__(name: str) -> NoReturn:
    raise AttributeError(_unknown(name))
