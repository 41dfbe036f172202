"""A slice of the source, 20 flights chosen for what is odd about them, in the source's own form."""

import hashlib
import lzma
import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import pytest
from django.core.cache import cache
from django.test import Client
from rest_framework.test import APIClient

from departures import clock, loading, source
from departures.models import Subscriber

SLICE = Path(__file__).parent / "slice"
ROOT = Path(__file__).parent.parent.parent
MORNING = datetime(2013, 1, 1, 12, tzinfo=UTC)  # most of the slice's flights leave after it


def pack(folder: Path, tables: dict[str, bytes]) -> Path:
    """Write the tables and their SHA256SUMS into `folder` as `data/` has them."""
    sums = []
    for table, csv in tables.items():
        packed = lzma.compress(csv, preset=0)
        source.path(table, folder).write_bytes(packed)
        sums.append(f"{hashlib.sha256(packed).hexdigest()}  {table}.csv.xz\n")
    (folder / source.SUMS).write_text("".join(sums))
    return folder


@pytest.fixture(scope="session")
def tables() -> dict[str, bytes]:
    return {table: (SLICE / f"{table}.csv").read_bytes() for table in source.TABLES}


@pytest.fixture
def folder(tables: dict[str, bytes], tmp_path: Path) -> Path:
    return pack(tmp_path, tables)


@pytest.fixture
def loaded(db: None, folder: Path) -> dict[str, int]:
    """The slice, loaded; the number of rows by table name."""
    return loading.load("default", folder)


@pytest.fixture(autouse=True)
def counted_anew() -> None:
    """The throttles count in the cache, which outlives a test."""
    cache.clear()


@pytest.fixture
def morning() -> Iterator[None]:
    with clock.freeze(MORNING):
        yield


@pytest.fixture
def visitor() -> Client:
    """A client that sees a failure as a browser does, not as an exception."""
    return Client(raise_request_exception=False)


@pytest.fixture
def ada(loaded: dict[str, int], django_user_model: type) -> Subscriber:
    """A subscriber who can sign in."""
    user = django_user_model.objects.create_user("ada@example.com", password=secrets.token_hex())
    return Subscriber.objects.create(email=user.username, name="Ada", user=user)


@pytest.fixture
def signed_in(ada: Subscriber) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.default_format = "json"
    client.force_authenticate(ada.user)
    return client


class Running(NamedTuple):
    """The service, served by gunicorn as it would be; `username` may sign in."""

    url: str
    username: str
    password: str


@pytest.fixture(scope="session")
def running(
    tables: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """The slice behind one gunicorn process with threads, on the morning of its first day."""
    folder = tmp_path_factory.mktemp("running")
    password = secrets.token_urlsafe()
    environment = os.environ | {
        "DATABASE_URL": f"sqlite:///{folder / 'departures.sqlite3'}",
        "DATA_FOLDER": str(pack(folder, tables)),
        "REPLAY_START": MORNING.isoformat(),
        "REPLAY_SPEED": "0",
        "SUBSCRIBER_PASSWORD": password,
        "THROTTLE": "false",
        "LOG_LEVEL": "ERROR",
    }
    username = "ada@example.com"
    for command in (["migrate"], ["load", "--quiet"], ["createsubscriber", username]):
        subprocess.run(
            [sys.executable, "manage.py", *command],
            env=environment,
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        bound = ["--bind", f"fd://{listening.fileno()}"]
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "departures/gunicorn.conf.py", *bound],
            env=environment,
            cwd=ROOT,
            pass_fds=[listening.fileno()],
            stderr=(folder / "log").open("w"),
        )
        port = listening.getsockname()[1]
    try:
        yield Running(f"http://127.0.0.1:{port}", username, password)
    finally:
        server.terminate()
        server.wait(20)
    log = (folder / "log").read_text()
    assert "Traceback" not in log, log
