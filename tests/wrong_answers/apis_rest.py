"""Wrong answers to the exercises of `apis/rest`: label -> (answer, part of its hint)."""

from collections import Counter
from datetime import datetime
from typing import Any

from django.db.models import Count, Prefetch, Q

from nexus.exercises.apis_rest import models

models()  # sets Django up, before anything of DRF is imported

from rest_framework import exceptions, serializers  # noqa: E402

ORDER = ("scheduled_departure", "id")


# --- board ---------------------------------------------------------------------------------------


class To(serializers.Serializer):
    code = serializers.CharField()
    name = serializers.CharField()


def board(eager: Any, **fields: Any) -> type:
    """A serializer with `eager`, the right fields, and `fields` in their place."""
    right = {
        "flight": serializers.SerializerMethodField(),
        "get_flight": lambda self, flight: f"{flight.airline_id} {flight.number}",
        "airline": serializers.CharField(source="airline.name"),
        "to": To(source="destination"),
        "plane": serializers.CharField(source="plane.model", default=None),
        "followers": serializers.IntegerField(),
    }
    return type("Board", (serializers.Serializer,), right | fields | {"eager": staticmethod(eager)})


def joined(flights: Any) -> Any:
    return flights.select_related("airline", "destination", "plane")


def counted(flights: Any, **only: Any) -> Any:
    return flights.annotate(followers=Count("subscriptions", **only))


ACTIVE = Q(subscriptions__active=True)


def right(flights: Any) -> Any:
    return counted(joined(flights), filter=ACTIVE)


def by_method(count: Any) -> dict[str, Any]:
    return {"followers": serializers.SerializerMethodField(), "get_followers": count}


def filter_of(self: Any, flight: Any) -> int:
    return flight.subscriptions.filter(active=True).count()


def of_prefetched(self: Any, flight: Any) -> int:
    return sum(one.active for one in flight.subscriptions.all())


def children_without_their_key(flights: Any) -> Any:
    active = models().Subscription.objects.only("active")
    return joined(flights).prefetch_related(Prefetch("subscriptions", active))


KNOWN: dict[int, int] = {}


def from_a_global(self: Any, flight: Any) -> int:
    """Followers as they were at the first request, for ever."""
    if not KNOWN:
        active = models().Subscription.objects.filter(active=True)
        KNOWN.update(Counter(active.values_list("flight", flat=True)))
    return KNOWN.get(flight.pk, 0)


BOARD = {
    "a dict filled once": (
        board(joined, **by_method(from_a_global)),
        "somebody has followed it since",
    ),
    "nothing is eager": (
        board(lambda flights: counted(flights, filter=ACTIVE)),
        "of them read",
    ),
    "select_related() without names": (
        board(lambda flights: counted(flights, filter=ACTIVE).select_related()),
        "of them read plane",
    ),
    "filter() on a prefetch": (
        board(
            lambda flights: joined(flights).prefetch_related("subscriptions"),
            **by_method(filter_of),
        ),
        "asks each flight anew",
    ),
    "only() without what is shown": (
        board(lambda flights: counted(flights, filter=ACTIVE).only("id")),
        "a column that only() left out",
    ),
    "only() without the children's key": (
        board(children_without_their_key, **by_method(of_prefetched)),
        "each subscription is asked for a column",
    ),
    "three queries": (
        board(
            lambda flights: flights.select_related("airline", "destination").prefetch_related(
                "plane", "subscriptions"
            ),
            **by_method(of_prefetched),
        ),
        "two are enough",
    ),
    "counts the inactive": (
        board(lambda flights: counted(joined(flights))),
        "followers must be",
    ),
    "filters away who has none": (
        board(lambda flights: counted(joined(flights).filter(ACTIVE))),
        "has lost or repeated",
    ),
    "no plane, no field": (
        board(right, plane=serializers.CharField(source="plane.model", read_only=True)),
        "a read-only field skips",
    ),
    "the code of the airline": (
        board(right, airline=serializers.CharField(source="airline_id")),
        "airline must be",
    ),
    "eager fetches": (board(lambda flights: len(flights) and flights), "asks the database itself"),
    "eager gives a list": (board(lambda flights: []), "gives a queryset"),
    "no eager": (type("Board", (serializers.Serializer,), {}), "with a method `eager(flights)`"),
}


# --- after ---------------------------------------------------------------------------------------


def seek(condition: Any, encode: Any = None) -> Any:
    """A seek by `condition(time, id)`."""

    def after(flights: Any, cursor: Any, size: int) -> tuple[list, Any]:
        flights = flights.order_by(*ORDER)
        if cursor:
            flights = flights.filter(condition(datetime.fromisoformat(cursor[0]), cursor[1]))
        found = list(flights[: size + 1])
        last = found[:size][-1] if found else None
        if len(found) <= size:
            return found, None
        return found[:size], [last.scheduled_departure.isoformat(), last.pk]

    return after


def offset(flights: Any, cursor: Any, size: int) -> tuple[list, Any]:
    start = cursor or 0
    found = list(flights.order_by(*ORDER)[start : start + size])
    return found, start + size if len(found) == size else None


def offset_in_disguise(flights: Any, cursor: Any, size: int) -> tuple[list, Any]:
    """Counts the rows before its place, and skips as many."""
    start = 0
    if cursor:
        then = datetime.fromisoformat(cursor[0])
        before = Q(scheduled_departure__lt=then) | Q(scheduled_departure=then, pk__lte=cursor[1])
        start = flights.filter(before).count()
    found = list(flights.order_by(*ORDER)[start : start + size])
    if start + size >= flights.count():
        return found, None
    return found, [found[-1].scheduled_departure.isoformat(), found[-1].pk]


def one_more_after_a_full_page(flights: Any, cursor: Any, size: int) -> tuple[list, Any]:
    """A cursor with each full page, also with the last."""
    page, _ = seek_right(flights, cursor, size)
    if len(page) < size:
        return page, None
    return page, [page[-1].scheduled_departure.isoformat(), page[-1].pk]


def seek_right(flights: Any, cursor: Any, size: int) -> tuple[list, Any]:
    def behind(t: Any, i: Any) -> Q:
        return Q(scheduled_departure__gte=t) & (Q(scheduled_departure__gt=t) | Q(pk__gt=i))

    return seek(behind)(flights, cursor, size)


def by_id(flights: Any, cursor: Any, size: int) -> tuple[list, Any]:
    found = list(flights.filter(pk__gt=cursor or 0).order_by("id")[: size + 1])
    return found[:size], found[size - 1].pk if len(found) > size else None


def a_date_in_the_cursor(flights: Any, cursor: Any, size: int) -> tuple[list, Any]:
    return list(flights.order_by(*ORDER)[:size]), datetime(2013, 2, 14)


def never_ends(flights: Any, cursor: Any, size: int) -> tuple[list, Any]:
    return list(flights.order_by(*ORDER)[:size]), [1, 2]


def stops_after_one(flights: Any, cursor: Any, size: int) -> tuple[list, Any]:
    return list(flights.order_by(*ORDER)[:size]), None


def the_key_of_the_last_row(flights: Any, cursor: Any, size: int) -> tuple[list, Any]:
    """The cursor is an id alone: when that row is deleted, the place is lost."""
    found = flights.order_by(*ORDER)
    if cursor:
        last = type(flights[0]).objects.get(pk=cursor)
        found = found.filter(
            Q(scheduled_departure__gt=last.scheduled_departure) | Q(pk__gt=cursor),
            scheduled_departure__gte=last.scheduled_departure,
        )
    page = list(found[: size + 1])
    return page[:size], page[size - 1].pk if len(page) > size else None


AFTER = {
    "time only": (seek(lambda t, i: Q(scheduled_departure__gt=t)), "leave in one minute"),
    "time or as late": (seek(lambda t, i: Q(scheduled_departure__gte=t)), "has not ended"),
    "higher ids only": (
        seek(lambda t, i: Q(scheduled_departure__gte=t, pk__gt=i)),
        "flights are lost: up to",
    ),
    "offset": (offset, "come twice when others are inserted"),
    "offset in disguise": (offset_in_disguise, "walks through far too many rows"),
    "an OR at the top": (
        seek(
            lambda t, i: Q(scheduled_departure__gt=t) | Q(scheduled_departure=t, pk__gt=i),
        ),
        "by which SQLite cannot enter the index",
    ),
    "a cursor after the last full page": (one_more_after_a_full_page, "to an empty page"),
    "by id": (by_id, "not in the order"),
    "a date in the cursor": (a_date_in_the_cursor, "travels in a link"),
    "stops after one page": (stops_after_one, "are lost"),
    "an id whose row may go": (the_key_of_the_last_row, "DoesNotExist"),
    "rows alone": (lambda flights, cursor, size: list(flights[:size]), "a tuple of two"),
    "all at once": (
        lambda flights, cursor, size: (list(flights.order_by(*ORDER)), None),
        "rows on a page of",
    ),
}


# --- strict --------------------------------------------------------------------------------------


def refusing(known: Any) -> Any:
    """`strict`, with `known(filterset)` in place of what is known."""

    def strict(base: type) -> type:
        class Strict(base):
            def is_valid(self) -> bool:
                if unknown := set(self.data) - set(known(self)):
                    raise exceptions.ValidationError({name: ["Unknown."] for name in unknown})
                return super().is_valid()

        return Strict

    return strict


def changes_the_base(base: type) -> type:
    solved = base.is_valid

    def is_valid(self: Any) -> bool:
        if unknown := set(self.data) - set(all_known(self)):
            raise exceptions.ValidationError({name: ["Unknown."] for name in unknown})
        return solved(self)

    base.is_valid = is_valid
    return type("Strict", (base,), {})


PAGING = ("limit", "offset", "page", "page_size", "cursor")


def of_the_paginator(filterset: Any) -> set:
    pages = filterset.request.parser_context["view"].paginator
    return {getattr(pages, f"{kind}_query_param", None) for kind in PAGING}


RANGE = {"distance_min", "distance_max", "flown_after", "flown_before"}


def all_known(filterset: Any) -> set:
    return (set(filterset.filters) - {"distance", "flown"}) | RANGE | of_the_paginator(filterset)


def raises_value_error(base: type) -> type:
    class Strict(base):
        def is_valid(self) -> bool:
            if set(self.data) - all_known(self):
                raise ValueError("unknown")
            return super().is_valid()

    return Strict


def without_a_name(base: type) -> type:
    class Strict(base):
        def is_valid(self) -> bool:
            if set(self.data) - all_known(self):
                raise exceptions.ValidationError("Unknown parameter.")
            return super().is_valid()

    return Strict


def names_the_first(base: type) -> type:
    class Strict(base):
        def is_valid(self) -> bool:
            for name in self.data:
                if name not in all_known(self):
                    raise exceptions.ValidationError({name: ["Unknown."]})
            return super().is_valid()

    return Strict


def min_and_max(filterset: Any) -> set:
    """Takes each range for one of numbers."""
    ranges = {"distance", "flown"}
    ends = {f"{name}_{end}" for name in ranges for end in ("min", "max")}
    return (set(filterset.filters) - ranges) | ends | of_the_paginator(filterset)


STRICT = {
    "names the first only": (names_the_first, "does not name 'carier'"),
    "min and max by heart": (refusing(min_and_max), "a suffix of its widget each"),
    "min and max beside the right ones": (
        refusing(lambda fs: all_known(fs) | min_and_max(fs)),
        "a range of dates has other suffixes",
    ),
    "leaves out what begins with _": (
        refusing(lambda fs: all_known(fs) | {name for name in fs.data if name[0] == "_"}),
        "?_orign=JFK still answers 200",
    ),
    "checks values only": (lambda base: type("Strict", (base,), {}), "?orign=JFK still answers"),
    "refuses limit": (refusing(lambda fs: fs.filters), "the paginator of this view reads it"),
    "refuses a range": (
        refusing(lambda fs: set(fs.filters) | of_the_paginator(fs)),
        "its name with a suffix of its widget each",
    ),
    "knows all paginators": (
        refusing(lambda fs: all_known(fs) | {"limit", "offset", "page", "size", "cursor"}),
        "?origin=JFK&limit=3 still answers 200",
    ),
    "knows the name of a range": (
        refusing(lambda fs: all_known(fs) | {"distance"}),
        "nobody reads 'distance'",
    ),
    "knows columns": (
        refusing(lambda fs: all_known(fs) | {"departure_delay"}),
        "that is the name of a column",
    ),
    "raises ValueError": (raises_value_error, "ends in 500"),
    "does not name it": (without_a_name, "does not name 'orign'"),
    "changes the base": (changes_the_base, "the FilterSet itself was changed"),
    "an instance": (lambda base: base(), "a class made of the FilterSet"),
}


# --- put -----------------------------------------------------------------------------------------


class Body(serializers.Serializer):
    patient = serializers.CharField(max_length=40)
    minutes = serializers.IntegerField(min_value=1, max_value=32_767, default=30)
    note = serializers.CharField(max_length=80, allow_blank=True, default="")


def checked(write: Any, form: type = Body) -> Any:
    """A PUT that validates, and then does `write(appointments, key, fields) -> created`."""

    def put(appointments: Any, doctor: str, slot: str, body: dict) -> tuple[int, dict]:
        checked_form = form(data=body)
        if unknown := set(body) - set(checked_form.fields):
            return 400, {name: ["Unknown."] for name in unknown}
        if not checked_form.is_valid():
            return 400, checked_form.errors
        key, fields = {"doctor": doctor, "slot": slot}, dict(checked_form.validated_data)
        code = 201 if write(appointments, key, fields) else 200
        return code, key | fields

    return put


def upsert(appointments: Any, key: dict, fields: dict) -> bool:
    return appointments.update_or_create(**key, defaults=fields)[1]


def create_each_time(appointments: Any, key: dict, fields: dict) -> bool:
    return bool(appointments.create(**key, **fields))


def look_then_write(appointments: Any, key: dict, fields: dict) -> bool:
    if appointments.filter(**key).exists():
        appointments.filter(**key).update(**fields)
        return False
    return bool(appointments.create(**key, **fields))


def update_then_create(appointments: Any, key: dict, fields: dict) -> bool:
    if appointments.filter(**key).update(**fields):
        return False
    if appointments.filter(**key).exists():
        return False
    return bool(appointments.create(**key, **fields))


def delete_then_create(appointments: Any, key: dict, fields: dict) -> bool:
    gone, _ = appointments.filter(**key).delete()
    return bool(appointments.create(**key, **fields)) and not gone


def get_or_create(appointments: Any, key: dict, fields: dict) -> bool:
    return appointments.get_or_create(**key, defaults=fields)[1]


class Partial(serializers.Serializer):
    patient = serializers.CharField(max_length=40)
    minutes = serializers.IntegerField(min_value=1, required=False)
    note = serializers.CharField(max_length=80, allow_blank=True, required=False)


class Lax(Body):
    minutes = serializers.IntegerField(default=30)


class Endless(Body):
    minutes = serializers.IntegerField(min_value=1, default=30)


class LongName(Body):
    patient = serializers.CharField()


class LongNote(Body):
    note = serializers.CharField(allow_blank=True, default="")


class Nobody(Body):
    patient = serializers.CharField(max_length=40, allow_blank=True)


class NoBlankNote(Body):
    note = serializers.CharField(max_length=80, default="")


class Narrow(Body):
    patient = serializers.CharField(max_length=39)


def guesses_the_status(appointments: Any, key: dict, fields: dict) -> bool:
    there = appointments.filter(**key).exists()
    upsert(appointments, key, fields)
    return not there


def unchecked(appointments: Any, doctor: str, slot: str, body: dict) -> tuple[int, dict]:
    fields = {"minutes": 30, "note": ""} | body
    made = upsert(appointments, {"doctor": doctor, "slot": slot}, fields)
    return (201 if made else 200), {"doctor": doctor, "slot": slot} | fields


def always_200(*args: Any) -> tuple[int, dict]:
    code, said = checked(upsert)(*args)
    return (200 if code == 201 else code), said


def always_201(*args: Any) -> tuple[int, dict]:
    code, said = checked(upsert)(*args)
    return (201 if code == 200 else code), said


def ignores_unknown(appointments: Any, doctor: str, slot: str, body: dict) -> tuple[int, dict]:
    known = {name: value for name, value in body.items() if name in Body().fields}
    return checked(upsert)(appointments, doctor, slot, known)


def answers_the_body(appointments: Any, doctor: str, slot: str, body: dict) -> tuple[int, dict]:
    code, said = checked(upsert)(appointments, doctor, slot, body)
    return code, said if code == 400 else body


def stores_nothing(appointments: Any, doctor: str, slot: str, body: dict) -> tuple[int, dict]:
    return 201, body


PUT = {
    "a partial update": (checked(upsert, Partial), "was not in the body, and kept its value"),
    "creates each time": (checked(create_each_time), "your code raised IntegrityError"),
    "looks, then creates": (checked(look_then_write), "between your look and your INSERT"),
    "updates, then looks": (checked(update_then_create), "the later PUT wins"),
    "deletes, then creates": (checked(delete_then_create), "has another id now"),
    "get_or_create": (checked(get_or_create), "has changed nothing"),
    "no validation": (unchecked, "no patient: 201"),
    "zero minutes": (checked(upsert, Lax), "minutes: 0: 201"),
    "minutes without an end": (checked(upsert, Endless), "more than the column holds: 201"),
    "a name without an end": (checked(upsert, LongName), "41 letters of patient: 201"),
    "a note without an end": (checked(upsert, LongNote), "81 letters of note: 201"),
    "a patient of no letters": (checked(upsert, Nobody), "a blank patient: 201"),
    "refuses its own answer": (checked(upsert, NoBlankNote), "sent back as it is"),
    "thirty-nine letters": (checked(upsert, Narrow), "fit, and are refused"),
    "guesses the status": (checked(guesses_the_status), "200, and not 201"),
    "always 200": (always_200, "which is 201 and not 200"),
    "always 201": (always_201, "which is 200 and not 201"),
    "ignores unknown fields": (ignores_unknown, "an unknown field: 20"),
    "answers the body": (answers_the_body, "the answer shows the appointment as stored"),
    "stores nothing": (stores_nothing, "and 0 appointments"),
    "a status alone": (lambda *args: 201, "a tuple of two"),
}

EXERCISES = {"board": BOARD, "after": AFTER, "strict": STRICT, "put": PUT}
