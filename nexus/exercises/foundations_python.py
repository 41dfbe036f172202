"""Checks of `foundations/python`. None of them needs a server."""

import csv
import itertools
import lzma
import os
import random
import tempfile
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from nexus.exercises import Hint, call, exercise, plain
from nexus.flights import path as data

# --- mean_delay ----------------------------------------------------------------------------------

ROWS = 40_000
MOST = 40_000  # bytes; sums and counts need a few thousand, a number for each row more than this


class Source:
    """Rows that are made as they are asked for, once; they know no length."""

    def __init__(self, rows: Callable[[], Iterator[dict[str, str]]]):
        self._rows = rows
        self.walks = 0

    def __iter__(self) -> Iterator[dict[str, str]]:
        self.walks += 1
        return self._rows() if self.walks == 1 else iter(())


def flight(carrier: str, delay: int | str) -> dict[str, str]:
    return {"carrier": carrier, "dep_delay": str(delay), "origin": "JFK"}


def many() -> Iterator[dict[str, str]]:
    """Rows of few carriers; no two delays are the same object."""
    dice = random.Random(13)
    for number in range(ROWS):
        yield flight("ABCDE"[number % 5], dice.choice(["NA", 1_000 + number, -400 - number]))


def means(rows: Iterator[dict[str, str]]) -> dict[str, float]:
    known: dict[str, list[int]] = {}
    for row in rows:
        if row["dep_delay"] != "NA":
            known.setdefault(row["carrier"], []).append(int(row["dep_delay"]))
    return {carrier: sum(delays) / len(delays) for carrier, delays in known.items()}


SMALL = [
    [flight("UA", 10), flight("AA", -4), flight("UA", 20), flight("AA", "NA"), flight("UA", 3)],
    [flight("B6", "NA"), flight("B6", "NA"), flight("DL", 0), flight("DL", -5)],
    [flight("B6", -3), flight("DL", 900)],
    [flight("F9", 5), flight("UA", 7), flight("F9", -5)],  # a mean of nought is a mean
    [],
]


@exercise("foundations/python/mean_delay")
def mean_delay(answer: Any) -> str:
    """`mean_delay(rows)`: carrier -> mean of its known delays, in one pass, holding nothing."""
    for rows in SMALL:
        source = Source(lambda rows=rows: iter(rows))
        got = plain(call(answer, source))
        same_means(got, rows, source.walks)
    rows = (row for row in SMALL[0])
    same_means(plain(call(answer, rows)), SMALL[0], 1)
    source = Source(many)
    got, most = peak(lambda: plain(call(answer, source)))
    same_means(got, list(many()), source.walks)
    if most > MOST:
        raise Hint(
            f"right numbers, but you hold everything: ≈ {most / 1e3:,.0f} kB at the worst moment "
            f"for {ROWS:,} rows; what do you need of a row once it is counted?"
        )
    return f"{ROWS:,} rows passed by, once, and next to nothing was held"


def same_means(got: Any, rows: list[dict[str, str]], walks: int) -> None:
    """Raise the Hint that says what is wrong with the means of `rows`."""
    want = means(iter(rows))
    if type(got) is not dict:
        raise Hint("a dict is asked for: carrier -> mean")
    if walks > 1:
        raise Hint(f"you walked over the rows {walks} times; your second pass saw nothing")
    empty = {row["carrier"] for row in rows} - set(want)
    if empty & set(got):
        raise Hint(f"{min(empty)} has no known delay at all, and a mean of nothing is not a number")
    if set(got) != set(want):
        raise Hint(f"the carriers are {sorted(want)}, not {sorted(map(str, got))}")
    for carrier, mean in want.items():
        if type(got[carrier]) not in (int, float):
            raise Hint(f"the mean of {carrier} is a number, not {got[carrier]!r}")
        if not abs(got[carrier] - mean) < 1e-6 * max(1, abs(mean)):
            delays = [row["dep_delay"] for row in rows if row["carrier"] == carrier]
            known = sum(int(delay) for delay in delays if delay != "NA")
            if abs(got[carrier] - known / len(delays)) < 1e-9:
                raise Hint(f"the unknown delays of {carrier} count as flights that left on time")
            raise Hint(f"the mean of {carrier} is {mean:.3f}, not {got[carrier]:.3f}")


def peak(work: Callable[[], Any]) -> tuple[Any, int]:
    """What `work()` returns, and the most bytes that Python held meanwhile, beyond before."""
    tracing = tracemalloc.is_tracing()
    tracemalloc.start()
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    try:
        return work(), tracemalloc.get_traced_memory()[1] - before
    finally:
        if not tracing:
            tracemalloc.stop()


# --- day_bounds ----------------------------------------------------------------------------------

NEW_YORK = ZoneInfo("America/New_York")
HERE = "New York"
# What a day looks like: name, zone, day, and what is odd about it.
DAYS = [
    (HERE, NEW_YORK, date(2013, 2, 14), "an ordinary day in winter"),
    (HERE, NEW_YORK, date(2013, 7, 4), "an ordinary day in summer"),
    (HERE, NEW_YORK, date(2013, 3, 10), "the clocks go forward"),
    (HERE, NEW_YORK, date(2013, 11, 3), "the clocks go back"),
    (HERE, NEW_YORK, date(2013, 12, 31), "the last of a year"),
    ("Tokyo", ZoneInfo("Asia/Tokyo"), date(2013, 3, 10), "clocks never change"),
    ("Kathmandu", ZoneInfo("Asia/Kathmandu"), date(2013, 7, 4), "a quarter of an hour beside"),
    ("São Paulo", ZoneInfo("America/Sao_Paulo"), date(2013, 10, 20), "midnight does not exist"),
    ("São Paulo", ZoneInfo("America/Sao_Paulo"), date(2013, 2, 16), "its last hour comes twice"),
    ("Havana", ZoneInfo("America/Havana"), date(2013, 11, 3), "midnight comes twice"),
    ("Lord Howe", ZoneInfo("Australia/Lord_Howe"), date(2013, 4, 7), "half an hour is repeated"),
]


# A day whose midnight no walk by quarters of an hour meets.
MONROVIA = ZoneInfo("Africa/Monrovia"), date(1971, 6, 1)
OFFSET = timedelta(minutes=44, seconds=30)


def reports() -> list[datetime]:
    """The moments at which Newark reported its weather, from the data."""
    with lzma.open(data("weather"), "rt", newline="") as file:
        rows = itertools.takewhile(lambda row: row["origin"] == "EWR", csv.DictReader(file))
        return [datetime.fromisoformat(row["time_hour"]) for row in rows]


def quarters(day: date) -> list[datetime]:
    """Every quarter of an hour in UTC around a day, three days to each side."""
    start = datetime.combine(day - timedelta(days=3), time(), UTC)
    return [start + timedelta(minutes=15 * n) for n in range(7 * 96)]


@exercise("foundations/python/day_bounds")
def day_bounds(answer: Any) -> str:
    """`day_bounds(day, zone)`: the local day as two times in UTC, half-open."""
    weather, hours = reports(), {}
    for name, zone, day, odd in DAYS:
        start, end = both(plain(call(answer, day, zone)))
        where = f"{day} in {name} ({odd})"
        moments = quarters(day)
        want = [m for m in moments if m.astimezone(zone).date() == day]
        got = [m for m in moments if start <= m < end]
        if got != want:
            raise Hint(f"{where}: {why(start, end, want, day, zone)}")
        if zone is NEW_YORK:
            real = [m for m in weather if start <= m < end]
            if real != [m for m in weather if m.astimezone(zone).date() == day]:
                raise Hint(f"{where}: not the reports of Newark that belong to this day")
        if end != want[-1] + timedelta(minutes=15) or start != want[0]:
            raise Hint(f"{where}: {edge(start, end, want)}")
        hours[(end - start) / timedelta(hours=1)] = None
    zone, day = MONROVIA
    first = datetime.combine(day, time(), UTC) + OFFSET
    if both(plain(call(answer, day, zone))) != (first, first + timedelta(days=1)):
        raise Hint(f"{day} in Monrovia, {OFFSET} behind UTC: its midnight is not a quarter's")
    zones = len({zone.key for _, zone, _, _ in DAYS})
    told = ", ".join(f"{length:g}" for length in sorted(hours))
    return f"{len(DAYS)} days of {told} hours, in {zones} zones"


def both(value: Any) -> tuple[datetime, datetime]:
    """The answer as two aware times in UTC."""
    if type(value) not in (list, tuple) or len(value) != 2:
        raise Hint("two times are asked for: start, end")
    for moment in value:
        if type(moment) is not datetime:
            raise Hint("two datetimes are asked for: start, end")
        if moment.tzinfo is None:
            raise Hint("a time without a zone is not a moment; a driver would take it for anything")
        if moment.tzinfo is not UTC and not (
            type(moment.tzinfo) is ZoneInfo and moment.tzinfo.key in ("UTC", "Etc/UTC")
        ):
            raise Hint("the table is in UTC; give both times in UTC")
    start, end = (moment.replace(tzinfo=UTC) for moment in value)
    return start, end


def edge(start: datetime, end: datetime, want: list[datetime]) -> str:
    if end < want[-1] + timedelta(minutes=15):
        return "the day ends before its last moment; half-open needs no 23:59:59"
    return "right to a quarter of an hour, and not to the second"


def why(start: datetime, end: datetime, want: list[datetime], day: date, zone: ZoneInfo) -> str:
    """What is wrong with the bounds of a day."""
    first, after = want[0], want[-1] + timedelta(minutes=15)
    if start == datetime.combine(day, time(), UTC):
        return "this is the day of UTC; whose midnight is asked for?"
    if end <= start:
        return "the day ends before it begins"
    hour = timedelta(hours=1)
    if start == first:
        return f"your day has {(end - start) / hour:g} hours, this one {(after - first) / hour:g}"
    january, noon = (
        datetime.combine(d, time(12), zone).utcoffset() for d in (date(day.year, 1, 15), day)
    )
    if january != noon and start == datetime.combine(day, time(), UTC) - january:
        return "right in January only: the offset depends on the day"
    off = (start - first) / hour
    return f"it begins {abs(off):g} hour{'s' * (abs(off) != 1)} {'late' if off > 0 else 'early'}"


# --- paid ----------------------------------------------------------------------------------------

BERLIN, LONDON = ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/London")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")


def wall(zone: ZoneInfo, *fields: int, fold: int = 0) -> datetime:
    return datetime(*fields, tzinfo=zone, fold=fold)


Shift = tuple[str, datetime, datetime]
SHIFTS: dict[str, list[Shift]] = {
    "an ordinary night": [
        ("Ana", wall(BERLIN, 2013, 6, 3, 22), wall(BERLIN, 2013, 6, 4, 6)),
        ("Bo", wall(BERLIN, 2013, 6, 3, 22), wall(BERLIN, 2013, 6, 4, 2, 30)),
        ("Ana", wall(BERLIN, 2013, 6, 4, 22), wall(BERLIN, 2013, 6, 5, 6)),
    ],
    "a flight from Berlin to London": [
        ("Chi", wall(BERLIN, 2013, 6, 3, 22), wall(LONDON, 2013, 6, 3, 23, 45)),
    ],
    "the night in which clocks go forward": [
        ("Ana", wall(BERLIN, 2013, 3, 30, 22), wall(BERLIN, 2013, 3, 31, 6)),
    ],
    "the night in which clocks go back": [
        ("Ana", wall(BERLIN, 2013, 10, 26, 22), wall(BERLIN, 2013, 10, 27, 6)),
    ],
    "from half past midnight to four, while clocks go back": [
        ("Bo", wall(BERLIN, 2013, 10, 27, 0, 30), wall(BERLIN, 2013, 10, 27, 4)),
    ],
    "from half past two to half past two, an hour later": [
        ("Bo", wall(BERLIN, 2013, 10, 27, 2, 30), wall(BERLIN, 2013, 10, 27, 2, 30, fold=1)),
    ],
    "a shift that ends in the second half past two": [
        ("Bo", wall(BERLIN, 2013, 10, 26, 22), wall(BERLIN, 2013, 10, 27, 2, 30, fold=1)),
        ("Ana", wall(BERLIN, 2013, 10, 26, 22), wall(BERLIN, 2013, 10, 27, 2, 30)),
    ],
    "an island where clocks change by half an hour": [
        ("Dee", wall(LORD_HOWE, 2013, 4, 6, 22), wall(LORD_HOWE, 2013, 4, 7, 6)),
    ],
    "called in for a minute and a half": [
        ("Eli", wall(BERLIN, 2013, 6, 3, 9), datetime(2013, 6, 3, 9, 1, 30, tzinfo=BERLIN)),
    ],
    "nobody worked": [],
}


@exercise("foundations/python/paid")
def paid(answer: Any) -> str:
    """`paid(shifts)`: nurse -> the time that passed, summed."""
    cases = SHIFTS | {"a year of shifts, by lot": year()}
    so_far: list[tuple[list[Shift], Any]] = []
    for night, shifts in cases.items():
        got, want = plain(call(answer, list(shifts))), wages(shifts)
        if type(got) is not dict:
            raise Hint("a dict is asked for: nurse -> timedelta")
        if set(got) != set(want):
            raise Hint(f"{night}: the nurses are {sorted(want)}, not {sorted(map(str, got))}")
        if any(type(worked) is not timedelta for worked in got.values()):
            raise Hint(f"{night}: a timedelta is asked for, for each nurse")
        so_far.append((shifts, got))
        for nurse, worked in want.items():
            if got[nurse] != worked:
                told = f"{nurse} was there for {worked}, not {got[nurse]}"
                raise Hint(f"{night}: {told}{cause(so_far)}")
    again = plain(call(answer, (shift for shift in SHIFTS["an ordinary night"])))
    if again != wages(SHIFTS["an ordinary night"]):
        raise Hint("the same shifts from a generator are paid differently: one pass is all you get")
    return f"{len(cases)} rosters in four zones, paid to the second, the two odd nights among them"


def summed(
    shifts: list[Shift], passed: Callable[[datetime, datetime], timedelta]
) -> dict[str, timedelta]:
    worked: dict[str, timedelta] = {}
    for nurse, start, end in shifts:
        worked[nurse] = worked.get(nurse, timedelta()) + passed(start, end)
    return worked


def wages(shifts: list[Shift]) -> dict[str, timedelta]:
    return summed(shifts, lambda a, b: timedelta(seconds=b.timestamp() - a.timestamp()))


def cause(so_far: list[tuple[list[Shift], Any]]) -> str:
    """The usual mistake that has paid like this on each night so far, after a colon."""
    mistakes: dict[str, Callable[[datetime, datetime], timedelta]] = {
        "same zone: Python subtracts wall clocks": lambda a, b: b - a,
        "you moved the clock into UTC instead of converting it": lambda a, b: (
            b.replace(tzinfo=UTC) - a.replace(tzinfo=UTC)
        ),
        "an hour that comes twice has two readings, and for you they are the same": lambda a, b: (
            b.replace(fold=0).astimezone(UTC) - a.replace(fold=0).astimezone(UTC)
        ),
    }
    for told, passed in mistakes.items():
        if all(summed(shifts, passed) == got for shifts, got in so_far):
            return f": {told}"
    return ""


def year() -> list[Shift]:
    """Shifts in and between zones; each fourth on a day when the clocks of one change."""
    dice, shifts = random.Random(13), []
    zones = [BERLIN, LONDON, NEW_YORK, LORD_HOWE]
    begin, day = datetime(2013, 1, 1, tzinfo=UTC), 24 * 3_600
    odd = [datetime(2013, m, d, tzinfo=UTC) for m, d in ((3, 10), (3, 31), (10, 27), (11, 3))]
    for number in range(300):
        start = begin + timedelta(seconds=dice.randrange(365 * day))
        if number % 4 == 0:
            start = dice.choice(odd) + timedelta(seconds=dice.randrange(-day // 2, day // 2))
        end = start + timedelta(seconds=dice.randrange(30 * 60, 14 * 3_600))
        from_zone = dice.choice(zones)
        to_zone = dice.choice([from_zone, from_zone, dice.choice(zones)])
        shift = start.astimezone(from_zone), end.astimezone(to_zone)
        shifts.append((dice.choice(["Ana", "Bo", "Chi", "Dee"]), *shift))
    return shifts


# --- first_late ----------------------------------------------------------------------------------

DELAYS = {
    "one that is late": ["NA", "5", "-3", "61", "12", "70"],
    "nobody late": ["NA", "5", "60", "-2"],
    "broken data behind it": ["1", "61", "soon", "99"],
    "broken data": ["NA", "4", "soon", "99"],
    "no rows": [],
    "an empty text": ["NA", "", "99"],
    "a number and a letter": ["NA", "12x", "99"],
    "far too early": ["-30", "-12", "-10", "-9", "0"],
}
LIMIT = 60  # minutes
LIMITS = {"far too early": -10}  # where it is another
BROKEN = {"broken data": "soon", "an empty text": "", "a number and a letter": "12x"}


@contextmanager
def files() -> Iterator[dict[str, Path]]:
    """A file for each case; the rows have a number, so that they can be told apart."""
    with tempfile.TemporaryDirectory(prefix="nexus-") as folder:
        made = {}
        for name, delays in DELAYS.items():
            made[name] = Path(folder, f"{name}.csv")
            lines = [f"{number},{delay}" for number, delay in enumerate(delays, start=1)]
            # Longer than any buffer: a file that was read to its end is a different matter.
            lines += [f"{number},0" for number in range(len(lines) + 1, 20_000)]
            made[name].write_text("\n".join(["flight,dep_delay", *lines]) + "\n")
        yield made


def opened() -> int:
    """How many files this process has open."""
    return len(os.listdir("/dev/fd"))


@exercise("foundations/python/first_late")
def first_late(answer: Any) -> str:
    """`first_late(path, minutes)`: a row, LookupError or ValueError, and no file left open."""
    with files() as made:
        call_kept(
            answer, made["one that is late"], LIMIT
        )  # what is imported may open files of its own
        kept: list[Any] = []
        for name, file in made.items():
            before = opened()
            result = call_kept(answer, file, LIMITS.get(name, LIMIT))
            kept.append(result)
            left = opened() - before
            judge_row(name, result)
            if left > 0:
                raise Hint(left_open(name, result))
    return f"{len(made)} files, found or not or broken, and none was left open"


def call_kept(answer: Any, file: Path, minutes: int) -> Any:
    """What the answer gives for `file`, or the error it raises, with its traceback."""

    def kept() -> Any:
        try:
            return answer(file, minutes)
        except (LookupError, ValueError) as error:
            return error

    if not callable(answer):
        raise Hint("a function is asked for: first_late(path, minutes)")
    return call(kept)


def judge_row(name: str, result: Any) -> None:
    """Raise a Hint when the result is not the one for this file."""
    broken = isinstance(result, ValueError)
    missing = isinstance(result, LookupError)
    if name in BROKEN:
        if not broken:
            raise Hint(
                f"a delay of {BROKEN[name]!r} is broken data: its ValueError should come out"
            )
        return
    if name in ("nobody late", "no rows"):
        if not missing:
            raise Hint(f"{name}: a LookupError is asked for when there is none")
        return
    if broken:
        raise Hint(f"{name}: you read on behind the row that was asked for, and met broken data")
    limit = LIMITS.get(name, LIMIT)
    if missing:
        raise Hint(f"{name}: there is a row that is more than {limit} minutes late")
    row = plain(result)
    if type(row) is not dict:
        raise Hint("a row is asked for, as a dict")
    number, delay = next(
        (n, text)
        for n, text in enumerate(DELAYS[name], start=1)
        if text != "NA" and int(text) > limit
    )
    if row != {"flight": str(number), "dep_delay": delay}:
        raise Hint(f"{name}: the first one more than {limit} minutes late is {number}, not {row}")


def left_open(name: str, result: Any) -> str:
    if isinstance(result, ValueError):
        return (
            "the error came out, and I keep it: its traceback holds your frame, and your frame "
            "holds the file"
        )
    if isinstance(result, LookupError):
        return f"{name}: nothing was found, and the file is still open"
    return f"{name}: the row was found, and the file is still open"
