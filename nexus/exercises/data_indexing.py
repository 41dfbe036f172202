"""Checks of `data/indexing`. Those that ask a server start one of their own, once, and count."""

import json
import random
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import pymysql

from nexus import servers
from nexus.exercises import Hint, call, exercise, plain
from nexus.measure import reads

LOANS = 20_000
BRANCHES = 12
COLUMNS = ("card", "branch", "title", "borrowed_at", "due_on", "returned_on", "note")
SCHEMA = """
    CREATE TABLE loans (
        id INT AUTO_INCREMENT PRIMARY KEY, card CHAR(5) NOT NULL, branch TINYINT NOT NULL,
        title VARCHAR(40) NOT NULL, borrowed_at DATETIME NOT NULL, due_on DATE NOT NULL,
        returned_on DATE, note CHAR(60) NOT NULL,
        INDEX by_card (card), INDEX by_borrowed_at (borrowed_at), INDEX by_title (title),
        INDEX by_due_on (due_on)
    ) STATS_SAMPLE_PAGES = 1000 STATS_AUTO_RECALC = 0"""
OWN = ("by_card", "by_borrowed_at", "by_title", "by_due_on")


@cache
def library() -> pymysql.Connection:
    """A server with a table of loans, made from one seed; open loans are a few in a hundred."""
    connection = servers.mariadb().connect(autocommit=True)
    run(connection, SCHEMA)
    dice, first = random.Random(13), datetime(2025, 6, 1, 9)
    rows = []
    for _ in range(LOANS):
        borrowed = first + timedelta(minutes=dice.randrange(400 * 24 * 60))
        due = borrowed.date() + timedelta(days=28)
        back = None if dice.random() < 0.05 else due - timedelta(days=dice.randrange(28))
        title = f"{dice.choice(('The', 'A', 'No', 'Old'))} {dice.choice(('moon', 'sea', 'map'))}"
        card, branch = str(20_000 + dice.randrange(2_000)), dice.randrange(BRANCHES)
        rows.append((card, branch, title, borrowed, due, back, ""))
    add(connection, rows)
    run(connection, "ANALYZE TABLE loans")
    return connection


def add(connection: pymysql.Connection, rows: list[tuple]) -> None:
    with connection.cursor() as cursor:
        marks = ", ".join(["%s"] * len(COLUMNS))
        cursor.executemany(f"INSERT INTO loans ({', '.join(COLUMNS)}) VALUES ({marks})", rows)


def run(connection: pymysql.Connection, sql: str) -> tuple[tuple, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


def touched(connection: pymysql.Connection, sql: str) -> int:
    """Rows read, or index entries tested, whichever is more, by a warm run."""
    run(connection, sql)
    with reads(connection) as counted:
        run(connection, sql)
    return max(counted.rows, counted.counts.get("tested", 0))


def visible(connection: pymysql.Connection, *names: str) -> None:
    """Let the optimizer see only these of the table's own indexes."""
    switch = (f"ALTER INDEX {name} {'NOT ' * (name in names)}IGNORED" for name in OWN)
    run(connection, f"ALTER TABLE loans {', '.join(switch)}")


# --- best_index ----------------------------------------------------------------------------------

OPEN = "branch = {} AND returned_on IS NULL"
QUESTIONS = {
    "the count": f"SELECT COUNT(*) FROM loans WHERE {OPEN}",
    "the overdue": f"SELECT * FROM loans WHERE due_on < '2026-03-01' AND {OPEN}",
    "the next ten": f"SELECT * FROM loans WHERE {OPEN} ORDER BY due_on LIMIT 10",
}
ASKED_OF = (3, 7, 11)  # branches
REFERENCE = ("branch", "returned_on", "due_on")
SLACK = 1.2
BTREE = r"(?:\s*USING\s+BTREE)?"
FORMS = [
    re.compile(form.replace(" ", r"\s+") + BTREE + r"\s*\(([^()]+)\)" + BTREE, re.IGNORECASE)
    for form in (
        rf"CREATE(?: OR REPLACE)? INDEX(?: IF NOT EXISTS)? \w+{BTREE} ON loans",
        r"ALTER TABLE loans ADD (?:INDEX|KEY)(?: IF NOT EXISTS)?(?: (?!USING\b)\w+)?",
    )
]


@exercise("data/indexing/best_index", before=library)
def best_index(answer: Any) -> str:
    """One CREATE INDEX for three questions to a table of loans; the judge makes it and counts."""
    indexes = [columns_of(part) for part in statements(plain(answer))]
    with_answer, reference = counted(indexes), counted([REFERENCE])
    enough = sum(with_answer.values()) <= SLACK * sum(reference.values())
    if len(indexes) > 1 and enough:
        raise Hint(f"{len(indexes)} statements, and one is asked for: one of these does it all")
    if len(indexes) > 1:
        worst = max(QUESTIONS, key=lambda name: with_answer[name] / reference[name])
        raise Hint(
            f"{len(indexes)} indexes, and {worst} still touches {with_answer[worst]:,} entries: "
            "the server picks one and filters the rest. One index can do it"
        )
    if not enough:
        listed = ", ".join(f"{name} {n:,}" for name, n in with_answer.items())
        raise Hint(f"touched: {listed}; {advice(indexes[0])}")
    total, scan = sum(with_answer.values()), len(QUESTIONS) * len(ASKED_OF) * LOANS
    done = f"three questions to three branches touch {total:,} entries; scans would touch {scan:,}"
    more = [column for column in indexes[0] if column.split()[0] not in (*REFERENCE, "id")]
    price = f"; {', '.join(more)} only make each entry longer, which this count does not see"
    return done + price * bool(more)


def statements(answer: Any) -> list[str]:
    if type(answer) is not str:
        raise Hint("a text is asked for: one CREATE INDEX statement")
    if not (found := [part for part in answer.split(";") if part.strip()]):
        raise Hint("there is no statement in this text")
    return found


def columns_of(statement: str) -> tuple[str, ...]:
    """The columns of a CREATE INDEX on loans; only they are used, so that nothing else can run."""
    bare = statement.replace("`", "").strip()
    found = next(filter(None, (form.fullmatch(bare) for form in FORMS)), None)
    if not found:
        raise Hint("the form is: CREATE INDEX name ON loans (column, column, ...)")
    columns = tuple(" ".join(part.lower().split()) for part in found[1].split(","))
    for column in columns:
        name = column.removesuffix(" desc").removesuffix(" asc")
        if name not in (*COLUMNS, "id"):
            raise Hint(f"loans has no column {name[:30]!r}; it has id, {', '.join(COLUMNS)}")
    return columns


def counted(indexes: list[tuple[str, ...]]) -> dict[str, int]:
    """What each question touches, over all branches asked of, with these indexes and no other."""
    connection = library()
    visible(connection)
    made = [f"answer_{number}" for number in range(len(indexes))]
    adds = (f"ADD INDEX {n} ({', '.join(c)})" for n, c in zip(made, indexes, strict=True))
    try:
        run(connection, f"ALTER TABLE loans {', '.join(adds)}")
    except pymysql.MySQLError as error:
        raise Hint(f"the server refuses this index: {error.args[-1]}") from None
    try:
        return {
            name: sum(touched(connection, sql.format(branch)) for branch in ASKED_OF)
            for name, sql in QUESTIONS.items()
        }
    finally:
        run(connection, "ALTER TABLE loans " + ", ".join(f"DROP INDEX {name}" for name in made))


def advice(columns: tuple[str, ...]) -> str:
    bare = [column.split()[0] for column in columns]
    if bare[0] == "due_on":
        return "a stretch of due_on stands first, and what is behind a stretch is only tested"
    if bare[0] not in ("branch", "returned_on"):
        return f"no question pins {bare[0]} to a value; an index is entered by its first column"
    if not {"branch", "returned_on"} <= set(bare):
        return "both branch and returned_on are pinned to a value; NULL is a value to an index"
    if "due_on" not in bare:
        return "the pinned columns are right; the next ten are still found by sorting all"
    return "look at the column order: pinned columns, in any order, and the stretch behind them"


# --- rewrite -------------------------------------------------------------------------------------

SLOW = {
    "day": "SELECT * FROM loans WHERE DATE(borrowed_at) = '2026-02-14'",
    "card": "SELECT * FROM loans WHERE card = 20771",
    "page": "SELECT * FROM loans WHERE (due_on, id) > ('2026-03-01', 9000) "
    "ORDER BY due_on, id LIMIT 50",
    "title": "SELECT * FROM loans WHERE title LIKE '%moon'",
}
CANNOT = ("title",)
FEW = LOANS // 20  # entries
SELECT = re.compile(  # behind spaces, brackets and comments, but not those that MariaDB executes
    r"(?:[\s(]|--\s[^\n]*\n|#[^\n]*\n|/\*(?!M?!).*?\*/)*(?:SELECT|WITH)\b",
    re.IGNORECASE | re.DOTALL,
)


@exercise("data/indexing/rewrite", before=library)
def rewrite(answer: Any) -> str:
    """`{"day": sql, ...}`: the same rows by fewer entries; None where no index can help."""
    rewrites = plain(answer)
    if type(rewrites) is not dict:
        raise Hint(f"a dict is asked for, with a statement or None for each of {', '.join(SLOW)}")
    if missing := [name for name in SLOW if name not in rewrites]:
        raise Hint(f"there is no answer for {missing[0]!r}")
    connection = library()
    visible(connection, *OWN)
    counts = [f"{name} {judged(connection, name, rewrites[name])}" for name in SLOW]
    return f"the same rows; entries touched: {', '.join(counts)}"


def judged(connection: pymysql.Connection, name: str, sql: Any) -> str:
    """What the rewritten statement touches; raises the Hint that fits it."""
    if sql is None:
        if name in CANNOT:
            return "cannot"
        raise Hint(f"{name}: its column has an index, and the rows asked for lie together in it")
    if type(sql) is not str or not SELECT.match(sql):
        raise Hint(f"{name}: a SELECT is asked for, or None where no index can help")
    if name in CANNOT:
        raise Hint(f"{name}: no place in a sorted list has all texts that end alike; say None")
    compare(connection, name, sql, "")
    with new_loans(connection):
        compare(connection, name, sql, "right today, but with new loans in the table ")
    if name == "page":
        keeps_its_order(connection, sql)
    count = touched(connection, sql)
    if count > FEW:
        raise Hint(f"{name}: {count:,} entries touched, for a few rows; {reason(name, sql)}")
    return f"{count:,}"


@contextmanager
def new_loans(connection: pymysql.Connection) -> Iterator[None]:
    """Loans that stand on the borders of each question; gone after the block."""
    day, due = datetime(2026, 2, 14), date(2026, 3, 1)
    moments = [day, day + timedelta(hours=23, minutes=59, seconds=59), day + timedelta(days=1)]
    rows = [("20771", 1, "New moon", moment, due, None, "") for moment in moments]
    rows += [("20772", 1, "New map", day, due + timedelta(days=1), None, "")]
    connection.begin()
    try:
        add(connection, rows)
        run(connection, f"UPDATE loans SET due_on = '{due}' WHERE id IN (8999, 9000, 9001)")
        yield
    finally:
        connection.rollback()


def compare(connection: pymysql.Connection, name: str, sql: str, when: str) -> None:
    want = run(connection, SLOW[name])
    try:
        got = run(connection, sql)
    except pymysql.MySQLError as error:
        raise Hint(f"{name}: the server says: {error.args[-1]}") from None
    if name != "page":
        want, got = tuple(sorted(want, key=repr)), tuple(sorted(got, key=repr))
    if got == want:
        return
    missing, extra = len(set(want) - set(got)), len(set(got) - set(want))
    if name == "day" and extra and {row[4].time() for row in set(got) - set(want)} == {MIDNIGHT}:
        raise Hint(f"{name}: {when}the first moment of the next day is in your stretch too")
    if not missing and not extra:
        raise Hint(f"{name}: {when}the rows are right, but not in this order or number")
    raise Hint(f"{name}: {when}{missing} rows are missing and {extra} are too many")


MIDNIGHT = datetime.min.time()


def keeps_its_order(connection: pymysql.Connection, sql: str) -> None:
    """Ask once more where equal dates are stored last id first, in the table and in its index.

    A temporary table hides the one of its name from this connection.
    """
    own = ", ".join(f"INDEX {name} ({name.removeprefix('by_')})" for name in OWN)
    run(connection, f"CREATE TEMPORARY TABLE turned ({own}) SELECT * FROM loans ORDER BY id DESC")
    run(connection, "ALTER TABLE turned RENAME loans")
    try:
        right = run(connection, sql) == run(connection, SLOW["page"])
    finally:
        run(connection, "DROP TEMPORARY TABLE loans")
    if right:
        return
    if re.search(r"\bORDER\s+BY\b", sql, re.IGNORECASE):
        raise Hint(
            "page: this ORDER BY leaves loans of one day in any order; two pages may overlap"
        )
    raise Hint("page: no order is asked for; the index gave one today, another plan gives another")


NO_FUNCTION = "WHERE|AND|OR|NOT|ON|IN"


def reason(name: str, sql: str) -> str:
    column = {"day": "borrowed_at", "card": "card", "page": "due_on"}[name]
    if name == "card" and re.search(r"\bcard\s*=\s*\d", sql, re.IGNORECASE):
        return "the column is text and the constant a number, so the column is converted"
    if re.search(
        rf"\b(?!(?:{NO_FUNCTION})\b)\w+\s*\(\s*{column}\b|\b{column}\s*[+*]", sql, re.IGNORECASE
    ):
        return "you converted the column; convert the constant"
    return f"does it tell the server where in the list of {column} to begin?"


# --- predict_pages -------------------------------------------------------------------------------

ROWS = 8_000
TABLES = {  # primary key, bytes of filling
    "narrow": ("INT", 80),
    "wide": ("INT", 700),
    "tall": ("CHAR(200) CHARACTER SET latin1", 700),
}
FEW_MATCHES, MANY_MATCHES = 4, 800
NEAR, NEARLY = 0.15, 3  # share, pages


@cache
def cases() -> list[tuple[tuple[int, int, float, int], tuple[int, int]]]:
    """(matches, rows, rows a leaf, height) -> (pages by the index, pages of a scan), measured."""
    connection, found = library(), []
    # ANALYZE plans as well: from 11.8 on, the pages that a dive into an index touches are counted.
    run(connection, "SET SESSION eq_range_index_dive_limit = 1")
    run(connection, "CREATE OR REPLACE TABLE numbers (n INT PRIMARY KEY)")
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO numbers VALUES (%s)", [(n,) for n in range(ROWS)])
    for name, (key, filling) in TABLES.items():
        run(
            connection,
            f"CREATE TABLE {name} (id {key} PRIMARY KEY, kind INT NOT NULL, "
            f"filling VARCHAR({filling}) CHARACTER SET latin1 NOT NULL, INDEX (kind))",
        )
        spread = f"IF(n MOD {ROWS // FEW_MATCHES} = 5, -1, n MOD {ROWS // MANY_MATCHES})"
        run(
            connection,
            f"INSERT INTO {name} SELECT LPAD(n, {200 if name == 'tall' else 6}, '0'), {spread}, "
            f"REPEAT('x', {filling}) FROM numbers ORDER BY n",
        )
        summed = f"SELECT SUM(LENGTH(filling)) FROM {name}"
        scan = pages(connection, f"{summed} IGNORE INDEX (kind)")
        last = run(connection, f"SELECT MAX(id) FROM {name}")[0][0]
        height = pages(connection, f"SELECT filling FROM {name} WHERE id = '{last}'")
        for kind in (-1, 1):
            matches = run(connection, f"SELECT COUNT(*) FROM {name} WHERE kind = {kind}")[0][0]
            by_index = pages(connection, f"{summed} FORCE INDEX (kind) WHERE kind = {kind}")
            known = (matches, ROWS, round(ROWS / (scan - height + 1), 1), height)
            found.append((known, (by_index, scan)))
    run(connection, "SET SESSION eq_range_index_dive_limit = DEFAULT")
    return found


def pages(connection: pymysql.Connection, sql: str) -> int:
    told: list[int] = []
    run(connection, sql)
    text = run(connection, f"ANALYZE FORMAT=JSON {sql}")[0][0]
    json.loads(text, object_hook=lambda node: told.append(node.get("pages_accessed") or 0))
    return sum(told)


@exercise("data/indexing/predict_pages", before=cases)
def predict_pages(answer: Any) -> str:
    """`predict_pages(matches, rows, leaf_rows, height)`: pages by the index, pages of a scan."""
    for known, (by_index, scan) in cases():
        guess = plain(call(answer, *known))
        if type(guess) not in (tuple, list) or len(guess) != 2:
            raise Hint("two numbers are asked for: pages by the index, pages of a scan")
        if any(type(number) not in (int, float) for number in guess):
            raise Hint("two numbers are asked for, and one of these is none")
        if not near(guess[1], scan):
            raise Hint(f"{told(known)}: a scan touches {scan} pages, not {guess[1]:,.0f}; {law(1)}")
        if not near(guess[0], by_index):
            why = halving(guess[0], known) or law(0)
            raise Hint(f"{told(known)}: by the index {by_index} pages, not {guess[0]:,.0f}; {why}")
    return f"{len(cases())} measured cases, each predicted within {NEAR:.0%} or {NEARLY} pages"


def near(guess: float, real: int) -> bool:
    return abs(guess - real) <= max(NEARLY, NEAR * real)


def told(known: tuple[int, int, float, int]) -> str:
    matches, rows, _, height = known
    return f"{matches} matches in {rows:,} rows, height {height}"


def law(which: int) -> str:
    return (
        "every match costs a walk down the primary key",
        "a scan touches each leaf once, and a leaf holds many rows",
    )[which]


def halving(guess: float, known: tuple[int, int, float, int]) -> str:
    matches, _, _, height = known
    if guess > 1.5 * matches * height:
        return "a page holds hundreds of keys, not two: the height is what there is to walk"
    return ""


# --- redundant -----------------------------------------------------------------------------------

Indexes = Mapping[str, tuple[tuple[str, ...], bool]]
SEEN: Indexes = {
    "a": (("a",), False),
    "ab": (("a", "b"), False),
    "ac": (("a", "c"), False),
    "abd": (("a", "b", "d"), False),
    "one_a": (("a",), True),
    "b": (("b",), False),
}


def sets_of_indexes(number: int = 200) -> Iterator[Indexes]:
    """The one of the page, none at all, twins, names that begin alike, then random ones."""
    yield SEEN
    yield {}
    yield {"x": (("a", "b"), False), "y": (("a", "b"), False)}
    yield {"x": (("a",), True), "y": (("a",), False)}
    yield {"x": (("b", "a"), True), "y": (("b", "a"), True)}
    yield {"x": (("a", "b"), False), "y": (("ab", "c"), False)}
    yield {"x": (("flight",), False), "y": (("flight_no", "carrier"), False)}
    dice = random.Random(13)
    for _ in range(number):
        yield {
            f"i{name}": (tuple(dice.sample("abc", dice.randint(1, 3))), dice.random() < 0.2)
            for name in range(dice.randint(1, 6))
        }


@exercise("data/indexing/redundant")
def redundant(answer: Any) -> str:
    """`redundant(indexes)`: the names of those that another one makes useless."""
    every = list(sets_of_indexes())
    for indexes in every:
        names = plain(call(answer, dict(indexes)))
        if type(names) not in (list, tuple, set, frozenset):
            raise Hint("names are asked for, as a list or a set")
        if strange := [name for name in names if type(name) is not str or name not in indexes]:
            raise Hint(f"{strange[0]!r} is not the name of an index that was given")
        inspect(indexes, set(names))
    return f"{len(every)} sets of indexes: nothing is lost, and nothing useless stays"


def inspect(indexes: Indexes, dropped: set[str]) -> None:
    """Raise a Hint if something is lost, or if something stays that one other index does."""
    kept = {name: index for name, index in indexes.items() if name not in dropped}

    def keeper(name: str) -> str | None:
        columns = indexes[name][0]
        others = (k for k, (longer, _) in kept.items() if k != name and begins(longer, columns))
        return next(others, None)

    def forbidden(columns: tuple[str, ...]) -> bool:
        return any(unique and set(some) <= set(columns) for some, unique in kept.values())

    def shown(name: str) -> str:
        columns, unique = indexes[name]
        return f"{'UNIQUE ' * unique}({', '.join(columns)})"

    among = ", ".join(map(shown, indexes))
    for name in sorted(dropped):
        twins = [other for other in dropped if other != name and indexes[other] == indexes[name]]
        lost = not keeper(name) or (indexes[name][1] and not forbidden(indexes[name][0]))
        if lost and twins:
            raise Hint(f"both {shown(name)} go, of {among}: one of the two must stay")
        if not keeper(name):
            raise Hint(f"{shown(name)} goes, of {among}: which one that stays begins like it?")
        if lost:
            raise Hint(f"{shown(name)} goes, of {among}: it also forbids duplicates; no other does")
    for name, (columns, unique) in kept.items():
        if unique and any(k != name and index == (columns, True) for k, index in kept.items()):
            raise Hint(f"{shown(name)} stays, of {among}: twice, and one does all the work")
        if not unique and (longer := keeper(name)):
            raise Hint(f"{shown(name)} stays, of {among}: {shown(longer)} begins like it")


def begins(longer: tuple[str, ...], columns: tuple[str, ...]) -> bool:
    return longer[: len(columns)] == columns
