"""The measuring tools count what is there and print nothing that the comparison trips over."""

import re
import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus import measure, servers
from tests.machine import need

FIGURES = re.compile(
    (Path(__file__).parent / "sanitize.cfg").read_text().split("regex: ")[1].splitlines()[0]
)


@settings(deadline=None)
@given(st.floats(min_value=1e-9, max_value=1e4))
def test_every_time_is_printed_in_the_form_that_the_sanitizer_knows(seconds: float) -> None:
    assert FIGURES.sub("", measure.took(seconds)) == ""


@pytest.mark.parametrize(
    ("sql", "shape"),
    [
        ("SELECT a FROM t WHERE b = 'it''s' LIMIT 21", "SELECT a FROM t WHERE b = ? LIMIT ?"),
        ("SELECT t1.c2 FROM t1 WHERE x IN (1,2, 3)", "SELECT t1.c2 FROM t1 WHERE x IN (…)"),
        ("SELECT a\n  FROM t WHERE b = %s", "SELECT a FROM t WHERE b = ?"),
        ("SELECT a FROM t WHERE b = -1.5", "SELECT a FROM t WHERE b = ?"),
        ("SELECT a FROM t WHERE b = 1", "SELECT a FROM t WHERE b = ?"),
    ],
)
def test_shape(sql: str, shape: str) -> None:
    assert measure.shape(sql) == shape


@settings(deadline=None)
@given(st.lists(st.integers(0, 9**9), min_size=2, max_size=50))
def test_lists_of_any_length_have_one_shape(ids: list[int]) -> None:
    listed = ", ".join(map(str, ids))
    assert measure.shape(f"SELECT a FROM t WHERE b IN ({listed})").endswith("IN (…)")


@pytest.mark.django_db
def test_queries_are_counted_and_folded() -> None:
    from departures.models import Airline

    with measure.queries() as seen:
        for code in ("AA", "UA", "DL"):
            Airline.objects.filter(code=code).first()
        Airline.objects.count()
    assert seen.count == 4
    assert [times for times, _ in seen.folded] == [3, 1]
    assert "    3 x SELECT" in repr(seen)


@pytest.mark.django_db
def test_a_long_block_is_counted_whole() -> None:
    from departures.models import Airline

    with measure.queries() as seen:
        for _ in range(9_100):  # Django's own log keeps the last 9,000
            Airline.objects.exists()
    assert seen.count == 9_100


def test_race_shows_ratios_of_medians() -> None:
    race = measure.Race({"slow": [3.0, 4.0, 5.0], "fast": [1.0, 2.0, 9.0]})
    assert race.ratio("slow", "fast") == 2.0
    text = repr(race)
    assert "≈ 4 s" in text
    assert "≈ 2 times" in text
    assert not re.search(r"\d", FIGURES.sub("", text).replace("3 interleaved", ""))


def test_race_is_interleaved() -> None:
    calls: list[str] = []
    measure.race({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, rounds=5)
    assert len(calls) == 12
    for lap in range(6):
        assert set(calls[2 * lap : 2 * lap + 2]) == {"a", "b"}


@pytest.mark.parametrize(
    ("alternatives", "rounds"), [({"a": int}, 9), ({"a": int, "b": int}, 2), ({}, 9)]
)
def test_a_race_of_nothing_is_refused(alternatives: dict, rounds: int) -> None:
    with pytest.raises(ValueError, match="a race needs"):
        measure.race(alternatives, rounds=rounds)


@pytest.fixture(scope="module")
def mariadb():
    need("mariadb")
    with servers.mariadb() as server:
        connection = server.connect()
        with connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE counted")
            cursor.execute("USE counted")
            cursor.execute("CREATE TABLE t (a INT PRIMARY KEY, b INT)")
            cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(n, n % 7) for n in range(1000)])
        connection.commit()
        yield connection
        connection.close()


def run(connection, sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        cursor.fetchall()


def test_reads_of_nothing_are_none(mariadb) -> None:
    with measure.reads(mariadb) as seen:
        pass
    assert (seen.rows, seen.selects, seen.sent) == (0, 0, 0)


def test_reads_count_rows_and_selects(mariadb) -> None:
    run(mariadb, "SELECT * FROM t WHERE b = 3")
    with measure.reads(mariadb) as seen:
        run(mariadb, "SELECT * FROM t WHERE b = 3")
        run(mariadb, "SELECT * FROM t WHERE a = 3")
    assert seen.selects == 2
    assert 1001 <= seen.rows <= 1003  # the scan, its end, one row by its key
    assert seen.sent > 100


def test_tested_entries_are_those_of_a_pushed_condition(mariadb) -> None:
    with mariadb.cursor() as cursor:
        cursor.execute("CREATE TABLE p (a INT, b INT, c CHAR(200), INDEX (a, b))")
        cursor.execute("INSERT INTO p SELECT a, b, '' FROM t")
    # b + 0: else the server starts and ends the range at b = 3 and tests a little less
    sql = "SELECT c FROM p FORCE INDEX (a) WHERE a BETWEEN 100 AND 199 AND b + 0 = 3"
    run(mariadb, sql)
    with measure.reads(mariadb) as seen:
        run(mariadb, sql)
    matches = sum(n % 7 == 3 for n in range(100, 200))
    assert seen.rows == matches + 1
    assert seen.tested == 100


@pytest.mark.django_db
def test_reads_go_through_the_connections_of_the_two_orms(mariadb) -> None:
    """The same counts as on the driver's connection, which is the one that both of them hold."""
    from django.db import connection as django
    from sqlalchemy import create_engine

    sql = "SELECT * FROM t WHERE b = 3"
    engine = create_engine("mysql+pymysql://", creator=lambda: mariadb)
    with engine.connect() as alchemy:
        alchemy.exec_driver_sql(sql).all()
        with measure.reads(alchemy) as seen:
            alchemy.exec_driver_sql(sql).all()
        assert (seen.rows, seen.selects) == (1001, 1)
    with measure.reads(django) as seen, django.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert (seen.selects, seen.steps > 0) == (1, True)


@settings(deadline=None)
@given(st.integers(1, 200))
def test_steps_on_sqlite_follow_the_rows(more: int) -> None:
    """No row matches: each row of a scan costs the same, a lookup costs what it did before."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a INT)")

    def steps(rows: int) -> tuple[int, int]:
        connection.executemany("INSERT INTO t (a) VALUES (?)", [(1,)] * rows)
        counts = []
        for sql in ("SELECT a FROM t WHERE a > 3", "SELECT a FROM t WHERE id = -1"):
            connection.execute(sql).fetchall()
            with measure.reads(connection) as seen:
                connection.execute(sql).fetchall()
            assert seen.selects == 1
            counts.append(seen.steps)
        return counts[0], counts[1]

    one, two, many = steps(1), steps(1), steps(more)
    per_row = two[0] - one[0]
    assert per_row > 0
    assert many[0] == two[0] + more * per_row
    assert many[1] == two[1] == one[1]
    connection.close()


def test_a_count_that_a_server_does_not_give_is_refused_by_name() -> None:
    connection = sqlite3.connect(":memory:")
    with measure.reads(connection) as seen:
        with pytest.raises(AttributeError, match="the block has not ended"):
            _ = seen.steps
        connection.execute("SELECT 1").fetchall()
    with pytest.raises(AttributeError, match="no count of 'rows'; counted here: steps, selects"):
        _ = seen.rows
    assert re.fullmatch(r"\d+ steps of the virtual machine for 1 SELECT", repr(seen))
    connection.close()
