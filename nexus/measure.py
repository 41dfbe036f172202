"""What ran, what the server read, and how long it took.

`≈` marks every figure that changes from run to run; tests replace it and compare the rest exactly.
"""

import html
import random
import re
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
    """What one connection made the server do in a block.

    rows: rows read by the storage engine's handler (sum of `Handler_read_%`).
    selects: SELECT statements. sent: bytes from the server to the client.
    """

    rows = selects = sent = 0

    def __repr__(self) -> str:
        return f"{self.rows:,} rows read by {self.selects:,} SELECT"


_STATUS = """
    SELECT LPAD(SUM(IF(VARIABLE_NAME LIKE 'Handler_read%%', VARIABLE_VALUE + 0, 0)), 20, '0'),
           LPAD(SUM(IF(VARIABLE_NAME = 'Com_select', VARIABLE_VALUE + 0, 0)), 20, '0'),
           LPAD(SUM(IF(VARIABLE_NAME = 'Bytes_sent', VARIABLE_VALUE + 0, 0)), 20, '0')
    FROM {schema}.SESSION_STATUS"""


def _counters(cursor: Any, schema: str) -> tuple[int, int, int]:
    """(rows, selects, sent) so far; padded, so that each look costs the same number of bytes."""
    cursor.execute(_STATUS.format(schema=schema), ())
    return tuple(int(value) for value in cursor.fetchone())


@contextmanager
def reads(connection: Any) -> Iterator[Reads]:
    """Count the server's work for a block, on the very connection that is measured.

    `connection` is a PyMySQL connection or a Django connection to MariaDB or MySQL. Reading the
    counters moves them too: that share is measured first, the same way, and taken off.

    Source: MariaDB, Server Status Variables, `Handler_read_*`.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT VERSION()")
        mariadb = "MariaDB" in cursor.fetchone()[0]
        schema = "information_schema" if mariadb else "performance_schema"
        looks = [_counters(cursor, schema) for _ in range(3)]
        record = Reads()
        yield record
        after = _counters(cursor, schema)
    for name, first, second, before, now in zip(
        ("rows", "selects", "sent"), *looks, after, strict=True
    ):
        setattr(record, name, now - before - (second - first))


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
