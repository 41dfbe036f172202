"""Checks of `apis/rest`, and the plumbing of its page. All of it runs on SQLite, and is undone."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, connection, transaction
from django.test import override_settings

from nexus.exercises import Hint, call, exercise, plain
from nexus.exercises._django import models, recorded
from nexus.exercises._django import untouched as undone
from nexus.measure import reads, shape

if TYPE_CHECKING:
    from django.db.models import Model, QuerySet

    from departures.models import Flight

DAY = date(2013, 2, 14)
SIZES = (10, 50, 200)
MANY = {"get": "list", "post": "create"}
ONE = {"get": "retrieve", "put": "update", "patch": "partial_update", "delete": "destroy"}


def send(view: Any, line: str, body: Any = None, **headers: str) -> Any:
    """What a view set answers to a request line such as "PATCH /17", without a network.

    A line that names a row asks for `retrieve`, `update` and so on; else `list` and `create`. An
    exception that nobody catches is a 500, as a server makes of it.
    """
    from rest_framework.response import Response
    from rest_framework.test import APIRequestFactory

    method, path = line.split()
    sent = "" if body is None else json.dumps(body)
    kind = "application/json"
    request = APIRequestFactory().generic(method, path, sent, kind, headers=headers)
    key = path[1:].partition("?")[0]
    answers = view.as_view(ONE if key else MANY)
    try:
        return answers(request, **({"pk": key} if key else {})).render()
    except Exception as error:
        if connection.in_atomic_block:  # SQLite has undone the statement that failed, and no more
            transaction.set_rollback(False)
        return Response({"detail": type(error).__name__}, status=500)


@contextmanager
def meanwhile(look: str, act: Callable[[], Any]) -> Iterator[None]:
    """`act` happens once in the block: right behind the first statement in which `look` stands.

    So somebody else comes between a look into the database and what is done upon it. It is one
    interleaving of two requests, always the same one, and on one connection.
    """
    done: list[str] = []

    def note(execute: Callable, sql: str, *rest: Any) -> Any:
        result = execute(sql, *rest)
        if look in sql and not done:
            done.append(sql)
            act()
        return result

    with connection.execute_wrapper(note):
        yield


def walk(
    view: Any,
    change: Callable[[int, list[int]], Any] = lambda number, ids: None,
    most: int = 200,
) -> list[int]:
    """Ids as a client gets them who follows `next` from page to page, at most `most` of them.

    `change(number, ids)` happens after each page: its number, and all ids delivered until then.
    """
    ids, path = [], "/"
    for number in range(1, most + 1):
        page = send(view, f"GET {path}").data
        ids += [row["id"] for row in page["results"]]
        change(number, ids)
        if not page["next"]:
            break
        path = page["next"].removeprefix("http://testserver")
    return ids


# --- board ---------------------------------------------------------------------------------------

FIELDS = ("flight", "airline", "to", "plane", "followers")


def of_the_day() -> "QuerySet[Flight]":
    return models().Flight.objects.filter(day=DAY).order_by("scheduled_departure", "id")


def true_row(flight: "Flight") -> dict[str, Any]:
    return {
        "flight": f"{flight.airline_id} {flight.number}",
        "airline": flight.airline.name,
        "to": {"code": flight.destination.code, "name": flight.destination.name},
        "plane": flight.plane.model if flight.plane else None,
        "followers": flight.subscriptions.filter(active=True).count(),
    }


@cache
def true_rows() -> list[dict[str, Any]]:
    chosen = of_the_day().select_related("airline", "destination", "plane")
    return [true_row(flight) for flight in chosen[: max(SIZES)]]


@exercise("apis/rest/board")
def board(answer: Any) -> str:
    """A serializer class with a static method `eager(flights)`: equal JSON in two queries."""
    truth, counts = true_rows(), {}
    if not isinstance(answer, type) or not callable(getattr(answer, "eager", None)):
        raise Hint("a serializer class with a method `eager(flights)` is asked for")
    for size in SIZES:
        with undone(), recorded() as statements:
            flights = call(answer.eager, of_the_day())
            if not hasattr(flights, "_fetch_all"):
                raise Hint("`eager` gives a queryset: it says what is fetched, and fetches nothing")
            if statements:
                raise Hint("`eager` asks the database itself; it only prepares the queryset")
            rows = plain(call(data, answer, flights[:size]), limit=20_000)
        check_rows(rows, truth[:size])
        counts[size] = len(statements)
        if counts[size] > 2:
            raise Hint(f"{counts[size]} queries for {size} flights: {culprit(statements)}")
    followed_anew(answer)
    most = max(counts.values())
    return f"the same JSON in {most} {'query' if most == 1 else 'queries'} for {SIZES} flights"


def followed_anew(answer: Any) -> None:
    """Somebody follows a flight between two requests: the second answer must know of it."""
    with undone():
        flight, there = of_the_day()[0], models()
        taken = flight.subscriptions.values("subscriber")
        someone = there.Subscriber.objects.exclude(pk__in=taken)[0]
        there.Subscription.objects.create(subscriber=someone, flight=flight)
        rows = plain(call(data, answer, call(answer.eager, of_the_day())[:1]))
        check_rows(rows, [true_row(flight)], "; somebody has followed it since the last request")


def data(serializer_class: Any, flights: Any) -> Any:
    return serializer_class(flights, many=True).data


def check_rows(rows: Any, truth: list[dict[str, Any]], since: str = "") -> None:
    """Raise the Hint that names the first thing that is wrong with `rows`."""
    if type(rows) is not list or any(type(row) is not dict for row in rows):
        raise Hint("the serializer gives one dict for each flight")
    if len(rows) != len(truth):
        raise Hint(f"{len(rows)} rows for {len(truth)} flights: `eager` has lost or repeated some")
    for row, want in zip(rows, truth, strict=True):
        if missing := [name for name in FIELDS if name not in row]:
            reason = (
                "; a flight without a plane has no `plane.model`, and a read-only field skips what "
                "it cannot find"
                if missing == ["plane"]
                else ""
            )
            raise Hint(f"{want['flight']} has no {missing[0]!r}{reason}")
        if more := sorted(set(row) - set(FIELDS)):
            raise Hint(f"a row has {more[0]!r}, which nobody asked for")
        if row["flight"] != want["flight"] and row["flight"] in [one["flight"] for one in truth]:
            raise Hint("other flights, or in another order: `eager` has lost or repeated some")
        if wrong := [name for name in FIELDS if row[name] != want[name]]:
            name = wrong[0]
            raise Hint(
                f"{want['flight']}: {name} must be {want[name]!r}, and is {row[name]!r}{since}"
            )


def culprit(statements: list[str]) -> str:
    """The statement that is repeated for each row, and why it is."""
    text, times = Counter(map(shape, statements)).most_common(1)[0]
    if 'FROM "departures_subscription"' in text and '"departures_subscription"."id" = ' in text:
        return "each subscription is asked for a column that only() left out"
    if 'FROM "departures_subscription"' in text and any('"flight_id" IN' in s for s in statements):
        return "the prefetch runs, and then the field asks each flight anew with another query"
    if 'FROM "departures_flight"' in text and '"departures_flight"."id" = ' in text:
        return f"{times} flights are asked for a column that only() left out"
    if times == 1:
        return "the same for any number of rows, but two are enough"
    table = text.partition('FROM "departures_')[2].partition('"')[0] or "some table"
    return f"{times} of them read {table}, one for each row"


# --- after ---------------------------------------------------------------------------------------

DEEP, PAGE = 20_000, 20
STEPS = 40  # times the steps of the first page that a deep one may take
NOON = datetime(2031, 5, 1, 12, tzinfo=UTC)


def made(number: int, minute: int) -> "Flight":
    """A flight of 2031, stored; many of them leave in one minute."""
    flight = models().Flight.objects.order_by("id")[0]
    flight.pk, flight.number, flight.day = None, number, date(2031, 5, 1)
    flight.scheduled_departure = NOON + timedelta(minutes=minute)
    flight.save(force_insert=True)
    return flight


def one_page(answer: Any, flights: Any, cursor: Any, size: int) -> tuple[list[int], Any]:
    """Ids and the next cursor, which has gone through JSON as in a link."""
    got = call(answer, flights, cursor, size)
    if type(got) is not tuple or len(got) != 2:
        raise Hint("a tuple of two is asked for: the rows of the page, and the next cursor or None")
    rows, following = got
    if type(rows) is not list and not hasattr(rows, "_fetch_all"):
        raise Hint("the first of the two is a list of flights")
    ids = plain([getattr(row, "pk", None) for row in call(list, rows)], limit=DEEP + PAGE)
    if len(ids) > size:
        raise Hint(f"{len(ids)} rows on a page of {size}")
    if any(type(pk) is not int for pk in ids):
        raise Hint("the rows are flights, as they come from the queryset")
    following = plain(following)
    try:
        return ids, json.loads(json.dumps(following))
    except TypeError:
        raise Hint(
            "a cursor travels in a link: text, numbers and lists of them, nothing that JSON lacks"
        ) from None


def walked(
    answer: Any, flights: Any, size: int, changes: dict[int, Callable[[], Any]] | None = None
) -> list[int]:
    """Ids in the order of delivery; `changes` happen after the pages of these numbers."""
    seen: list[int] = []
    cursor, number, most = None, 0, flights.count() // size + 20
    while number == 0 or cursor is not None:
        ids, cursor = one_page(answer, flights.all(), cursor, size)
        seen += ids
        number += 1
        if number > most:
            raise Hint(f"the walk has not ended after {most} pages: None comes with the last one")
        if changes and number in changes:
            changes[number]()
    return seen


@exercise("apis/rest/after")
def after(answer: Any) -> str:
    """`after(flights, cursor, size)`: pages by (scheduled_departure, id), each flight once."""
    day = of_the_day()
    want = list(day.values_list("id", flat=True))
    ties = Counter(day.values_list("scheduled_departure", flat=True)).most_common(1)[0][1]
    with undone():
        exactly(walked(answer, models().Flight.objects.filter(day=DAY), PAGE), want, ties)
        exactly(walked(answer, models().Flight.objects.filter(day=DAY), 7), want, ties)
    moving(answer)
    ends(answer, len(want))
    deep(answer)
    return (
        f"{len(want)} flights, up to {ties} of them in one minute, each exactly once, also while "
        "the list moves, and a page deep in the year costs no more than the first"
    )


def exactly(seen: list[int], want: list[int], ties: int) -> None:
    if lost := set(want) - set(seen):
        raise Hint(
            f"{len(lost)} of {len(want)} flights are lost: up to {ties} leave in one minute, and "
            "a page may end between them"
        )
    if len(seen) > len(set(seen)):
        raise Hint(f"{len(seen) - len(set(seen))} flights come twice: where does the page begin?")
    if seen != want:
        raise Hint("each flight once, but not in the order (scheduled_departure, id)")


def ends(answer: Any, flights: int) -> None:
    """None comes with the last page also where that is a full one."""
    day = models().Flight.objects.filter(day=DAY)
    for pages in (1, 4):
        cursor = None
        for _ in range(pages):
            _, cursor = one_page(answer, day.all(), cursor, flights // pages)
        if cursor is not None:
            raise Hint("a full page was the last, and yet a cursor came with it: to an empty page")


def moving(answer: Any) -> None:
    """Flights come and go before and behind the cursor, all of them with ties."""
    with undone():
        flights = [made(number, minute=number // 9) for number in range(60)]
        chosen = models().Flight.objects.filter(day=date(2031, 5, 1))
        gone = {flights[3].pk, flights[55].pk}

        def change() -> None:
            for number, minute in ((100, -1), (101, 0), (102, -2)):
                made(number, minute)
            models().Flight.objects.filter(pk__in=gone).delete()

        def delete_the_last() -> None:
            models().Flight.objects.filter(pk=flights[14].pk).delete()

        seen = walked(answer, chosen, 5, {2: change, 3: delete_the_last})
        stayed = {flight.pk for flight in flights} - gone - {flights[14].pk}
        if lost := stayed - set(seen):
            raise Hint(f"{len(lost)} flights are lost when others come and go behind the cursor")
        if len(seen) > len(set(seen)):
            raise Hint("flights come twice when others are inserted before the cursor")


def deep(answer: Any) -> None:
    """A page after twenty thousand flights costs no more than one after twenty."""
    everything = models().Flight.objects.all()
    connection.ensure_connection()
    cost = {}
    for name, size in (("near", PAGE), ("deep", DEEP)):
        with undone():
            _, cursor = one_page(answer, everything.all(), None, size)
            if cursor is None:
                raise Hint("the year has more flights than one page; the cursor is None too early")
            with reads(connection) as work:
                ids, _ = one_page(answer, everything.all(), cursor, PAGE)
            cost[name] = work.steps
            want = everything.order_by("scheduled_departure", "id")[size : size + PAGE]
            if ids != [flight.pk for flight in want]:
                raise Hint("a page after a large first one is not the right one")
    if cost["deep"] > STEPS * cost["near"] or cost["near"] > 20_000:
        times = max(cost.values()) // 500
        raise Hint(
            f"the page after {DEEP:,} flights walks through far too many rows (some {times} times "
            "the work of a page): an offset, or a condition by which SQLite cannot enter the index"
        )


# --- strict --------------------------------------------------------------------------------------


def status(view: Any, query: str) -> tuple[int, Any]:
    """The status of a list request, and its data."""
    answer = send(view, f"GET /?{query}")
    return answer.status_code, plain(answer.data, limit=50_000)


def filtering() -> tuple[Any, Any]:
    """A FilterSet with a range, and a view factory over it."""
    import django_filters
    from rest_framework import pagination, renderers, serializers, viewsets

    class Delays(django_filters.FilterSet):
        distance = django_filters.RangeFilter()
        flown = django_filters.DateFromToRangeFilter(field_name="day")

        Meta = type(
            "Meta",
            (),
            {
                "model": models().Flight,
                "fields": {"origin": ["exact"], "departure_delay": ["gte", "lt"]},
            },
        )

    class Row(serializers.ModelSerializer):
        class Meta:
            model = models().Flight
            fields = ("id",)

    made_of = {
        "offset": (pagination.LimitOffsetPagination, {"default_limit": 5}),
        "number": (
            pagination.PageNumberPagination,
            {"page_size": 5, "page_size_query_param": "size"},
        ),
        "cursor": (pagination.CursorPagination, {"page_size": 5, "ordering": "id"}),
    }
    from django_filters.rest_framework import DjangoFilterBackend

    def view(filterset: Any, pages: str | None) -> Any:
        paginator = None
        if pages:
            base, options = made_of[pages]
            paginator = type("Pages", (base,), options)
        return type(
            "View",
            (viewsets.ModelViewSet,),
            {
                "authentication_classes": [],
                "permission_classes": [],
                "throttle_classes": [],
                "versioning_class": None,
                "renderer_classes": [renderers.JSONRenderer],
                "queryset": of_the_day(),
                "serializer_class": Row,
                "filter_backends": [DjangoFilterBackend],
                "filterset_class": filterset,
                "pagination_class": paginator,
            },
        )

    return Delays, view


GOOD = (
    ("offset", "origin=JFK&limit=3&offset=3"),
    ("offset", "departure_delay__gte=30&departure_delay__lt=60"),
    ("number", "origin=EWR&page=2&size=4"),
    ("cursor", "origin=LGA&cursor=cD0xMjI2MDA="),
    (None, "origin=JFK&distance_min=500&distance_max=900"),
    (None, "flown_after=2013-02-14&flown_before=2013-02-14&origin=JFK"),
    (None, ""),
)
BAD = (
    ("offset", "orign=JFK", ("orign",)),
    ("offset", "departure_delay=30", ("departure_delay",)),
    ("number", "origin=JFK&limit=3", ("limit",)),
    ("cursor", "page=2", ("page",)),
    (None, "distance=500", ("distance",)),
    (None, "flown_min=2013-02-14", ("flown_min",)),
    (None, "cursor=x&origin=JFK", ("cursor",)),
    (None, "_orign=JFK", ("_orign",)),
    (None, "orign=JFK&carier=UA", ("orign", "carier")),
)


@exercise("apis/rest/strict")
def strict(answer: Any) -> str:
    """`strict(filterset_class)`: a class that refuses unknown parameters with 400."""
    models()
    with override_settings(REST_FRAMEWORK={}), undone():
        base, view = filtering()
        made_strict = call(answer, base)
        if not isinstance(made_strict, type) or not issubclass(made_strict, base):
            raise Hint("`strict` gives a class made of the FilterSet that it was given")
        for pages, query in GOOD:
            code, data = status(view(made_strict, pages), query)
            want, expected = status(view(base, pages), query)
            if code == 400:
                raise Hint(f"?{query} is refused, and {kind_of(pages, query)}")
            if (code, data) != (want, expected):
                raise Hint(
                    f"?{query} answers {code}, and not what it did without `strict`: {short(data)}"
                )
        for pages, query, names in BAD:
            code, data = status(view(made_strict, pages), query)
            if code == 200:
                raise Hint(f"?{query} still answers 200{unknown_here(pages, names[0])}")
            if code != 400:
                raise Hint(f"?{query} ends in {code}, 400 is asked for: {short(data)}")
            if unnamed := [name for name in names if name not in json.dumps(data)]:
                raise Hint(f"?{query} is refused, but the answer does not name {unnamed[0]!r}")
        code, _ = status(view(made_strict, None), "origin=XXX")
        if code != 400:
            raise Hint(f"?origin=XXX was refused without `strict`, and now it answers {code}")
        if status(view(base, None), "orign=JFK")[0] != 200:
            raise Hint("the FilterSet itself was changed; others use it, too")
    return f"{len(GOOD)} requests answer as before, and {len(BAD)} typos are refused by name"


def kind_of(pages: str | None, query: str) -> str:
    if "distance_min" in query or "flown_after" in query:
        return "a range filter reads two parameters: its name with a suffix of its widget each"
    if pages and ("limit" in query or "page" in query or "cursor" in query):
        return "the paginator of this view reads it"
    return "each parameter in it is known"


def unknown_here(pages: str | None, name: str) -> str:
    if name in ("limit", "page", "cursor"):
        kind = {None: "no pages", "number": "pages by number", "cursor": "pages by cursor"}[pages]
        return f": this view has {kind}, and nobody reads {name!r}"
    if name == "distance":
        return ": a range filter reads distance_min and distance_max, and nobody reads 'distance'"
    if name == "flown_min":
        return ": a range of dates has other suffixes, its widget knows them"
    if name == "departure_delay":
        return ": that is the name of a column, and no filter has it"
    return ", and nobody reads it"


def short(data: Any) -> str:
    return str(data)[:100]


# --- put -----------------------------------------------------------------------------------------


@cache
def appointment() -> "type[Model]":
    """The clinic's table: not migrated, made by `clinic` and gone after it."""
    from django.db.models import CharField, Model, PositiveSmallIntegerField, UniqueConstraint

    models()

    class Appointment(Model):
        """Somebody sees a doctor in a slot; the clinic knows it by doctor and slot."""

        doctor = CharField(max_length=20)
        slot = CharField(max_length=16)
        patient = CharField(max_length=40)
        minutes = PositiveSmallIntegerField(default=30)
        note = CharField(max_length=80, default="")

        class Meta:
            app_label = "clinic"
            constraints = (UniqueConstraint(fields=["doctor", "slot"], name="one_patient_a_slot"),)

        def __str__(self) -> str:
            return f"{self.doctor} {self.slot}"

    return Appointment


@contextmanager
def clinic() -> Iterator["type[Model]"]:
    """An empty clinic."""
    table = appointment()
    with undone():
        with connection.cursor() as sql:
            sql.execute(
                'CREATE TABLE "clinic_appointment" ("id" integer PRIMARY KEY AUTOINCREMENT, '
                '"doctor" text NOT NULL, "slot" text NOT NULL, "patient" text NOT NULL, '
                '"minutes" integer NOT NULL, "note" text NOT NULL, UNIQUE ("doctor", "slot"))'
            )
        yield table


WHERE = ("Okafor", "2026-12-01T09:00")
PUBLIC = ("doctor", "slot", "patient", "minutes", "note")


def put_once(answer: Any, table: Any, body: Any, where: tuple[str, str] = WHERE) -> tuple[int, Any]:
    """One call; a status as an int, and the representation."""
    got = plain(call(answer, table.objects.all(), *where, dict(body)))
    if type(got) is not tuple or len(got) != 2 or type(got[0]) is not int:
        raise Hint("a tuple of two is asked for: the status, and the appointment or the errors")
    return got


def stored(table: Any) -> list[dict[str, Any]]:
    return list(table.objects.order_by("id").values(*PUBLIC))


@exercise("apis/rest/put")
def put(answer: Any) -> str:
    """`put_appointment(appointments, doctor, slot, body)`: a PUT that keeps its word."""
    full = {"patient": "Ada Park", "minutes": 60, "note": "first visit"}
    replaced = {"doctor": WHERE[0], "slot": WHERE[1], "patient": "Ben Cole"} | DEFAULTS
    for times in (1, 2, 5):
        with clinic() as table:
            codes = [put_once(answer, table, full)[0] for _ in range(times)]
            if codes[0] != 201:
                raise Hint(f"the first PUT creates, which is 201 and not {codes[0]}")
            if len(stored(table)) != 1:
                raise Hint(f"{times} times the same PUT, and {len(stored(table))} appointments")
            if wrong := [code for code in codes[1:] if code != 200]:
                raise Hint(f"PUT again replaces, which is 200 and not {wrong[0]}")
            if stored(table) != [{"doctor": WHERE[0], "slot": WHERE[1]} | full]:
                raise Hint(f"after {times} times the same PUT, this is stored: {stored(table)[0]}")
    replaces(answer, full, replaced)
    refuses(answer, full)
    races(answer, full)
    return "1, 2 and 5 calls have one effect; it creates, replaces, refuses, and stands the race"


DEFAULTS = {"minutes": 30, "note": ""}


def replaces(answer: Any, full: dict, replaced: dict) -> None:
    with clinic() as table:
        put_once(answer, table, full)
        key = table.objects.get().pk
        code, said = put_once(answer, table, {"patient": "Ben Cole"})
        [row] = stored(table)
        if row["patient"] == full["patient"]:
            raise Hint("the second PUT, with another patient, has changed nothing")
        if kept := [name for name in ("minutes", "note") if row[name] == full[name]]:
            raise Hint(f"{kept[0]!r} was not in the body, and kept its value: PUT replaces all")
        if row != replaced or code != 200:
            raise Hint(f"after a PUT of the patient alone: {code}, {row}")
        if said != replaced:
            raise Hint(f"the answer shows the appointment as stored, {replaced}, not {short(said)}")
        if table.objects.get().pk != key:
            raise Hint("the appointment has another id now: whatever points at it is lost")
        again = {name: said[name] for name in ("patient", "minutes", "note")}
        if put_once(answer, table, again) != (200, replaced):
            raise Hint(f"what the answer gave, sent back as it is, must be taken: {short(again)}")
        widest = {"patient": "P" * 40, "minutes": 1, "note": "n" * 80}
        if put_once(answer, table, widest)[0] != 200:
            raise Hint(
                "forty letters of patient, one minute and eighty of note fit, and are refused"
            )
        put_once(answer, table, {"patient": "Ben Cole"})
        put_once(answer, table, {"patient": "Cy"}, (WHERE[0], "2026-12-01T09:30"))
        if len(stored(table)) != 2 or stored(table)[0] != replaced:
            raise Hint("another slot is another appointment, and leaves this one alone")


def refuses(answer: Any, full: dict) -> None:
    bad = {
        "no patient": ({"minutes": 20}, "patient"),
        "text for minutes": ({"patient": "Ben", "minutes": "soon"}, "minutes"),
        "minutes: 0": ({"patient": "Ben", "minutes": 0}, "minutes"),
        "minutes: 32768, more than the column holds": (
            {"patient": "Ben", "minutes": 32_768},
            "minutes",
        ),
        "a blank patient": ({"patient": ""}, "patient"),
        "41 letters of patient": ({"patient": "P" * 41}, "patient"),
        "81 letters of note": ({"patient": "Ben", "note": "n" * 81}, "note"),
        "an unknown field": ({"patient": "Ben", "minuts": 20}, "minuts"),
    }
    for what, (body, name) in bad.items():
        for before in ({}, full):
            with clinic() as table:
                if before:
                    put_once(answer, table, before)
                there = stored(table)
                code, said = put_once(answer, table, body)
                if code != 400:
                    raise Hint(f"{what}: {code}, and 400 is asked for")
                if type(said) is not dict or name not in said:
                    raise Hint(f"{what}: the errors do not name {name!r}")
                if stored(table) != there:
                    raise Hint(f"{what}: refused, and something was stored all the same")


def races(answer: Any, full: dict) -> None:
    """Somebody else creates the appointment after the answer has looked, and before its INSERT."""
    with clinic() as table:
        first: list[str] = []

        def rival(execute: Callable, sql: str, *rest: Any) -> Any:
            result = execute(sql, *rest)
            if "clinic_appointment" in sql and not first:
                first.append(sql)
                if not sql.startswith("INSERT"):
                    table.objects.create(doctor=WHERE[0], slot=WHERE[1], patient="Zoe", minutes=15)
            return result

        try:
            with connection.execute_wrapper(rival):
                code, _ = answer(table.objects.all(), *WHERE, dict(full))
        except IntegrityError:
            raise Hint("somebody creates it between your look and your INSERT: a 500") from None
        rows = stored(table)
        if len(rows) != 1 or rows[0]["patient"] != full["patient"] or code not in (200, 201):
            raise Hint(f"with two at once, {len(rows)} stored, and {code}: the later PUT wins, 200")
        if code == 201 and not first[0].startswith("INSERT"):
            raise Hint("somebody creates it after your look, and you replace it: 200, and not 201")
