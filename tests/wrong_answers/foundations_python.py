"""Wrong answers to the exercises of `foundations/python`: label -> (answer, part of its hint)."""

import array
import csv
import itertools
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

Row = dict[str, str]
Shift = tuple[str, datetime, datetime]
kept: list[object] = []


# --- mean_delay ----------------------------------------------------------------------------------


def grouped(rows: Iterable[Row]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        if row["dep_delay"] != "NA":
            found[row["carrier"]].append(int(row["dep_delay"]))
    return found


def averaged(found: dict[str, list[int]]) -> dict[str, float]:
    return {carrier: statistics.fmean(delays) for carrier, delays in found.items()}


def holds_delays(rows: Iterable[Row]) -> dict[str, float]:
    return averaged(grouped(rows))


def two_passes(rows: Iterable[Row]) -> dict[str, float]:
    carriers = {row["carrier"] for row in rows}
    found = grouped(rows)
    return {carrier: statistics.fmean(found[carrier] or [0]) for carrier in carriers}


def unknown_is_zero(rows: Iterable[Row]) -> dict[str, float]:
    totals: dict[str, tuple[int, int]] = {}
    for row in rows:
        total, count = totals.get(row["carrier"], (0, 0))
        delay = 0 if row["dep_delay"] == "NA" else int(row["dep_delay"])
        totals[row["carrier"]] = total + delay, count + 1
    return {c: total / count for c, (total, count) in totals.items() if total or c == "DL"}


def mean_of_nothing(rows: Iterable[Row]) -> dict[str, float]:
    totals: dict[str, tuple[int, int]] = {}
    for row in rows:
        total, count = totals.get(row["carrier"], (0, 0))
        if row["dep_delay"] != "NA":
            total, count = total + int(row["dep_delay"]), count + 1
        totals[row["carrier"]] = total, count
    return {carrier: total / max(count, 1) for carrier, (total, count) in totals.items()}


def packed(rows: Iterable[Row]) -> dict[str, float]:
    """Every delay is held, in four bytes."""
    found: dict[str, array.array] = defaultdict(lambda: array.array("i"))
    for row in rows:
        if row["dep_delay"] != "NA":
            found[row["carrier"]].append(int(row["dep_delay"]))
    return averaged(found)


def nought_is_nothing(rows: Iterable[Row]) -> dict[str, float]:
    return {carrier: mean for carrier, mean in averaged(grouped(rows)).items() if mean}


def asks_the_length(rows: Iterable[Row]) -> dict[str, float]:
    return {} if len(rows) == 0 else averaged(grouped(rows))  # type: ignore[arg-type]


def sums(rows: Iterable[Row]) -> dict[str, float]:
    return {carrier: float(sum(delays)) for carrier, delays in grouped(rows).items()}


def counts_only_one(rows: Iterable[Row]) -> float:
    return statistics.fmean(itertools.chain.from_iterable(grouped(rows).values()))


# --- day_bounds ----------------------------------------------------------------------------------


def midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def always_24(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    start = midnight(day, zone).astimezone(UTC)
    return start, start + timedelta(days=1)


def fixed_offset(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    offset = datetime(day.year, 1, 15, tzinfo=zone).utcoffset() or timedelta()
    start = datetime.combine(day, time(), UTC) - offset
    return start, start + timedelta(days=1)


def of_utc(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    start = datetime.combine(day, time(), UTC)
    return start, start + timedelta(days=1)


def inclusive(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    last = datetime.combine(day, time(23, 59, 59), zone)
    return midnight(day, zone).astimezone(UTC), last.astimezone(UTC)


def last_microsecond(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    last = datetime.combine(day, time.max, zone).astimezone(UTC)
    return midnight(day, zone).astimezone(UTC), last + timedelta(microseconds=1)


def by_quarters(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    quarter, begin = timedelta(minutes=15), datetime.combine(day, time(), UTC)
    moments = [begin + n * quarter for n in range(-100, 200)]
    of_day = [m for m in moments if m.astimezone(zone).date() == day]
    return of_day[0], of_day[-1] + quarter


def local_times(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    return midnight(day, zone), midnight(day + timedelta(days=1), zone)


def naive_times(day: date, zone: ZoneInfo) -> tuple[datetime, ...]:
    return tuple(m.astimezone(UTC).replace(tzinfo=None) for m in local_times(day, zone))


def second_midnight(day: date, zone: ZoneInfo) -> tuple[datetime, ...]:
    return tuple(m.replace(fold=1).astimezone(UTC) for m in local_times(day, zone))


def an_hour_in_november(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    start = midnight(day, zone).astimezone(UTC)
    hours = {(3, 10): 23, (11, 3): 25}.get((day.month, day.day), 24)
    return start, start + timedelta(hours=hours)


# --- paid ----------------------------------------------------------------------------------------


def summed(shifts: Iterable[Shift], passed) -> dict[str, timedelta]:
    worked: dict[str, timedelta] = {}
    for nurse, start, end in shifts:
        worked[nurse] = worked.get(nurse, timedelta()) + passed(start, end)
    return worked


def utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


def last_shift_only(shifts: Iterable[Shift]) -> dict[str, timedelta]:
    return {nurse: utc(end) - utc(start) for nurse, start, end in shifts}


def walls_on_one_date(start: datetime, end: datetime) -> timedelta:
    if start.date() == end.date() and start.tzinfo is end.tzinfo:
        return end - start
    return utc(end) - utc(start)


def whole_minutes(start: datetime, end: datetime) -> timedelta:
    return (utc(end) - utc(start)) // timedelta(minutes=1) * timedelta(minutes=1)


def in_seconds(shifts: Iterable[Shift]) -> dict[str, float]:
    return {n: worked.total_seconds() for n, worked in right(shifts).items()}


def right(shifts: Iterable[Shift]) -> dict[str, timedelta]:
    return summed(shifts, lambda a, b: utc(b) - utc(a))


def twice(shifts: Iterable[Shift]) -> dict[str, timedelta]:
    nurses = {nurse for nurse, _, _ in shifts}
    return {nurse: right(shifts).get(nurse, timedelta()) for nurse in nurses}


# --- first_late ----------------------------------------------------------------------------------


def read(path: Path) -> Iterator[Row]:
    with open(path, newline="") as file:
        yield from csv.DictReader(file)


def late(row: Row, minutes: int) -> bool:
    return row["dep_delay"] != "NA" and int(row["dep_delay"]) > minutes


def named_generator(path: Path, minutes: int) -> Row:
    found = read(path)
    for row in found:
        if late(row, minutes):
            return row
    raise LookupError(minutes)


def closes_when_found(path: Path, minutes: int) -> Row:
    file = open(path, newline="")  # noqa: SIM115
    for row in csv.DictReader(file):
        if late(row, minutes):
            file.close()
            return row
    raise LookupError(minutes)


def never_closes(path: Path, minutes: int) -> Row:
    file = open(path, newline="")  # noqa: SIM115
    kept.append(file)
    return next(row for row in csv.DictReader(file) if late(row, minutes))


def reads_all(path: Path, minutes: int) -> Row:
    found = [row for row in read(path) if late(row, minutes)]
    return found[0]


def gives_none(path: Path, minutes: int) -> Row | None:
    with open(path, newline="") as file:
        return next((row for row in csv.DictReader(file) if late(row, minutes)), None)


def swallows(path: Path, minutes: int) -> Row:
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            if row["dep_delay"].lstrip("-").isdigit() and int(row["dep_delay"]) > minutes:
                return row
    raise LookupError(minutes)


def empty_is_unknown(path: Path, minutes: int) -> Row:
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            if row["dep_delay"] not in ("", "NA") and int(row["dep_delay"]) > minutes:
                return row
    raise LookupError(minutes)


def letters_are_broken(path: Path, minutes: int) -> Row:
    """Takes a text for a number when it begins like one."""
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            text = row["dep_delay"]
            if text == "" or (text[0].isalpha() and text != "NA"):
                raise ValueError(text)
            if text.lstrip("-").isdigit() and int(text) > minutes:
                return row
    raise LookupError(minutes)


def never_early(path: Path, minutes: int) -> Row:
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            if late(row, max(minutes, 0)):
                return row
    raise LookupError(minutes)


def at_least(path: Path, minutes: int) -> Row:
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            if late(row, minutes - 61):
                return row
    raise LookupError(minutes)


EXERCISES = {
    "mean_delay": {
        "list(rows)": (lambda rows: averaged(grouped(list(rows))), "you hold everything"),
        "packed": (packed, "you hold everything"),
        "a mean of nought is dropped": (nought_is_nothing, "the carriers are ['F9', 'UA']"),
        "two passes": (two_passes, "your second pass saw nothing"),
        "unknown is zero": (unknown_is_zero, "count as flights that left on time"),
        "a mean of nothing": (mean_of_nothing, "a mean of nothing is not a number"),
        "len(rows)": (asks_the_length, "has no len()"),
        "a sum": (sums, "the mean of"),
        "one number": (counts_only_one, "a dict is asked for"),
    },
    "day_bounds": {
        "+ 24 hours": (always_24, "your day has 24 hours, this one 23"),
        "a fixed offset": (fixed_offset, "right in January only"),
        "the day of UTC": (of_utc, "whose midnight"),
        "23:59:59": (inclusive, "half-open needs no 23:59:59"),
        "the last microsecond, and one": (last_microsecond, "your day has 24 hours, this one 25"),
        "a walk by quarters": (by_quarters, "its midnight is not a quarter's"),
        "in local time": (local_times, "give both times in UTC"),
        "naive": (naive_times, "without a zone is not a moment"),
        "fold=1": (second_midnight, "it begins 1 hour early"),
        "New York by heart": (an_hour_in_november, "your day has 23 hours, this one 24"),
        "one time": (lambda day, zone: midnight(day, zone), "two times are asked for"),
    },
    "paid": {
        "end - start": (lambda s: summed(s, lambda a, b: b - a), "subtracts wall clocks"),
        "replace(tzinfo=UTC)": (
            lambda s: summed(s, lambda a, b: b.replace(tzinfo=UTC) - a.replace(tzinfo=UTC)),
            "instead of converting it",
        ),
        "fold forgotten": (
            lambda s: summed(s, lambda a, b: utc(b.replace(fold=0)) - utc(a.replace(fold=0))),
            "has two readings",
        ),
        "walls on one date": (lambda s: summed(s, walls_on_one_date), "Bo was there for 4:30:00"),
        "whole minutes": (lambda s: summed(s, whole_minutes), "Eli was there for 0:01:30"),
        "the last shift only": (last_shift_only, "Ana was there for 16:00:00, not 8:00:00"),
        "seconds": (in_seconds, "a timedelta is asked for"),
        "two passes": (twice, "one pass is all you get"),
    },
    "first_late": {
        "a named generator": (named_generator, "its traceback holds your frame"),
        "closes when found": (closes_when_found, "nothing was found, and the file is still open"),
        "never closes": (never_closes, "the row was found, and the file is still open"),
        "reads all": (reads_all, "you read on behind the row"),
        "None": (gives_none, "a LookupError is asked for"),
        "swallows broken data": (swallows, "its ValueError should come out"),
        "an empty text is unknown": (empty_is_unknown, "a delay of '' is broken data"),
        "12x is skipped": (letters_are_broken, "a delay of '12x' is broken data"),
        "nobody is early": (never_early, "more than -10 minutes late"),
        "the first row with a delay": (at_least, "the first one more than 60 minutes late"),
    },
}
