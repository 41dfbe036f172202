"""Two or more sessions, played step by step in an order that the notebook chooses.

A session does one step at each `next()`: a generator, one of the lines of `script`, or a plain
function under `stepped`. Nothing here sleeps and hopes: the player goes on when every session is
idle or is known, from the server's own lock system, to wait.
"""

import html
import queue
import random
import re
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

Session = Iterator[Any]
Waiting = Callable[[set[str]], set[str]]

_GLANCE = 0.002
"""Seconds that a step may take before the server is asked whether it waits."""

_APART = 0.12
"""Seconds between two looks at INNODB_LOCK_WAITS: it is kept until nobody asks for 0.1 s."""


@dataclass(frozen=True)
class Step:
    """What one session did in its turn.

    outcome: done, waits, resumed (done, after a wait), error or ended (nothing was left to do).
    value: what the step showed, or the error. said: the statement, where the session names it.
    """

    session: str
    outcome: str
    value: Any = None
    said: str | None = None

    def __str__(self) -> str:
        said = "" if self.value is None else f": {self.value}"
        return f"{self.session} {self.outcome}{said}"

    @property
    def result(self) -> str:
        """The outcome as a reader wants to see it."""
        if self.outcome == "waits":
            return "waits …"
        shown = "" if self.value is None else _shown(self.value)
        if self.outcome == "ended":
            return f"ends {shown}".rstrip()
        return f"… {shown or 'goes on'}" if self.outcome == "resumed" else shown


def _shown(value: Any) -> str:
    if isinstance(value, BaseException):
        code = value.args[0] if value.args else ""
        text = f"error {code}" if isinstance(code, int) else type(value).__name__
        return text if len(value.args) < 2 else f"{text}: {str(value.args[1]).partition(';')[0]}"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "nothing"
    return str(value)


class History(list[Step]):
    """The steps in the order in which they happened, shown as a table with a margin a session."""

    def _cells(self) -> list[tuple[str, str, str]]:
        return [(s.session, "" if s.said is None else s.said, s.result) for s in self]

    def __repr__(self) -> str:
        names = sorted({step.session for step in self})
        cells = [
            ("  " * names.index(who) + who + "  " * (len(names) - 1 - names.index(who)), said, got)
            for who, said, got in self._cells()
        ]
        width = max((len(said) for _, said, _ in cells), default=0)
        return "\n".join(f"{who}  {said:<{width}}  {got}".rstrip() for who, said, got in cells)

    def _repr_html_(self) -> str:
        names = sorted({step.session for step in self})
        left = "style='text-align:left;white-space:normal'"
        head = "".join(f"<th scope='col' {left}>{html.escape(name)}</th>" for name in names)
        rows = ""
        for who, said, got in self._cells():
            text = f"<b>{html.escape(got)}</b>"
            if said:
                text = f"<code style='white-space:normal'>{html.escape(said)}</code> {text}"
            cells = "".join(f"<td {left}>{text if name == who else ''}</td>" for name in names)
            rows += f"<tr>{cells}</tr>"
        return (
            f"<table class='dataframe nexus-history'><thead><tr>{head}</tr></thead>"
            f"<tbody>{rows}</tbody></table>"
        )


def interleavings(steps: Mapping[str, int]) -> Iterator[tuple[str, ...]]:
    """Every order in which sessions with these numbers of steps can take turns.

    >>> list(interleavings({"a": 1, "b": 1}))
    [('a', 'b'), ('b', 'a')]
    """
    if not any(steps.values()):
        yield ()
    for name, left in steps.items():
        if left:
            for rest in interleavings({**steps, name: left - 1}):
                yield (name, *rest)


# --- what a session can be made of ---------------------------------------------------------------


class _Statements:
    """Runs one SQL statement at each step and yields what it showed."""

    def __init__(self, connection: Any, statements: Iterable[str]):
        self._connection, self._left = connection, list(statements)
        self.said: str | None = None

    def __iter__(self) -> "_Statements":
        return self

    def __next__(self) -> Any:
        if not self._left:
            self.said = None
            raise StopIteration
        self.said = self._left.pop(0)
        try:
            with self._connection.cursor() as cursor:
                cursor.execute(self.said)
                return _rows(cursor)
        except Exception:
            self._left.clear()  # what comes after an error would run outside the transaction
            raise

    def close(self) -> None:
        """End the transaction, which lets go whoever waits for it."""
        with suppress(Exception):
            self._connection.rollback()


def _rows(cursor: Any) -> Any:
    """The rows of a SELECT (bare values when it has one column), "2 rows" of a change, or None."""
    if cursor.description:
        rows = cursor.fetchall()
        return [row[0] if len(row) == 1 else row for row in rows]
    sent = (getattr(cursor, "_executed", None) or "").lstrip()[:6].upper()
    if sent in ("UPDATE", "DELETE", "INSERT"):
        return _count(cursor.rowcount)
    return None


def _count(rows: int) -> str:
    return f"{rows} row{'' if rows == 1 else 's'}"


def ask(connection: Any, sql: str, *values: Any) -> Any:
    """The rows of a SELECT as a list, or the row count of another statement (PyMySQL)."""
    with connection.cursor() as cursor:
        count = cursor.execute(sql, values or None)
        return list(cursor.fetchall()) if cursor.description else count


def prepared(connection: Any, *statements: str) -> Any:
    """The connection, after it has run the statements and committed."""
    for statement in statements:
        ask(connection, statement)
    connection.commit()
    return connection


def _parsed(lines: str | Iterable[str]) -> tuple[list[str], dict[str, list[str]]]:
    """The order of the names and the statements of each, from lines of `name: statement`."""
    lines = lines.strip().splitlines() if isinstance(lines, str) else lines
    order, statements = [], defaultdict(list)
    for line in lines:
        name, _, said = (part.strip() for part in line.partition(":"))
        order.append(name)
        statements[name].append(said)
    return order, dict(statements)


def script(
    connections: Mapping[str, Any], lines: str | Iterable[str]
) -> tuple[list[str], dict[str, Session]]:
    """The `order` and the `sessions` of a schedule written as lines, for `play`.

    Each line is `name: statement`. A session's script ends at its first error, and its
    transaction is rolled back at the end of the play.

    Raises:
        KeyError: a line names a session that has no connection.
    """
    order, statements = _parsed(lines)
    if unknown := sorted(set(order) - set(connections)):
        raise KeyError(f"no connection for: {', '.join(unknown)}")
    return order, {name: _Statements(connections[name], said) for name, said in statements.items()}


_SHORT = r"""r(\d)        SELECT n FROM {table} WHERE id = \1
w(\d)=(\d+)  UPDATE {table} SET n = \2 WHERE id = \1
n(\S+)       SELECT id FROM {table} WHERE n \1
i(\d)=(\d+)  INSERT INTO {table} (id, n) VALUES (\1, \2)
d(\S+)       DELETE FROM {table} WHERE n \1
c            COMMIT
a            ROLLBACK"""
_RULES = [line.split(maxsplit=1) for line in _SHORT.splitlines()]


def spelled(short: str, table: str = "seats") -> list[str]:
    """The lines of a schedule in short, such as "A:r1 B:w1=12 B:c", about `table(id, n)`.

    Raises:
        ValueError: a turn is none of those.
    """
    lines = []
    for turn in short.split():
        name, _, what = turn.partition(":")
        found = [m.expand(sql) for rule, sql in _RULES if (m := re.fullmatch(rule, what))]
        if not found:
            raise ValueError(f"not a turn: {turn!r}")
        lines.append(f"{name}: {found[0].replace('{table}', table)}")
    return lines


class _Closed(BaseException):
    """Ends a function under `stepped` that is not wanted any more."""


class _Gate:
    """A connection or cursor that asks `turn` before each statement; the rest passes through."""

    _GATED = ("execute", "executemany", "query", "commit", "rollback", "begin")

    def __init__(self, inner: Any, turn: Callable[[str, Callable[[], Any]], Any]):
        self._inner, self._turn = inner, turn

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name == "cursor":
            return lambda *args, **kwargs: _Gate(found(*args, **kwargs), self._turn)
        if name not in self._GATED:
            return found

        def gated(*args: Any, **kwargs: Any) -> Any:
            said = str(args[0]) if args else name.upper()
            if len(args) > 1 and args[1] is not None and name != "executemany":
                with suppress(Exception):
                    said = self._inner.mogrify(*args[:2])
            return self._turn(" ".join(said.split()), lambda: found(*args, **kwargs))

        return gated

    def __enter__(self) -> "_Gate":
        return self

    def __exit__(self, *_: Any) -> None:
        self._inner.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._inner)


class _Stepped:
    """Runs a function in a thread of its own, held before each statement that it sends."""

    def __init__(self, work: Callable[[Any], Any], connection: Any):
        self._work, self._connection = work, connection
        self._go, self._seen = queue.SimpleQueue(), queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._shown: Any = None
        self._open = True
        self._at: tuple[str, Any] | None = None
        self.said: str | None = None

    def __iter__(self) -> "_Stepped":
        return self

    def __next__(self) -> Any:
        if self._at is None:
            self._thread.start()
            self._at = self._seen.get()
        kind, value = self._at
        self.said = value if kind == "before" else None
        if kind == "returned":
            self._at = ("returned", None)
            raise StopIteration(value)
        if kind == "raised":
            self._at = ("returned", None)
            raise value
        self._go.put(True)
        self._at = self._seen.get()
        if self._at[0] == "raised":  # the statement's own error, or one that follows from it
            error, self._at = self._at[1], ("returned", None)
            raise error
        return self._shown

    def _turn(self, said: str, act: Callable[[], Any]) -> Any:
        if threading.current_thread() is not self._thread:
            raise RuntimeError("a connection belongs to one thread")
        if self._open:
            self._seen.put(("before", said))
            self._open = self._go.get()
        if not self._open:
            raise _Closed
        try:
            result = act()
        except Exception as error:
            self._shown = error
            raise
        self._shown = _count(result) if isinstance(result, int) else None
        return result

    def _run(self) -> None:
        try:
            outcome = ("returned", self._work(_Gate(self._connection, self._turn)))
        except BaseException as error:
            outcome = ("raised", error)
        self._seen.put(outcome)

    def close(self) -> None:
        """Stop the function at its next statement, and end its transaction."""
        if self._thread.is_alive():
            self._go.put(False)
            self._thread.join(1)
        if not self._thread.is_alive():
            with suppress(Exception):
                self._connection.rollback()


def stepped(work: Callable[[Any], Any], connection: Any) -> Session:
    """A session made of a plain function `work(connection)`: each statement it sends is a step.

    `commit` and `rollback` are statements too. A statement's error goes to the function, which
    may catch it. When the function returns, the session has ended; its value is in that step.
    """
    return _Stepped(work, connection)


# --- who waits -----------------------------------------------------------------------------------

_TRANSACTION = re.compile(r"^---TRANSACTION ", re.MULTILINE)
_THREAD = re.compile(r"^(?:MariaDB|MySQL) thread id (\d+)", re.MULTILINE)
_WAITS = re.compile(r"^LOCK WAIT (\d+) lock struct.* (\d+) row lock\(s\)(.*undo)?", re.MULTILINE)
_EDGES = """
    SELECT r.trx_mysql_thread_id, b.trx_mysql_thread_id
    FROM information_schema.INNODB_LOCK_WAITS w
    JOIN information_schema.INNODB_TRX r ON r.trx_id = w.requesting_trx_id
    JOIN information_schema.INNODB_TRX b ON b.trx_id = w.blocking_trx_id"""


def lock_waits(monitor: Any, connections: Mapping[str, Any]) -> Waiting:
    """A function that names the sessions that wait for a lock of InnoDB, for `play`.

    `monitor` is a connection of its own; `connections` maps each session to its connection
    (PyMySQL). The server's status is the state of this moment: a session that waits in it, while
    all others are idle or wait too, waits for certain, unless it closes a deadlock that the server
    is about to find. Only one that holds a lock itself can: then INNODB_LOCK_WAITS must show no
    circle, or show it again and again.

    Source: `SHOW ENGINE INNODB STATUS` and `information_schema.INNODB_LOCK_WAITS` of MariaDB.
    """
    names = {connection.thread_id(): name for name, connection in connections.items()}
    last = 0.0

    def fetch(sql: str) -> Any:
        with monitor.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall()

    def waiting() -> dict[str, bool]:
        """Who waits, and whether it also holds what others may wait for."""
        seen = {}
        for block in _TRANSACTION.split(fetch("SHOW ENGINE INNODB STATUS")[0][2])[1:]:
            wait, thread = _WAITS.search(block), _THREAD.search(block)
            if wait and thread and (name := names.get(int(thread[1]))):
                # One lock on the table and the one that it waits for: nobody waits for those.
                seen[name] = int(wait[1]) > 2 or int(wait[2]) > 1 or wait[3] is not None
        return seen

    def edges() -> dict[str, set[str]]:
        nonlocal last
        time.sleep(max(0.0, last + _APART - time.monotonic()))  # a copy kept by the server is old
        graph = defaultdict(set)
        with suppress(Exception):  # MySQL has no such table: there the three looks must do
            for waiter, holder in fetch(_EDGES):
                graph[names.get(waiter, waiter)].add(names.get(holder, holder))
        last = time.monotonic()
        return graph

    def look(new: set[str]) -> set[str]:
        seen = waiting()
        if len(seen) < 2 or not any(seen.get(name) for name in new):
            return set(seen)
        for _ in range(3):  # InnoDB follows one blocker a waiter; a circle that stays, it misses
            graph = edges()
            in_circle = {name for name in seen if _reaches(graph, name, name)}
            if set(now := waiting()) != set(seen):
                return set(now) - in_circle
            if set(seen) <= set(graph) and not in_circle:
                break
        return set(seen)

    return look


def _reaches(graph: Mapping[str, set[str]], start: str, end: str) -> bool:
    found, left = set(), set(graph.get(start, ()))
    while left:
        name = left.pop()
        if name == end:
            return True
        found.add(name)
        left |= graph.get(name, set()) - found
    return False


# --- the player ----------------------------------------------------------------------------------


def play(
    order: Sequence[str],
    sessions: Mapping[str, Session],
    waiting: Waiting | None = None,
    patience: float = 60.0,
    finish: int = 0,
) -> History:
    """Give the sessions their turns in `order`; return what happened, in the order it happened.

    Without `waiting` no step may block, and all run in this thread. With it (see `lock_waits`)
    each session has a thread; one that waits keeps its turns until it is let go. An error ends
    its session: further turns do nothing. With `finish`, turns go on in rounds after `order`
    until every session has ended, for at most so many rounds.

    Raises:
        KeyError: `order` names a session that is not there.
        TimeoutError: a session was neither idle nor seen waiting for `patience` seconds, or had
            not ended after `finish` rounds.
    """
    if unknown := sorted(set(order) - set(sessions)):
        raise KeyError(f"the order names sessions that are not there: {', '.join(unknown)}")
    if waiting is None:
        return _play_here(order, sessions)
    return _Player(sessions, waiting, patience).play(order, finish)


def _advance(session: Session, name: str) -> Step:
    try:
        value = next(session)
    except StopIteration as stop:
        return Step(name, "ended", stop.value)
    return Step(name, "done", value, getattr(session, "said", None))


def _play_here(order: Sequence[str], sessions: Mapping[str, Session]) -> History:
    try:
        return History(_advance(sessions[name], name) for name in order)
    finally:
        for session in sessions.values():
            session.close()


class _Worker(threading.Thread):
    """Runs one session's turns; `busy` while a turn is under way."""

    def __init__(self, name: str, session: Session, results: "queue.SimpleQueue[Step]"):
        super().__init__(name=f"session-{name}", daemon=True)
        self.who, self.session, self.results = name, session, results
        self.turns: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self.asked = self.answered = 0
        self.over = self.held = False

    def run(self) -> None:
        while self.turns.get():
            try:
                step = _advance(self.session, self.who)
            except BaseException as error:  # an outcome: deadlock, timeout, duplicate
                step = Step(self.who, "error", error, getattr(self.session, "said", None))
            self.results.put(step)
        self.session.close()

    def ask(self) -> None:
        self.asked += 1
        self.turns.put(True)

    @property
    def busy(self) -> bool:
        return self.answered < self.asked


class _Player:
    def __init__(self, sessions: Mapping[str, Session], waiting: Waiting, patience: float):
        self.results: queue.SimpleQueue[Step] = queue.SimpleQueue()
        self.workers = {name: _Worker(name, s, self.results) for name, s in sessions.items()}
        self.waiting, self.patience = waiting, patience
        self.history = History()

    def play(self, order: Sequence[str], finish: int) -> History:
        for worker in self.workers.values():
            worker.start()
        try:
            for name in order:
                self.turn(name)
            for _ in range(finish):
                if not (left := [name for name, w in self.workers.items() if not w.over]):
                    break
                moved = False
                for name in left:
                    if not self.workers[name].busy:
                        self.turn(name)
                        moved = True
                if not moved:  # all wait, for a lock that only the server's own timeout can end
                    self.settle(left[0], until=len(self.history) + 1)
            else:
                if finish:
                    raise TimeoutError(f"not at an end after {finish} rounds")
            return self.history
        finally:
            self.close()

    def turn(self, name: str) -> None:
        if not self.workers[name].over:
            self.workers[name].ask()
            self.settle(name)

    def settle(self, actor: str, until: int = 0) -> None:
        """Return when every session is idle or waits, and the history has `until` steps."""
        arrived: dict[str, list[Step]] = {actor: [], **{other: [] for other in self.workers}}
        started = time.monotonic()
        while busy := {who for who, w in self.workers.items() if w.busy}:
            with suppress(queue.Empty):
                step = self.results.get(timeout=_GLANCE)
                if not self.workers[step.session].over:
                    arrived[step.session].append(self.took(step))
                continue
            new = {who for who in busy if not self.workers[who].held}
            blocked, due = self.waiting(new), until - len(self.history)
            if busy <= blocked and self.results.empty() and sum(map(len, arrived.values())) >= due:
                break
            if time.monotonic() - started > self.patience:
                raise TimeoutError(f"neither idle nor waiting: {', '.join(sorted(busy))}")
        # Those that were let go ran at the same time: their order here is that of their names.
        self.history += [step for steps in arrived.values() for step in steps]
        for who in sorted(busy):
            if not self.workers[who].held:
                self.workers[who].held = True
                said = getattr(self.workers[who].session, "said", None)
                self.history.append(Step(who, "waits", None, said))

    def took(self, step: Step) -> Step:
        worker = self.workers[step.session]
        worker.answered += 1
        if worker.held and step.outcome == "done":
            step = Step(step.session, "resumed", step.value, step.said)
        worker.held = False
        if step.outcome in ("error", "ended"):
            worker.over = True
            worker.answered = worker.asked  # the turns that are left will do nothing
        return step

    def close(self) -> None:
        """Let the idle sessions go first; their end lets go those that wait for them."""
        for worker in self.workers.values():
            worker.turns.put(False)
        for worker in sorted(self.workers.values(), key=lambda worker: worker.busy):
            worker.join(2 if worker.busy else None)


def perform(
    turns: str | Iterable[str] | Mapping[str, Callable[[Any], Any] | Sequence[str]],
    connect: Callable[[str], Any],
    monitor: Any,
    order: Sequence[str] = (),
) -> History:
    """Open a session for each name by `connect(name)`, play `turns`, close the sessions.

    `turns` are the lines of a schedule (see `script`), or for each name a function of a connection
    or a list of statements. The latter go in lock step after `order`, a statement each in turn,
    until all have ended. `monitor` is a connection of its own, which sees who waits.
    """
    rounds = 10_000 if isinstance(turns, Mapping) else 0
    if not isinstance(turns, Mapping):
        order, turns = _parsed(turns)
    connections = {name: connect(name) for name in turns}
    try:
        sessions = {
            name: stepped(work, connections[name])
            if callable(work)
            else _Statements(connections[name], work)
            for name, work in turns.items()
        }
        return play(order, sessions, lock_waits(monitor, connections), finish=rounds)
    finally:
        for connection in connections.values():
            connection.close()


def crowd(
    work: Callable[[Any, random.Random], Any],
    connect: Callable[[], Any],
    workers: int = 8,
    times: int = 50,
) -> None:
    """So many threads each call `work(connection, dice)` so many times, in no order at all.

    Each has a connection of its own and dice with a seed of its own. What one raises is raised
    when all have ended.
    """

    def worker(number: int) -> None:
        dice = random.Random(number)
        with connect() as connection:
            for _ in range(times):
                work(connection, dice)

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(worker, range(workers)))


# --- the server's own account --------------------------------------------------------------------

_VICTIM = re.compile(r"WE ROLL BACK TRANSACTION \((\d+)\)")
_PART = re.compile(
    r"\*\*\* \((\d+)\) TRANSACTION:.*?thread id [^\n]*\n(?P<statement>.*?)\n\*\*\* WAITING"
    r".*?index (?P<index>\S+) of table `[^`]+`\.`(?P<table>[^`]+)`"
    r".*?lock.mode (?P<lock>[^\n]+?) waiting",
    re.DOTALL,
)


def last_deadlock(monitor: Any) -> list[dict[str, Any]]:
    """The server's report of its last deadlock: a dict for each transaction, none if none was.

    Keys: statement, table, index, waits for (the kind of lock), given up. Ids, times and bytes of
    the report are left out, since they differ from run to run.

    Source: LATEST DETECTED DEADLOCK in `SHOW ENGINE INNODB STATUS` of MariaDB.
    """
    status = ask(monitor, "SHOW ENGINE INNODB STATUS")[0][2]
    report = status.partition("LATEST DETECTED DEADLOCK")[2].partition("\nTRANSACTIONS\n")[0]
    victims = _VICTIM.findall(report)
    return [
        {
            "statement": part["statement"],
            "table": part["table"],
            "index": part["index"],
            "waits for": part["lock"],
            "given up": part[1] in victims,
        }
        for part in _PART.finditer(report)
    ]


def row_locks(monitor: Any, connection: Any) -> int:
    """How many row locks the transaction of `connection` has, by the server's status.

    Gap locks and the end of each page that was read count too.
    """
    status = ask(monitor, "SHOW ENGINE INNODB STATUS")[0][2]
    for part in _TRANSACTION.split(status)[1:]:
        thread, locked = _THREAD.search(part), re.search(r"(\d+) row lock\(s\)", part)
        if thread and locked and int(thread[1]) == connection.thread_id():
            return int(locked[1])
    return 0
