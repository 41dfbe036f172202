"""Judge a topic's wrong answers and the answers that no check may trip over; print JSON.

    python -m tests.verdicts data/orm-django

A process of its own, since a topic may start servers and set Django up in its own way.
"""

import contextlib
import importlib
import itertools
import json
import sys
import time
from typing import Any

from nexus import exercises

SECONDS = 3
"""What a hostile answer may take; an honest one gets the usual limit."""


class Liar:
    """Equal to everything, as long as anything, and says so."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __len__(self) -> int:
        return 1_000_000_000

    def __call__(self, *args: Any, **kwargs: Any) -> "Liar":
        return Liar()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return Liar()

    def __iter__(self) -> Any:
        return itertools.repeat(Liar())

    def __getitem__(self, key: Any) -> "Liar":
        return Liar()


class Unspeakable(Exception):
    """An exception that cannot even be printed."""

    def __str__(self) -> str:
        raise ValueError


def endless(*args: Any, **kwargs: Any) -> Any:
    """A generator without an end."""
    while True:
        yield 1


def raises(*args: Any, **kwargs: Any) -> Any:
    raise Unspeakable


def leaves(*args: Any, **kwargs: Any) -> Any:
    raise SystemExit(1)


def sleeps(*args: Any, **kwargs: Any) -> Any:
    time.sleep(600)


def stubborn(*args: Any, **kwargs: Any) -> Any:
    """Sleeps, and swallows whatever wakes it."""
    for _ in range(3):
        with contextlib.suppress(BaseException):
            time.sleep(600)


class Empty:
    """A class where a function is asked for."""


HOSTILE: dict[str, Any] = {
    "None": None,
    "a class": Empty,
    "a number": 42,
    "a text": "SELECT 1",
    "not a number": float("nan"),
    "a liar": Liar(),
    "a function that returns None": lambda *args, **kwargs: None,
    "a function that returns a liar": lambda *args, **kwargs: Liar(),
    "a function that returns a class": lambda *args, **kwargs: Empty,
    "an endless generator": endless,
    "an endless iterator": itertools.count(),
    "a function that returns an endless iterator": lambda *args, **kwargs: itertools.count(),
    "a function that raises": raises,
    "a function that leaves": leaves,
    "a function that sleeps": sleeps,
    "a function that will not wake": stubborn,
}


def module(topic: str) -> Any:
    """The topic's wrong answers."""
    return importlib.import_module(
        f"tests.wrong_answers.{topic.replace('/', '_').replace('-', '_')}"
    )


def verdicts(topic: str) -> dict[str, Any]:
    """For each exercise: {"wrong": {label: [accepted, message, fault]}, "hostile": {...}}."""

    def judged(name: str, answer: Any, seconds: float = exercises.SECONDS) -> list[Any]:
        verdict = exercises.judge(name, answer, seconds)
        return [verdict.accepted, verdict.message, verdict.fault and repr(type(verdict.fault))]

    wrong = module(topic).EXERCISES
    return {
        name.rpartition("/")[2]: {
            "wrong": {
                label: judged(name, answer)
                for label, (answer, _) in wrong.get(name.rpartition("/")[2], {}).items()
            },
            "hostile": {label: judged(name, answer, SECONDS) for label, answer in HOSTILE.items()},
        }
        for name in exercises.names(topic)
    }


if __name__ == "__main__":
    print(json.dumps(verdicts(sys.argv[1])))
