"""MariaDB on a Unix socket: an empty one, or a private copy of one that was loaded before."""

import hashlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit, urlunsplit

import pymysql

from nexus import _cache
from nexus.servers._base import (
    MissingServer,
    Program,
    Server,
    ServerError,
    accepts,
    find,
    missing,
    named,
    private_folder,
)

VARIABLE = "MARIADB_URL"
URLS = ("mysql://user:password@host:3306/", "mysql", "mariadb")
ZONES = "/usr/share/zoneinfo"
SOCKET = "mariadb.sock"
EMPTY = "journal"  # the database of a server that was started without data

# What results depend on is said here, and left to no default of a version or a distribution.
SETTINGS = {
    "character-set-server": "utf8mb4",
    "collation-server": "utf8mb4_bin",  # "10c" is not the airport "10C"
    "default-time-zone": "+00:00",
    "transaction-isolation": "REPEATABLE-READ",
    # Off, as in every MySQL and in MariaDB before 11.6: a transaction may change a row that was
    # changed since its snapshot. Versions that do not know the setting behave so as well.
    "loose-innodb-snapshot-isolation": 0,
    "innodb-lock-wait-timeout": 5,  # seconds
    "innodb-stats-persistent": 1,
    "sql-mode": "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION",
    "local-infile": 1,
    "skip-networking": 1,
    "skip-log-bin": 1,
}

# Small, quick to copy, and careless about power cuts: the data goes with the kernel anyway.
THRIFT = {
    "loose-performance-schema": 0,
    "innodb-buffer-pool-size": "128M",
    "loose-innodb-log-file-size": "16M",
    "loose-innodb-log-buffer-size": "4M",
    "loose-innodb-data-file-path": "ibdata1:4M:autoextend",
    "loose-innodb-temp-data-file-path": "ibtmp1:1M:autoextend",
    "loose-innodb-autoextend-increment": 1,
    "loose-innodb-undo-tablespaces": 0,
    "loose-innodb-flush-log-at-trx-commit": 0,
    "loose-innodb-doublewrite": 0,
    "loose-innodb-flush-method": "nosync",
    "loose-innodb-use-native-aio": 0,
    "loose-innodb-buffer-pool-dump-at-shutdown": 0,
    "loose-innodb-buffer-pool-load-at-startup": 0,
    "loose-aria-pagecache-buffer-size": "8M",
    "loose-key-buffer-size": "1M",
}


class MariaDB(Server):
    """A MariaDB server; `url` names the database that was asked for, as DATABASE_URL does."""

    def connect(self, **options: Any) -> pymysql.Connection:
        """A new connection, autocommit off; `options` go to `pymysql.connect`.

        Raises ServerError when the server has ended.
        """
        with self._explaining(pymysql.MySQLError):
            return pymysql.connect(**(_address(self.url) | options))


def _address(url: str) -> dict[str, Any]:
    """The arguments of `pymysql.connect` that a URL stands for."""
    parts = urlsplit(url)
    address = {
        "host": parts.hostname,
        "port": parts.port,
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "database": parts.path.strip("/"),
        **dict(parse_qsl(parts.query)),
    }
    given = {key: value for key, value in address.items() if value}
    # A socket does not leave the machine; a TLS context alone is 40 ms of work for each connection.
    secure = {"ssl_disabled": True} if "unix_socket" in given else {}
    return {"charset": "utf8mb4", "collation": SETTINGS["collation-server"]} | secure | given


def start(data: str | None) -> MariaDB:
    """Start a MariaDB; `nexus.servers.mariadb` documents the argument."""
    if data not in LOADERS:
        known = ", ".join(str(name) for name in LOADERS)
        raise ServerError(f"No data is called {data!r}; there are: {known}.")
    if url := named(VARIABLE, *URLS):
        return _shared(url, data)
    if reason := absent():
        raise MissingServer(reason)
    template = _loaded(data) if data else _empty()
    folder = private_folder()
    copying = ["/bin/sh", "-c", 'cp -R "$0" data && exec "$@"', str(template)]
    return _started(copying + _serve(folder / "data", folder), folder, data or EMPTY)


def absent() -> str | None:
    """None when a MariaDB can be had, else one line that says how to get it."""
    if named(VARIABLE, *URLS) or (find("mariadbd") and find("mariadb-install-db")):
        return None
    return missing("MariaDB", "mariadb-server", "mariadb", VARIABLE)


def _serve(data: Path, folder: Path) -> list[str]:
    """The command that serves the databases in `data` and keeps everything else in `folder`."""
    places = {"datadir": data, "socket": folder / SOCKET, "pid-file": folder / "mariadb.pid"}
    places |= {"tmpdir": folder, "secure-file-priv": folder}
    return [find("mariadbd"), "--no-defaults", *_options(SETTINGS | THRIFT | places)]


def _options(settings: dict[str, Any]) -> list[str]:
    if os.geteuid() == 0:
        settings = settings | {"user": "root"}  # the server insists on being told
    return [f"--{key}={value}" for key, value in settings.items()]


def _started(command: list[str], folder: Path, database: str) -> MariaDB:
    path = str(folder / SOCKET)
    program = Program("MariaDB", command, folder, lambda _: accepts(path)).start()
    server = MariaDB("MariaDB", "", f"mysql://root@/{database}?unix_socket={path}", program)
    server.version = _version(server)[1]
    return server


def _version(server: MariaDB) -> tuple[str, str]:
    """Name and number, as the server gives them (its greeting may put 5.5.5- before)."""
    with server.connect(database=None) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        text = cursor.fetchone()[0]
    return "MariaDB" if "MariaDB" in text else "MySQL", text.partition("-")[0]


def _digest(*more: str) -> str:
    """What the files of a template depend on: the server's version, its settings, the data."""
    version = subprocess.run([find("mariadbd"), "--version"], capture_output=True, check=True)
    parts = (version.stdout, SETTINGS, THRIFT, *more)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _empty() -> Path:
    """The cached folder of a server that was installed, with time zones and an empty database."""

    def build(data: Path) -> None:
        settings = _options(SETTINGS | THRIFT | {"datadir": data})
        install = ["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"]
        _run([find("mariadb-install-db"), *install, *settings])
        zones = b""
        if (tool := find("mariadb-tzinfo-to-sql")) and os.path.isdir(ZONES):
            zones = b"USE mysql;\n" + _run([tool, ZONES])
        statements = f"CREATE DATABASE {EMPTY};\n".encode() + zones
        _run([find("mariadbd"), "--no-defaults", "--bootstrap", *settings], statements)

    return _cache.built(f"mariadb-empty-{_digest()}", build)


def _loaded(data: str) -> Path:
    """The cached folder of a server that has the data, was analyzed and ended cleanly."""
    load, digest = LOADERS[data]()

    def build(folder: Path) -> None:
        shutil.copytree(_empty(), folder, dirs_exist_ok=True)
        private = private_folder()
        with _started(_serve(folder, private), private, data) as server:
            with server.connect(database=None) as connection, connection.cursor() as cursor:
                cursor.execute(f"CREATE DATABASE {data}")
            load(server)
            _settle(server)

    return _cache.built(f"mariadb-{data}-{_digest(digest)}", build)


def _settle(server: MariaDB) -> None:
    """Statistics as of now, so that every copy has the same plans; then a clean end."""
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SHOW TABLES")
        for (table,) in cursor.fetchall():
            cursor.execute(f"ANALYZE TABLE `{table}`")
        cursor.execute("SET GLOBAL innodb_fast_shutdown = 0")
        cursor.execute("SHUTDOWN")
    server.program.process.wait(120)
    if "with status 0" not in server.program.last_words(1):
        raise ServerError(f"MariaDB did not end cleanly.{server.program.last_words()}")


def _run(command: list[str], given: bytes = b"") -> bytes:
    done = subprocess.run(command, input=given, capture_output=True)
    if done.returncode:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()[-5:]
        raise ServerError("\n    ".join([f"{Path(command[0]).name} failed.", *said]))
    return done.stdout


def _flights() -> tuple[Callable[[MariaDB], None], str]:
    from nexus import flights

    def load(server: MariaDB) -> None:
        with server.connect(local_infile=True) as connection:
            flights.load_raw(connection)
            connection.commit()

    schema = Path(flights.__file__).read_text()
    return load, flights.checksum() + schema


def _departures() -> tuple[Callable[[MariaDB], None], str]:
    from nexus import service

    return lambda server: service.load(server.url), service.digest()


LOADERS: dict[str | None, Callable] = {None: None, "flights": _flights, "departures": _departures}


class SharedMariaDB(MariaDB):
    """A database of one's own on the server that MARIADB_URL names, dropped at the end."""

    database = ""

    def stop(self) -> None:
        super().stop()
        if self.database:
            with self.connect(database=None) as connection, connection.cursor() as cursor:
                cursor.execute(f"DROP DATABASE IF EXISTS {self.database}")
            self.database = ""


def _shared(url: str, data: str | None) -> MariaDB:
    server = SharedMariaDB("MariaDB", "", url, variable=VARIABLE)
    server.name, server.version = _version(server)
    database = f"{data or EMPTY}_{secrets.token_hex(4)}"
    collation = SETTINGS["collation-server"]
    with server.connect(database=None) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {database} CHARACTER SET utf8mb4 COLLATE {collation}")
    server.database = database
    server.url = urlunsplit(urlsplit(url)._replace(path=f"/{database}"))
    if data:
        LOADERS[data]()[0](server)
    return server
