"""The board, whether the service lives, and the form of every error."""

import json

import pytest
from django.db import OperationalError
from django.test import override_settings
from django.urls import path

from departures import urls
from departures.models import Flight

BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


def fails(request):
    raise RuntimeError("a secret")


urlpatterns = [*urls.urlpatterns, path("fails", fails)]
handler500 = urls.handler500


def problem(answer) -> dict:
    """The problem that was answered, checked for its form."""
    assert answer["Content-Type"] == "application/problem+json"
    said = json.loads(answer.content)
    assert said.keys() - {"errors"} == {"type", "title", "status", "detail"}
    assert (said["type"], said["status"]) == ("about:blank", answer.status_code)
    assert said["title"]
    assert said["detail"]
    return said


@pytest.mark.usefixtures("loaded", "morning")
def test_board(client, django_assert_num_queries):
    with django_assert_num_queries(2):
        page = client.get("/").content.decode()
    assert "Tuesday, 1 January 2013, 07:00" in page
    assert page.count("<tr") == 1 + Flight.objects.board().count()
    assert "Hawaiian Airlines" in page
    assert "unknown" in page  # a plane that the registry does not have


@pytest.mark.usefixtures("loaded", "morning")
def test_board_of_one_airport(client, django_assert_num_queries):
    with django_assert_num_queries(2):
        page = client.get("/from/JFK").content.decode()
    assert "<td>LGA</td>" not in page
    assert "<td>JFK</td>" in page


@pytest.mark.usefixtures("loaded")
def test_board_of_no_airport(client):
    assert problem(client.get("/from/XXX"))["status"] == 404


def test_nothing_departs(client, db):
    assert "Nothing departs any more." in client.get("/").content.decode()


def test_healthz(client):
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok\n")


def test_readyz(client, db):
    assert client.get("/readyz").json() == {"database": "ok"}


def test_readyz_without_a_database(client, monkeypatch):
    class Dead:
        def cursor(self):
            raise OperationalError

    monkeypatch.setattr("departures.pages.connection", Dead())
    assert problem(client.get("/readyz"))["status"] == 503


def test_a_person_gets_a_page(client):
    answer = client.get("/nothing", headers={"Accept": BROWSER})
    assert (answer.status_code, answer["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "Nothing is found" in answer.content.decode()


@pytest.mark.parametrize(
    ("method", "address", "headers", "body", "status"),
    [
        ("GET", "/nothing", {}, "", 404),
        ("GET", "/api/v1/nothing", {}, "", 404),
        ("GET", "/api/v1/flights/", {}, "", 404),
        ("POST", "/healthz", {}, "", 405),
        ("DELETE", "/", {}, "", 405),
        ("TRACE", "/api/v1/flights", {}, "", 405),
        ("OPTIONS", "/api/v1/flights", {}, "", 405),
        ("POST", "/api/v1/flights", {"Content-Type": "application/json"}, "{}", 405),
        ("GET", "/graphql", {}, "", 405),
        ("GET", "/api/v1/airlines", {"Accept": "text/html"}, "", 406),
        ("POST", "/api/v1/token", {"Content-Type": "text/plain"}, "x", 415),
        ("POST", "/graphql", {"Content-Type": "text/plain"}, "x", 415),
        ("POST", "/api/v1/token", {"Content-Type": "application/json"}, "{", 400),
        ("POST", "/graphql", {"Content-Type": "application/json"}, "{", 400),
        ("POST", "/graphql", {"Content-Type": "application/json"}, "[" * 60_000, 400),
        ("POST", "/graphql", {"Content-Type": "application/json"}, '{"query": ""}', 400),
        ("POST", "/graphql", {"Content-Type": "application/json"}, "[]", 400),
        ("POST", "/graphql", {"Content-Type": "application/json"}, '{"query": 3}', 400),
        ("POST", "/api/v1/token", {"Content-Type": "application/json"}, "x" * 65_537, 413),
        ("GET", "/api/v1/flights", {"Authorization": "Bearer nonsense"}, "", 401),
        ("POST", "/graphql", {"Authorization": "Bearer nonsense"}, "", 401),
        ("GET", "/api/v1/subscriptions", {}, "", 401),
        ("GET", "/api/v1/flights?limit=abc", {}, "", 400),
        ("GET", "/healthz", {"Host": "somewhere.else"}, "", 400),
    ],
)
def test_every_error_is_a_problem(visitor, db, method, address, headers, body, status):
    kind = headers.pop("Content-Type", "application/octet-stream")
    answer = visitor.generic(method, address, body, content_type=kind, headers=headers)
    assert problem(answer)["status"] == status
    assert status != 405 or "Allow" in answer


@override_settings(ROOT_URLCONF=__name__)
def test_a_failure_tells_nothing(visitor):
    answer = visitor.get("/fails")
    assert problem(answer)["status"] == 500
    assert b"secret" not in answer.content
