"""What the service reads on a MariaDB with all flights: a count of queries hides a bad plan."""

import json
import os
import subprocess
import sys

import pytest

from nexus import servers, service
from tests.entries import ROOT
from tests.machine import need

# Handler reads at most. Of a page without a filter or of a day, what it shows and a little more.
MOST = {
    "/": 500,
    "/from/JFK": 500,
    "/api/v1/airports/JFK/board": 500,
    "/api/v1/airports": 60,
    "/api/v1/planes": 60,
    "/api/v1/flights": 100,
    "/api/v1/flights?order=latest": 100,
    "/api/v1/flights?day=2013-07-04": 1_000,
    "/api/v1/flights?day=2013-07-04&origin=JFK&airline=B6": 1_000,
    "/api/v1/flights?origin=JFK": 1_000,
    "/api/v1/flights?plane=N14228": 1_000,
    "/api/v1/flights?destination=LEX&cancelled=true": 100,
    "/api/v1/flights/200000": 5,
}
CODE = """
import json, sys
import django
django.setup()
from django.db import connection
from django.test import Client
from departures.api.filters import FlightFilter
from departures.models import Flight
from nexus.measure import reads

def counted(address):
    client.get(address)
    with reads(connection) as found:
        answer = client.get(address)
    assert answer.status_code == 200, answer.content
    return found.rows, answer

client = Client(HTTP_HOST="localhost")
# Every day has the flights whose column says so, also when the clocks change.
days = {
    f"{day}": Flight.objects.filter(day=day).count()
    for day in Flight.objects.values_list("day", flat=True).distinct()
}
moments = {
    day: FlightFilter({"day": day}, Flight.objects.all()).qs.count() for day in days
}
assert len(days) == 365 and moments == days
rows = {address: counted(address)[0] for address in json.load(sys.stdin)}
page = "/api/v1/flights?limit=200"
for number in range(30):
    rows[f"page {number + 1} of a walk"], answer = counted(page)
    page = answer.json()["next"].removeprefix("http://localhost")
print(json.dumps(rows))
"""


@pytest.fixture(scope="module")
def rows() -> dict[str, int]:
    need("mariadb")
    with servers.mariadb("departures") as server:
        ran = subprocess.run(
            [sys.executable, "-c", CODE],
            input=json.dumps(list(MOST)),
            env=os.environ | service._environment(server.url) | {"THROTTLE": "false"},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def test_what_an_answer_reads(rows):
    assert {address: rows[address] for address in MOST if rows[address] > MOST[address]} == {}


def test_a_page_reads_the_same_wherever_it_is(rows):
    pages = [count for name, count in rows.items() if "walk" in name]
    assert len(pages) == 30
    assert max(pages) <= min(pages) + 60  # rows that share the cursor's minute are skipped
