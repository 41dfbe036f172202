"""Checks of `data/transactions`. Each plays the answer against itself, on a server of its own.

Nothing here is a matter of luck: the answer's statements are turns, and every order of them, or a
seeded choice of orders, is played.
"""

import itertools
import random
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cache
from typing import Any
from unittest.mock import patch

import pymysql
from pymysql.constants import CLIENT

from nexus import servers
from nexus.exercises import Hint, call, exercise, plain
from nexus.sessions import History, ask, interleavings, lock_waits, play, row_locks, stepped

LEVELS = ("REPEATABLE READ", "READ COMMITTED")
ORDERS = 24
"""How many orders of two sessions are played when there are more."""
AGAIN = {
    1213: "Deadlock found when trying to get lock; try restarting transaction",
    1205: "Lock wait timeout exceeded; try restarting transaction",
    1020: "Record has changed since last read",
}
ENOUGH = 200  # attempts that end in the same error
NAMES = "AB"


@cache
def server() -> Any:
    """One server for all checks of a kernel; it goes when the kernel goes."""
    return servers.mariadb()


def connect(level: str = LEVELS[0]) -> pymysql.Connection:
    connection = server().connect(client_flag=CLIENT.FOUND_ROWS)
    ask(connection, f"SET SESSION TRANSACTION ISOLATION LEVEL {level}")
    ask(connection, "SET SESSION innodb_lock_wait_timeout = 10")
    with suppress(pymysql.MySQLError):  # MySQL does not know it
        ask(connection, "SET SESSION innodb_snapshot_isolation = 0")
    return connection


def table(monitor: pymysql.Connection, name: str, columns: str, rows: Sequence[tuple]) -> None:
    """A table with these rows, whatever was there before."""
    ask(monitor, f"DROP TABLE IF EXISTS {name}")
    ask(monitor, f"CREATE TABLE {name} ({columns})")
    refill(monitor, name, rows)


def refill(monitor: pymysql.Connection, name: str, rows: Sequence[tuple]) -> None:
    ask(monitor, f"DELETE FROM {name}")
    for row in rows:
        ask(monitor, f"INSERT INTO {name} VALUES ({', '.join(['%s'] * len(row))})", *row)
    monitor.commit()


class Stage:
    """Connections at one level on which calls of an answer are played, and one that watches."""

    def __init__(self, level: str, names: Iterable[str] = NAMES):
        self.level, self.monitor = level, connect()
        self.connections = {name: connect(level) for name in names}
        self.look = lock_waits(self.monitor, self.connections)

    def play(self, order: Sequence[str], calls: dict[str, Callable[[Any], Any]]) -> History:
        """Play `calls` in `order`, then in rounds to their end.

        Raises:
            Hint: one raised, or did not come to an end.
        """
        sessions = {
            name: stepped(self._closing(work, self.connections[name]), self.connections[name])
            for name, work in calls.items()
        }
        try:
            history = play(order, sessions, self.look, patience=15, finish=300)
        except TimeoutError:
            raise Hint(
                "it does not come to an end: what does it try for ever, or wait for? "
                "(It may wait for locks of rows, not of tables or of Python)"
            ) from None
        for step in history:
            if step.outcome == "error":
                raise _raised(step.value)
        if not any(step.said for step in history):
            raise Hint("your function sends no statement; it gets a connection")
        return history

    @staticmethod
    def _closing(work: Callable[[Any], Any], connection: Any) -> Callable[[Any], Any]:
        """`work`, which must not return with a lock that stays."""

        def whole(gate: Any) -> Any:
            result = work(gate)
            if row_locks(connection, connection):
                connection.rollback()  # so that nobody waits until the timeout
                raise Hint(
                    f"it returned {result!r:.20} with its transaction open, and what it locked "
                    "stays locked: does every path end in a commit or a rollback?"
                )
            return result

        return whole

    def returned(self, history: History) -> dict[str, Any]:
        return {step.session: plain(step.value) for step in history if step.outcome == "ended"}

    def ask(self, sql: str) -> list[tuple]:
        self.monitor.commit()
        return ask(self.monitor, sql)

    def close(self) -> None:
        for connection in (self.monitor, *self.connections.values()):
            with suppress(pymysql.MySQLError):
                connection.close()


@contextmanager
def stage(level: str = LEVELS[0], names: Iterable[str] = NAMES) -> Iterator[Stage]:
    made = Stage(level, names)
    try:
        yield made
    finally:
        made.close()


def _raised(error: BaseException) -> Hint:
    if isinstance(error, Hint):
        return error
    code = error.args[0] if isinstance(error, pymysql.MySQLError) and error.args else None
    if code in AGAIN:
        return Hint(f"error {code} came out of your function: the server asks you to try again")
    try:
        call(_raise, error)
    except Hint as hint:
        return hint
    return Hint("your code raised")


def _raise(error: BaseException) -> None:
    raise error


def callable_only(answer: Any) -> None:
    if not callable(answer):
        call(answer)


def orders(history: History) -> list[tuple[str, ...]]:
    """All orders of two sessions as long as this one was, or a seeded choice of them."""
    turns = sum(step.said is not None for step in history)
    if turns > 8:  # far more orders than can be played: shuffled ones
        dice, both = random.Random(13), list("AB" * turns)
        return [tuple(dice.sample(both, len(both))) for _ in range(ORDERS)]
    every = list(interleavings(dict.fromkeys(NAMES, turns)))
    return random.Random(13).sample(every, min(ORDERS, len(every)))


# --- book ----------------------------------------------------------------------------------------


@exercise("data/transactions/book", before=server)
def book(answer: Any) -> str:
    """`book(connection, flight)`: True and a seat less, or False; never a seat too many."""
    callable_only(answer)
    played = 0
    for level in LEVELS:
        with stage(level, "ABCDE") as on:
            table(on.monitor, "free", "flight INT PRIMARY KEY, n INT", [(7, 1)])
            alone = _booked(on, answer, "A", 1)
            for seats in (2, 1, 0):
                for order in orders(alone):
                    _booked(on, answer, "AB", seats, order)
                    played += 1
            _booked(on, answer, "ABCDE", 3)
    return f"{played} orders of two at {len(LEVELS)} levels, and a crowd: each seat was sold once"


def _booked(on: Stage, answer: Any, names: str, seats: int, order: Sequence[str] = ()) -> History:
    refill(on.monitor, "free", [(7, seats), (8, 9)])
    history = on.play(order, {name: lambda c: answer(c, 7) for name in names})
    said = on.returned(history)
    if wrong := [value for value in said.values() if type(value) is not bool]:
        raise Hint(f"True or False is asked for, not {type(wrong[0]).__name__}")
    left = dict(on.ask("SELECT flight, n FROM free"))
    yes, who = sum(said.values()), f"{len(names)} at once for {seats}" if names != "A" else "alone"
    if left.get(8) != 9:
        raise Hint("flight 8 has changed, and nobody booked it")
    if left[7] < 0:
        raise Hint(f"{who}: seats fell to {left[7]}")
    if yes > seats:
        raise Hint(f"{who}: you said yes to {yes} people; ask how many rows the UPDATE found")
    if seats - left[7] != yes:
        gone = seats - left[7]
        if names == "A":
            raise Hint(f"{yes} booking, {gone} seats gone: is it committed?")
        raise Hint(
            f"{who}, {on.level}: {yes} bookings, {gone} seat gone: the sum was done on an old read"
        )
    if yes < min(seats, len(names)):
        raise Hint(f"{who}: a seat was free, and somebody was sent away")
    return history


# --- transfer ------------------------------------------------------------------------------------


class _Enough(BaseException):
    """The answer has tried more often than anyone should."""


class Faulty:
    """A connection whose statements fail as `fails(number)` says, from the first, which is 0."""

    def __init__(self, inner: Any, fails: Callable[[int], int | None]):
        self._inner, self._fails, self.sent, self.failed = inner, fails, 0, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def cursor(self, *args: Any, **kwargs: Any) -> "_FaultyCursor":
        return _FaultyCursor(self._inner.cursor(*args, **kwargs), self)

    def query(self, *args: Any) -> Any:
        self.strike()
        return self._inner.query(*args)

    def strike(self) -> None:
        code, self.sent = self._fails(self.sent), self.sent + 1
        if code is None:
            return
        self.failed += 1
        if self.failed > ENOUGH:
            raise _Enough
        if code in (1213, 1020):  # as the server does
            self._inner.rollback()
        kind = pymysql.OperationalError if code in AGAIN else pymysql.ProgrammingError
        raise kind(code, AGAIN.get(code, "You have an error in your SQL syntax"))


class _FaultyCursor:
    def __init__(self, inner: Any, owner: Faulty):
        self._inner, self._owner = inner, owner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __enter__(self) -> "_FaultyCursor":
        return self

    def __exit__(self, *_: Any) -> None:
        self._inner.close()

    def __iter__(self) -> Iterator[Any]:
        return iter(self._inner)

    def execute(self, *args: Any) -> Any:
        self._owner.strike()
        return self._inner.execute(*args)

    def executemany(self, query: str, args: Iterable[Any]) -> int:
        return sum(self.execute(query, values) for values in args)


ACCOUNTS = [(1, 10), (2, 20), (3, 7)]


@exercise("data/transactions/transfer", before=server)
def transfer(answer: Any) -> str:
    """`transfer(connection, source, target, amount)`: whole or not at all, and tried again."""
    callable_only(answer)
    with stage() as on:
        table(on.monitor, "accounts", "id INT PRIMARY KEY, balance INT", ACCOUNTS)
        sent = _transferred(on, answer, lambda number: None, "no error at all", {1: 15, 2: 15})
        for code, at in itertools.product(AGAIN, reversed(range(sent))):
            which = f"error {code} at statement {at + 1}"
            _transferred(on, answer, lambda n: code if n == at else None, which, {1: 15, 2: 15})  # noqa: B023
            which = f"error {code} at statement {at + 1}, twice"
            _transferred(on, answer, lambda n: code if n in (at, at + sent) else None, which)  # noqa: B023
        _gives_up(on, answer, sent)
        alone = _crossed(on, answer, ())
        played = [_crossed(on, answer, order) for order in orders(alone)]
        for source, target in ((1, 99), (99, 1)):
            _to_nobody(on, answer, source, target)
    return f"{3 * sent} errors survived, and {len(played)} orders of two crossing transfers"


def _transferred(
    on: Stage,
    answer: Any,
    fails: Callable[[int], int | None],
    which: str,
    want: dict[int, int] | None = None,
) -> int:
    """Call the answer with failures; the number of statements it sent."""
    refill(on.monitor, "accounts", ACCOUNTS)
    connection = connect()
    faulty = Faulty(connection, fails)
    try:
        with _no_pauses():
            answer(faulty, 2, 1, 5)
    except _Enough:
        raise Hint(f"{which}: {ENOUGH} errors, and you had not given up") from None
    except pymysql.MySQLError as error:
        _conserved(on, which)
        raise Hint(
            f"{which}: it came out of your function ({error.args[0]}), one more try would do"
        ) from None
    except BaseException as error:
        raise _raised(error) from None
    finally:
        connection.close()
    _conserved(on, which)
    rows = dict(on.ask("SELECT id, balance FROM accounts"))
    if rows != {1: 15, 2: 15, 3: 7}:
        if rows == dict(ACCOUNTS):
            raise Hint(f"{which}: nothing has moved; is it committed?")
        raise Hint(f"{which}: the accounts hold {rows}, after 5 from 2 to 1")
    if faulty.sent == 0:
        raise Hint("your function sends no statement; it gets a connection")
    return faulty.sent


def _conserved(on: Stage, which: str) -> None:
    rows = dict(on.ask("SELECT id, balance FROM accounts"))
    total, want = sum(rows.values()), sum(balance for _, balance in ACCOUNTS)
    if total < want:
        raise Hint(f"{which}: half a transfer was committed: the sum is {total}, it was {want}")
    if total > want and "1205" in which:
        raise Hint(
            f"{which}: it undoes one statement, and what came before was done again: {total}"
        )
    if total > want:
        raise Hint(f"{which}: the first half is gone, the second was committed: the sum is {total}")


def _gives_up(on: Stage, answer: Any, sent: int) -> None:
    """Errors that never end, and one that no attempt can mend."""
    for code, at in itertools.product((1213, 1205, 1064), range(sent)):
        refill(on.monitor, "accounts", ACCOUNTS)
        connection = connect()
        faulty = Faulty(connection, lambda number: code if number >= at else None)  # noqa: B023
        try:
            with _no_pauses():
                answer(faulty, 2, 1, 5)
        except _Enough:
            raise Hint(
                f"a server that always answers {code}: {ENOUGH} errors, and you had not given up"
            ) from None
        except pymysql.MySQLError as error:
            if error.args[0] != code:
                raise _raised(error) from None
        except BaseException as error:
            if not isinstance(error, Exception):
                raise _raised(error) from None
            raise Hint(
                f"after the last attempt the caller needs the server's error, {code}; "
                f"it got {type(error).__name__}"
            ) from None
        else:
            raise Hint(f"a server that always answers {code}: your function says nothing of it")
        finally:
            pending = _pending(connection)
            connection.close()
        if code == 1064 and faulty.failed > 1:
            raise Hint("error 1064, a mistake in the SQL, is tried again: it can never succeed")
        if pending:
            raise Hint(f"error {code} leaves the caller with half a transaction that is still open")
        _conserved(on, f"error {code} for ever")


def _no_pauses() -> AbstractContextManager[Any]:
    """Errors that are made up go away by themselves: an answer's pauses need not be waited for."""
    return patch("time.sleep", lambda seconds: None)


def _to_nobody(on: Stage, answer: Any, source: int, target: int) -> None:
    """A transfer with an account that is not there."""
    refill(on.monitor, "accounts", ACCOUNTS)
    connection = connect()
    try:
        with suppress(Exception):  # however it says so
            answer(connection, source, target, 5)
        pending = _pending(connection)
    finally:
        connection.close()
    rows = dict(on.ask("SELECT id, balance FROM accounts"))
    if rows != dict(ACCOUNTS):
        raise Hint(
            f"from {source} to {target}, and there is no 99: the accounts hold {rows}; "
            "ask how many rows each UPDATE found"
        )
    if pending:
        raise Hint(f"from {source} to {target}, and there is no 99: half a transfer is still open")


def _pending(connection: Any) -> bool:
    """Whether the connection's transaction has changed something that is not yet committed."""
    with suppress(pymysql.MySQLError):
        rows = dict(ask(connection, "SELECT id, balance FROM accounts"))
        return rows != dict(ACCOUNTS)
    return False


def _crossed(on: Stage, answer: Any, order: Sequence[str]) -> History:
    """Two transfers that cross, or one alone when `order` is empty."""
    refill(on.monitor, "accounts", ACCOUNTS)
    calls = {"A": lambda c: answer(c, 1, 2, 3), "B": lambda c: answer(c, 2, 1, 5)}
    if not order:
        del calls["B"]
    history = on.play(order, calls)
    _conserved(on, "two transfers that cross")
    want = {1: 12, 2: 18, 3: 7} if order else {1: 7, 2: 23, 3: 7}
    if (rows := dict(on.ask("SELECT id, balance FROM accounts"))) != want:
        raise Hint(f"two transfers that cross: the accounts hold {rows}, not {want}")
    return history


# --- leave ---------------------------------------------------------------------------------------

_LOCKING = re.compile(r"FOR UPDATE|IN SHARE MODE|FOR SHARE", re.IGNORECASE)
WARD = [("Adler", "heart", 1), ("Brandt", "heart", 1), ("Costa", "heart", 0), ("Dogan", "lung", 1)]


@exercise("data/transactions/leave", before=server)
def leave(answer: Any) -> str:
    """`leave(connection, doctor)`: goes off call, unless nobody would be left in the ward."""
    callable_only(answer)
    played = 0
    with stage() as on:
        columns = "doctor VARCHAR(20) PRIMARY KEY, ward VARCHAR(20), on_call INT"
        table(on.monitor, "shifts", columns, WARD)
        alone = _left(on, answer, {"A": "Adler"}, (), {"A": True}, "two are on call")
        lone = [(doctor, ward, int(doctor == "Dogan")) for doctor, ward, _ in WARD]
        _left(on, answer, {"A": "Dogan"}, (), {"A": False}, "the last one of all wards", lone)
        _left(on, answer, {"A": "Dogan"}, (), {"A": False}, "the last one of the ward")
        three = [(doctor, ward, 1) for doctor, ward, _ in WARD]
        for order in orders(alone):
            _left(on, answer, {"A": "Adler", "B": "Brandt"}, order, None, "both at once")
            wards = {"A": "Brandt", "B": "Dogan"}
            _left(on, answer, wards, order, {"A": True, "B": False}, "two wards")
            played += 2
        two, want = {"A": "Adler", "B": "Brandt"}, {"A": True, "B": True}
        for order in orders(alone):
            _left(on, answer, two, order, want, "two of three at once", three)
            played += 1
    return f"{played} orders at REPEATABLE READ, and each ward keeps a doctor"


def _left(
    on: Stage,
    answer: Any,
    who: dict[str, str],
    order: Sequence[str],
    want: dict[str, bool] | None,
    case: str,
    rows: Sequence[tuple] = WARD,
) -> History:
    refill(on.monitor, "shifts", rows)
    calls = {name: (lambda c, doctor=doctor: answer(c, doctor)) for name, doctor in who.items()}
    history = on.play(order, calls)
    said = on.returned(history)
    if wrong := [value for value in said.values() if type(value) is not bool]:
        raise Hint(f"True or False is asked for, not {type(wrong[0]).__name__}")
    after = {doctor: (ward, on_call) for doctor, ward, on_call in on.ask("SELECT * FROM shifts")}
    if set(after) != {doctor for doctor, _, _ in rows}:
        raise Hint("a row of the table is gone: going off call is on_call = 0")
    for ward in {ward for _, ward, on_call in rows if on_call}:
        if not any(on_call for place, on_call in after.values() if place == ward):
            if case == "both at once":
                raise _both_left(on, answer)
            raise Hint(f"{case}: nobody is on call for the {ward} any more")
    for name, doctor in who.items():
        if said[name] != (not after[doctor][1]):
            told, fact = said[name], "on call" if after[doctor][1] else "off call"
            raise Hint(f"{case}: you said {told}, and {doctor} is {fact}; is it committed?")
    if want is not None and said != want:
        refused = next(doctor for name, doctor in who.items() if said[name] != want[name])
        raise Hint(f"{case}: {refused} may leave, there are others on call for that ward")
    if case == "both at once" and sum(said.values()) == 0:
        raise Hint("both at once: nobody left, though one of them may")
    return history


def _both_left(on: Stage, answer: Any) -> Hint:
    """Why they did: no lock, a lock on something else, or a lock and then an old view."""
    refill(on.monitor, "shifts", WARD)
    calls = {"A": lambda c: answer(c, "Adler"), "B": lambda c: answer(c, "Brandt")}
    said = [s.said or "" for s in on.play((), {"A": calls["A"]})]
    locking = [i for i, sql in enumerate(said) if _LOCKING.search(sql)]
    if not locking:
        return Hint("both left: each counted two, and changed another row")
    refill(on.monitor, "shifts", WARD)
    turns = locking[0] + 1
    for step in on.play("A" * turns + "B" * turns, calls):
        if step.session == "B" and step.outcome == "waits" and _LOCKING.search(step.said or ""):
            return Hint(
                "both left: the second one waited for the lock, and then decided by a plain read, "
                "which still shows the view from before"
            )
    return Hint("both left: each locked a row, and not the rows that the other counted")


# --- name_it -------------------------------------------------------------------------------------

# Sessions a, b; rows x, y; each write has a value of its own, 0 is what was there before.
HISTORIES = {
    "aborted read": [
        "a:w:x:1 b:r:x:1 a:rollback b:commit",
        "b:r:y:0 a:w:x:1 b:r:x:1 b:commit a:rollback",
    ],
    "intermediate read": [
        "a:w:x:1 b:r:x:1 a:w:x:2 a:commit b:commit",
        "b:r:y:0 a:w:y:1 a:w:x:2 b:r:x:2 a:w:x:3 b:commit a:commit",
    ],
    "lost update": [
        "a:r:x:0 b:r:x:0 a:w:x:1 b:w:x:2 a:commit b:commit",
        "a:r:x:0 a:r:y:0 b:r:x:0 b:w:x:1 b:commit a:w:x:2 a:commit",
        "b:w:x:1 a:r:x:0 b:commit a:w:x:2 a:commit",
        "a:r:y:0 b:w:x:1 b:commit a:r:x:0 a:w:x:2 a:commit",
    ],
    "read skew": [
        "a:r:x:0 b:w:x:1 b:w:y:2 b:commit a:r:y:2 a:commit",
        "a:r:x:0 b:r:x:0 b:r:y:0 b:w:x:1 b:w:y:2 b:commit a:r:y:2 a:commit",
    ],
    "write skew": [
        "a:r:x:0 a:r:y:0 b:r:x:0 b:r:y:0 a:w:x:1 b:w:y:2 a:commit b:commit",
        "a:r:y:0 b:r:x:0 b:w:y:1 a:w:x:2 a:commit b:commit",
        "a:w:x:1 b:w:y:2 a:r:y:0 b:r:x:0 a:commit b:commit",
    ],
    "nothing": [
        "a:r:x:0 a:w:x:1 a:commit b:r:x:1 b:w:x:2 b:commit",
        "a:r:x:0 b:r:x:0 a:w:x:1 a:rollback b:w:x:2 b:commit",
        "a:r:x:0 a:r:y:0 a:w:x:1 a:commit b:r:x:1 b:r:y:0 b:w:y:2 b:commit",
        "a:r:x:0 b:w:y:1 b:commit a:r:y:1 a:commit",
        "a:w:x:1 a:w:x:2 a:commit b:r:x:2 b:commit",
        "a:r:y:0 b:w:x:1 b:commit a:r:x:0 a:commit",
        "a:w:x:1 b:r:x:1 a:rollback b:rollback",
    ],
}
LOOK = {
    "aborted read": "a value was read that nobody ever committed",
    "intermediate read": "a value was read that its writer had not finished with",
    "lost update": "both wrote the same row, and one had read the version that the other replaced",
    "read skew": "one read the old version of a row, and then what came with the new one",
    "write skew": "each read what the other then wrote, and they wrote different rows",
    "nothing": "the committed sessions could have run one after the other",
}


@exercise("data/transactions/name_it")
def name_it(answer: Any) -> str:
    """`name_it(history)`: which anomaly, of (session, action, row, value) in order."""
    dice, told = random.Random(13), Counter()
    for _ in range(4):
        for name, drafts in HISTORIES.items():
            for draft in drafts:
                history = _dressed(draft, dice)
                got = plain(call(answer, [tuple(step) for step in history]))
                if type(got) is not str or got not in LOOK:
                    raise Hint(f"one of these is asked for: {', '.join(LOOK)}")
                if got != name:
                    raise Hint(f"{_written(history)} is called {got!r}; look: {LOOK[name]}")
                told[name] += 1
    return f"{sum(told.values())} histories of {len(told)} kinds, each by its name"


def _dressed(draft: str, dice: random.Random) -> list[tuple[str, str, Any, Any]]:
    """The history of a draft, with names and values of sessions and rows by lot."""
    who = dict(zip("ab", dice.sample("ABCDEFGH", 2), strict=True))
    rows = dict(zip("xy", dice.sample(range(1, 100), 2), strict=True))
    values = dice.sample(range(1, 1000), 10)
    long = {"r": "read", "w": "write"}
    history = []
    for step in draft.split():
        name, action, *rest = step.split(":")
        row, value = (rows[rest[0]], values[int(rest[1])]) if rest else (None, None)
        if rest and rest[1] == "0":
            value = values[9] + 1000 * rows[rest[0]]
        history.append((who[name], long.get(action, action), row, value))
    return history


def _written(history: list[tuple]) -> str:
    """A history on one line."""
    return ", ".join(" ".join(str(part) for part in step if part is not None) for step in history)
