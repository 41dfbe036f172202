"""The service under load, and beside it what everyone writes first: python tools/load.py [seconds]

One gunicorn process with threads on a private MariaDB with all flights, and wrk with 64
connections. Each page is measured twice in one run: the naive view below, then the service's own.
"""

import base64
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from urllib.parse import quote, urlencode

import requests

ROOT = Path(__file__).resolve().parent.parent
PAGES = {
    "board, naive": "naive/board",
    "board": "",
    "flights, naive": "naive/flights?limit=50&offset=100000",
    "flights": "api/v1/flights?limit=50&cursor=",  # at the same depth
}
CONNECTIONS = 64


@cache
def service():
    """The service with the naive views beside its own."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "departures.settings"
    from departures import settings

    settings.ROOT_URLCONF = "tools.load_urls"
    settings.MIDDLEWARE.append("tools.load_urls.count_queries")
    from django.core.wsgi import get_wsgi_application

    return get_wsgi_application()


def application(environ, start_response):
    """What gunicorn calls."""
    return service()(environ, start_response)


def measure(base: str, name: str, address: str, seconds: int) -> None:
    # More often than there are threads, each of which asks more when it first connects.
    answers = [requests.get(f"{base}/{address}", timeout=60) for _ in range(20)]
    assert all(answer.status_code == 200 for answer in answers), answers[-1].text
    queries = min(int(answer.headers["X-Queries"]) for answer in answers)
    wrk = [shutil.which("wrk") or sys.exit("wrk is missing: apt-get install wrk")]
    wrk += ["-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--timeout", "30s", "--latency"]
    ran = subprocess.run([*wrk, f"{base}/{address}"], capture_output=True, text=True, check=True)
    found = dict(re.findall(r"(50%|99%|Requests/sec:)\s+(\S+)", ran.stdout))
    errors = re.findall(r"(?:Socket errors|Non-2xx).*", ran.stdout)
    print(
        f"{name:15} {queries:>4} queries  p50 {found['50%']:>9}"
        f"  p99 {found['99%']:>9}  {found['Requests/sec:']:>8} a second  {errors or 'no error'}",
        flush=True,
    )


def cursor(base: str) -> str:
    """The cursor of the page at the depth of the naive offset."""
    at = requests.get(f"{base}/naive/flights?limit=1&offset=99999", timeout=60).json()
    position = at["results"][0]["scheduled_departure"].replace("T", " ").replace("Z", "+00:00")
    token = base64.b64encode(urlencode({"p": position}).encode()).decode()
    return quote(token)


@contextmanager
def served(database: str) -> Iterator[str]:
    """The address of a fresh process: an overloaded one goes on with what its clients gave up."""
    environment = {
        "SECRET_KEY": secrets.token_hex(32),
        "JWT_KEY": secrets.token_hex(32),
        "DATABASE_URL": database,
        "REPLAY_START": "2013-02-14T17:00:00Z",
        "REPLAY_SPEED": "0",
        "THROTTLE": "false",
        "LOG_LEVEL": "ERROR",
    }
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as door:
        command = [sys.executable, "-m", "gunicorn", "-c", "departures/gunicorn.conf.py"]
        command += ["--log-level", "warning", "--bind", f"fd://{door.fileno()}"]
        server = subprocess.Popen(
            [*command, "tools.load:application"],
            cwd=ROOT,
            pass_fds=[door.fileno()],
            env=os.environ | environment,
        )
        port = door.getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


def main(seconds: int) -> None:
    sys.path.insert(0, str(ROOT))
    from nexus import servers

    with servers.mariadb("departures") as database:
        for name, address in PAGES.items():
            with served(database.url) as base:
                address += cursor(base) if address.endswith("cursor=") else ""
                measure(base, name, address, seconds)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 30)
