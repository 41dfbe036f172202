"""What `data/transactions` teaches is right: the retry on any run of errors, the transfer in any
order, the matrix on any run."""

import contextlib
import functools
import itertools
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pymysql
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexus import servers
from nexus.exercises import judge
from nexus.sessions import Step, ask, last_deadlock, perform, prepared, row_locks, spelled
from tests.machine import need
from tests.taught import taught

TOPIC = "data/transactions"
ASKED_AGAIN = {1213, 1205, 1020}


@pytest.fixture(scope="module")
def lessons() -> dict[str, Any]:
    return taught(TOPIC)


@pytest.fixture(scope="module")
def db() -> Iterator[Any]:
    need("mariadb")
    with servers.mariadb() as server:
        yield server


# --- transaction and retried ---------------------------------------------------------------------


class Fake:
    """A connection that notes what it is told; once `lost`, it can do nothing."""

    def __init__(self, lost: bool = False) -> None:
        self.log: list[str] = []
        self.lost = lost

    def commit(self) -> None:
        self.log.append("commit")

    def rollback(self) -> None:
        self.log.append("rollback")
        if self.lost and len(self.log) > 1:
            raise pymysql.InterfaceError(0, "")


def failing(errors: list[BaseException | None], broken_at: int) -> Any:
    """A unit of two statements that fails as `errors` say, at the first or the second."""
    left = iter(errors)

    def unit(connection: Fake, value: int) -> int:
        error = next(left)
        for number in (0, 1):
            if error is not None and number == broken_at:
                raise error
            connection.log.append(f"statement {number}")
        return value

    return unit


codes = st.one_of(
    st.sampled_from(sorted(ASKED_AGAIN)), st.sampled_from([1062, 1064, 2006, 2013, 1317])
)
errors = st.one_of(
    st.none(),
    codes.map(lambda code: pymysql.OperationalError(code, "said so")),
    st.sampled_from([KeyError(1213), ValueError(), KeyboardInterrupt(), pymysql.MySQLError()]),
)


def again(error: BaseException | None) -> bool:
    """The oracle: whether the server asks for the whole transaction again."""
    return (
        isinstance(error, pymysql.MySQLError) and bool(error.args) and error.args[0] in ASKED_AGAIN
    )


@given(st.lists(errors, max_size=8), st.integers(0, 1), st.integers(-1, 9), st.booleans())
def test_retried_against_an_oracle(
    lessons: dict[str, Any],
    outcomes: list[BaseException | None],
    broken_at: int,
    attempts: int,
    lost: bool,
) -> None:
    outcomes = [*outcomes, None]
    first = next(i for i, error in enumerate(outcomes) if not again(error))
    tried = min(first + 1, max(attempts, 1))
    connection, last = Fake(lost), outcomes[tried - 1]
    work = lessons["retried"](failing(outcomes, broken_at), attempts, pause=0)
    if last is None:
        assert work(connection, 7) == 7
    else:
        with pytest.raises(type(last)) as caught:
            work(connection, 7)
        assert caught.value is last
    half = [f"statement {number}" for number in range(broken_at)]
    whole = ["statement 0", "statement 1", "commit"]
    failures = [*half, "rollback"] * (tried - (last is None))
    # Each attempt begins at the first statement, after a rollback; one commit ends it all. That
    # a lost connection cannot roll back does not hide the error.
    assert connection.log == ["rollback", *failures, *(whole if last is None else [])]


@given(st.one_of(st.none(), errors))
def test_a_transaction_is_whole_or_nothing(
    lessons: dict[str, Any], error: BaseException | None
) -> None:
    connection = Fake()
    if error is None:
        assert lessons["transaction"](failing([None], 0), connection, value=3) == 3
        assert connection.log[-1] == "commit"
    else:
        with pytest.raises(type(error)):
            lessons["transaction"](failing([error], 1), connection, value=3)
        assert connection.log == ["statement 0", "rollback"]


def test_an_error_of_the_commit_is_an_error(lessons: dict[str, Any]) -> None:
    class Late(Fake):
        def commit(self) -> None:
            super().commit()
            if self.log.count("commit") < 3:
                raise pymysql.OperationalError(1213, "certification failed")

    connection = Late()
    assert lessons["retried"](failing([None] * 3, 0))(connection, 1) == 1
    assert connection.log.count("statement 0") == 3
    assert connection.log.count("rollback") == 3


def test_a_connection_lost_in_the_commit_is_not_tried_again(lessons: dict[str, Any]) -> None:
    class Cut(Fake):
        def commit(self) -> None:
            super().commit()
            raise pymysql.OperationalError(2013, "Lost connection to server during query")

    connection = Cut(lost=True)
    with pytest.raises(pymysql.OperationalError, match="2013"):
        lessons["retried"](failing([None] * 3, 0))(connection, 1)
    assert connection.log.count("commit") == 1


@given(st.integers(1, 6), st.floats(0, 10))
def test_the_pauses_grow_and_are_bounded(
    lessons: dict[str, Any], attempts: int, pause: float
) -> None:
    slept: list[float] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(lessons, "time", SimpleNamespace(sleep=slept.append))
        always = [pymysql.OperationalError(1213, "deadlock")] * attempts
        with pytest.raises(pymysql.OperationalError):
            lessons["retried"](failing(always, 0), attempts, pause)(Fake(), 1)
    assert len(slept) == attempts - 1
    assert all(0 <= each <= pause * number for number, each in enumerate(slept, 1))


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.sampled_from(["read_then_write", "atomic", "versioned"]),
    st.booleans(),
    st.lists(st.sampled_from(["SELECT n FROM seats", "INSERT seats (id, n) VALUES (7, 7)"])),
    st.booleans(),
)
def test_what_the_caller_left_open_is_gone(
    lessons: dict[str, Any], db: Any, unit: str, snapshot: bool, before: list[str], fails: bool
) -> None:
    """Neither an old view nor half of another transaction gets into the unit's."""
    left = [pymysql.OperationalError(1205, "said so")] if fails else []

    def work(connection: Any) -> None:
        if left:
            raise left.pop()
        lessons[unit](connection)

    with (
        lessons["fresh"](db) as monitor,
        lessons["session"](db, "REPEATABLE READ", snapshot) as caller,
    ):
        for statement in dict.fromkeys(before):
            ask(caller, statement)
        prepared(monitor, "UPDATE seats SET n = n + 5, v = v + 1 WHERE id = 1")
        lessons["retried"](work, pause=0)(caller)
        assert dict(ask(monitor, "SELECT id, n FROM seats")) == {1: 16, 2: 20}


def test_a_lost_connection_is_what_the_caller_hears(lessons: dict[str, Any], db: Any) -> None:
    with lessons["fresh"](db) as monitor:
        caller = lessons["session"](db)

        def work(connection: Any) -> None:
            lessons["atomic"](connection)
            ask(monitor, f"KILL {connection.thread_id()}")
            with contextlib.suppress(pymysql.MySQLError):
                for _ in range(1000):  # until the server has done it
                    ask(connection, "SELECT 1")
            raise pymysql.OperationalError(2006, "the first that was said")

        with pytest.raises(pymysql.OperationalError, match="the first that was said"):
            lessons["retried"](work)(caller)
        assert dict(ask(monitor, "SELECT id, n FROM seats")) == {1: 10, 2: 20}


# --- around Django's atomic ----------------------------------------------------------------------


@given(st.lists(errors, max_size=8), st.integers(-1, 9))
def test_around_atomic_against_an_oracle(
    lessons: dict[str, Any], outcomes: list[BaseException | None], attempts: int
) -> None:
    log: list[Any] = []

    @contextlib.contextmanager
    def atomic(using: str, durable: bool) -> Iterator[None]:
        assert durable
        log.append(using)
        yield

    orm = SimpleNamespace(
        transaction=SimpleNamespace(atomic=atomic), OperationalError=pymysql.OperationalError
    )
    outcomes = [*outcomes, None]
    left = iter(outcomes)

    def unit() -> int:
        if (error := next(left)) is not None:
            raise error
        return 7

    kind = pymysql.OperationalError
    first = next(
        i for i, error in enumerate(outcomes) if not (again(error) and isinstance(error, kind))
    )
    tried = min(first + 1, max(attempts, 1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(lessons, "orm", orm)
        patch.setitem(lessons, "time", SimpleNamespace(sleep=lambda seconds: None))
        if (last := outcomes[tried - 1]) is None:
            assert lessons["around_atomic"](unit, "other", attempts) == 7
        else:
            with pytest.raises(type(last)) as caught:
                lessons["around_atomic"](unit, "other", attempts)
            assert caught.value is last
    assert log == ["other"] * tried


def test_the_name_of_a_unit_is_kept(lessons: dict[str, Any]) -> None:
    assert lessons["retried"](lessons["move"]).__name__ == "move"


def test_a_real_timeout_leaves_nothing(lessons: dict[str, Any], db: Any) -> None:
    session = lessons["session"]
    with lessons["fresh"](db) as monitor, session(db) as holder, session(db, wait=1) as other:
        ask(holder, "UPDATE seats SET n = n WHERE id = 1")
        unit = functools.partial(lessons["move"], source=2, target=1, seats=5, order=list)
        with pytest.raises(pymysql.OperationalError, match="1205"):
            lessons["retried"](unit, 1)(other)
        holder.rollback()
        assert dict(ask(monitor, "SELECT id, n FROM seats")) == {1: 10, 2: 20}
        lessons["retried"](unit, 1)(other)
        monitor.commit()
        assert dict(ask(monitor, "SELECT id, n FROM seats")) == {1: 15, 2: 15}


# --- move ----------------------------------------------------------------------------------------

flights = st.integers(1, 4)
transfers = st.tuples(flights, flights, st.integers(0, 15), st.sampled_from([list, sorted]))


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(transfers, min_size=1, max_size=4), st.lists(st.integers(0, 3), max_size=16))
def test_transfers_conserve_the_seats_in_any_order(
    lessons: dict[str, Any], db: Any, wanted: list[tuple], turns: list[int]
) -> None:
    def clerk(source: int, target: int, seats: int, order: Any) -> Any:
        def work(connection: Any) -> str:
            try:
                lessons["retried"](lessons["move"], 50)(connection, source, target, seats, order)
            except ValueError:
                return "refused"
            return "moved"

        return work

    with lessons["fresh"](db) as monitor:
        work = {f"T{i}": clerk(*transfer) for i, transfer in enumerate(wanted)}
        order = [f"T{turn}" for turn in turns if turn < len(wanted)]
        history = perform(work, lambda _: lessons["session"](db), monitor, order)
        rows = dict(ask(monitor, "SELECT id, n FROM seats"))
    ended = {step.session: step.value for step in history if step.outcome == "ended"}
    assert set(ended) == set(work), "one did not come to its end"
    assert sum(rows.values()) == 30
    assert min(rows.values()) >= 0
    moved = {1: 10, 2: 20}
    for name, (source, target, seats, _) in zip(work, wanted, strict=True):
        if ended[name] == "moved":
            moved[source] -= seats
            moved[target] += seats
        elif source in (1, 2) and target in (1, 2):
            assert seats > 0
    assert rows == moved


# --- the schedules -------------------------------------------------------------------------------


def test_each_schedule_can_be_spelt(lessons: dict[str, Any]) -> None:
    for short, _ in lessons["SCHEDULES"].values():
        assert len(spelled(short)) == len(short.split())


@given(st.permutations(["A10", "A18"]), st.booleans())
def test_either_evidence_will_do(lessons: dict[str, Any], seen: list[str], other: bool) -> None:
    steps = [Step(cell[0], "done", [int(cell[1:])]) for cell in ([] if other else seen)]
    got = lessons["verdict"](steps, {1: 7}, "1=7 2=gone" if other else "B5 or A10 A18")
    assert got == "happens"
    assert lessons["verdict"](steps[:1], {1: 7}, "B5 or A10 A18") == "fine"


def test_the_matrix_is_the_same_ten_times(lessons: dict[str, Any]) -> None:
    need("mariadb")
    with servers.mariadb() as fresh:
        first = lessons["matrix"](fresh)
        assert len(first) in (48, 96)  # with the setting and, on a server without it, not
        for _ in range(9):
            assert lessons["matrix"](fresh) == first


def test_what_the_matrix_must_say(lessons: dict[str, Any], db: Any) -> None:
    seen = lessons["matrix"](db)
    levels = lessons["LEVELS"]
    for (schedule, level, snapshot), verdict in seen.items():
        if level == levels[3] or schedule == "dirty write":
            assert verdict != "happens", (schedule, level, snapshot)
        if schedule in ("aborted read", "intermediate read", "circular reads"):
            assert (verdict == "happens") == (level == levels[0])
        if schedule == "read skew, deleted" and not snapshot and level != levels[3]:
            assert verdict == "happens"
        if schedule == "write skew" and level != levels[3]:
            assert verdict == "happens"
    assert seen["lost update", levels[2], False] == "happens"
    if ("lost update", levels[2], True) in seen:
        assert seen["lost update", levels[2], True] == "error 1020"


# --- the mends -----------------------------------------------------------------------------------


@pytest.mark.parametrize("unit", ["atomic", "versioned", "read_then_write"])
@pytest.mark.parametrize("workers", [1, 3, 6])
def test_a_mend_gains_what_it_should(
    lessons: dict[str, Any], db: Any, unit: str, workers: int
) -> None:
    tried = []

    def counted(connection: Any) -> None:
        tried.append(1)
        lessons[unit](connection, **({"lock": "FOR UPDATE"} if unit == "read_then_write" else {}))

    work = lessons["retried"](counted, 100, pause=0)
    _, rows = lessons["run"](db, {f"{i}": work for i in range(workers)})
    assert rows[1] == 10 + workers
    bound = workers * (workers + 1) // 2
    assert len(tried) == (bound if unit == "versioned" else workers)


# --- the server's own account --------------------------------------------------------------------


def test_the_deadlock_report_is_read(lessons: dict[str, Any]) -> None:
    need("mariadb")
    with servers.mariadb() as fresh, lessons["session"](fresh) as monitor:
        assert last_deadlock(monitor) == []
        crossed = {
            name: functools.partial(
                lessons["move"], source=source, target=3 - source, seats=1, order=list
            )
            for name, source in (("A", 1), ("B", 2))
        }
        lessons["run"](fresh, crossed)
        report = last_deadlock(monitor)
    assert [part["given up"] for part in report].count(True) == 1
    assert {(part["table"], part["index"]) for part in report} == {("seats", "PRIMARY")}
    assert all(part["statement"].startswith("UPDATE seats") for part in report)
    assert all(part["waits for"].startswith("X") for part in report)


def test_row_locks_are_counted(lessons: dict[str, Any], db: Any) -> None:
    with lessons["fresh"](db) as monitor, lessons["session"](db) as other:
        assert row_locks(monitor, other) == 0
        ask(other, "SELECT n FROM seats WHERE id = 1 FOR UPDATE")
        assert row_locks(monitor, other) == 1
        ask(other, "SELECT n FROM seats FOR UPDATE")
        assert row_locks(monitor, other) >= 2
        other.rollback()
        assert row_locks(monitor, other) == 0


# --- the solutions, on more than the judge asks ---------------------------------------------------

steps = st.tuples(st.sampled_from("AB"), st.sampled_from(["read", "write"]), st.integers(1, 2))


@given(st.lists(steps, max_size=8), st.permutations([("A", "commit"), ("B", "commit")]))
def test_serial_histories_are_nothing(
    lessons: dict[str, Any], drafted: list[tuple], ends: list[tuple]
) -> None:
    """One session after the other, each read seeing the last value: never an anomaly."""
    current, numbers, history = {1: -1, 2: -2}, itertools.count(1), []
    for who, end in ends:
        for name, action, row in drafted:
            if name == who:
                if action == "write":
                    current[row] = next(numbers)
                history.append((who, action, row, current[row]))
        history.append((who, end, None, None))
    assert lessons["name_it"](history) == "nothing"


# A history as a server with versions can make it: nobody writes over what is not committed, and a
# read sees its own write, or else some version that was committed (or, if dirty, was not).
Step4 = tuple[str, str, Any, Any]
INITIAL = {1: -1, 2: -2}
moves = st.lists(
    st.tuples(
        st.sampled_from("AB"),
        st.sampled_from(["read"] * 3 + ["write"] * 3 + ["commit", "rollback"]),
        st.integers(1, 2),
        st.integers(0, 3),
    ),
    max_size=14,
)


def played(drafted: list[tuple], dirty: bool) -> tuple[list[Step4], dict[int, list[tuple]]]:
    """The history, and for each row its committed versions (author, value) in order."""
    chains = {row: [("", value)] for row, value in INITIAL.items()}
    open_, ended, history = {"A": [], "B": []}, set(), []
    numbers = itertools.count(1)
    for who, action, row, pick in [*drafted, ("A", "commit", 1, 0), ("B", "commit", 1, 0)]:
        other = "B" if who == "A" else "A"
        if who in ended:
            continue
        if action in ("commit", "rollback"):
            history.append((who, action, None, None))
            ended.add(who)
            if action == "commit":
                for place in chains:
                    if mine := [value for at, value in open_[who] if at == place]:
                        chains[place].append((who, mine[-1]))
            open_[who] = []
        elif action == "write":
            if not any(at == row for at, _ in open_[other]):
                open_[who].append((row, next(numbers)))
                history.append((who, "write", *open_[who][-1]))
        else:
            mine = [value for at, value in open_[who] if at == row]
            free = [value for _, value in chains[row]]
            free += [value for at, value in open_[other] if at == row and dirty]
            value = mine[-1] if mine else free[::-1][pick % len(free)]
            history.append((who, "read", row, value))
    return history, chains


def serial(history: list[Step4], chains: dict[int, list[tuple]]) -> bool:
    """Whether one of the orders of the sessions that committed gives each read, and the end."""
    sessions = [who for who, action, *_ in history if action == "commit"]
    for order in itertools.permutations(sessions):
        state, right = dict(INITIAL), True
        for who in order:
            for name, action, row, value in history:
                if name == who and action == "write":
                    state[row] = value
                if name == who and action == "read":
                    right &= state[row] == value
        if right and state == {row: chain[-1][1] for row, chain in chains.items()}:
            return True
    return False


@settings(max_examples=800)
@given(moves)
def test_nothing_is_what_a_serial_order_explains(
    lessons: dict[str, Any], drafted: list[tuple]
) -> None:
    history, chains = played(drafted, dirty=False)
    assert (lessons["name_it"](history) == "nothing") == serial(history, chains), history


@settings(max_examples=800)
@given(moves)
def test_each_anomaly_by_its_definition(lessons: dict[str, Any], drafted: list[tuple]) -> None:
    history, chains = played(drafted, dirty=False)
    ended_well = {who for who, action, *_ in history if action == "commit"}
    stale, later, met = set(), set(), set()
    for who, action, row, value in history:
        if action != "read" or who not in ended_well:
            continue
        other = "B" if who == "A" else "A"
        authors = [author for author, _ in chains[row]]
        place = next((i for i, (_, version) in enumerate(chains[row]) if version == value), None)
        if place is None or authors[place] == who:
            continue  # its own write tells nothing of the other
        if other in authors[place + 1 :]:
            stale.add((who, row))
        if authors[place] == other:
            met.add(who)
    for row, chain in chains.items():
        if len(chain) == 3:
            later.add((chain[2][0], row))
    skew = {who for who, _ in stale} == {"A", "B"} and len({row for _, row in stale}) == 2
    behind = {who for who, _ in stale} & (met | {who for who, _ in later})
    expected = "nothing"
    if stale & later:
        expected = "lost update"
    elif skew:
        expected = "write skew"
    elif behind:
        expected = "read skew"
    assert lessons["name_it"](history) == expected, history


@settings(max_examples=500)
@given(moves)
def test_dirty_reads_by_their_definition(lessons: dict[str, Any], drafted: list[tuple]) -> None:
    history, _ = played(drafted, dirty=True)
    ends = {who: action for who, action, *_ in history if action in ("commit", "rollback")}
    writes = [step for step in history if step[1] == "write"]
    possible = set()
    for who, action, row, value in history:
        for author, _, at, other in writes:
            if action != "read" or who == author or (row, value) != (at, other):
                continue
            if ends[who] == "commit" and ends[author] == "rollback":
                possible.add("aborted read")
            mine = [v for name, _, place, v in writes if (name, place) == (author, at)]
            if ends[who] == ends[author] == "commit" and mine[-1] != value:
                possible.add("intermediate read")
    got = lessons["name_it"](history)
    assert got in possible if possible else got not in ("aborted read", "intermediate read")


# --- right answers that a judge once refused -----------------------------------------------------


def by_executemany(connection: Any, changes: list[tuple[int, int]]) -> None:
    with connection.cursor() as cursor:
        sql = "UPDATE accounts SET balance = balance + %s WHERE id = %s"
        if cursor.executemany(sql, changes) != 2:
            raise LookupError(changes)


def by_query(connection: Any, changes: list[tuple[int, int]]) -> None:
    for change, account in changes:
        sql = f"UPDATE accounts SET balance = balance + {change:d} WHERE id = {account:d}"
        connection.query(sql)
        if connection.affected_rows() != 1:
            raise LookupError(account)


@pytest.mark.parametrize("send", [by_executemany, by_query])
@pytest.mark.parametrize("attempts", [3, 100])
def test_a_transfer_may_send_as_it_likes(
    lessons: dict[str, Any], db: Any, send: Any, attempts: int
) -> None:
    def transfer(connection: Any, source: int, target: int, amount: int) -> None:
        changes = sorted([(-amount, source), (amount, target)], key=lambda change: change[1])
        lessons["retried"](send, attempts)(connection, changes)

    verdict = judge(f"{TOPIC}/transfer", transfer)
    assert verdict.accepted, verdict


@pytest.mark.parametrize("lock", ["FOR UPDATE", "LOCK IN SHARE MODE", "SERIALIZABLE"])
def test_a_doctor_may_leave_by_any_lock(lessons: dict[str, Any], db: Any, lock: str) -> None:
    def unit(connection: Any, doctor: str) -> bool:
        [(ward,)] = ask(connection, "SELECT ward FROM shifts WHERE doctor = %s", doctor)
        sql = "SELECT doctor FROM shifts WHERE ward = %s AND on_call = 1 AND doctor <> %s "
        if not ask(connection, sql + ("" if lock == "SERIALIZABLE" else lock), ward, doctor):
            return False
        return ask(connection, "UPDATE shifts SET on_call = 0 WHERE doctor = %s", doctor) == 1

    def leave(connection: Any, doctor: str) -> bool:
        if lock == "SERIALIZABLE":
            ask(connection, "SET SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE")
        return lessons["retried"](unit)(connection, doctor)

    verdict = judge(f"{TOPIC}/leave", leave)
    assert verdict.accepted, verdict
