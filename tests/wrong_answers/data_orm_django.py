"""Wrong answers to the exercises of `data/orm-django`: label -> (answer, part of its hint)."""

from datetime import date
from typing import TYPE_CHECKING, Any

from django.db import connection
from django.db.models import Count, Prefetch, QuerySet, Sum
from django.test.utils import CaptureQueriesContext

from nexus.exercises.data_orm_django import models

if TYPE_CHECKING:
    from departures.models import Airline, Flight, Subscription


def flights(day: date) -> "QuerySet[Flight]":
    return models().Flight.objects.filter(day=day).order_by("scheduled_departure", "id")


def active() -> "QuerySet[Subscription]":
    return models().Subscription.objects.filter(active=True).select_related("subscriber")


def shown(flight: "Flight", subscriptions: Any) -> dict[str, Any]:
    return {
        "flight": f"{flight.airline_id} {flight.number}",
        "airline": flight.airline.name,
        "destination": str(flight.destination),
        "plane": flight.plane.model if flight.plane else None,
        "subscribers": sorted(s.subscriber.email for s in subscriptions),
    }


def good(found: "QuerySet[Flight]", subscriptions: "QuerySet[Subscription]") -> list[dict]:
    followed = Prefetch("subscriptions", subscriptions, to_attr="followed")
    return [shown(f, f.followed) for f in found.prefetch_related(followed)]


def named(day: date) -> "QuerySet[Flight]":
    return flights(day).select_related("airline", "destination", "plane")


def bare_select_related(day: date, limit: int) -> list[dict]:
    return good(flights(day).select_related()[:limit], active())


def filters_in_the_loop(day: date, limit: int) -> list[dict]:
    found = named(day)[:limit].prefetch_related("subscriptions__subscriber")
    return [shown(f, f.subscriptions.filter(active=True)) for f in found]


def no_prefetch(day: date, limit: int) -> list[dict]:
    return [shown(f, active().filter(flight=f)) for f in named(day)[:limit]]


def inner_filter(day: date, limit: int) -> list[dict]:
    return good(named(day).filter(plane__seats__gt=0)[:limit], active())


def filter_across(day: date, limit: int) -> list[dict]:
    return good(named(day).filter(subscriptions__active=True)[:limit], active())


def everybody(day: date, limit: int) -> list[dict]:
    everyone = models().Subscription.objects.select_related("subscriber")
    return good(named(day)[:limit], everyone)


def defers_the_key(day: date, limit: int) -> list[dict]:
    return good(named(day)[:limit], active().only("subscriber__email"))


def two_hops(day: date, limit: int) -> list[dict]:
    found = named(day)[:limit].prefetch_related("subscriptions__subscriber")
    return [shown(f, (s for s in f.subscriptions.all() if s.active)) for f in found]


def cuts_in_python(day: date, limit: int) -> list[dict]:
    return good(named(day), active())[:limit]


def always_that_day(day: date, limit: int) -> list[dict]:
    return good(named(date(2013, 2, 14))[:limit], active())


def fifty_at_most(day: date, limit: int) -> list[dict]:
    return good(named(day)[: min(limit, 50)], active())


def in_chunks(day: date, limit: int) -> list[dict]:
    followed = Prefetch("subscriptions", active(), to_attr="followed")
    found = named(day)[:limit].prefetch_related(followed).iterator(chunk_size=100)
    return [shown(f, f.followed) for f in found]


def four_queries(day: date, limit: int) -> list[dict]:
    found = flights(day).select_related("airline", "destination")[:limit]
    subscriptions = models().Subscription.objects.filter(active=True).prefetch_related("subscriber")
    return good(found.prefetch_related("plane"), subscriptions)


def names_only(day: date, limit: int) -> list[dict]:
    rows = good(named(day)[:limit], active())
    airports = [f.destination.name for f in named(day)[:limit]]
    return [row | {"destination": name} for row, name in zip(rows, airports, strict=True)]


def cost(call: str, flights: int, planeless: int) -> int:
    return {
        "airline": 1 + flights,
        "plane": 1 + flights - planeless,
        "select_related() + plane": 1 + flights - planeless,
        "prefetch_related('plane') + plane": 2,
        "prefetched all()": 2,
        "prefetched count()": 2,
        "prefetched filter()": 2 + flights,
        "prefetched first()": 2 + flights,
        "only('number') + airline_id": 1 + flights,
        "only('number') + airline": 1 + 2 * flights,
    }[call]


def cost_but(name: str, wrong: Any) -> Any:
    """`cost`, with another idea of one call."""

    def answer(call: str, flights: int, planeless: int) -> Any:
        return wrong(flights, planeless) if call == name else cost(call, flights, planeless)

    return answer


def queries_of(case: Any, size: int) -> int:
    day = case.make(size)
    with CaptureQueriesContext(connection) as sent:
        case.board(day)
    return len(sent)


def one_row(case: Any) -> None:
    assert queries_of(case, 1) <= 2


def below_a_hundred(case: Any) -> None:
    assert queries_of(case, 5) < 100


def always_fails(case: Any) -> None:
    assert queries_of(case, 3) == 1


def counts_its_fixture(case: Any) -> None:
    with case.assertNumQueries(2):
        case.board(case.make(20))


def makes_nothing(case: Any) -> None:
    assert case.board(date(2013, 2, 14))[0]["airline"] == "US Airways Inc."


def looks_at_rows_only(case: Any) -> None:
    assert len(case.board(case.make(4))) == 4


def airlines(day: date) -> "QuerySet[Airline]":
    return models().Airline.objects.filter(flights__day=day)


def totals_with(**columns: Any) -> Any:
    def answer(day: date) -> dict[str, tuple]:
        rows = airlines(day).annotate(**columns).values_list("code", "n", "miles", "followers")
        return {code: tuple(rest) for code, *rest in rows}

    return answer


def joins_from_the_subscriptions(day: date) -> dict[str, tuple]:
    rows = {}
    for subscription in (
        models().Subscription.objects.filter(flight__day=day).select_related("flight")
    ):
        seen = rows.setdefault(subscription.flight.airline_id, [set(), 0])
        seen[0].add((subscription.flight_id, subscription.flight.distance))
        seen[1] += 1
    return {code: (len(f), sum(d for _, d in f), n) for code, (f, n) in rows.items()}


def one_query_each(day: date) -> dict[str, tuple]:
    rows = {}
    for airline in airlines(day).distinct():
        own = airline.flights.filter(day=day)
        miles = own.aggregate(miles=Sum("distance"))["miles"]
        followers = models().Subscription.objects.filter(flight__in=own).count()
        rows[airline.code] = (own.count(), miles, followers)
    return rows


def two_queries(day: date, people: Any) -> dict[str, tuple]:
    """Right but for the subscriptions: `people` makes them of a dict and a code."""
    flown = flights(day).order_by().values("airline").annotate(n=Count("pk"), miles=Sum("distance"))
    subscriptions = models().Subscription.objects.filter(flight__day=day)
    followed = dict(subscriptions.values_list("flight__airline").annotate(n=Count("pk")))
    return {f["airline"]: (f["n"], f["miles"], people(followed, f["airline"])) for f in flown}


def filters_after(day: date) -> dict[str, tuple]:
    counted = models().Airline.objects.annotate(n=Count("flights"), miles=Sum("flights__distance"))
    return {a.code: (a.n, a.miles, 0) for a in counted.filter(flights__day=day)}


def all_airlines(day: date) -> dict[str, tuple]:
    return one_query_each(day) | {"ZZ": (0, 0, 0)}


def lists(day: date) -> dict[str, list]:
    return {code: list(row) for code, row in one_query_each(day).items()}


EXERCISES = {
    "board": {
        "select_related()": (bare_select_related, "nullable FKs are not followed"),
        "filter(active=True) in the loop": (filters_in_the_loop, "one more than without"),
        "no prefetch": (no_prefetch, "read subscription, one for each row"),
        "an INNER filter": (inner_filter, "are gone, all of them without a plane"),
        "filter() across the relation": (filter_across, "gives a row for each match"),
        "inactive subscribers too": (everybody, "not active are on the board"),
        "only() without the key": (defers_the_key, "asked for their own key"),
        "a prefetch of two hops": (two_hops, "SQLite refuses the chain"),
        "the whole day, cut in Python": (cuts_in_python, "slice the queryset instead"),
        "always the same day": (always_that_day, "2013-02-15: these are the flights of 2013-02-14"),
        "fifty at most": (fifty_at_most, "flights of the day: "),
        "in chunks": (in_chunks, "11 queries, and 2 for a few"),
        "four queries": (four_queries, "are enough"),
        "an airport without a name": (names_only, "an unknown airport has no name"),
        "a list of models": (lambda day, limit: flights(day)[:limit], "plain data is asked for"),
        "not a list": (lambda day, limit: {}, "a list of dicts is asked for"),
    },
    "cost": {
        "2 for first()": (cost_but("prefetched first()", lambda n, p: 2), "so first() sorts"),
        "2 for filter()": (cost_but("prefetched filter()", lambda n, p: 2), "knows of no cache"),
        "51 for the airline": (
            cost_but("only('number') + airline", lambda n, p: 1 + n),
            "13 queries, not 7: the key itself was deferred",
        ),
        "1 for select_related()": (
            cost_but("select_related() + plane", lambda n, p: 1),
            "without names it leaves nullable foreign keys out",
        ),
        "a null costs a query": (
            cost_but("plane", lambda n, p: 1 + n),
            "a null foreign key costs nothing",
        ),
        "count() is not cached": (
            cost_but("prefetched count()", lambda n, p: 2 + n),
            "counts the cache",
        ),
        "a text": (lambda call, flights, planeless: "1 + N", "as an int"),
        "zero": (lambda call, flights, planeless: 0, "queries, not 0"),
    },
    "test_board": {
        "one row": (one_row, "with one row the bad board passes too"),
        "assertLess(queries, 100)": (below_a_hundred, "passes for N = 5"),
        "fails on a good board": (always_fails, "fails on a good board"),
        "a fixture in the block": (counts_its_fixture, "your fixture's queries were counted"),
        "makes no flights": (makes_nothing, "makes no flights"),
        "looks at the rows only": (looks_at_rows_only, "passes for N = 4"),
    },
    "totals": {
        "one annotate with two joins": (
            totals_with(
                n=Count("flights"),
                miles=Sum("flights__distance"),
                followers=Count("flights__subscriptions"),
            ),
            "HA has 4 times its flights",
        ),
        "distinct on Count only": (
            totals_with(
                n=Count("flights", distinct=True),
                miles=Sum("flights__distance"),
                followers=Count("flights__subscriptions"),
            ),
            "miles, not 19932, 4 times too many",
        ),
        "distinct on Sum": (
            totals_with(
                n=Count("flights", distinct=True),
                miles=Sum("flights__distance", distinct=True),
                followers=Count("flights__subscriptions"),
            ),
            "equal distances were merged",
        ),
        "from the subscriptions": (joins_from_the_subscriptions, "flights, not"),
        "a query for each airline": (one_query_each, "at most 3"),
        "an airline too many": (all_airlines, "ZZ is no airline that flew"),
        "followed[code]": (
            lambda day: two_queries(day, lambda followed, code: followed[code]),
            "when nobody follows a flight: your code raised KeyError",
        ),
        "a null, not a zero": (
            lambda day: two_queries(day, lambda followed, code: followed.get(code)),
            "0 subscriptions, not None",
        ),
        "filter() after annotate()": (filters_after, "joins the flights twice"),
        "lists": (lists, "code -> (flights, miles, subscriptions)"),
    },
}
