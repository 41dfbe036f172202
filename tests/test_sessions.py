"""Sessions are played in exactly the order asked for, and waiting is seen, not guessed."""

from math import factorial, prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus import servers, sessions


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


@pytest.fixture(scope="module")
def bank():
    if reason := servers.available("mariadb"):
        pytest.skip(reason)
    with servers.mariadb() as server:
        connections = [server.connect() for _ in range(3)]
        with connections[0].cursor() as cursor:
            cursor.execute("CREATE DATABASE bank")
            cursor.execute("CREATE TABLE bank.account (id INT PRIMARY KEY, balance INT)")
            cursor.execute("INSERT INTO bank.account VALUES (1, 100), (2, 100)")
        connections[0].commit()
        yield connections
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
