"""What data/indexing teaches holds for any table, not for flights alone."""

import itertools
import math
from collections.abc import Iterator

import pymysql
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexus import servers
from nexus.exercises import Hint, judge
from nexus.exercises.data_indexing import inspect
from tests.machine import need
from tests.taught import taught
from tests.wrong_answers.data_indexing import GOOD

NAMES = taught("data/indexing")
COST, STEP = NAMES["cost"], NAMES["step"]
REDUNDANT, PREDICT = NAMES["redundant"], NAMES["predict_pages"]

SERVER = settings(
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
VALUES = st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=300)


@pytest.fixture(scope="module")
def mariadb() -> Iterator[pymysql.Connection]:
    need("mariadb")
    with servers.mariadb() as server, server.connect(autocommit=True) as connection:
        run(connection, "CREATE TABLE t (id INT PRIMARY KEY, a INT, b INT, c CHAR(200) NOT NULL)")
        run(connection, "ALTER TABLE t STATS_AUTO_RECALC = 0, ADD INDEX a (a), ADD INDEX ab (a, b)")
        yield connection


def run(connection: pymysql.Connection, sql: str) -> tuple[tuple, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def fill(connection: pymysql.Connection, values: list[int | None]) -> None:
    run(connection, "TRUNCATE t")
    with connection.cursor() as cursor:
        rows = [(n, a, n % 5) for n, a in enumerate(values)]
        cursor.executemany("INSERT INTO t VALUES (%s, %s, %s, '')", rows)


# --- cost: the laws of the page ------------------------------------------------------------------


@SERVER
@given(values=VALUES)
def test_a_scan_reads_each_row_and_the_end(mariadb, values) -> None:
    fill(mariadb, values)
    found = COST(mariadb, "SELECT SUM(LENGTH(c)) FROM t IGNORE INDEX (a, ab) WHERE a = 3")
    assert found.rows == len(values) + 1
    assert found.plan.startswith("ALL")
    assert 1 <= found.pages <= 2 + len(values) / 20  # rows of over 200 bytes in pages of 16 KiB


@SERVER
@given(values=VALUES, wanted=st.one_of(st.none(), st.integers(-1, 10)))
def test_a_lookup_reads_the_matches_and_one(mariadb, values, wanted) -> None:
    fill(mariadb, values)
    where = "IS NULL" if wanted is None else f"= {wanted}"
    found = COST(mariadb, f"SELECT SUM(LENGTH(c)) FROM t FORCE INDEX (a) WHERE a {where}")
    matches = values.count(wanted)
    assert found.rows == matches + 1
    assert found.plan.startswith("ref a(5)")
    height = 1 if len(values) < 50 else 2
    assert matches <= found.pages <= matches * height + 4


@SERVER
@given(values=VALUES, low=st.integers(-1, 10), wanted=st.integers(0, 4))
def test_entries_behind_a_stretch_are_tested_and_not_read(mariadb, values, low, wanted) -> None:
    fill(mariadb, values)
    sql = f"SELECT SUM(LENGTH(c)) FROM t FORCE INDEX (ab) WHERE a > {low} AND b = {wanted}"
    found = COST(mariadb, sql)
    stretch = [n for n, a in enumerate(values) if a is not None and a > low]
    matches = sum(n % 5 == wanted for n in stretch)
    if "index condition" in found.plan:
        assert matches <= found.rows <= matches + 1
        assert len(stretch) - 5 <= found.tested <= len(stretch) + 1
    else:  # a stretch that is known to be empty
        assert found.rows <= 1


@SERVER
@given(values=VALUES)
def test_a_second_look_counts_the_same(mariadb, values) -> None:
    fill(mariadb, values)
    sql = "SELECT a, COUNT(*) FROM t GROUP BY a"
    assert COST(mariadb, sql) == COST(mariadb, sql)


@pytest.mark.parametrize("sql", ["DELETE FROM t", "UPDATE t SET a = 1", "", "  DROP TABLE t"])
def test_nothing_but_a_select_is_run(mariadb, sql: str) -> None:
    fill(mariadb, [1, 2, 3])
    with pytest.raises(ValueError, match="only a SELECT"):
        COST(mariadb, sql)
    assert run(mariadb, "SELECT a FROM t ORDER BY id") == ((1,), (2,), (3,))


@pytest.mark.parametrize(
    "sql", ["select 1 from t", "\n  (SELECT 1 FROM t)", "WITH w AS (SELECT 1) SELECT * FROM w"]
)
def test_a_select_in_other_words_is_one(mariadb, sql: str) -> None:
    assert COST(mariadb, sql).rows >= 0


def test_pages_are_unknown_rather_than_none(mariadb) -> None:
    found = COST(mariadb, "SELECT MAX(id) FROM t")  # answered while it is planned
    assert found.pages is None
    assert "pages unknown" in repr(found)


def test_a_step_leaves_out_what_is_a_guess() -> None:
    row = {"type": "ref", "key": "a", "key_len": "5", "Extra": "Using where", "rows": "999"}
    assert STEP(row) == "ref a(5) [where]"
    covered = row | {"Extra": "Using where; Using index"}
    assert STEP(covered) == "ref a(5) [where; covering]"
    grouped = row | {"Extra": "Using index for group-by"}
    assert STEP(grouped) == "ref a(5) [index for group-by]"
    assert STEP({"type": "ALL", "key": None, "key_len": None, "Extra": ""}) == "ALL"
    assert STEP({"type": None, "key": None, "key_len": None, "Extra": "No tables"}) == "[No tables]"


# --- redundant: against every way to drop --------------------------------------------------------

COLUMNS = st.permutations("abc").flatmap(
    lambda order: st.integers(1, 3).map(lambda n: tuple(order[:n]))
)
INDEXES = st.lists(st.tuples(COLUMNS, st.booleans()), max_size=6).map(
    lambda listed: {f"i{n}": index for n, index in enumerate(listed)}
)


def useless(indexes: dict, dropped: set[str]) -> bool:
    """Whether what stays keeps every entry point and every uniqueness of what goes."""
    kept = [index for name, index in indexes.items() if name not in dropped]

    def done_by_another(columns: tuple, unique: bool) -> bool:
        if unique:
            return (columns, True) in kept
        return any(longer[: len(columns)] == columns for longer, _ in kept)

    return all(done_by_another(*indexes[name]) for name in dropped)


@settings(deadline=None, max_examples=300)
@given(indexes=INDEXES)
def test_redundant_drops_as_many_as_can_be_dropped(indexes: dict) -> None:
    found = REDUNDANT(indexes)
    assert useless(indexes, found)
    most = max(
        len(some)
        for size in range(len(indexes) + 1)
        for some in itertools.combinations(indexes, size)
        if useless(indexes, set(some))
    )
    assert len(found) == most


# --- right answers in other words ---------------------------------------------------------------

COLUMNS_OF = "(branch, returned_on, due_on)"
NEXT = "SELECT * FROM loans WHERE due_on {} ORDER BY due_on, id LIMIT 50"
SAME_DAY, LATER = NEXT.format("= '2026-03-01' AND id > 9000"), NEXT.format("> '2026-03-01'")


def accepted(name: str, answer: object) -> str:
    need("mariadb")
    verdict = judge(f"data/indexing/{name}", answer)
    assert verdict.accepted, verdict.message
    return verdict.message


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE INDEX `open` ON `loans` (`branch`, `returned_on`, `due_on`);",
        f"CREATE OR REPLACE INDEX x ON loans {COLUMNS_OF}",
        f"create index if not exists x using btree on loans{COLUMNS_OF}",
        f"CREATE INDEX x ON loans {COLUMNS_OF} USING BTREE",
        f"ALTER TABLE loans ADD INDEX x {COLUMNS_OF}",
        f"ALTER TABLE loans ADD KEY {COLUMNS_OF}",
        f"ALTER TABLE loans ADD INDEX IF NOT EXISTS x USING BTREE {COLUMNS_OF}",
        "CREATE INDEX x ON loans (returned_on, branch, due_on DESC)",
    ],
)
def test_an_index_may_be_made_in_other_words(sql: str) -> None:
    assert "only make each entry longer" not in accepted("best_index", sql)


def test_columns_that_nobody_asks_for_are_named() -> None:
    said = accepted("best_index", "CREATE INDEX x ON loans (branch, returned_on, due_on, note)")
    assert "note only make each entry longer" in said


@pytest.mark.parametrize(
    "other",
    [
        {"card": "-- by text\nSELECT * FROM loans FORCE INDEX (by_card) WHERE card = '20771'"},
        {"card": "/* by text */ (SELECT * FROM loans WHERE card IN ('20771'))"},
        {"page": f"({SAME_DAY}) UNION ALL ({LATER}) ORDER BY due_on, id LIMIT 50"},
        {"page": GOOD["page"].replace("loans", "loans FORCE INDEX (by_due_on)")},
    ],
)
def test_the_same_rows_may_be_asked_for_in_other_words(other: dict[str, str]) -> None:
    accepted("rewrite", GOOD | other)


def test_a_unique_index_may_go_where_a_shorter_one_forbids_more() -> None:
    indexes = {"a": (("a",), True), "ab": (("a", "b"), True), "abc": (("a", "b", "c"), False)}
    inspect(indexes, {"ab"})
    inspect(indexes, set())
    with pytest.raises(Hint, match="it also forbids duplicates"):
        inspect(indexes, {"a"})


# --- predict_pages -------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    matches=st.integers(0, 10**6),
    rows=st.integers(1, 10**9),
    leaf_rows=st.floats(1, 1000),
    fanout=st.integers(50, 1200),
)
def test_predict_pages_follows_the_tree(matches, rows, leaf_rows, fanout) -> None:
    leaves = math.ceil(rows / leaf_rows)
    height = 1 + math.ceil(math.log(leaves, fanout) - 1e-9)
    by_index, scan = PREDICT(matches, rows, leaf_rows, height)
    assert matches * height <= by_index <= matches * height + 5
    assert leaves <= scan <= leaves + height
