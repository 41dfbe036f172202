"""The REST API: what it costs, what it refuses, and whom it shows what."""

import base64

import pytest
from django.contrib.auth import get_user_model
from rest_framework.test import APIClient

from departures.models import Airline, Airport, Flight, Plane, Subscriber, Subscription

from .test_pages import problem

LISTS = ["airlines", "airports", "planes", "flights", "flights?day=2013-01-01&order=latest"]
pytestmark = pytest.mark.usefixtures("morning")


def walk(client: APIClient, address: str) -> list[dict]:
    """The rows of all pages."""
    rows = []
    while address:
        page = client.get(address).json()
        rows += page["results"]
        address = page["next"]
    return rows


@pytest.mark.parametrize("address", LISTS)
@pytest.mark.parametrize("limit", [1, 3, 20])
def test_a_list_is_one_query(loaded, client, django_assert_num_queries, address, limit):
    separator = "&" if "?" in address else "?"
    with django_assert_num_queries(1):
        page = client.get(f"/api/v1/{address}{separator}limit={limit}").json()
    assert 1 <= len(page["results"]) <= limit


@pytest.mark.parametrize("limit", [1, 2, 9])
def test_the_board_is_two_queries(loaded, client, monkeypatch, django_assert_num_queries, limit):
    monkeypatch.setattr("departures.api.views.ROWS", limit)
    with django_assert_num_queries(2):
        lines = client.get("/api/v1/airports/JFK/board").json()
    assert len(lines) == min(limit, Flight.objects.board("JFK").count())


@pytest.mark.parametrize("followed", [1, 3, 9])
def test_the_list_of_what_one_follows_does_not_grow(
    signed_in, ada, django_assert_num_queries, followed
):
    for flight in range(1, followed + 1):
        Subscription.objects.create(subscriber=ada, flight_id=flight)
    signed_in.force_authenticate(get_user_model().objects.get(pk=ada.user.pk))
    with django_assert_num_queries(2):  # the subscriber of the account, and the page
        page = signed_in.get("/api/v1/subscriptions").json()
    assert [row["flight"]["id"] for row in page["results"]] == list(range(1, followed + 1))


@pytest.mark.parametrize("limit", [1, 2, 7])
@pytest.mark.parametrize(
    ("name", "model"), [("airports", Airport), ("planes", Plane), ("airlines", Airline)]
)
def test_a_walk_meets_each_row_once(loaded, client, name, model, limit):
    rows = walk(client, f"/api/v1/{name}?limit={limit}")
    keys = [row[model._meta.pk.name] for row in rows]
    assert keys == sorted(model.objects.values_list("pk", flat=True))


@pytest.mark.parametrize("limit", [1, 2, 7])
@pytest.mark.parametrize("order", ["earliest", "latest"])
def test_a_walk_through_flights_is_in_order(loaded, client, order, limit):
    rows = walk(client, f"/api/v1/flights?limit={limit}&order={order}")
    by = ("scheduled_departure", "id")
    wanted = Flight.objects.order_by(*by).values_list("id", flat=True)
    found = [row["id"] for row in rows]
    assert found == (list(wanted) if order == "earliest" else list(wanted)[::-1])


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ("day=2013-01-01", lambda flight: f"{flight.day}" == "2013-01-01"),
        ("airline=B6", lambda flight: flight.airline_id == "B6"),
        ("origin=JFK", lambda flight: flight.origin_id == "JFK"),
        ("destination=RDU", lambda flight: flight.destination_id == "RDU"),
        ("plane=N14228", lambda flight: flight.plane_id == "N14228"),
        ("cancelled=true", lambda flight: flight.departure is None),
        ("cancelled=false", lambda flight: flight.departure is not None),
        ("day=2013-11-03", lambda flight: f"{flight.day}" == "2013-11-03"),
        ("day=2013-01-02&airline=AA", lambda f: (f"{f.day}", f.airline_id) == ("2013-01-02", "AA")),
        ("origin=JFK&cancelled=true", lambda f: f.origin_id == "JFK" and f.departure is None),
        ("airline=ZZ", lambda flight: False),
        ("day=0001-01-01", lambda flight: False),
        ("day=9999-12-31", lambda flight: False),
    ],
)
def test_filters(loaded, client, query, holds):
    found = {row["id"] for row in walk(client, f"/api/v1/flights?{query}")}
    assert found == {flight.id for flight in Flight.objects.all() if holds(flight)}


@pytest.mark.parametrize(
    ("address", "named"),
    [
        ("flights?orign=JFK", "orign"),
        ("flights?origin=jfk", "origin"),
        ("flights?origin=", "origin"),
        ("flights?origin=JFK&origin=LGA", "origin"),
        ("flights?day=14.2.2013", "day"),
        ("flights?cancelled=1", "cancelled"),
        ("planes?year=0", "year"),
        ("flights?limit=0", "limit"),
        ("flights?limit=201", "limit"),
        ("flights?limit=%D9%A1", "limit"),
        ("flights?limit=0000000010000", "limit"),
        ("flights?order=distance", "order"),
        ("flights/1?day=2013-01-01", "day"),
        ("airlines?order=latest", "order"),
        ("airports/JFK/board?limit=3", "limit"),
    ],
)
def test_what_is_not_understood_is_refused(loaded, client, address, named):
    said = problem(client.get(f"/api/v1/{address}"))
    assert (said["status"], list(said["errors"])) == (400, [named])


@pytest.mark.parametrize(
    "cursor", ["nonsense", b"p=nonsense", b"p=2013-13-01", b"p=%00", b"o=-1", b"o=x"]
)
def test_a_cursor_that_is_none(loaded, visitor, cursor):
    """Also one that somebody has edited."""
    if isinstance(cursor, bytes):
        cursor = base64.b64encode(cursor).decode()
    answer = visitor.get("/api/v1/flights", {"cursor": cursor})
    assert problem(answer)["status"] == 404


def test_putting_twice_is_putting_once(signed_in, ada):
    address = "/api/v1/subscriptions/3"
    codes = [signed_in.put(address, {"active": True}).status_code for _ in range(3)]
    assert codes == [201, 200, 200]
    assert signed_in.put(address, {"active": False}).json()["active"] is False
    assert [s.active for s in ada.subscriptions.all()] == [False]
    assert [signed_in.delete(address).status_code for _ in range(2)] == [204, 404]
    assert not ada.subscriptions.exists()


@pytest.mark.parametrize("body", [{}, {"activ": True}, {"active": "yes"}, {"active": None}, []])
def test_a_wrong_body(signed_in, ada, body):
    said = problem(signed_in.put("/api/v1/subscriptions/3", body, format="json"))
    assert said["status"] == 400
    assert said["errors"]
    assert not ada.subscriptions.exists()


def test_a_flight_that_is_none(signed_in):
    assert problem(signed_in.put("/api/v1/subscriptions/99", {"active": True}))["status"] == 404


def test_nobody_sees_or_ends_what_a_stranger_follows(signed_in):
    theirs = Subscription.objects.exclude(subscriber__user__isnull=False)[:3]
    assert len(theirs) == 3
    assert signed_in.get("/api/v1/subscriptions").json()["results"] == []
    for subscription in theirs:
        address = f"/api/v1/subscriptions/{subscription.flight_id}"
        assert signed_in.get(address).status_code == 404
        assert signed_in.delete(address).status_code == 404
    assert Subscription.objects.filter(pk__in=[s.pk for s in theirs]).count() == 3


def test_an_account_without_a_subscriber(loaded, django_user_model):
    client = APIClient()
    client.force_authenticate(django_user_model.objects.create_user("root"))
    assert problem(client.get("/api/v1/subscriptions"))["status"] == 403


@pytest.fixture
def tokens(client, ada):
    """A pair of tokens of someone whose password begins with a blank."""
    ada.user.set_password(" a passphrase ")
    ada.user.save()
    login = {"username": ada.email, "password": " a passphrase "}
    return client.post("/api/v1/token", login, content_type="application/json").json()


def refresh(client, token):
    body = {"refresh": token}
    return client.post("/api/v1/token/refresh", body, content_type="application/json")


def as_owner(client, tokens):
    headers = {"Authorization": f"Bearer {tokens['access']}"}
    return client.get("/api/v1/subscriptions", headers=headers)


def test_a_refresh_token_is_good_once(client, tokens):
    again = refresh(client, tokens["refresh"])
    assert again.status_code == 200
    assert problem(refresh(client, tokens["refresh"]))["status"] == 401
    assert as_owner(client, again.json()).status_code == 200


def test_signed_out(client, tokens):
    body = {"refresh": tokens["refresh"]}
    out = client.post("/api/v1/token/blacklist", body, content_type="application/json")
    assert out.status_code == 200
    assert problem(refresh(client, tokens["refresh"]))["status"] == 401


def test_a_new_password_ends_what_the_old_one_signed_in(client, tokens, ada):
    assert as_owner(client, tokens).status_code == 200
    ada.user.set_password("another")
    ada.user.save()
    assert problem(as_owner(client, tokens))["status"] == 401


def test_whose_account_is_deleted_is_forgotten(client, tokens, ada):
    ada.user.delete()
    assert problem(as_owner(client, tokens))["status"] == 401
    assert not Subscriber.objects.filter(email=ada.email).exists()


def test_sign_in_is_throttled(client, db):
    login = {"username": "ada@example.com", "password": "guess"}
    codes = [
        client.post("/api/v1/token", login, content_type="application/json").status_code
        for _ in range(12)
    ]
    assert codes == [401] * 10 + [429] * 2


def test_a_stranger_is_throttled_by_address(loaded, client):
    # The header is the client's own word; without a proxy in front of it nothing is read from it.
    answers = [
        client.get("/api/v1/airlines", headers={"X-Forwarded-For": f"203.0.113.{n}"})
        for n in range(121)
    ]
    assert [answer.status_code for answer in answers] == [200] * 120 + [429]
    assert 0 < int(answers[-1]["Retry-After"]) <= 60
    assert problem(answers[-1])["status"] == 429
