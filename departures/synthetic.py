"""The synthetic layer: people who follow the flights of one day, made from one seed.

Nobody in it exists. The rows are the same in every database and with every Python: only
`Random.random()` is used, the one method whose sequence the standard library promises to keep.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import product
from random import Random
from typing import NamedTuple

SEED = 13
DAY = date(2013, 2, 14)
SUBSCRIBERS = 2_000  # every pair of the names below, once
SUBSCRIPTIONS = 5_000
ACTIVE = 0.8  # share of the subscriptions
SENT = 0.95  # share of the notifications
LATE = 15  # minutes of delay from which a subscriber is told

FIRST = """
    Ada Alan Barbara Carl Dana Edgar Emmy Erna Felix Frances Grace Hedy Ida Ivan Jean John Karen
    Katherine Kurt Leslie Lise Margaret Maria Max Nadia Niklaus Olga Otto Peter Radia Rosa Rosalind
    Sofia Tim Tony Ursula Vera Viktor Wanda Yukihiro
"""
LAST = """
    Abel Acker Adler Bauer Becker Berg Brandt Castro Chen Cruz Dahl Diaz Duval Eder Engel Fabre
    Fischer Flores Garcia Gruber Haas Hansen Hill Ito Jensen Kaya Kim Klein Kovac Lang Lee Lopez
    Mayer Moreau Mori Nagy Novak Olsen Patel Perez Rossi Sato Silva Suzuki Thomas Tran Vogel
    Weber Wolf Zhang
"""

Row = tuple[object, ...]
FlightFacts = tuple[int, datetime, int | None]  # id, scheduled departure, delay in minutes


class Layer(NamedTuple):
    """Rows in the order of the fields of the models of the same name, ids from 1."""

    subscribers: list[Row]
    subscriptions: list[Row]
    notifications: list[Row]


def layer(flights: Iterable[FlightFacts], subscriptions: int = SUBSCRIPTIONS) -> Layer:
    """The layer over `flights`; the delay of a cancelled one is None.

    There are fewer subscriptions when the flights are too few for so many without a duplicate.
    """
    random = Random(SEED).random
    flights = list(flights)

    def below(limit: int) -> int:
        return int(random() * limit)

    people = []
    joined = []
    for number, (first, last) in enumerate(product(FIRST.split(), LAST.split()), start=1):
        joined.append(datetime(2013, 1, 1, tzinfo=UTC) + timedelta(minutes=below(40 * 24 * 60)))
        email = f"{first}.{last}@example.org".lower()
        people.append((number, email, f"{first} {last}", _text(joined[-1]), None))  # no user

    follows: list[Row] = []
    notices: list[Row] = []
    seen: set[tuple[int, int]] = set()
    wanted = min(subscriptions, len(flights) * len(people) // 2)
    while len(follows) < wanted:
        person, (flight, departs, late) = below(len(people)), flights[below(len(flights))]
        if (person, flight) in seen:
            continue
        seen.add((person, flight))
        days = (departs - joined[person]) // timedelta(days=1)
        created = departs - timedelta(days=1 + below(days - 1), minutes=below(600))
        active = random() < ACTIVE
        number = len(follows) + 1
        follows.append((number, person + 1, flight, active, _text(created)))
        for kind, due in _notices(departs, late) if active else ():
            sent = due + timedelta(minutes=below(3)) if random() < SENT else None
            notices.append((len(notices) + 1, number, kind, _text(due), sent and _text(sent)))
    return Layer(people, follows, notices)


def _notices(departs: datetime, late: int | None) -> Iterable[tuple[str, datetime]]:
    """Everyone is reminded two hours ahead; what went wrong is told at the scheduled time."""
    yield "reminder", departs - timedelta(hours=2)
    if late is None:
        yield "cancelled", departs
    elif late >= LATE:
        yield "delayed", departs


def _text(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S}"
