"""What ran, what the server read, and how long it took.

`≈` marks every figure that changes from run to run; tests replace it and compare the rest exactly.
"""

import html
import random
import re
import sqlite3
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_LITERAL = re.compile(
    r"""'(?:[^'\\]|\\.|'')*' | \b0x[0-9a-f]+\b | (?<![\w.])-?\d+(?:\.\d+)?(?![\w.])""",
    re.VERBOSE | re.IGNORECASE,
)
_LIST = re.compile(r"\(\s*\?(?:\s*,\s*\?)+\s*\)|\(\(\?\)(?:, \(\?\))*\)")
_ALTERNATIVES = re.compile(r"([^\s(]+ = \?)(?: OR \1)+")
_COLUMNS = re.compile(r"^SELECT (?P<distinct>DISTINCT )?(?P<columns>.{60,}?) FROM ", re.DOTALL)


def shape(sql: str) -> str:
    """The statement with its literals as `?`, and a list or a chain of them as `…`.

    >>> shape("SELECT a FROM t WHERE b = 'x' AND c IN (1, 2, 3)")
    'SELECT a FROM t WHERE b = ? AND c IN (…)'
    >>> shape("SELECT a FROM t WHERE (b = 1 OR b = 2 OR b = 3)")
    'SELECT a FROM t WHERE (b = ? OR …)'
    """
    sql = re.sub(r"%s|%\(\w+\)s", "?", " ".join(sql.split()))
    return _ALTERNATIVES.sub(r"\1 OR …", _LIST.sub("(…)", _LITERAL.sub("?", sql)))


def _short(sql: str) -> str:
    """`sql` without quoted names' quotes and with a long column list folded, for the eye."""
    sql = re.sub(r'[`"]', "", sql)
    return _COLUMNS.sub(lambda m: f"SELECT {m['distinct'] or ''}… FROM ", sql, count=1)


class Queries:
    """The statements of a block; `count` of them, in order, in `statements`."""

    def __init__(self) -> None:
        self.statements: list[str] = []

    @property
    def count(self) -> int:
        return len(self.statements)

    @property
    def folded(self) -> list[tuple[int, str]]:
        """(times, shape) of each distinct statement, in order of first appearance."""
        return [(n, text) for text, n in Counter(map(shape, self.statements)).items()]

    def __repr__(self) -> str:
        lines = [f"{n:>5} x {_short(text)}" for n, text in self.folded]
        return "\n".join([f"{self.count:,} {'query' if self.count == 1 else 'queries'}", *lines])

    def _repr_html_(self) -> str:
        # Wrapped with a hanging indent: a statement that scrolls out of sight is not read.
        lines = "".join(
            f"<span style='display:block;padding-left:9ch;text-indent:-9ch'>{html.escape(line)}"
            "</span>"
            for line in repr(self).splitlines()
        )
        return f"<pre class='nexus-queries' style='white-space:pre-wrap'>{lines}</pre>"


@contextmanager
def queries(using: str = "default") -> Iterator[Queries]:
    """Record what Django sends over the connection `using`, by Django's own query log."""
    from django.db import connections
    from django.test.utils import CaptureQueriesContext

    record = Queries()
    # Django keeps the last 9,000 statements only; a truncated log would be a wrong count.
    connection = connections[using]
    log, connection.queries_log = connection.queries_log, type(connection.queries_log)()
    try:
        with CaptureQueriesContext(connection) as captured:
            yield record
        record.statements = [query["sql"] for query in captured.captured_queries]
    finally:
        if log.maxlen is None:  # that of an outer block, which counts what an inner one did
            log.extend(connection.queries_log)
        connection.queries_log = log


class Reads:
    """What one connection made its server do in a block: `counts`, and each as an attribute.

    MariaDB and MySQL: `rows`, read by the storage engine's handler (sum of `Handler_read_%`);
    `tested`, index entries that a pushed condition was tried on below that handler
    (`Handler_icp_attempts`; not on MySQL); `selects`, statements; `sent`, bytes to the client.
    SQLite: `steps`, instructions of its virtual machine; `selects`, statements. It has no count of
    rows read, and a step is far less than a row: never compare one server's count with another's.
    """

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def __getattr__(self, name: str) -> int:
        counts = self.__dict__.get("counts", {})
        if name not in counts:
            have = f"counted here: {', '.join(counts)}" if counts else "the block has not ended"
            raise AttributeError(f"no count of {name!r}; {have}")
        return counts[name]

    def __repr__(self) -> str:
        if "steps" in self.counts:
            return f"{self.steps:,} steps of the virtual machine for {self.selects:,} SELECT"
        return f"{self.rows:,} rows read by {self.selects:,} SELECT"


# Padded, so that each look costs the same number of bytes.
_STATUS = """
    SELECT LPAD(SUM(IF(VARIABLE_NAME LIKE 'Handler_read%%', VARIABLE_VALUE + 0, 0)), 20, '0'),
           LPAD(SUM(IF(VARIABLE_NAME = 'Handler_icp_attempts', VARIABLE_VALUE + 0, 0)), 20, '0'),
           LPAD(SUM(IF(VARIABLE_NAME = 'Com_select', VARIABLE_VALUE + 0, 0)), 20, '0'),
           LPAD(SUM(IF(VARIABLE_NAME = 'Bytes_sent', VARIABLE_VALUE + 0, 0)), 20, '0')
    FROM {schema}.SESSION_STATUS"""


@contextmanager
def reads(connection: Any) -> Iterator[Reads]:
    """Count the server's work for a block, on the very connection that is measured.

    `connection` is one to MariaDB, MySQL or SQLite: the driver's own (PyMySQL, sqlite3), Django's
    or SQLAlchemy's. On SQLite it takes the connection's progress handler and trace callback for
    the time of the block. What is counted: see `Reads`.

    Source: MariaDB, Server Status Variables; SQLite, `sqlite3_progress_handler`.
    """
    driver, record = _driver(connection), Reads()
    count = _steps if isinstance(driver, sqlite3.Connection) else _handler_reads
    with count(driver, record):
        yield record


def _driver(connection: Any) -> Any:
    """The driver's connection under one of Django or of SQLAlchemy."""
    if hasattr(connection, "ensure_connection"):
        connection.ensure_connection()
        return connection.connection
    if hasattr(connection, "exec_driver_sql"):
        return connection.connection.driver_connection
    return connection


@contextmanager
def _handler_reads(connection: Any, record: Reads) -> Iterator[None]:
    """Take off what reading the counters adds to them, measured first and the same way."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        mariadb = "MariaDB" in cursor.fetchone()[0]
        status = _STATUS.format(schema="information_schema" if mariadb else "performance_schema")

        def look() -> list[int]:
            cursor.execute(status, ())
            return [int(value) for value in cursor.fetchone()]

        looks = [look() for _ in range(3)]
        yield
        looks.append(look())
    names = ("rows", "tested", "selects", "sent")
    for name, first, second, before, now in zip(names, *looks, strict=True):
        record.counts[name] = now - before - (second - first)
    if not mariadb:
        del record.counts["tested"]


@contextmanager
def _steps(connection: sqlite3.Connection, record: Reads) -> Iterator[None]:
    counts = Counter(steps=0, selects=0)

    def step() -> int:
        counts["steps"] += 1
        return 0  # anything else would interrupt the statement

    def statement(sql: str) -> None:
        counts["selects"] += sql.lstrip().upper().startswith(("SELECT", "WITH"))

    connection.set_progress_handler(step, 1)
    connection.set_trace_callback(statement)
    try:
        yield
    finally:
        connection.set_progress_handler(None, 1)
        connection.set_trace_callback(None)
        record.counts.update(counts)


def took(seconds: float) -> str:
    """`seconds` in the one form that a compared output may hold, such as `≈ 12.3 ms`."""
    for unit, size in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"≈ {seconds / size:.3g} {unit}"
    return f"≈ {seconds / 1e-9:.0f} ns"


class Race:
    """Seconds of each alternative, a list per name."""

    def __init__(self, seconds: dict[str, list[float]]):
        self.seconds = seconds

    @property
    def median(self) -> dict[str, float]:
        """Median seconds of each alternative."""
        return {name: statistics.median(times) for name, times in self.seconds.items()}

    def ratio(self, slower: str, faster: str) -> float:
        """How many times the median of `faster` goes into that of `slower`."""
        return self.median[slower] / self.median[faster]

    def _rows(self) -> list[tuple[str, str, str, str]]:
        best = min(self.median.values())
        rows = []
        for name, times in self.seconds.items():
            low, _, high = statistics.quantiles(times, n=4)
            middle = self.median[name]
            rows.append((name, took(middle), took(high - low), f"≈ {middle / best:.3g} times"))
        return rows

    def __repr__(self) -> str:
        rounds = len(next(iter(self.seconds.values())))
        lines = [
            f"{n}: median {m}, middle half within {s}, {r} the fastest"
            for n, m, s, r in self._rows()
        ]
        return "\n".join([f"{rounds} interleaved rounds", *lines])

    def _repr_html_(self) -> str:
        head = "".join(
            f"<th scope='col'>{title}</th>"
            for title in ("alternative", "median", "middle half within", "to the fastest")
        )
        body = "".join(
            f"<tr><th scope='row'>{html.escape(name)}</th>"
            + "".join(f"<td>{cell}</td>" for cell in cells)
            + "</tr>"
            for name, *cells in self._rows()
        )
        return (
            f"<table class='dataframe nexus-race'><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table>"
        )


def race(alternatives: Mapping[str, Callable[[], Any]], rounds: int = 9, seed: int = 13) -> Race:
    """Time the alternatives interleaved, in a new order each round, after one unmeasured round.

    Interleaving spreads what else the machine does over all of them alike.

    Raises:
        ValueError: fewer than two alternatives, or fewer than three rounds.
    """
    if len(alternatives) < 2 or rounds < 3:
        raise ValueError("a race needs two alternatives or more, and three rounds or more")
    order, seconds = list(alternatives), {name: [] for name in alternatives}
    shuffle = random.Random(seed).shuffle
    for lap in range(rounds + 1):
        shuffle(order)
        for name in order:
            start = time.perf_counter()
            alternatives[name]()
            elapsed = time.perf_counter() - start
            if lap:
                seconds[name].append(elapsed)
    return Race(seconds)
