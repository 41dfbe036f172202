"""The exercises can be failed: stub, wrong answers and hostile ones each get their hint.

The stub's hint and the solution's acceptance are outputs of the notebook, which nbval compares
and `test_contract` reads.
"""

import json
import subprocess
import sys
import time
from functools import cache
from typing import Any

import pytest

from nexus import exercises
from nexus.exercises import Hint, judge, plain
from tests import entries, verdicts


@cache
def of(topic: str) -> dict[str, Any]:
    """The verdicts of one topic, judged in a process of its own."""
    if reason := entries.missing_server(topic):
        pytest.skip(f"{topic}: {reason}")
    command = [sys.executable, "-m", "tests.verdicts", topic]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=entries.ROOT, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def cases() -> list[Any]:
    """(topic, exercise) of every exercise."""
    return [
        pytest.param(topic, name.rpartition("/")[2], id=name)
        for topic in entries.topics()
        for name in exercises.names(topic)
    ]


@pytest.mark.parametrize(("topic", "name"), cases())
def test_wrong_answers_get_their_own_hint(topic: str, name: str) -> None:
    expected = verdicts.module(topic).EXERCISES[name]
    assert len(expected) >= 2, "two wrong answers or more"
    got = of(topic)[name]["wrong"]
    for label, (_, hint) in expected.items():
        accepted, message, fault = got[label]
        assert not accepted, f"{label} was accepted: {message}"
        assert fault is None, f"{label} broke the check: {message}"
        assert hint in message, f"{label} got another hint: {message}"
    hints = [got[label][1] for label in expected]
    assert len(set(hints)) == len(hints), "two wrong answers got one hint"


@pytest.mark.parametrize(("topic", "name"), cases())
def test_hostile_answers_get_a_hint(topic: str, name: str) -> None:
    for label, (accepted, message, fault) in of(topic)[name]["hostile"].items():
        assert not accepted, f"{label} was accepted: {message}"
        assert fault is None, f"{label} broke the check: {message} ({fault})"
        assert message
        assert "Traceback" not in message


def test_every_entry_has_exercises() -> None:
    for topic in entries.topics():
        assert len(exercises.names(topic)) >= 3, topic


@pytest.fixture
def probe(monkeypatch):
    """An exercise of the tests' own: it asks for a function that returns [1]."""

    def check(answer: Any) -> str:
        if plain(exercises.call(answer)) != [1]:
            raise Hint("return a list that holds one")
        return "that is it"

    monkeypatch.setitem(exercises._CHECKS, "tests/probe/one", check)
    monkeypatch.setattr(exercises, "names", lambda topic: [f"{topic}/one"])
    return "tests/probe/one"


def test_the_solution_is_accepted(probe: str) -> None:
    assert judge(probe, lambda: [1]).accepted


@pytest.mark.parametrize("label", verdicts.HOSTILE)
def test_judge_survives(probe: str, label: str) -> None:
    started = time.monotonic()
    verdict = judge(probe, verdicts.HOSTILE[label], seconds=0.3)
    assert not verdict.accepted
    assert verdict.fault is None
    assert time.monotonic() - started < 5


def test_a_subclass_cannot_lie_its_way_in(probe: str) -> None:
    class Lying(list):
        def __eq__(self, other: object) -> bool:
            return True

        def __iter__(self):
            return iter([1])

    assert not judge(probe, lambda: Lying([2])).accepted
    assert judge(probe, lambda: Lying([1])).accepted


def test_a_fault_of_the_check_is_told_apart(probe: str, monkeypatch) -> None:
    monkeypatch.setitem(exercises._CHECKS, probe, lambda answer: answer.nothing)
    verdict = judge(probe, 42)
    assert not verdict.accepted
    assert isinstance(verdict.fault, AttributeError)


def test_an_unknown_exercise_is_named() -> None:
    assert "there is no such exercise" in judge("data/nothing/board", 1).message


@pytest.mark.parametrize(
    "value", [[1, (2, {"a": {3, None}})], "text", 1.5, True, b"x", {"k": [1]}, frozenset({1})]
)
def test_plain_keeps_plain_values(value: Any) -> None:
    rebuilt = plain(value)
    assert rebuilt == value
    assert type(rebuilt) is type(value)


def test_plain_keeps_what_a_solution_may_return() -> None:
    import numpy

    assert plain(numpy.float64(0.5)) == 0.5
    assert type(plain(numpy.int64(3))) is int
    assert plain(x for x in range(3)) == [0, 1, 2]
