"""The departures service inside a kernel: Django set up on a loaded database of its own."""

import errno
import hashlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import departures
from departures import source

from . import _cache, _guard

PACKAGE = Path(departures.__file__).parent
MANAGE = PACKAGE.parent / "manage.py"
FILE = "departures.sqlite3"

_ours: list[Path] = []  # the copy that setup() has set Django up on


class ServiceError(Exception):
    """The service could not be loaded or set up; the message is what a person needs to know."""


def setup(mariadb: str | None = None, apps: Iterable[str] = ()) -> None:
    """Set Django up on a private copy of the loaded SQLite database, which goes with the kernel.

    `mariadb` is the URL of a MariaDB loaded with the service (`servers.mariadb("departures").url`);
    it becomes the database alias "mariadb", also in a later call. `apps` are installed beside the
    service's own, in the first call only. The ORM may be called from cells: Django's guard against
    a running event loop, which every kernel has, is off. Django logs nothing, and the service's
    clock stands at noon in New York on 2013-02-14.
    """
    from django.apps import apps as registry

    if not registry.ready:
        _configure(_private_copy(), apps)
    elif not _ours:
        raise ServiceError("Django is set up in this process already, on another database.")
    if mariadb:
        _add("mariadb", mariadb)


def load(url: str) -> None:
    """Migrate the database at `url` and fill it with the flights and the synthetic layer.

    Runs in processes of its own, so that the kernel's Django is not touched. Raises ServiceError.
    """
    for command in (["migrate", "--verbosity=0"], ["load", "--quiet"]):
        ran = subprocess.run(
            [sys.executable, MANAGE, *command],
            env=os.environ | _environment(url),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        if ran.returncode:
            raise ServiceError(f"The service could not be loaded: {_one_line(ran.stderr)}")


@cache
def digest() -> str:
    """A key for a loaded database, 16 hex digits: data, schema, the code that loads, Django's line.

    The seed of the synthetic layer stands in that code.
    """
    import django

    code = [PACKAGE / name for name in ("source.py", "loading.py", "synthetic.py")]
    found = hashlib.sha256(f"{source.checksum()} {django.VERSION[:2]}".encode())
    for file in sorted((PACKAGE / "migrations").glob("0*.py")) + code:
        found.update(file.read_bytes())
    return found.hexdigest()[:16]


def _one_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if "Traceback" in said else " ".join(lines) or "it ended without a word."


def _environment(url: str) -> dict[str, str]:
    """All that the settings read, so that nothing of the reader's own environment gets in."""
    return {
        "DJANGO_SETTINGS_MODULE": "departures.settings",
        "DJANGO_ALLOW_ASYNC_UNSAFE": "true",
        "DEBUG": "false",
        "SECRET_KEY": secrets.token_urlsafe(50),
        "JWT_KEY": secrets.token_urlsafe(50),
        "ALLOWED_HOSTS": "localhost,127.0.0.1,testserver",
        "DATABASE_URL": url,
        "DATA_FOLDER": str(source.FOLDER),
        "REPLAY_START": "2013-02-14T17:00:00Z",  # noon in New York, on the day people follow
        "REPLAY_SINCE": "2013-01-01T00:00:00Z",
        "REPLAY_SPEED": "0",
        "THROTTLE": "true",
        "PROXIES": "0",
        "CACHE_URL": "locmem://",
        "LOG_LEVEL": "CRITICAL",
    }


def _configure(database: Path, more_apps: Iterable[str]) -> None:
    os.environ.update(_environment(f"sqlite:///{database}"))
    import django

    from departures import settings

    settings.INSTALLED_APPS += [app for app in more_apps if app not in settings.INSTALLED_APPS]
    django.setup()
    _ours.append(database)


def _private_copy() -> Path:
    built = _cache.built(
        f"departures-{digest()}", lambda folder: load(f"sqlite:///{folder / FILE}")
    )
    folder = Path(tempfile.mkdtemp(prefix="nexus-"))
    _guard.guard_folder(folder)
    try:
        return Path(shutil.copyfile(built / FILE, folder / FILE))
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise ServiceError(
            f"The disk of {folder.parent} is full: a copy of the database takes "
            f"{(built / FILE).stat().st_size / 1e6:.0f} MB there. Free some space, or set TMPDIR."
        ) from error


def _add(alias: str, url: str) -> None:
    from django.db import connections

    from departures import database

    for connection in connections.all(initialized_only=True):
        if connection.alias == alias:  # of an earlier call
            connection.close()
            del connections[alias]
    connections.settings[alias] = database.settings(url)
    connections.configure_settings(connections.settings)  # fills in Django's defaults
