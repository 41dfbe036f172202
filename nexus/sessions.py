"""Two or more sessions, played step by step in an order that the notebook chooses.

A session is a generator: it does one step up to each `yield` and yields what the step showed.
Nothing here sleeps and hopes: the player goes on when every session is idle or is seen, in the
server's own lock table, to wait.
"""

import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Session = Generator[Any, None, None]

_APART = 0.12
"""Seconds between two looks: InnoDB shows its old snapshot until nobody has asked for 0.1 s."""


@dataclass(frozen=True)
class Step:
    """What one session did in its turn: `outcome` is done, waits, resumed, error or ended."""

    session: str
    outcome: str
    value: Any = None

    def __str__(self) -> str:
        said = "" if self.value is None else f": {self.value}"
        return f"{self.session} {self.outcome}{said}"


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


def lock_waits(monitor: Any, connections: Mapping[str, Any]) -> Callable[[], set[str]]:
    """A function that names the sessions that InnoDB has waiting for a lock.

    `monitor` is a connection of its own; `connections` maps each session to its connection
    (PyMySQL). Source: `information_schema.INNODB_TRX`.
    """
    ids = {connection.thread_id(): name for name, connection in connections.items()}

    def look() -> set[str]:
        with monitor.cursor() as cursor:
            cursor.execute(
                "SELECT trx_mysql_thread_id FROM information_schema.INNODB_TRX "
                "WHERE trx_state = 'LOCK WAIT'"
            )
            return {ids[row[0]] for row in cursor.fetchall() if row[0] in ids}

    return look


def play(
    order: tuple[str, ...] | list[str],
    sessions: Mapping[str, Session],
    waiting: Callable[[], set[str]] | None = None,
    patience: float = 20.0,
) -> list[Step]:
    """Give the sessions their turns in `order`; return what happened, in the order it happened.

    Without `waiting` no step may block, and all run in this thread. With it (see `lock_waits`)
    each session has a thread; one that waits keeps its turns until it is let go.

    Raises:
        KeyError: `order` names a session that is not there.
        TimeoutError: a session was neither idle nor seen waiting for `patience` seconds.
    """
    if unknown := sorted(set(order) - set(sessions)):
        raise KeyError(f"the order names sessions that are not there: {', '.join(unknown)}")
    if waiting is None:
        return _play_here(order, sessions)
    return _play_threads(order, sessions, waiting, patience)


def _advance(session: Session, name: str) -> Step:
    try:
        return Step(name, "done", next(session))
    except StopIteration:
        return Step(name, "ended")


def _play_here(order: tuple[str, ...] | list[str], sessions: Mapping[str, Session]) -> list[Step]:
    try:
        return [_advance(sessions[name], name) for name in order]
    finally:
        for session in sessions.values():
            session.close()


class _Worker(threading.Thread):
    """Runs one session's turns; `busy` while a turn is under way."""

    def __init__(self, name: str, session: Session):
        super().__init__(name=f"session-{name}", daemon=True)
        self.session, self.turns, self.results = session, queue.SimpleQueue(), queue.SimpleQueue()
        self.asked = self.answered = 0

    def run(self) -> None:
        while self.turns.get():
            try:
                step = _advance(self.session, self.name.removeprefix("session-"))
            except Exception as error:  # an error is an outcome: deadlock, timeout, duplicate
                step = Step(self.name.removeprefix("session-"), "error", error)
            self.results.put(step)
        self.session.close()

    def ask(self) -> None:
        self.asked += 1
        self.turns.put(True)

    def collect(self) -> list[Step]:
        steps = []
        while not self.results.empty():
            steps.append(self.results.get())
        self.answered += len(steps)
        return steps

    @property
    def busy(self) -> bool:
        return self.answered < self.asked


def _play_threads(
    order: tuple[str, ...] | list[str],
    sessions: Mapping[str, Session],
    waiting: Callable[[], set[str]],
    patience: float,
) -> list[Step]:
    workers = {name: _Worker(name, session) for name, session in sessions.items()}
    for worker in workers.values():
        worker.start()
    history: list[Step] = []
    held: set[str] = set()

    def settle() -> None:
        """Wait until each busy session has been seen waiting in two snapshots in a row."""
        looked = started = time.monotonic()
        before: set[str] = set()
        while True:
            for name, worker in workers.items():
                for step in worker.collect():
                    if name in held and step.outcome == "done":
                        step = Step(name, "resumed", step.value)
                    held.discard(name)
                    history.append(step)
            busy = {name for name, worker in workers.items() if worker.busy}
            if not busy:
                return
            if (now := time.monotonic()) - looked > _APART:
                blocked = waiting() & busy
                if blocked == busy == before:
                    for name in sorted(busy - held):
                        held.add(name)
                        history.append(Step(name, "waits"))
                    return
                if now - started > patience:
                    stuck = ", ".join(sorted(busy - blocked))
                    raise TimeoutError(f"neither idle nor waiting: {stuck}")
                before, looked = blocked, time.monotonic()
            time.sleep(0.002)

    try:
        for name in order:
            workers[name].ask()
            settle()
        return history
    finally:
        for worker in workers.values():
            worker.turns.put(False)
            if not worker.busy:  # one that still waits ends with its server's lock timeout
                worker.join()
