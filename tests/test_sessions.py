"""Sessions are played in exactly the order asked for, and waiting is seen, not guessed."""

from math import factorial, prod

import pymysql
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus import servers, sessions
from tests.machine import need


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from("abc"), st.integers(0, 3), max_size=3))
def test_interleavings_are_all_there_once(steps: dict[str, int]) -> None:
    orders = list(sessions.interleavings(steps))
    expected = factorial(sum(steps.values())) // prod(factorial(n) for n in steps.values())
    assert len(set(orders)) == len(orders) == expected
    for order in orders:
        assert {name: order.count(name) for name in steps} == steps


def test_play_follows_the_order() -> None:
    log: list[str] = []

    def session(name: str):
        for number in (1, 2):
            log.append(f"{name}{number}")
            yield number

    played = sessions.play(("a", "b", "b", "a", "a"), {"a": session("a"), "b": session("b")})
    assert log == ["a1", "b1", "b2", "a2"]
    assert [str(step) for step in played][-2:] == ["a done: 2", "a ended"]


def test_an_unknown_session_is_named() -> None:
    with pytest.raises(KeyError, match="writer"):
        sessions.play(("writer",), {})


class Bank(list):
    """Three connections, and the server behind them."""

    def __init__(self, server, connections):
        super().__init__(connections)
        self.server = server


@pytest.fixture(scope="module")
def bank():
    need("mariadb")
    with servers.mariadb() as server:
        connections = [server.connect() for _ in range(3)]
        with connections[0].cursor() as cursor:
            cursor.execute("CREATE DATABASE bank")
            cursor.execute("CREATE TABLE bank.account (id INT PRIMARY KEY, balance INT)")
            cursor.execute("INSERT INTO bank.account VALUES (1, 100), (2, 100)")
        connections[0].commit()
        yield Bank(server, connections)
        for connection in connections:
            connection.close()


def transfer(connection, first: int, second: int):
    """Takes from one account, gives to another, commits: one step each."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE bank.account SET balance = balance - 1 WHERE id = %s", (first,))
        yield "took"
        cursor.execute("UPDATE bank.account SET balance = balance + 1 WHERE id = %s", (second,))
        yield "gave"
        connection.commit()
        yield "committed"


def play(bank, order: str, first: tuple[int, int], second: tuple[int, int]) -> list[str]:
    monitor, one, two = bank
    look = sessions.lock_waits(monitor, {"T1": one, "T2": two})
    played = sessions.play(
        [f"T{turn}" for turn in order],
        {"T1": transfer(one, *first), "T2": transfer(two, *second)},
        waiting=look,
    )
    for connection in (one, two):
        connection.rollback()
    return [f"{step.session} {step.outcome}" for step in played]


@pytest.mark.parametrize("_", range(3))
def test_a_lock_is_seen_as_waiting_and_let_go(bank, _: int) -> None:
    assert play(bank, "12112", (1, 2), (1, 2)) == [
        "T1 done",
        "T2 waits",
        "T1 done",
        "T1 done",
        "T2 resumed",
        "T2 done",
    ]


def test_a_deadlock_is_an_outcome(bank) -> None:
    played = play(bank, "1212", (1, 2), (2, 1))
    assert played[:3] == ["T1 done", "T2 done", "T1 waits"]
    assert {"T2 error", "T1 resumed"} <= set(played[3:]) or "T1 error" in played[3:]


# --- schedules in lines, functions in steps, and what a reader sees of them ----------------------


def steps(history: sessions.History) -> list[str]:
    return [f"{step.session} {step.outcome}" for step in history]


@pytest.fixture
def stage(bank):
    """Ten in each account: a connection that watches, and a function that opens more."""
    for connection in bank:
        connection.rollback()
    monitor = sessions.prepared(bank[0], "UPDATE bank.account SET balance = 10")
    return monitor, lambda _: bank.server.connect()


READ = "SELECT balance FROM bank.account WHERE id = 1"
WRITE = "UPDATE bank.account SET balance = {} WHERE id = 1"


def test_a_schedule_in_short() -> None:
    short = "A:r1 B:w2=21 A:n=30 A:n%3=0 C:i3=30 B:d>20 A:c B:a"
    assert sessions.spelled(short, "free") == [
        "A: SELECT n FROM free WHERE id = 1",
        "B: UPDATE free SET n = 21 WHERE id = 2",
        "A: SELECT id FROM free WHERE n =30",
        "A: SELECT id FROM free WHERE n %3=0",
        "C: INSERT INTO free (id, n) VALUES (3, 30)",
        "B: DELETE FROM free WHERE n >20",
        "A: COMMIT",
        "B: ROLLBACK",
    ]
    assert sessions.spelled("") == []


@pytest.mark.parametrize("turn", ["A:x9", "A", "A:r", "A:w1", ":"])
def test_a_turn_that_is_none_is_named(turn: str) -> None:
    with pytest.raises(ValueError, match=f"not a turn: '{turn}'"):
        sessions.spelled(f"A:r1 {turn}")


def test_a_schedule_in_lines(stage) -> None:
    monitor, connect = stage
    lines = f"A: {READ}\nB: {WRITE.format(7)}\nA: {WRITE.format(8)}\nB: COMMIT\nA: COMMIT"
    played = sessions.perform(lines, connect, monitor)
    assert steps(played) == ["A done", "B done", "A waits", "B done", "A resumed", "A done"]
    monitor.commit()
    assert sessions.ask(monitor, READ) == [(8,)]
    assert repr(played).splitlines() == [
        f"A    {READ}     10",
        "  B  UPDATE bank.account SET balance = 7 WHERE id = 1  1 row",
        "A    UPDATE bank.account SET balance = 8 WHERE id = 1  waits …",
        "  B  COMMIT",
        "A    UPDATE bank.account SET balance = 8 WHERE id = 1  … 1 row",
        "A    COMMIT",
    ]
    assert played._repr_html_().count("<tr>") == 7


def test_an_error_ends_the_script_and_its_transaction(stage) -> None:
    monitor, connect = stage
    lines = [f"A: {WRITE.format(5)}", "A: SELECT nothing", f"A: {WRITE.format(6)}", "A: COMMIT"]
    played = sessions.perform(lines, connect, monitor)
    assert steps(played) == ["A done", "A error"]
    assert "error 1054" in repr(played)
    assert sessions.ask(monitor, READ) == [(10,)]


def test_whoever_still_waits_at_the_end_is_let_go(stage) -> None:
    monitor, connect = stage
    lines = [f"A: {WRITE.format(5)}", f"B: {WRITE.format(6)}", f"C: {WRITE.format(7)}"]
    assert steps(sessions.perform(lines, connect, monitor)) == ["A done", "B waits", "C waits"]
    assert sessions.ask(monitor, READ) == [(10,)]


def test_an_unknown_connection_is_named() -> None:
    with pytest.raises(KeyError, match="B"):
        sessions.script({}, "B: COMMIT")


def add_one(connection) -> int:
    [(balance,)] = sessions.ask(connection, f"{READ} FOR UPDATE")
    sessions.ask(connection, WRITE.format("%s"), balance + 1)
    connection.commit()
    return balance + 1


def test_functions_in_lock_step(stage) -> None:
    monitor, connect = stage
    played = sessions.perform(dict.fromkeys("ABCD", add_one), connect, monitor)
    assert [step.value for step in played if step.outcome == "ended"] == [11, 12, 13, 14]
    assert steps(played)[:4] == ["A done", "B waits", "C waits", "D waits"]
    assert played[0].said == f"{READ} FOR UPDATE"


@pytest.mark.parametrize("order", [*sessions.interleavings({"A": 3, "B": 3})])
def test_a_function_in_every_order(stage, order: tuple[str, ...]) -> None:
    monitor, connect = stage
    sessions.perform({"A": add_one, "B": add_one}, connect, monitor, order)
    assert sessions.ask(monitor, READ) == [(12,)]


def test_a_function_sees_its_errors_and_its_own_are_outcomes(stage) -> None:
    monitor, connect = stage

    def stumbles(connection) -> None:
        with pytest.raises(pymysql.ProgrammingError):
            sessions.ask(connection, "SELECT nothing FROM nowhere")
        raise ValueError("enough")

    played = sessions.perform({"A": stumbles}, connect, monitor)
    assert [step.outcome for step in played] == ["error"]
    assert isinstance(played[0].value, ValueError)


def test_a_function_without_a_statement_just_ends(stage) -> None:
    monitor, connect = stage
    played = sessions.perform({"A": lambda connection: 7}, connect, monitor)
    assert [(step.outcome, step.value) for step in played] == [("ended", 7)]


def test_a_function_that_does_not_end_is_stopped(stage) -> None:
    monitor, connect = stage
    connection = connect("A")

    def endless(connection) -> None:
        while True:
            sessions.ask(connection, "SELECT 1")

    look = sessions.lock_waits(monitor, {"A": connection})
    with pytest.raises(TimeoutError, match="not at an end"):
        sessions.play((), {"A": sessions.stepped(endless, connection)}, look, finish=20)


def test_a_timeout_is_waited_for(stage) -> None:
    monitor, connect = stage

    def impatient(connection) -> int:
        sessions.ask(connection, "SET SESSION innodb_lock_wait_timeout = 1")
        try:
            sessions.ask(connection, WRITE.format(3))
        except pymysql.OperationalError as error:
            return error.args[0]
        return 0

    played = sessions.perform({"A": [WRITE.format(5)], "B": impatient}, connect, monitor, "ABB")
    assert played[-1].value == 1205
    assert "B waits" in steps(played)


def test_a_crowd_raises_what_one_of_it_raised(bank) -> None:
    def work(connection, dice) -> None:
        if dice.random() > 2:
            raise AssertionError
        raise KeyError("one of them")

    with pytest.raises(KeyError, match="one of them"):
        sessions.crowd(work, bank.server.connect, workers=3, times=2)


def test_a_crowd_loses_nothing(bank, stage) -> None:
    sessions.crowd(lambda connection, _: add_one(connection), bank.server.connect, 4, 10)
    assert sessions.ask(stage[0], READ) == [(50,)]


class Answers:
    """A monitor that gives the answers of a server: who waits, and who waits for whom."""

    def __init__(self, waiting: list[str], edges: list[tuple[int, int]]):
        self.left, self.edges, self.looks = list(waiting), edges, 0

    def cursor(self) -> "Answers":
        return self

    def __enter__(self) -> "Answers":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def execute(self, sql: str) -> None:
        self.looks += "INNODB_LOCK_WAITS" in sql
        status = "INNODB STATUS" in sql
        self.rows = [("InnoDB", "", self.status())] if status else self.edges

    def status(self) -> str:
        who = self.left.pop(0) if len(self.left) > 1 else self.left[0]
        return "".join(
            f"\n---TRANSACTION {number}\nLOCK WAIT 3 lock struct(s), heap size 1, 2 row lock(s), "
            f"undo log entries 1\nMariaDB thread id {number}, query id 1"
            for number in map("AB".index, who)
        )

    def fetchall(self) -> list[tuple]:
        return self.rows


@pytest.mark.parametrize(
    ("waiting", "edges", "named", "looks"),
    [
        (["A"], [], {"A"}, 0),
        (["AB"], [(0, 7), (1, 0)], {"A", "B"}, 1),  # 7 is nobody of the play
        (["AB", "A"], [(0, 1), (1, 0)], set(), 1),  # the server has just found the deadlock
        (["AB"], [(0, 1), (1, 0)], {"A", "B"}, 3),  # a circle that it does not find
        (["AB", "A"], [(0, 7), (1, 0)], {"A"}, 1),  # B was let go
    ],
)
def test_who_is_in_a_circle_does_not_wait_for_certain(
    waiting: list[str], edges: list[tuple[int, int]], named: set[str], looks: int
) -> None:
    class Connection:
        def __init__(self, number: int):
            self.thread_id = lambda: number

    monitor = Answers(waiting, edges)
    look = sessions.lock_waits(monitor, {"A": Connection(0), "B": Connection(1)})
    assert look({"B"}) == named
    assert monitor.looks == looks
