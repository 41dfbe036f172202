"""The cache of loaded databases, and the service that a kernel sets up on a copy of one."""

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

from nexus import _cache, servers, service

NO_MARIADB = servers.available("mariadb")


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `code` in a fresh interpreter, as a kernel would."""
    clean = {name: v for name, v in os.environ.items() if not name.startswith(("DJANGO", "SECRET"))}
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


# --- the cache -----------------------------------------------------------------------------


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEXUS_CACHE", str(tmp_path / "cache"))
    return _cache.folder()


def write(text: str):
    return lambda folder: (folder / "file").write_text(text)


def visible(cache: Path) -> set[str]:
    return {item.name for item in cache.iterdir() if item.is_dir()}


def test_builds_once(cache):
    first = _cache.built("thing-1", write("first"))
    second = _cache.built("thing-1", write("second"))
    assert first == second == cache / "thing-1"
    assert (second / "file").read_text() == "first"


def test_a_build_that_fails_leaves_nothing(cache):
    def fail(folder: Path) -> None:
        write("half")(folder)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        _cache.built("thing-1", fail)
    assert visible(cache) == set()
    assert (_cache.built("thing-1", write("whole")) / "file").read_text() == "whole"


def test_a_build_that_is_killed_leaves_nothing_that_is_used(cache):
    killed = run(
        """
        import os, signal
        from nexus import _cache
        def build(folder):
            (folder / "file").write_text("half")
            os.kill(os.getpid(), signal.SIGKILL)
        _cache.built("thing-1", build)
        """,
        NEXUS_CACHE=str(cache),
    )
    assert killed.returncode == -signal.SIGKILL
    assert "thing-1" not in visible(cache)
    assert (_cache.built("thing-1", write("whole")) / "file").read_text() == "whole"
    assert visible(cache) == {"thing-1"}


def test_two_at_once_build_once(cache):
    builds = []

    def slow(folder: Path) -> None:
        builds.append(folder)
        time.sleep(0.3)

    both = [threading.Thread(target=_cache.built, args=("thing-1", slow)) for _ in range(2)]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(builds) == 1


def test_old_keys_go_when_nobody_asked_for_a_day(cache):
    for key in ("thing-1", "thing-2", "other-1", "thing-more-1"):
        _cache.built(key, write(key))
    days_ago = time.time() - 3 * _cache.KEEP_UNUSED
    for key in ("thing-1", "other-1", "thing-more-1"):
        os.utime(cache / key, (days_ago, days_ago))
    _cache.built("thing-3", write("new"))
    assert visible(cache) == {"thing-2", "thing-3", "other-1", "thing-more-1"}


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        service.ServiceError("Nothing was loaded: the disk is full; free some space."),
    ],
)
def test_a_full_disk_is_one_clear_line(cache, error):
    def fill(folder: Path) -> None:
        (folder / "file").write_bytes(bytes(3_000_000))
        raise error

    with pytest.raises(_cache.CacheError) as caught:
        _cache.built("thing-1", fill)
    said = str(caught.value)
    assert "\n" not in said
    assert all(part in said for part in (str(cache), "3 MB", "NEXUS_CACHE"))
    assert visible(cache) == set()


def test_a_folder_that_cannot_be_is_one_clear_line(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NEXUS_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(_cache.CacheError, match=r"cannot be made .*NEXUS_CACHE"):
        _cache.folder()


# --- the service ---------------------------------------------------------------------------


def test_a_kernel_has_a_loaded_copy_of_its_own():
    code = """
        from nexus import service
        service.setup()
        service.setup()
        from departures import clock
        from departures.models import Flight, Subscription
        print(Flight.objects.count(), Subscription.objects.count(), clock.now())
        Flight.objects.filter(pk=1).update(number=1)
    """
    for _ in range(2):
        ran = run(code + "    print(Flight.objects.get(pk=1).number)")
        assert ran.stderr == ""
        assert ran.stdout == "336776 5000 2013-02-14 17:00:00+00:00\n1\n"
    fresh = run(
        "from nexus import service; service.setup()\n"
        "from departures.models import Flight; print(Flight.objects.get(pk=1).number)"
    )
    assert fresh.stdout == "1545\n"


def test_graphql_in_a_kernel():
    """A kernel runs its cells inside an event loop, which strawberry's resolvers look for."""
    ran = run("""
        import asyncio, json
        from nexus import service
        service.setup()
        from django.test import Client

        async def cell():
            body = {"query": "{ board(limit: 3) { number airline { name } } }"}
            return Client().post("/graphql", body, content_type="application/json").json()

        print(json.dumps(asyncio.run(cell())))
    """)
    assert ran.returncode == 0, ran.stderr
    answer = json.loads(ran.stdout)
    assert "errors" not in answer
    assert len(answer["data"]["board"]) == 3


def test_the_copy_goes_with_a_killed_kernel(tmp_path):
    ran = run(
        """
        import os, signal
        from nexus import service
        service.setup()
        from django.conf import settings
        print(settings.DATABASES["default"]["NAME"], flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
        """,
        TMPDIR=str(tmp_path),
    )
    copy = Path(ran.stdout.strip())
    assert ran.returncode == -signal.SIGKILL
    assert tmp_path in copy.parents
    until = time.monotonic() + 5
    while time.monotonic() < until and copy.parent.exists():
        time.sleep(0.05)
    assert not copy.parent.exists()


def test_more_apps_and_a_second_database(tmp_path):
    ran = run(
        f"""
        from nexus import service
        service.setup(apps=["zeal"], mariadb="mysql://root@/departures?unix_socket={tmp_path}/s")
        from django.apps import apps
        from django.db import OperationalError, connections
        print(apps.is_installed("zeal"), connections["mariadb"].vendor)
        try:
            connections["mariadb"].ensure_connection()
        except OperationalError:
            print("nobody listens")
        """
    )
    assert ran.stdout == "True mysql\nnobody listens\n", ran.stderr


@pytest.mark.skipif(NO_MARIADB is not None, reason=f"mariadb: {NO_MARIADB}")
def test_the_same_rows_in_mariadb():
    ran = run(
        """
        from nexus import servers, service
        service.setup(mariadb=servers.mariadb("departures").url)
        from django.db.models.functions import Mod
        from departures.loading import MODELS
        from departures.models import Airport, Flight
        for model in MODELS:
            here, there = (
                model.objects.using(alias).order_by("pk") for alias in ("default", "mariadb")
            )
            assert here.count() == there.count()
            if model is Flight:  # every 97th is enough, and quick
                each = Mod("pk", 97)
                here, there = (rows.alias(left=each).filter(left=0) for rows in (here, there))
            assert list(here.values_list()) == list(there.values_list()), model
        print(Airport.objects.using("mariadb").filter(code="10c").exists())
        """
    )
    assert ran.stdout == "False\n", ran.stderr


def test_a_malformed_url_is_one_clear_line():
    with pytest.raises(service.ServiceError, match="DATABASE_URL: Not a database URL") as caught:
        service.load("mysql://user:hunter2@host:port/name")
    assert "\n" not in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_django_set_up_elsewhere_is_refused():
    with pytest.raises(service.ServiceError, match="set up in this process already"):
        service.setup()


def test_the_digest_follows_what_is_loaded(monkeypatch, tmp_path):
    before = service.digest()
    assert len(before) == 16
    monkeypatch.setattr(service.source, "checksum", lambda: "other data")
    service.digest.cache_clear()
    assert service.digest() != before
    monkeypatch.undo()
    service.digest.cache_clear()
    assert service.digest() == before
