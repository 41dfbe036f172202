"""From the source's rows to the models' rows, and into the database in one transaction.

Rows are tuples in the order of the model's fields, with moments as text in UTC: 336,776 model
instances would take longer to make than the whole load may last.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from zoneinfo import ZoneInfo

from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model

from . import source, synthetic
from .models import (
    Airline,
    Airport,
    Flight,
    Notification,
    Plane,
    Subscriber,
    Subscription,
    Weather,
)

# The four airports that flights go to and that the source does not list.
UNLISTED = ("BQN", "PSE", "SJU", "STT")
MODELS = (Airline, Airport, Plane, Weather, Flight, Subscriber, Subscription, Notification)
DAY = 24 * 60  # minutes
CLOCK = tuple(f" {minute // 60:02}:{minute % 60:02}:00" for minute in range(DAY))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Row = tuple[object, ...]
Progress = Callable[[Iterable[Row], str, int | None], Iterable[Row]]


class NotEmpty(Exception):
    """The database already holds rows."""


def load(
    using: str,
    folder: Path,
    *,
    replace: bool = False,
    progress: Progress = lambda rows, name, total: rows,
) -> dict[str, int]:
    """Fill the migrated database `using` from `folder`: all of it or nothing.

    Returns the number of rows by table name. Raises NotEmpty, unless `replace`, when there are
    rows already, and source.DataError when the files are not what SHA256SUMS says.
    """
    source.verify(folder)
    connection = connections[using]
    # Foreign keys are checked once, over whole tables, instead of four times for each flight.
    with connection.constraint_checks_disabled(), transaction.atomic(using=using):
        if any(model.objects.using(using).exists() for model in MODELS):
            if not replace:
                raise NotEmpty
            empty(connection)

        def fill(model: type[Model], rows: Iterable[Row], total: int | None = None) -> None:
            name = str(model._meta.verbose_name_plural)
            insert(connection, model, progress(rows, name, total or source.ROWS.get(name)))

        airports = [*made("airports", folder, airport_row), *map(unlisted_row, UNLISTED)]
        zones = {code: zone for code, _, _, _, _, zone, _ in airports}
        planes = list(made("planes", folder, plane_row))
        tails = frozenset(tail for tail, *_ in planes)
        fill(Airline, made("airlines", folder, lambda number, row: tuple(row)))
        fill(Airport, airports)
        fill(Plane, planes)
        fill(Weather, made("weather", folder, weather_row))
        with indexes_aside(connection, Flight):
            fill(Flight, made("flights", folder, partial(flight_row, zones, tails)))
        layer = synthetic.layer(
            Flight.objects.using(using)
            .filter(day=synthetic.DAY)
            .order_by("id")
            .values_list("id", "scheduled_departure", "departure_delay")
        )
        fill(Subscriber, layer.subscribers, len(layer.subscribers))
        fill(Subscription, layer.subscriptions, len(layer.subscriptions))
        fill(Notification, layer.notifications, len(layer.notifications))
        connection.check_constraints([model._meta.db_table for model in MODELS])
    analyze(connection)
    return {m._meta.verbose_name_plural: m.objects.using(using).count() for m in MODELS}


def insert(connection: BaseDatabaseWrapper, model: type[Model], rows: Iterable[Row]) -> None:
    """Insert rows whose values stand in the order of the model's fields."""
    quote = connection.ops.quote_name
    columns = [field.column for field in model._meta.concrete_fields]
    names, marks = ", ".join(map(quote, columns)), ", ".join(["%s"] * len(columns))
    statement = f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES ({marks})"
    with connection.cursor() as cursor:
        cursor.executemany(statement, rows)


def empty(connection: BaseDatabaseWrapper) -> None:
    """Delete all rows, children first; the ORM would fetch each one to see what hangs on it."""
    with connection.cursor() as cursor:
        for model in reversed(MODELS):
            cursor.execute(f"DELETE FROM {connection.ops.quote_name(model._meta.db_table)}")


@contextmanager
def indexes_aside(connection: BaseDatabaseWrapper, model: type[Model]) -> Iterator[None]:
    """Inside the block SQLite does without the model's indexes, and sorts each once at its end.

    InnoDB buffers such changes itself, and would commit at the first CREATE INDEX.
    """
    if connection.vendor != "sqlite":
        yield
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, sql FROM sqlite_master "
            "WHERE type = 'index' AND tbl_name = %s AND sql IS NOT NULL ORDER BY name",
            [model._meta.db_table],
        )
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {connection.ops.quote_name(name)}")
        yield
        for _, statement in indexes:
            cursor.execute(statement)


def analyze(connection: BaseDatabaseWrapper) -> None:
    """Give the planner its statistics now, not whenever the server finds the time."""
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            tables = ", ".join(connection.ops.quote_name(m._meta.db_table) for m in MODELS)
            cursor.execute(f"ANALYZE TABLE {tables}")
            cursor.fetchall()
        else:
            cursor.execute("ANALYZE")


def made(table: str, folder: Path, make: Callable[[int, list[str]], Row]) -> Iterator[Row]:
    """`make(number, row)` of each source row, numbered from 1. Raises DataError for a bad row."""
    for number, row in enumerate(source.rows(table, folder), start=1):
        try:
            values = make(number, row)
        except (ValueError, LookupError) as error:
            file = source.path(table, folder)
            raise source.DataError(f"{file}, row {number}: {error}.") from error
        yield values


def airport_row(number: int, row: list[str]) -> Row:
    code, name, lat, lon, alt, _tz, _dst, zone = row
    known_zone = "" if zone == source.MISSING else zone
    return code, name, float(lat), float(lon), int(alt), known_zone, True


def unlisted_row(code: str) -> Row:
    return code, "", None, None, None, "", False


def plane_row(number: int, row: list[str]) -> Row:
    tail, year, kind, maker, model, engines, seats, speed, engine = row
    counts = int(engines), int(seats), whole(speed)
    return tail, whole(year), kind, maker, model, *counts, engine


def weather_row(number: int, row: list[str]) -> Row:
    """Timed by `time_hour`: the local hour exists twice when the clocks go back."""
    origin, _year, _month, _day, _hour, *readings, time_hour = row
    return number, origin, text(utc_minute(time_hour)), *map(real, readings)


def flight_row(zones: dict[str, str], tails: frozenset[str], number: int, row: list[str]) -> Row:
    """`zones` by airport code, empty where unknown; `tails` of the planes that have a row."""
    year, month, day, _, _, dep_delay, _, sched_arr_time, arr_delay, *rest = row
    carrier, flight, tail, origin, dest, air_time, distance, _, minute, time_hour = rest
    departs = utc_minute(time_hour) + int(minute)
    zone = zones[dest]
    arrives = first_shown(sched_arr_time, zone, departs) if zone else None
    late, late_there = whole(dep_delay), whole(arr_delay)
    return (
        number,
        f"{year}-{month:0>2}-{day:0>2}",
        int(flight),
        carrier,
        origin,
        dest,
        tail if tail in tails else None,
        "" if tail == source.MISSING else tail,
        text(departs),
        later(departs, late),
        later(arrives, 0),
        later(arrives, late_there),
        late,
        late_there,
        whole(air_time),
        int(distance),
    )


def whole(value: str) -> int | None:
    return None if value == source.MISSING else int(value)


def real(value: str) -> float | None:
    return None if value == source.MISSING else float(value)


def later(scheduled: int | None, delay: int | None) -> str | None:
    return None if scheduled is None or delay is None else text(scheduled + delay)


# Moments are minutes since 1970 in UTC from here on: integers are quick to add and to cache.


@cache
def utc_minute(moment: str) -> int:
    """The minute of an ISO moment with its offset, such as 2013-01-01T10:00:00Z."""
    return (datetime.fromisoformat(moment) - EPOCH) // timedelta(minutes=1)


def first_shown(hhmm: str, zone: str, after: int) -> int:
    """The first minute past `after` at which a clock in `zone` shows `hhmm` ("2400" is 0:00).

    The source gives the time of an arrival without its day. No flight of the data lasts a day,
    so the first such minute after the departure is the one that is meant.
    """
    local = after + offset(zone, after // 60)
    shown = local - local % DAY + clock_minute(hhmm)
    if shown <= local:
        shown += DAY
    return shown - local_offset(zone, shown // 60)


@cache
def clock_minute(hhmm: str) -> int:
    hours, minutes = divmod(int(hhmm), 100)
    return hours * 60 + minutes


@cache
def offset(zone: str, hour: int) -> int:
    """Minutes from UTC in `zone` at an hour counted in UTC. Clocks change on whole hours."""
    return _minutes((EPOCH + timedelta(hours=hour)).astimezone(ZoneInfo(zone)))


@cache
def local_offset(zone: str, hour: int) -> int:
    """The same at an hour counted on the zone's own clock; of an hour shown twice, the first."""
    wall = EPOCH + timedelta(hours=hour)
    return _minutes(wall.replace(tzinfo=ZoneInfo(zone)))


def _minutes(moment: datetime) -> int:
    return moment.utcoffset() // timedelta(minutes=1)


def text(minute: int) -> str:
    """A moment as Django stores it: in UTC, without an offset."""
    return _day_text(minute // DAY) + CLOCK[minute % DAY]


@cache
def _day_text(day: int) -> str:
    return f"{EPOCH + timedelta(days=day):%Y-%m-%d}"
