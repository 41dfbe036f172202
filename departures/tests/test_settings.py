"""Settings: every fault of the environment is named at once, without a stack."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from environs import ValidationError

from departures import database

ROOT = Path(__file__).parent.parent.parent
SETTINGS = ("DEBUG", "SECRET_KEY", "ALLOWED_HOSTS", "DATABASE_URL", "DATA_FOLDER", "REPLAY_START")
HAS_ENV = (ROOT / "departures" / ".env").exists()


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    """What `manage.py check` says in this environment and no other setting."""
    clean = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    return subprocess.run(
        [sys.executable, "manage.py", "check"],
        env=clean | {"DJANGO_SETTINGS_MODULE": "departures.settings"} | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(HAS_ENV, reason="departures/.env sets what this test leaves out")
def test_nothing_set():
    ran = start()
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[1:] == ["  SECRET_KEY: Environment variable not set."]


def test_every_fault_is_named_at_once():
    ran = start(
        DEBUG="perhaps",
        SECRET_KEY="short",  # noqa: S106
        DATABASE_URL="mysql://user:hunter2@host:port/name",
        REPLAY_START="2014-01-01",
        REPLAY_SPEED="-1",
        LOG_LEVEL="LOUD",
    )
    assert ran.returncode == 1
    named = [line.split(":")[0].strip() for line in ran.stderr.splitlines()[1:]]
    assert named == [
        *("DEBUG", "SECRET_KEY", "DATABASE_URL", "REPLAY_START", "REPLAY_SPEED", "LOG_LEVEL")
    ]
    assert "Traceback" not in ran.stderr
    assert "hunter2" not in ran.stderr


@pytest.mark.parametrize(
    "environment", [{"DEBUG": "true"}, {"SECRET_KEY": "x" * 32, "DATABASE_URL": "sqlite://"}]
)
def test_enough(environment):
    ran = start(**environment)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_example_is_complete_and_valid():
    example = (ROOT / "departures" / ".env.example").read_text()
    lines = [line.removeprefix("# ") for line in example.splitlines() if "=" in line]
    given = dict(line.split("=", 1) for line in lines if line.split("=")[0].isupper())
    settings = (ROOT / "departures" / "settings.py").read_text()
    assert all(f'"{name}"' in settings for name in given)
    assert settings.count("= env.") + settings.count(": env.") == len(given)
    assert start(**given).returncode == 0


def test_mysql_by_url():
    found = database.settings("mysql://ada:p%40ss@db:3307/departures?unix_socket=/run/my.sock")
    assert (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"], found["NAME"]) == (
        *("ada", "p@ss", "db", 3307, "departures"),
    )
    options = found["OPTIONS"]
    assert options["unix_socket"] == "/run/my.sock"
    assert (options["charset"], options["collation"]) == ("utf8mb4", "utf8mb4_bin")
    assert options["isolation_level"] == "read committed"


def test_sqlite_by_url():
    assert database.settings("sqlite:////tmp/a.sqlite3")["NAME"] == "/tmp/a.sqlite3"  # noqa: S108
    assert database.settings("sqlite://")["NAME"] == ":memory:"


@pytest.mark.parametrize(
    "url", ["", "departures", "oracle://x/y", "postgres://h/d", "mysql://h", "mysql://h:p/d", "//"]
)
def test_urls_that_are_none(url):
    with pytest.raises(ValidationError, match="sqlite:///file or mysql://"):
        database.settings(url)
