"""Checks of `data/orm-django`. All of them run on SQLite and leave no row behind."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Prefetch, QuerySet
from django.test import TransactionTestCase

from nexus.exercises import Hint, call, exercise, plain
from nexus.exercises._django import models, recorded, untouched
from nexus.measure import shape

if TYPE_CHECKING:
    from departures.models import Flight, Subscription

DAY = date(2013, 2, 14)
QUIET_DAY = date(2013, 2, 15)  # flights as on any day, and nobody who follows one
SIZES = (2, 10, 50)
WHOLE_DAY = 2_000  # more flights than any day has
MOST = 3  # queries
KEYS = ("flight", "airline", "destination", "plane", "subscribers")


def asked(function: Any, *args: Any) -> tuple[Any, list[str]]:
    """What `function` gives as plain data, and the statements it sent."""
    with untouched(), recorded() as statements:
        return plain(call(function, *args), limit=20_000), statements


def of(day: date) -> "QuerySet[Flight]":
    return models().Flight.objects.filter(day=day).order_by("scheduled_departure", "id")


# --- board ---------------------------------------------------------------------------------------


def row(flight: "Flight", subscribers: list[str]) -> dict[str, Any]:
    return {
        "flight": f"{flight.airline_id} {flight.number}",
        "airline": flight.airline.name,
        "destination": str(flight.destination),
        "plane": flight.plane.model if flight.plane else None,
        "subscribers": sorted(subscribers),
    }


def addresses(flight: "Flight") -> list[str]:
    found = flight.subscriptions.filter(active=True).select_related("subscriber")
    return [subscription.subscriber.email for subscription in found]


@exercise("data/orm-django/board")
def board(answer: Any) -> str:
    """`board(day, limit)`: a list of dicts in at most three queries, the same for any limit."""
    truth = good(DAY)
    flights = list(of(DAY))
    counts = {}
    for size in SIZES:
        rows, statements = asked(answer, DAY, size)
        compare_rows(rows, truth[:size], flights[:size])
        counts[size] = len(statements)
    if len(set(counts.values())) > 1:
        raise Hint(f"{counts[max(SIZES)]} queries for {max(SIZES)} flights: {culprit(statements)}")
    if counts[2] > MOST:
        raise Hint(f"{counts[2]} queries, the same for any number of flights; {MOST} are enough")
    if not any("LIMIT" in sql for sql in statements):
        raise Hint("the whole day is loaded and then cut in Python: slice the queryset instead")
    with on(f"all {len(flights)} flights of the day"):
        rows, statements = asked(answer, DAY, WHOLE_DAY)
        compare_rows(rows, truth, flights)
        if len(statements) != counts[2]:
            raise Hint(f"{len(statements)} queries, and {counts[2]} for a few")
    with on(f"another day, {QUIET_DAY}"):
        rows, _ = asked(answer, QUIET_DAY, max(SIZES))
        if rows == truth[: max(SIZES)]:
            raise Hint(f"these are the flights of {DAY}; `day` is an argument")
        compare_rows(rows, good(QUIET_DAY)[: max(SIZES)], list(of(QUIET_DAY)[: max(SIZES)]))
    return (
        f"the same rows as the naive loop, in {counts[2]} queries for {SIZES} flights "
        "and for the whole day alike"
    )


@contextmanager
def on(what: str) -> Iterator[None]:
    """Begin each hint of the block with what was asked for when it arose."""
    try:
        yield
    except Hint as hint:
        reason = (
            "; a second prefetch along a foreign key makes one OR for each distinct row, and "
            "SQLite refuses the chain: join that row inside the Prefetch"
            if "Expression tree is too large" in str(hint)
            else ""
        )
        raise Hint(f"{what}: {hint}{reason}") from None


def compare_rows(rows: Any, truth: list[dict], flights: "list[Flight]") -> None:
    """Raise the Hint that names the first thing that is wrong with `rows`."""
    if type(rows) is not list or any(type(item) is not dict for item in rows):
        raise Hint("a list of dicts is asked for, one for each flight")
    for item in rows:
        if missing := [key for key in KEYS if key not in item]:
            raise Hint(f"a row has no {missing[0]!r}; it needs {', '.join(KEYS)}")
    names = [item["flight"] for item in rows]
    planeless = [want["flight"] for want, f in zip(truth, flights, strict=True) if not f.plane_id]
    if gone := [name for name in planeless if name not in names]:
        raise Hint(
            f"{len(gone)} of {len(truth)} flights are gone, all of them without a plane: "
            "a condition on a nullable relation makes its join an INNER one"
        )
    if repeated := [name for name, times in Counter(map(str, names)).items() if times > 1]:
        raise Hint(
            f"{repeated[0]} stands on the board {names.count(repeated[0])} times: "
            "filter() across a relation gives a row for each match"
        )
    if names != [want["flight"] for want in truth]:
        raise Hint("these are not the flights asked for, or not in the order of the board")
    for got, want in zip(rows, truth, strict=True):
        if wrong := [key for key in KEYS if got[key] != want[key]]:
            raise Hint(difference(wrong[0], got, want))


def difference(key: str, got: dict, want: dict) -> str:
    if key == "subscribers" and type(got[key]) is list:
        emails = [item for item in got[key] if type(item) is str]
        if set(emails) > set(want[key]):
            return f"{want['flight']}: people whose subscription is not active are on the board"
        if sorted(emails) == want[key]:
            return f"{want['flight']}: the addresses are right, but not in alphabetical order"
    if key == "destination" and not got[key]:
        return f"{want['flight']}: an unknown airport has no name; str(airport) falls back to code"
    return f"{want['flight']}: {key} is {want[key]!r}, not {got[key]!r}"


def culprit(statements: list[str]) -> str:
    """The statement that is repeated for each row, and why it is."""
    shapes = Counter(map(shape, statements))
    asks_the_manager = any(
        times > 1 and 'FROM "departures_subscription"' in text and '"flight_id" = ?' in text
        for text, times in shapes.items()
    )
    if asks_the_manager and any('"flight_id" IN' in sql for sql in statements):
        return (
            "one more than without the prefetch: the loop asks the manager for something else "
            "than all(), and that is a new query for each flight"
        )
    text, times = shapes.most_common(1)[0]
    table = (re.search(r'FROM "departures_(\w+)"', text) or ["", "some table"])[1]
    if table == "plane":
        return (
            f"{times} queries for planes: nullable FKs are not followed by a bare select_related()"
        )
    if table == "subscription" and '"departures_subscription"."id" = ?' in text:
        return f"{times} subscriptions are asked for their own key: only() left `flight` out"
    return f"{times} of them read {table}, one for each row"


# --- cost ----------------------------------------------------------------------------------------

Loop = Callable[[QuerySet], Any]
CALLS: dict[str, Loop] = {
    "airline": lambda qs: [f.airline.name for f in qs],
    "plane": lambda qs: [f.plane for f in qs],
    "select_related() + plane": lambda qs: [f.plane for f in qs.select_related()],
    "prefetch_related('plane') + plane": lambda qs: [f.plane for f in qs.prefetch_related("plane")],
    "prefetched all()": lambda qs: [list(m.all()) for m in managers(qs)],
    "prefetched count()": lambda qs: [m.count() for m in managers(qs)],
    "prefetched filter()": lambda qs: [list(m.filter(active=True)) for m in managers(qs)],
    "prefetched first()": lambda qs: [m.first() for m in managers(qs)],
    "only('number') + airline_id": lambda qs: [f.airline_id for f in qs.only("number")],
    "only('number') + airline": lambda qs: [f.airline.name for f in qs.only("number")],
}
MIXES = ((6, 2), (2, 1), (40, 10))  # flights, and how many of them have no plane


def managers(flights: "QuerySet[Flight]") -> list[Any]:
    return [flight.subscriptions for flight in flights.prefetch_related("subscriptions")]


def mixture(flights: int, planeless: int) -> "QuerySet[Flight]":
    """`flights` flights of the day, `planeless` of them without a plane."""
    without = of(DAY).filter(plane=None).values_list("id", flat=True)[:planeless]
    having = of(DAY).exclude(plane=None).values_list("id", flat=True)[: flights - planeless]
    return models().Flight.objects.filter(id__in=[*without, *having])


@exercise("data/orm-django/cost")
def cost(answer: Any) -> str:
    """`cost(call, flights, planeless)`: the number of queries, predicted; the judge runs it."""
    for flights, planeless in MIXES:
        for name, loop in CALLS.items():
            chosen = mixture(flights, planeless)
            with recorded() as statements:
                loop(chosen)
            real = len(statements)
            with untouched():
                guess = plain(call(answer, name, flights, planeless))
            if type(guess) is not int:
                raise Hint(f"a number of queries is asked for, as an int; {name!r} gave {guess!r}")
            if guess != real:
                mix = f"{flights} flights, {planeless} without a plane"
                raise Hint(f"{name}, {mix}: {real} queries, not {guess}{why(name, guess, flights)}")
    return f"{len(CALLS)} calls over {len(MIXES)} mixtures of flights, each predicted exactly"


def why(name: str, guess: int, flights: int) -> str:
    """The reason that belongs to a typical wrong prediction, after a colon."""
    reasons = {
        ("plane", 1 + flights): "a null foreign key costs nothing",
        ("select_related() + plane", 1): "without names it leaves nullable foreign keys out",
        ("select_related() + plane", 1 + flights): "a null foreign key costs nothing",
        ("prefetched filter()", 2): "filter() builds a new queryset, which knows of no cache",
        ("prefetched filter()", 1 + flights): "the prefetch runs too, for nothing",
        ("prefetched first()", 2): "nothing is ordered, so first() sorts, and asks again",
        ("prefetched first()", 1 + flights): "the prefetch runs too, for nothing",
        ("prefetched count()", 2 + flights): "count() of a prefetched manager counts the cache",
        ("only('number') + airline", 1 + flights): "the key itself was deferred",
        ("only('number') + airline_id", 1): "the key itself was deferred",
    }
    reason = reasons.get((name, guess))
    return f": {reason}" if reason else ""


# --- test_board ----------------------------------------------------------------------------------


class Case(TransactionTestCase):
    """What the reader's test is given: a board to test, flights to test it on, and assertions."""

    def __init__(self, under_test: Callable[[date], list[dict]]):
        super().__init__()
        self._under_test = under_test
        self._counting = connection.force_debug_cursor
        self.counted_fixture = False  # made inside a block that counts queries
        self.sizes: list[int] = []  # of each make()
        self.sent: list[int] = []  # queries of each board()

    def make(self, flights: int) -> date:
        """Create `flights` flights on a day of their own, two subscriptions each (one active)."""
        if type(flights) is not int or not 0 <= flights <= 200:
            raise ValueError("make() takes a number of flights from 0 to 200")
        self.sizes.append(flights)
        # Django's own query counters set this flag, and so do those that stand on them.
        self.counted_fixture |= connection.force_debug_cursor and not self._counting
        day = date(2030, 1, 1) + timedelta(days=len(self.sizes))
        model = of(DAY).exclude(plane=None)[0]
        planes = models().Plane.objects.order_by("tail_number")[:flights]
        made = []
        for number, plane in enumerate(planes, start=1):
            model.pk, model.day, model.number, model.plane = None, day, number, plane
            model.save(force_insert=True)
            made.append(model.pk)
        models().Subscription.objects.bulk_create(
            models().Subscription(subscriber=person, flight_id=flight, active=active)
            for flight in made
            for active, person in enumerate(models().Subscriber.objects.order_by("id")[:2])
        )
        return day

    def board(self, day: date) -> list[dict]:
        """The board of `day`, made by the code under test."""
        with recorded() as statements:
            rows = self._under_test(day)
        self.sent.append(len(statements))
        return rows


def active() -> "QuerySet[Subscription]":
    return models().Subscription.objects.filter(active=True)


def rows_of(flights: "QuerySet[Flight]") -> list[dict]:
    return [row(f, [s.subscriber.email for s in f.followed]) for f in flights]


def keys(day: date) -> "QuerySet[Flight]":
    return of(day).select_related("airline", "destination", "plane")


def followed(found: "QuerySet[Subscription]") -> Prefetch:
    return Prefetch("subscriptions", found, to_attr="followed")


def good(day: date) -> list[dict]:
    return rows_of(keys(day).prefetch_related(followed(active().select_related("subscriber"))))


def also_good(day: date) -> list[dict]:
    return rows_of(keys(day).prefetch_related(followed(active().prefetch_related("subscriber"))))


def naive(day: date) -> list[dict]:
    return [row(flight, addresses(flight)) for flight in of(day)]


def filters_in_the_loop(day: date) -> list[dict]:
    return [row(flight, addresses(flight)) for flight in keys(day)]


def defers_the_key(day: date) -> list[dict]:
    found = active().select_related("subscriber").only("active", "subscriber__email")
    return rows_of(keys(day).prefetch_related(followed(found)))


def counts_in_the_loop(day: date) -> list[dict]:
    flights = list(keys(day).prefetch_related(followed(active().select_related("subscriber"))))
    pairs = zip(rows_of(flights), flights, strict=True)
    return [cells | {"all": flight.subscriptions.count()} for cells, flight in pairs]


MUTANTS = {
    "the naive board": naive,
    "the board that filters in the loop": filters_in_the_loop,
    "the board that defers the key": defers_the_key,
    "the board that counts in the loop": counts_in_the_loop,
}


def passes(answer: Any, under_test: Callable) -> tuple[bool, Case]:
    """Whether the reader's test lets `under_test` through, and the case it was given."""
    case = Case(under_test)

    def run() -> bool:
        try:
            answer(case)
        except AssertionError:
            return False
        return True

    if not callable(answer):
        call(answer)
    with untouched():
        return call(run), case


@exercise("data/orm-django/test_board")
def test_board(answer: Any) -> str:
    """`test_board(case)`: passes for a good board, fails for four bad ones."""
    passed, case = passes(answer, good)
    if not case.sizes:
        raise Hint("your test makes no flights: case.make(n) gives the day to hand to case.board")
    if case.counted_fixture:
        raise Hint(
            "your fixture's queries were counted: call case.make() before the block that counts"
        )
    if not passed:
        raise Hint("your test fails on a good board: two queries for any number of flights")
    survivors = {}
    for name, mutant in MUTANTS.items():
        passed, case = passes(answer, mutant)
        if passed:
            survivors[name] = case
    for name, case in survivors.items():
        if max(case.sizes, default=0) == 1:
            raise Hint(f"with one row the bad board passes too: {name}")
        raise Hint(
            f"{name} passes for N = {max(case.sizes, default=0)}, with "
            f"{max(case.sent, default=0)} queries; what of a good board does not depend on N?"
        )
    verdict = f"it passes a good board and fails {len(MUTANTS)} bad ones"
    if not passes(answer, also_good)[0]:
        verdict += (
            "; but which change that is no regression would break you? "
            "One query more, the same for any N, does"
        )
    return verdict


# --- totals --------------------------------------------------------------------------------------

Totals = dict[str, tuple[int, int, int]]


def true_totals(day: date) -> Totals:
    sums: Totals = {}
    for flight in of(day).prefetch_related("subscriptions"):
        flights, miles, followers = sums.get(flight.airline_id, (0, 0, 0))
        more = len(flight.subscriptions.all())
        sums[flight.airline_id] = (flights + 1, miles + flight.distance, followers + more)
    return sums


@exercise("data/orm-django/totals")
def totals(answer: Any) -> str:
    """`totals(day)`: (flights, miles, subscriptions) by the code of each airline that flew."""
    statements = compare_day(answer, DAY)
    with on(f"{QUIET_DAY}, when nobody follows a flight"):
        compare_day(answer, QUIET_DAY)
    if len(statements) > MOST:
        raise Hint(f"every number is right, but it took {len(statements)} queries; at most {MOST}")
    took = f"{len(statements)} {'query' if len(statements) == 1 else 'queries'}"
    return f"two days, {len(true_totals(DAY))} airlines on the first, every number right, in {took}"


def compare_day(answer: Any, day: date) -> list[str]:
    """Raise the Hint that names the first thing that is wrong with `day`; else its statements."""
    with connection.execute_wrapper(refuse_second_join):
        got, statements = asked(answer, day)
    if type(got) is not dict or any(type(v) is not tuple or len(v) != 3 for v in got.values()):
        raise Hint("a dict is asked for: code -> (flights, miles, subscriptions)")
    truth = true_totals(day)
    if wrong := set(truth) ^ set(got):
        which = sorted(map(str, wrong))[0]
        raise Hint(f"{which} is {'missing' if which in truth else 'no airline that flew that day'}")
    for code in sorted(truth, key=truth.get):  # HA, whose one flight shows it best, comes first
        compare_totals(day, code, got[code], truth[code])
    return statements


def refuse_second_join(execute: Callable, sql: str, *rest: Any) -> Any:
    """Raise a Hint ahead of a statement that would multiply a year's flights by a day's.

    SQLite works on such a statement for minutes and cannot be interrupted. In a subquery, where
    Django's aliases begin with U, a join of its own is no fault.
    """
    if len(re.findall(r'JOIN "departures_flight"(?: T\d+)? ON', sql)) > 1:
        raise Hint(
            "one statement joins the flights twice, so each flight is counted once for each other "
            "one: filter() after annotate() makes a join of its own, to flights of any day"
        )
    return execute(sql, *rest)


def compare_totals(day: date, code: str, got: tuple, want: tuple[int, int, int]) -> None:
    flights, miles, followers = want
    distances = of(day).filter(airline=code).values_list("distance", flat=True)
    if got[0] == followers > flights and followers % flights == 0:
        raise Hint(
            f"{code} has {followers // flights} times its flights: "
            "each flight is counted once for each of its subscriptions"
        )
    if got[1] == sum(set(distances)) < miles:
        raise Hint(f"{code}: equal distances were merged, {got[1]:,} miles of {miles:,} are left")
    for what, have, right in zip(("flights", "miles", "subscriptions"), got, want, strict=True):
        if type(have) is not int or have != right:
            times = f", {have / right:.3g} times too many" if _inflated(have, right) else ""
            raise Hint(f"{code} has {right:,} {what}, not {have!r}{times}")


def _inflated(have: Any, right: int) -> bool:
    return type(have) is int and right > 0 and have > right
