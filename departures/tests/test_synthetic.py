"""The synthetic layer is the same everywhere."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest

from departures import synthetic
from departures.models import Notification, Subscriber, Subscription

START = datetime(2013, 2, 14, 10, tzinfo=UTC)
FLIGHTS = [
    (n, START + timedelta(minutes=n), None if n % 20 == 0 else n % 40) for n in range(1, 957)
]


def digest(rows: object) -> str:
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:16]


def test_one_seed_one_layer():
    layer = synthetic.layer(FLIGHTS)
    assert layer == synthetic.layer(iter(FLIGHTS))
    # Made with CPython 3.11: on every other one the layer is the same.
    assert list(map(digest, layer)) == [
        "23c50f076faf7da4",
        "af018832ee6c4a00",
        "27ce7e595601a657",
    ]


def test_sizes_and_no_duplicates():
    people, follows, notices = synthetic.layer(FLIGHTS)
    assert len({email for _, email, *_ in people}) == len(people) == synthetic.SUBSCRIBERS
    assert len({row[1:3] for row in follows}) == len(follows) == synthetic.SUBSCRIPTIONS
    active = {number for number, _, _, active, _ in follows if active}
    assert 0.78 < len(active) / len(follows) < 0.82
    assert {subscription for _, subscription, *_ in notices} == active
    assert {kind for _, _, kind, *_ in notices} == {"reminder", "delayed", "cancelled"}
    assert all(email.endswith("@example.org") for _, email, *_ in people)


def test_nobody_follows_before_joining_or_after_the_departure():
    people, follows, _ = synthetic.layer(FLIGHTS)
    joined = {number: created for number, _, _, created, _ in people}
    departs = {number: f"{moment:%Y-%m-%d %H:%M:%S}" for number, moment, _ in FLIGHTS}
    for _, person, flight, _, created in follows:
        assert joined[person] <= created < departs[flight]


def test_fewer_flights_fewer_subscriptions():
    assert len(synthetic.layer(FLIGHTS[:1]).subscriptions) == 1_000
    assert synthetic.layer([]).subscriptions == []


@pytest.mark.usefixtures("loaded")
def test_in_the_database():
    assert Subscriber.objects.count() == synthetic.SUBSCRIBERS
    assert set(Subscription.objects.values_list("flight__day", flat=True)) == {synthetic.DAY}
    assert set(Notification.objects.values_list("kind", flat=True)) == set(Notification.Kind)
    late = Notification.objects.filter(kind=Notification.Kind.DELAYED)
    assert set(late.values_list("subscription__flight__number", flat=True)) == {636}
    assert not Notification.objects.filter(subscription__active=False).exists()
