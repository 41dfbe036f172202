"""What `apis/rest` teaches is right: the cursor on any moving list, and the rest on any body."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexus.exercises.apis_rest import clinic, meanwhile, models, send, undone
from tests.taught import taught

TOPIC = "apis/rest"
SPRING = date(2032, 3, 1)
quick = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def world(settings: Any) -> None:
    """Enough of the service for a flight and a subscription, and DRF as it comes."""
    settings.REST_FRAMEWORK = {}
    there = models()
    there.Airline.objects.create(code="UA", name="United Air Lines Inc.")
    there.Plane.objects.create(tail_number="N14228", engines=2, seats=149)
    for code in ("EWR", "IAH"):
        there.Airport.objects.create(code=code, name=code)
    for number in range(5):
        there.Subscriber.objects.create(pk=number + 1, email=f"{number}@example.org")
    for number in range(7):
        flight(number, minute=number, day=date(2032, 2, 1))


def flight(number: int, minute: int, day: date = SPRING) -> Any:
    return models().Flight.objects.create(
        number=number,
        day=day,
        airline_id="UA",
        origin_id="EWR",
        destination_id="IAH",
        plane_id="N14228" if number % 2 else None,
        scheduled_departure=datetime(2032, 3, 1, tzinfo=UTC) + timedelta(minutes=minute),
        distance=1400,
    )


@pytest.fixture
def lessons() -> dict[str, Any]:
    return taught(TOPIC)


# --- after: a random walk with ties, while flights come and go -----------------------------------


class Board:
    """A list of flights that moves: what stands in it, and how to add and remove one."""

    def __init__(self) -> None:
        self.number = 0
        self.there: dict[int, tuple[datetime, int]] = {}
        self.flights = models().Flight.objects.filter(day=SPRING)

    def add(self, minute: int) -> int:
        self.number += 1
        added = flight(self.number, minute)
        self.there[added.pk] = added.scheduled_departure, added.pk
        return added.pk

    def remove(self, which: int) -> None:
        if self.there:
            key = sorted(self.there)[which % len(self.there)]
            self.flights.filter(pk=key).delete()
            del self.there[key]


minutes = st.integers(0, 3)
moves = st.lists(
    st.one_of(st.tuples(st.just("add"), minutes), st.tuples(st.just("remove"), st.integers(0, 99))),
    max_size=3,
)


@quick
@given(
    start=st.lists(minutes, max_size=18),
    size=st.integers(1, 5),
    between=st.lists(moves, max_size=12),
)
def test_the_cursor_shows_what_stays_exactly_once(
    lessons: dict[str, Any], start: list[int], size: int, between: list[list]
) -> None:
    with undone():
        board = Board()
        for minute in start:
            board.add(minute)
        stayed, seen, cursor = set(board.there), [], None
        for page in range(200):
            place = {one.pk: board.there[one.pk] for one in board.flights.all()}
            rows, cursor = lessons["after"](board.flights.all(), cursor, size)
            assert len(rows) <= size
            seen += [place[one.pk] for one in rows]
            if cursor is None:
                break
            assert len(rows) == size
            for move, value in between[page] if page < len(between) else []:
                getattr(board, move)(value)
            stayed &= set(board.there)
        ids = [pk for _, pk in seen]
        assert seen == sorted(seen), "in order"
        assert len(ids) == len(set(ids)), "none twice"
        assert stayed <= set(ids), "none of those that stayed is lost"


@pytest.mark.parametrize("rows", [0, 1, 2, 3, 4, 5, 6])
def test_the_cursor_ends_with_the_last_page(lessons: dict[str, Any], rows: int) -> None:
    with undone():
        board = Board()
        for _ in range(rows):
            board.add(0)
        pages, cursor = 0, None
        while pages == 0 or cursor is not None:
            _, cursor = lessons["after"](board.flights.all(), cursor, 2)
            pages += 1
        assert pages == max(1, -(-rows // 2))


# --- InBulk --------------------------------------------------------------------------------------


def bulk(lessons: dict[str, Any]) -> Any:
    from rest_framework import serializers

    class Row(serializers.Serializer):
        subscriber = serializers.IntegerField(source="subscriber_id")
        flight = serializers.IntegerField(source="flight_id")

        class Meta:
            list_serializer_class = lessons["InBulk"]

    return Row


@quick
@given(pairs=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=8))
def test_in_bulk_takes_what_one_by_one_would(
    lessons: dict[str, Any], pairs: list[tuple[int, int]]
) -> None:
    flights = [0, *models().Flight.objects.order_by("-id").values_list("id", flat=True)[:4]]
    with undone():
        subscriptions = models().Subscription.objects
        subscriptions.filter(subscriber__lte=4).delete()
        subscriptions.create(subscriber_id=1, flight_id=flights[1])
        body = [{"subscriber": person, "flight": flights[flight]} for person, flight in pairs]
        form = bulk(lessons)(data=body, many=True)
        bad = {(0, f) for f in range(5)} | {(p, 0) for p in range(5)} | {(1, 1)}
        times = Counter(pairs)
        good = [pair not in bad and times[pair] == 1 for pair in pairs]
        assert form.is_valid() == all(good)
        if all(good):
            assert len(form.save()) == len(pairs)
            assert subscriptions.filter(subscriber__lte=4).count() == len(pairs) + 1
        else:
            assert [not errors for errors in form.errors] == good


# --- Idempotent ----------------------------------------------------------------------------------


@quick
@given(
    calls=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2)), min_size=1, max_size=10)
)
def test_a_key_has_one_effect(lessons: dict[str, Any], calls: list[tuple[str, int]]) -> None:
    from rest_framework import serializers, viewsets

    subscription = models().Subscription
    meta = type("Meta", (), {"model": subscription, "fields": ("id", "subscriber", "flight")})
    pair = type("Pair", (serializers.ModelSerializer,), {"Meta": meta})
    view = type(
        "Keyed",
        (lessons["Idempotent"], lessons["Stated"], viewsets.ModelViewSet),
        {"queryset": subscription.objects.all(), "serializer_class": pair},
    )
    flights = models().Flight.objects.order_by("-id").values_list("id", flat=True)[:3]
    with undone(), connection.cursor() as sql:
        sql.execute("CREATE TABLE answers (id TEXT PRIMARY KEY, asked TEXT, said TEXT)")
        subscription.objects.filter(subscriber=1).delete()
        told: dict[str, tuple[int, Any]] = {}
        for key, which in calls:
            body = {"subscriber": 1, "flight": flights[which]}
            answer = send(view, "POST /", body, **{"Idempotency-Key": key})
            if key in told and told[key][0] == which:
                assert (answer.status_code, answer.data) == (201, told[key][1])
            elif key in told:
                assert answer.status_code == 422
            elif which in {done for done, _ in told.values()}:
                assert answer.status_code == 400  # the pair is taken, and the key stays free
            else:
                assert answer.status_code == 201
                told[key] = which, dict(answer.data)
        assert subscription.objects.filter(subscriber=1).count() == len(told)


def test_a_key_is_no_use_to_another(lessons: dict[str, Any]) -> None:
    """Somebody else with the same key and body gets a 422, and never the first one's answer."""
    from rest_framework import authentication

    class ByHeader(authentication.BaseAuthentication):
        def authenticate(self, request: Any) -> tuple[Any, None]:
            return models().Subscriber.objects.get(pk=request.headers["X-Person"]), None

    view = subscriptions_view(lessons, lessons["Idempotent"])
    view.authentication_classes = [ByHeader]
    flight_id = models().Flight.objects.order_by("-id")[0].pk
    with undone(), connection.cursor() as sql:
        sql.execute("CREATE TABLE answers (id TEXT PRIMARY KEY, asked TEXT, said TEXT)")
        codes = [
            send(
                view,
                "POST /",
                {"subscriber": 1, "flight": flight_id},
                **{"Idempotency-Key": "k", "X-Person": person},
            ).status_code
            for person in ("1", "2", "1")
        ]
    assert codes == [201, 422, 201]


# --- Once ----------------------------------------------------------------------------------------


def subscriptions_view(lessons: dict[str, Any], *mixins: type, many: bool = False) -> Any:
    """A view of subscriptions with `mixins`, for one of them or for a list."""
    from rest_framework import serializers, viewsets

    subscription = models().Subscription
    meta = type("Meta", (), {"model": subscription, "fields": ("id", "subscriber", "flight")})
    pair = type("Pair", (serializers.ModelSerializer,), {"Meta": meta})
    names = {"queryset": subscription.objects.all(), "serializer_class": pair}
    if many:
        names["get_serializer"] = lambda view, **form: pair(many=True, **form)
    return type("View", (*mixins, lessons["Stated"], viewsets.ModelViewSet), names)


@quick
@given(which=st.lists(st.integers(0, 3), min_size=1, max_size=6))
def test_once_stores_all_of_a_list_or_nothing(lessons: dict[str, Any], which: list[int]) -> None:
    flights = models().Flight.objects.order_by("-id").values_list("id", flat=True)[:4]
    stored = models().Subscription.objects.filter(subscriber=1)
    with undone():
        stored.delete()
        body = [{"subscriber": 1, "flight": flights[n]} for n in which]
        view = subscriptions_view(lessons, lessons["Once"], many=True)
        different = len(set(which)) == len(which)
        assert send(view, "POST /", body).status_code == (201 if different else 400)
        assert stored.count() == (len(which) if different else 0)


def test_once_refuses_what_a_rival_has_taken(lessons: dict[str, Any]) -> None:
    there, body = models(), {"subscriber": 1}
    body["flight"] = there.Flight.objects.order_by("-id")[0].pk
    rival = {"subscriber_id": 1, "flight_id": body["flight"]}
    for mixins, code in (((), 500), ((lessons["Once"],), 400)):
        with undone():
            there.Subscription.objects.filter(subscriber=1).delete()
            save = there.Subscription(**rival).save
            with meanwhile('FROM "departures_subscription"', save):
                view = subscriptions_view(lessons, *mixins)
                assert send(view, "POST /", body).status_code == code
            assert there.Subscription.objects.filter(subscriber=1).count() == 1


# --- bill ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rows", [0, 1, 7])
@pytest.mark.parametrize("joined", [(), ("airline",), ("airline", "plane")])
def test_a_bill_adds_up(lessons: dict[str, Any], rows: int, joined: tuple[str, ...]) -> None:
    from rest_framework import serializers

    from nexus.measure import queries

    fields = ("id", "airline", "plane", "tail_number")
    meta = type("Meta", (), {"model": models().Flight, "fields": fields, "depth": 1})
    nested = type("Nested", (serializers.ModelSerializer,), {"Meta": meta})

    def flights() -> Any:
        found = models().Flight.objects.order_by("id")
        return (found.select_related(*joined) if joined else found)[:rows]

    bill = lessons["bill"](nested, flights)
    with queries() as sent:
        assert len(nested(flights(), many=True).data) == rows
    assert sent.count == bool(rows) + sum(bill.values())
    assert bill["airline"] == (0 if "airline" in joined else rows)
    assert bill["plane"] == (0 if "plane" in joined else rows // 2)


# --- put_appointment -----------------------------------------------------------------------------

bodies = st.fixed_dictionaries(
    {"patient": st.sampled_from(["Ada", "Ben"])},
    optional={"minutes": st.integers(1, 90), "note": st.sampled_from(["", "first visit"])},
)


@quick
@given(calls=st.lists(st.tuples(st.sampled_from(["9:00", "9:30"]), bodies), max_size=8))
def test_the_last_put_is_what_there_is(lessons: dict[str, Any], calls: list) -> None:
    want: dict[str, dict] = {}
    with clinic() as table:
        for slot, body in calls:
            code, _ = lessons["put_appointment"](table.objects.all(), "Okafor", slot, body)
            assert code == (200 if slot in want else 201)
            want[slot] = {"minutes": 30, "note": ""} | body
        rows = table.objects.values("slot", "patient", "minutes", "note")
        assert {row.pop("slot"): row for row in rows} == want
