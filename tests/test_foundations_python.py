"""What `foundations/python` teaches is right on any input, not only on flights."""

import csv
import os
import tracemalloc
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from statistics import fmean
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.exercises import foundations_python as exercises
from nexus.exercises import judge
from tests.taught import taught
from tests.wrong_answers import foundations_python as answers

ZONES = [
    ZoneInfo(name)
    for name in (
        "America/New_York",
        "America/Sao_Paulo",  # changed its clocks at midnight, forward
        "America/Havana",  # changes them at one, back to midnight
        "Australia/Lord_Howe",  # by half an hour
        "Asia/Kathmandu",  # a quarter of an hour beside
        "Pacific/Kiritimati",
        "UTC",
    )
]
zones = st.sampled_from(ZONES)
moments = st.datetimes(datetime(2012, 1, 1), datetime(2015, 1, 1), timezones=st.just(UTC))
minutes = moments.map(lambda moment: moment.replace(second=0, microsecond=0))
clocks = st.builds(time, st.integers(0, 23), st.integers(0, 59))
days = st.dates(date(2012, 1, 1), date(2014, 12, 31))
# The odd days of these zones, which lots would miss.
odd_days = st.sampled_from(
    [date(2013, m, d) for m, d in ((3, 10), (11, 3), (10, 20), (2, 16), (2, 17), (4, 7), (10, 6))]
)


@pytest.fixture(scope="module")
def lesson() -> dict[str, Any]:
    names = taught("foundations/python")
    # What the solutions find in the notebook.
    names |= {"csv": csv, "time": time, "datetime": datetime, "timedelta": timedelta, "UTC": UTC}
    return names


# --- peak, mean, left_open -----------------------------------------------------------------------


@given(st.integers(0, 2_000_000))
@settings(deadline=None, max_examples=30)
def test_peak_sees_what_is_held_and_passes_the_result_on(lesson, size: int) -> None:
    result, most = lesson["peak"](bytearray, size)
    assert len(result) == size
    assert size <= most < size + 20_000
    assert not tracemalloc.is_tracing()


def test_peak_does_not_count_what_was_before_nor_end_an_outer_trace(lesson) -> None:
    tracemalloc.start()
    try:
        before = bytearray(3_000_000)
        del before
        held = bytearray(1_000_000)
        _, most = lesson["peak"](bytearray, 10_000)
        assert 10_000 <= most < 30_000
        assert held
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()


def test_peak_stops_counting_when_the_work_fails(lesson) -> None:
    with pytest.raises(ZeroDivisionError):
        lesson["peak"](lambda: 1 / 0)
    assert not tracemalloc.is_tracing()


@given(st.lists(st.one_of(st.integers(-500, 500), st.none(), st.just("NA"))))
def test_mean_is_that_of_the_known_ones(lesson, delays: list[Any]) -> None:
    texts = [str(d) if isinstance(d, int) else d for d in delays]
    known = [d for d in delays if isinstance(d, int)]
    for form in (delays, texts, iter(texts)):
        got = lesson["mean"](form)
        assert got is None if not known else got == pytest.approx(fmean(known))


@given(st.integers(0, 20), st.integers(0, 20))
@settings(deadline=None)
def test_left_open_counts_what_kept_errors_hold(lesson, good: int, bad: int) -> None:
    calls = iter([True] * good + [False] * bad)

    def work() -> None:
        file = open(os.devnull)  # noqa: SIM115
        if next(calls):
            file.close()
        raise ValueError

    assert lesson["left_open"](work, good + bad) == bad


def test_left_open_finds_nothing_where_nothing_is_left(lesson) -> None:
    assert lesson["left_open"](lambda: Path(os.devnull).read_bytes()) == 0


# --- arrival -------------------------------------------------------------------------------------


@given(minutes, clocks, zones)
@settings(deadline=None, max_examples=60)
def test_arrival_is_the_first_minute_that_shows_it(lesson, departure, shown, zone) -> None:
    got = lesson["arrival"](departure, shown, zone)
    assert got.tzinfo is UTC
    later = (departure + timedelta(minutes=n) for n in range(1, 2 * 24 * 60))
    first = next(m for m in later if m.astimezone(zone).time() == shown)
    if got != first:  # the day has no such minute: read by the offset from before the gap
        reading = datetime.combine(got.astimezone(zone).date(), shown, zone)
        assert got.astimezone(zone).time() != shown
        assert got == reading.astimezone(UTC)


@given(odd_days, st.integers(0, 36 * 60), clocks, zones)
@settings(deadline=None, max_examples=200)
def test_arrival_on_odd_days(lesson, day, after, shown, zone) -> None:
    start = datetime.combine(day, time(), UTC) - timedelta(hours=12)
    departure = start + timedelta(minutes=after)
    got = lesson["arrival"](departure, shown, zone)
    assert departure < got <= departure + timedelta(hours=26)
    back = got.astimezone(zone)
    assert back.time() == shown or not exists(back.date(), shown, zone)


def exists(day: date, shown: time, zone: ZoneInfo) -> bool:
    """Whether a clock in the zone shows that on that day."""
    reading = datetime.combine(day, shown, zone)
    return reading.astimezone(UTC).astimezone(zone).replace(fold=0) == reading


@given(minutes, zones)
@settings(deadline=None)
def test_arrival_is_never_at_departure(lesson, departure, zone) -> None:
    shown = departure.astimezone(zone).time()
    assert lesson["arrival"](departure, shown, zone) > departure


# --- the solutions -------------------------------------------------------------------------------


rows = st.lists(
    st.fixed_dictionaries(
        {
            "carrier": st.sampled_from(["AA", "B6", "UA"]),
            "dep_delay": st.one_of(st.integers(-60, 900).map(str), st.just("NA")),
        }
    )
)


@given(rows)
def test_mean_delay(lesson, rows) -> None:
    known: dict[str, list[int]] = {}
    for row in rows:
        if row["dep_delay"] != "NA":
            known.setdefault(row["carrier"], []).append(int(row["dep_delay"]))
    want = {carrier: pytest.approx(fmean(delays)) for carrier, delays in known.items()}
    assert lesson["mean_delay"](iter(rows)) == want


@given(st.one_of(days, odd_days), zones)
@settings(deadline=None, max_examples=200)
def test_day_bounds_hold_the_moments_of_the_day(lesson, day, zone) -> None:
    start, end = lesson["day_bounds"](day, zone)
    for n in range(-20 * 4, 44 * 4):
        moment = datetime.combine(day, time(), UTC) + timedelta(minutes=15 * n)
        assert (start <= moment < end) == (moment.astimezone(zone).date() == day)
    second = timedelta(seconds=1)
    assert (start - second).astimezone(zone).date() < day
    assert end.astimezone(zone).date() > day
    assert (end - second).astimezone(zone).date() == day


@given(days, zones)
@settings(deadline=None)
def test_days_meet_and_do_not_overlap(lesson, day, zone) -> None:
    bounds = lesson["day_bounds"]
    assert bounds(day, zone)[1] == bounds(day + timedelta(days=1), zone)[0]


@given(
    st.lists(st.tuples(st.sampled_from(["Ana", "Bo"]), moments, moments, zones, zones), max_size=8)
)
@settings(deadline=None)
def test_paid_is_the_time_between_the_moments(lesson, drawn) -> None:
    shifts, want = [], {}
    for nurse, start, end, from_zone, to_zone in drawn:
        shifts.append((nurse, start.astimezone(from_zone), end.astimezone(to_zone)))
        want[nurse] = want.get(nurse, timedelta()) + (end - start)
    assert lesson["paid"](iter(shifts)) == want


@given(st.lists(st.one_of(st.integers(-60, 200).map(str), st.just("NA"))), st.integers(-10, 100))
@settings(deadline=None, max_examples=40)
def test_first_late(lesson, tmp_path_factory, delays, limit) -> None:
    file = tmp_path_factory.mktemp("late") / "flights.csv"
    lines = [f"{number},{delay}" for number, delay in enumerate(delays)]
    file.write_text("\n".join(["flight,dep_delay", *lines]) + "\n")
    late = [n for n, d in enumerate(delays) if d != "NA" and int(d) > limit]
    before = len(os.listdir("/dev/fd"))
    if late:
        got = lesson["first_late"](file, limit)
        assert got == {"flight": str(late[0]), "dep_delay": delays[late[0]]}
    else:
        with pytest.raises(LookupError):
            lesson["first_late"](file, limit)
    assert len(os.listdir("/dev/fd")) == before


# --- the checks ----------------------------------------------------------------------------------


def accepted(name: str, answer: Any) -> bool:
    return judge(f"foundations/python/{name}", answer).accepted


@pytest.mark.parametrize("name", ["mean_delay", "day_bounds", "paid", "first_late"])
def test_the_solution_is_accepted(lesson, name: str) -> None:
    verdict = judge(f"foundations/python/{name}", lesson[name])
    assert verdict.accepted, verdict


def test_a_running_mean_is_accepted() -> None:
    def running(rows):
        means: dict[str, tuple[float, int]] = {}
        for row in rows:
            if row["dep_delay"] != "NA":
                mean, n = means.get(row["carrier"], (0.0, 0))
                means[row["carrier"]] = mean + (int(row["dep_delay"]) - mean) / (n + 1), n + 1
        return {carrier: mean for carrier, (mean, _) in means.items()}

    assert accepted("mean_delay", running)


def test_bounds_as_a_list_and_in_the_zone_utc_are_accepted(lesson) -> None:
    def listed(day, zone):
        return [m.astimezone(ZoneInfo("UTC")) for m in lesson["day_bounds"](day, zone)]

    assert accepted("day_bounds", listed)


def test_timestamps_are_accepted_for_shifts() -> None:
    def paid(shifts):
        return answers.summed(shifts, lambda a, b: timedelta(seconds=b.timestamp() - a.timestamp()))

    assert accepted("paid", paid)


def test_a_closed_generator_is_accepted() -> None:
    from contextlib import closing

    def first_late(path, minutes):
        with closing(answers.read(path)) as found:
            for row in found:
                if answers.late(row, minutes):
                    return row
        raise LookupError(minutes)

    assert accepted("first_late", first_late)


def test_what_is_learned_by_heart_is_refused(lesson) -> None:
    seen: dict[str, Any] = {}

    def first_answer(*args):
        """Whatever was right for the first question, for ever."""
        return seen.setdefault("answer", lesson[name](*args))

    for name in ("mean_delay", "day_bounds", "paid"):
        seen.clear()
        assert not accepted(name, first_answer), name


def test_the_odd_days_of_the_check_are_what_they_say() -> None:
    lengths = {}
    for name, zone, day, _ in exercises.DAYS:
        start, end = answers.local_times(day, zone)
        lengths[name, day] = (end.timestamp() - start.timestamp()) / 3600
    assert sorted(set(lengths.values())) == [23, 24, 24.5, 25]


def test_the_lots_of_the_check_hold_odd_shifts() -> None:
    shifts = exercises.year()
    odd = [end - start != timedelta(seconds=end.timestamp() - start.timestamp())
           for _, start, end in shifts]  # fmt: skip
    assert any(odd)
