"""Exercises: `check` answers with a verdict or a hint, whatever it is given.

One module a topic holds its checks: `nexus/exercises/data_orm_django.py` for `data/orm-django`.
A check takes the reader's answer, raises `Hint` where it is wrong and returns a sentence where it
is right. It calls the reader's code through `call` and compares only what `plain` has let through.
"""

import datetime
import decimal
import html
import importlib
import itertools
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from IPython.display import publish_display_data

SECONDS = 20
"""How long an answer may take before the check gives up on it."""

_CHECKS: dict[str, Callable[[Any], str]] = {}
_BEFORE: dict[str, Callable[[], Any]] = {}
_SCALARS = (type(None), bool, int, float, complex, str, bytes)
_SCALARS += (datetime.date, datetime.datetime, datetime.timedelta, decimal.Decimal)


class Hint(Exception):
    """The answer is not right yet; the message is the next thing to look at."""


class _TimeUp(BaseException):
    """Not an Exception, so that an answer's own `except Exception` does not swallow it."""


@dataclass(frozen=True)
class Verdict:
    """What a check says. `fault` is set when the check itself failed, which tests forbid."""

    name: str
    accepted: bool
    message: str
    fault: BaseException | None = None

    def __str__(self) -> str:
        return f"{'Accepted' if self.accepted else 'Not yet'} ({self.name}): {self.message}"


def exercise(
    name: str, before: Callable[[], Any] | None = None
) -> Callable[[Callable[[Any], str]], Callable[[Any], str]]:
    """Register a check under `part/topic/name`.

    `before` runs ahead of the check and outside its time limit: the start of a server, say.
    """

    def register(function: Callable[[Any], str]) -> Callable[[Any], str]:
        _CHECKS[name] = function
        if before:
            _BEFORE[name] = before
        return function

    return register


def names(topic: str) -> list[str]:
    """The exercises of `part/topic`, in the order of its module; none if it has no module."""
    module = f"{__name__}.{topic.replace('/', '_').replace('-', '_')}"
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
    return [name for name in _CHECKS if name.rpartition("/")[0] == topic]


def judge(name: str, answer: Any, seconds: float = SECONDS) -> Verdict:
    """Run the check called `name` on `answer`. Never raises, whatever the answer is or does."""
    topic = name.rpartition("/")[0]
    known = names(topic)
    if name not in known:
        listed = ", ".join(known) or "none"
        return Verdict(name, False, f"there is no such exercise; {topic} has: {listed}")
    if answer is None or answer is Ellipsis:
        return Verdict(name, False, "nothing to judge yet: hand your answer to check")
    try:
        if before := _BEFORE.get(name):
            before()
        with _time_limit(seconds):
            return Verdict(name, True, _CHECKS[name](answer))
    except Hint as hint:
        return Verdict(name, False, str(hint))
    except _TimeUp:
        return Verdict(name, False, f"it took longer than {seconds:g} s; what does it wait for?")
    except BaseException as error:
        return Verdict(name, False, f"the check met {_said(error)}", fault=error)


def check(name: str, answer: Any) -> None:
    """Show what `judge` says of `answer`."""
    verdict = judge(name, answer)
    mark, colour = ("Accepted", "#1a7f5a") if verdict.accepted else ("Not yet", "#b45309")
    publish_display_data(
        {
            "text/plain": str(verdict),
            "text/html": (
                '<p class="nexus-verdict" '
                f'style="border-left: 3px solid {colour}; padding: .3em .8em; margin: .4em 0">'
                f"<strong>{mark}</strong> ({html.escape(verdict.name)}): "
                f"{html.escape(verdict.message)}</p>"
            ),
        }
    )


def call(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call the reader's code; whatever it raises becomes a hint.

    Raises:
        Hint: it is not callable, or it raised.
    """
    if not callable(function):
        raise Hint(f"a function is asked for; this is {_a(function)}")
    try:
        return function(*args, **kwargs)
    except (Hint, _TimeUp):
        raise
    except BaseException as error:
        raise Hint(f"your code raised {_said(error)}") from None


def plain(value: Any, limit: int = 10_000) -> Any:
    """`value` rebuilt from exact built-in types, so that no `__eq__` of its own has a say.

    Iterators become lists. Scalars of NumPy become Python's. At most `limit` elements in all.

    Raises:
        Hint: too many elements (an endless generator, say), or a type that is not plain data.
    """
    budget = itertools.count(limit, -1)

    def rebuild(item: Any, depth: int = 0) -> Any:
        if next(budget) <= 0:
            raise Hint(f"the answer has more than {limit:,} elements, or has no end")
        if depth > 50:
            raise Hint("the answer is nested more than 50 deep")
        kind = type(item)
        if kind in _SCALARS:
            return item
        for base in (str, int, float, bytes):
            if issubclass(kind, base):
                return {
                    str: str.__str__,
                    int: int.__int__,
                    float: float.__float__,
                    bytes: bytes.__bytes__,
                }[base](item)
        if issubclass(kind, dict):
            pairs = dict.items(item)
            return {rebuild(k, depth + 1): rebuild(v, depth + 1) for k, v in pairs}
        for base in (list, tuple, set, frozenset):
            if issubclass(kind, base):
                inner = (rebuild(part, depth + 1) for part in base.__iter__(item))
                return (frozenset if base is set else base)(inner)
        if kind.__module__ == "numpy" and hasattr(kind, "item"):
            return rebuild(call(item.item), depth + 1)
        if hasattr(kind, "__next__") or hasattr(kind, "_fetch_all"):  # iterators and querysets
            return [rebuild(part, depth + 1) for part in _guarded(item)]
        raise Hint(f"plain data is asked for; the answer holds {_a(item)}")

    return rebuild(value)


def _guarded(iterable: Any) -> Iterator[Any]:
    """Iterate over the reader's iterable; what it raises becomes a hint."""
    iterator = call(iter, iterable)
    done = object()
    while (part := call(next, iterator, done)) is not done:
        yield part


def _a(value: Any) -> str:
    """`value` named by its type, without asking the value."""
    kind = type(value)
    return f"the class {value.__name__}" if kind is type else f"an object of type {kind.__name__}"


def _said(error: BaseException) -> str:
    """An exception in one line, even one whose own `__str__` raises."""
    try:
        text = " ".join(str(error).split())
    except BaseException:
        text = ""
    name = type(error).__name__
    return f"{name}: {text[:200]}" if text else name


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Interrupt the block after `seconds`, again and again until it gives in.

    A signal is the one thing that ends a `sleep` in the thread that waits in it, and the reader's
    database connections belong to this thread. Only the main thread may set one; elsewhere the
    block runs without a limit. A single call into C that never returns cannot be interrupted.
    """
    if threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGALRM"):
        yield
        return

    def ring(*_: Any) -> None:
        raise _TimeUp

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
