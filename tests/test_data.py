"""The data files are the published ones, and data/README.md says of them what is true."""

import hashlib
import lzma
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from departures import loading
from nexus import flights

README = (flights.path("flights").parent / "README.md").read_text(encoding="utf-8")
NEW_YORK = ZoneInfo("America/New_York")

Frames = dict[str, pd.DataFrame]


@pytest.fixture(scope="module")
def frames() -> Frames:
    return {table: flights.frame(table) for table in flights.TABLES}


def rows_of(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading of the README, without its two head lines."""
    below = README.split(f"{heading}\n", 1)[1]
    lines = re.search(r"(?:^\|.*\n)+", below, re.M)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def number(text: str) -> int:
    return int(text.replace(",", ""))


# --- the files -----------------------------------------------------------------------------


def test_checksums_hold():
    flights.verify()
    assert re.fullmatch("[0-9a-f]{64}", flights.checksum())


@pytest.mark.parametrize("table", flights.TABLES)
def test_the_csv_is_the_source_s_own(table):
    listed = {
        cells[0]: cells[1:] for cells in rows_of("The data: flights that left New York in 2013")
    }
    rows, size, digest = listed[f"`{table}.csv.xz`"]
    csv = lzma.decompress(flights.path(table).read_bytes())
    assert (number(rows), number(size)) == (csv.count(b"\n") - 1, len(csv))
    assert digest == f"`{hashlib.sha256(csv).hexdigest()}`"
    assert flights.ROWS[table] == number(rows)
    assert csv.split(b"\n", 1)[0].decode() == ",".join(flights.COLUMNS[table])


def test_flights_take_four_and_a_half_megabytes():
    assert flights.path("flights").stat().st_size < 4_600_000


# --- the README ----------------------------------------------------------------------------


@pytest.mark.parametrize("table", flights.TABLES)
def test_the_dictionary_has_each_column_and_its_missing_values(frames, table):
    stated = {}
    for names, *_, missing in rows_of(f"### {table}"):
        for name in re.findall("`(.*?)`", names):
            stated[name] = number(missing)
    assert tuple(stated) == flights.COLUMNS[table]
    assert stated == frames[table].isna().sum().to_dict()


def fleet_numbers(f: pd.DataFrame, tails: pd.Series) -> pd.DataFrame:
    return f[f.tailnum.notna() & ~f.tailnum.isin(tails)]


def minutes(hhmm: pd.Series) -> pd.Series:
    return hhmm // 100 * 60 + hhmm % 100


def disagreeing(f: pd.DataFrame) -> int:
    pairs = [("dep", f.dep_delay), ("arr", f.arr_delay)]
    gaps = [
        (minutes(f[f"{end}_time"]) - minutes(f[f"sched_{end}_time"]) - delay) % 1440
        for end, delay in pairs
    ]
    return sum(int((gap.fillna(0) != 0).sum()) for gap in gaps)


def mistimed(f: pd.DataFrame) -> int:
    """Scheduled departures whose `time_hour` is not the hour on New York's clock."""
    local = pd.to_datetime(f.time_hour, utc=True).dt.tz_convert(NEW_YORK)
    agrees = (
        (local.dt.year == f.year)
        & (local.dt.month == f.month)
        & (local.dt.day == f.day)
        & (local.dt.hour == f.hour)
        & (f.hour * 100 + f.minute == f.sched_dep_time)
    )
    return int((~agrees).sum())


def at_minutes_that_never_were(arrived: pd.DataFrame) -> int:
    """Arrivals whose time, scheduled plus delay, no clock at the destination showed."""
    real = arrived.gate_arrival.astype(int)
    shown = real + list(map(loading.offset, arrived.zone, real // 60))
    return ((shown - minutes(arrived.arr_time)) % 1440 != 0).sum()


def arrivals(frames: Frames) -> pd.DataFrame:
    """Flights that arrived where the zone is known, with both ends in minutes since 1970."""
    f = frames["flights"]
    zone = f.dest.map(frames["airports"].set_index("faa").tzone)
    f = f.assign(zone=zone)[zone.notna() & f.arr_delay.notna()]
    departs = f.time_hour.map(loading.utc_minute) + f.minute.astype(int)
    shown = f.sched_arr_time.astype(str)
    arrives = list(map(loading.first_shown, shown, f.zone, departs))
    return f.assign(gate_departure=departs + f.dep_delay, gate_arrival=arrives + f.arr_delay)


@pytest.fixture(scope="module")
def arrived(frames: Frames) -> pd.DataFrame:
    return arrivals(frames)


def counts(frames: Frames, arrived: pd.DataFrame) -> dict[str, int]:
    """What the README counts, computed: by the words its finding begins with."""
    f, planes, airports = frames["flights"], frames["planes"], frames["airports"]
    weather = frames["weather"]
    fleet = fleet_numbers(f, planes.tailnum)
    lacking = f[~f.dest.isin(airports.faa)]
    twice = weather.duplicated(["origin", "year", "month", "day", "hour"])
    second_hour = weather[twice]
    assert set(zip(second_hour.month, second_hour.day, second_hour.hour, strict=True)) == {
        (11, 3, 1)
    }
    stations = weather.groupby("origin").size()
    span = pd.to_datetime(weather.time_hour)
    hours = int((span.max() - span.min()) / pd.Timedelta(hours=1)) + 1
    reported = pd.MultiIndex.from_frame(weather[["origin", "time_hour"]])
    distances = f.groupby(["origin", "dest"]).distance.nunique()
    assert set(distances[distances > 1].index) == {("EWR", "EGE"), ("JFK", "EGE")}
    assert set(lacking.dest) == set(loading.UNLISTED) == {"BQN", "PSE", "SJU", "STT"}
    lost = airports[(airports.lat > 72) | (airports.lon > 20)]
    key = ["carrier", "flight", "year", "month", "day"]
    schedule = pd.concat([f.sched_dep_time, f.sched_arr_time])
    return {
        "flights without a tail number": f.tailnum.isna().sum(),
        "flights with a tail number that": len(fleet),
        "tail numbers that": fleet.tailnum.nunique(),
        "of those flights, with AA or MQ": fleet.carrier.isin(["AA", "MQ"]).sum(),
        "flights to an airport that": len(lacking),
        "airports that `airports` lacks": lacking.dest.nunique(),
        "airports without a zone": airports.tzone.isna().sum(),
        "flights cancelled": f.dep_time.isna().sum(),
        "flights that departed and": (f.dep_time.notna() & f.arr_time.isna()).sum(),
        "flights with an arrival time": (f.arr_time.notna() & f.arr_delay.isna()).sum(),
        "actual departures at 2400": (f.dep_time == 2400).sum(),
        "actual arrivals at 2400": (f.arr_time == 2400).sum(),
        "scheduled departures or arrivals at 2400": schedule.isin([0, 2400]).sum(),
        "delays that disagree": disagreeing(f),
        "arrival at a minute that never was": at_minutes_that_never_were(arrived),
        "flights that repeat the carrier": f.duplicated(key).sum(),
        "flights that repeat carrier": f.duplicated([*key, "origin"]).sum(),
        "scheduled departures whose `time_hour`": mistimed(f),
        "reports in the local hour": len(second_hour),
        "flights scheduled in that hour": ((f.month == 11) & (f.day == 3) & (f.hour == 1)).sum(),
        "hours between the first": (hours - stations).sum(),
        "flights without a weather report": (
            ~pd.MultiIndex.from_frame(f[["origin", "time_hour"]]).isin(reported)
        ).sum(),
        "routes with two distances": (distances > 1).sum(),
        "airport far from where it is": (lost.faa == "EEN").sum(),
        "airports that share": airports.name.duplicated(keep=False).sum(),
    }


def test_the_dirt_is_counted_right(frames, arrived):
    computed = counts(frames, arrived)
    stated = {finding: number(count) for count, finding, _ in rows_of("## The dirt")}
    assert len(stated) == len(computed)
    for words, count in computed.items():
        (finding,) = [found for found in stated if found.startswith(words)]
        assert stated[finding] == count, finding


def test_no_airport_without_a_zone_is_flown_to(frames):
    zoneless = frames["airports"].loc[frames["airports"].tzone.isna(), "faa"]
    assert not frames["flights"].dest.isin(zoneless).any()


def test_the_days_of_the_arrivals_add_up(arrived):
    """Gate to gate minus the time in the air: what the README gives as the check of its rule."""
    taxi = arrived.gate_arrival - arrived.gate_departure - arrived.air_time
    stated = re.search(r"for all ([\d,]+) flights.*?between\s(\d+) and (\d+) minutes", README, re.S)
    assert [number(n) for n in stated.groups()] == [len(arrived), taxi.min(), taxi.max()]


# --- frames and failures -------------------------------------------------------------------


def test_frames_keep_the_values_as_they_stand(frames):
    for table, frame in frames.items():
        assert frame.shape == (flights.ROWS[table], len(flights.COLUMNS[table]))
        raw = pd.read_csv(flights.path(table), dtype=str, keep_default_na=False)
        for column in frame:
            kept = frame[column].isna() == (raw[column] == "NA")
            assert kept.all(), column
            given = frame[column].notna()
            if frame[column].dtype == "Float64":
                same = frame.loc[given, column].map(float) == raw.loc[given, column].map(float)
            else:
                same = frame.loc[given, column].astype(str) == raw.loc[given, column]
            assert same.all(), column


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the small files and of the checksums."""
    for table in flights.TABLES:
        shutil.copy(flights.path(table), tmp_path)
    shutil.copy(flights.path("flights").parent / "SHA256SUMS", tmp_path)
    return tmp_path


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def empty(file: Path) -> None:
    file.write_bytes(b"")


@pytest.mark.parametrize("damage", [flip, truncate, empty, Path.unlink])
@pytest.mark.parametrize("table", flights.TABLES)
def test_a_damaged_file_is_one_clear_line(copy, table, damage: Callable[[Path], None]):
    damage(flights.path(table, copy))
    with pytest.raises(flights.DataError) as caught:
        flights.verify(copy)
    said = str(caught.value)
    assert f"{table}.csv.xz" in said
    assert "git checkout" in said
    assert "\n" not in said


@pytest.mark.parametrize("content", [None, "not a checksum file\n", ""])
def test_damaged_checksums_are_one_clear_line(copy, content):
    sums = copy / "SHA256SUMS"
    sums.unlink() if content is None else sums.write_text(content)
    with pytest.raises(flights.DataError, match="SHA256SUMS"):
        flights.verify(copy)


def test_an_unknown_table_names_the_known_ones():
    with pytest.raises(flights.DataError, match="airlines, airports, planes, weather, flights"):
        flights.frame("trains")


def test_a_damaged_file_gives_no_frame(copy, monkeypatch):
    flip(flights.path("flights", copy))
    monkeypatch.setattr(flights, "path", lambda table: copy / f"{table}.csv.xz")
    monkeypatch.setattr(flights, "verify", lambda: None)
    with pytest.raises(flights.DataError, match=r"flights\.csv\.xz cannot be read"):
        flights.frame("flights")
