"""`manage.py load`: everything or nothing, and one clear line when it is nothing."""

import io
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from departures import loading, source
from departures.models import Flight

from .conftest import pack

pytestmark = pytest.mark.django_db


def load(folder: Path, **options: object) -> str:
    out = io.StringIO()
    call_command("load", folder=folder, stdout=out, **options)
    return out.getvalue()


def counts() -> set[int]:
    return {model.objects.count() for model in loading.MODELS}


def indexes() -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' ORDER BY name")
        return cursor.fetchall()


def test_loads_what_the_files_hold(folder, tables):
    before = indexes()
    counted = loading.load("default", folder)
    held = {table: csv.count(b"\n") - 1 for table, csv in tables.items()}
    held["airports"] += len(loading.UNLISTED)
    assert counted.items() >= held.items()
    assert indexes() == before


def test_says_what_it_did(folder):
    assert load(folder).startswith("Loaded 16 airlines, ")
    assert load(folder, replace=True, quiet=True) == ""


def test_progress_goes_to_stderr_only_when_wanted(folder, capsys):
    load(folder)
    assert "flights" in capsys.readouterr().err
    load(folder, replace=True, quiet=True)
    assert capsys.readouterr() == ("", "")


def test_refuses_a_second_load(folder):
    load(folder)
    with pytest.raises(CommandError, match="not empty; --replace"):
        load(folder)


def test_replace_gives_the_same_rows(folder):
    load(folder)
    first = {model: list(model.objects.order_by("pk").values()) for model in loading.MODELS}
    Flight.objects.filter(pk=1).update(number=1)
    load(folder, replace=True)
    again = {model: list(model.objects.order_by("pk").values()) for model in loading.MODELS}
    assert again == first


@pytest.mark.parametrize("table", source.TABLES)
def test_a_damaged_file_loads_nothing(folder, table):
    file = source.path(table, folder)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(CommandError, match=f"{table}.* is damaged") as caught:
        load(folder)
    assert len(str(caught.value).splitlines()) == 1
    assert counts() == {0}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (b"2013,2,14,NA,nine,NA\n", "flights.csv.xz, row 21: "),  # too few columns
        (b"2013,2,14,NA,1300,late,NA,1406,NA,UA,1,NA,JFK,BOS,NA,94,13,0,x\n", "row 21: "),
    ],
)
def test_a_bad_row_with_a_good_checksum_loads_nothing(tmp_path, tables, wrong, said):
    pack(tmp_path, tables | {"flights": tables["flights"] + wrong})
    with pytest.raises(CommandError, match=said) as caught:
        load(tmp_path)
    assert len(str(caught.value).splitlines()) == 1
    assert counts() == {0}


def test_other_columns_load_nothing(tmp_path, tables):
    pack(tmp_path, tables | {"planes": tables["airlines"]})
    with pytest.raises(CommandError, match=r"planes\.csv\.xz has other columns"):
        load(tmp_path)
    assert counts() == {0}


def test_a_row_without_its_parent_loads_nothing(tmp_path, tables):
    airlines = tables["airlines"].replace(b"UA,United Air Lines Inc.\n", b"")
    pack(tmp_path, tables | {"airlines": airlines})
    with pytest.raises(
        CommandError, match=r"Nothing was loaded: .*airline_id contains a value 'UA'"
    ):
        load(tmp_path)
    assert counts() == {0}


def pragma(command: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA {command}")
        return cursor.fetchall()[0][0]


@pytest.mark.django_db(transaction=True)  # SQLite itself rolls the whole transaction back
def test_a_full_disk_loads_nothing(folder):
    before = pragma("max_page_count")
    pragma(f"max_page_count = {pragma('page_count') + 5}")
    try:
        with pytest.raises(CommandError, match="the disk is full; free some space"):
            load(folder)
    finally:
        pragma(f"max_page_count = {before}")
    assert counts() == {0}


@pytest.mark.parametrize(
    ("hhmm", "zone", "after", "shown"),
    [
        ("819", "America/Chicago", "2013-01-01T10:15:00Z", "2013-01-01 14:19:00"),
        ("2400", "America/New_York", "2013-01-02T03:00:00Z", "2013-01-02 05:00:00"),
        ("3", "America/New_York", "2013-01-02T03:00:00Z", "2013-01-02 05:03:00"),
        ("130", "America/New_York", "2013-11-03T03:00:00Z", "2013-11-03 05:30:00"),  # the first
        ("930", "America/New_York", "2013-11-03T03:00:00Z", "2013-11-03 14:30:00"),
        ("930", "America/New_York", "2013-03-10T03:00:00Z", "2013-03-10 13:30:00"),
        ("930", "America/Phoenix", "2013-03-10T03:00:00Z", "2013-03-10 16:30:00"),
    ],
)
def test_first_shown(hhmm, zone, after, shown):
    assert loading.text(loading.first_shown(hhmm, zone, loading.utc_minute(after))) == shown
