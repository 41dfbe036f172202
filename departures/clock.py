"""The replay clock: what time it is in the year 2013 that the service lives in.

Real time since `since` is played from `start` at `speed`, and the year begins anew at its end.
The time follows from the settings and the real clock alone, so all processes of a service agree
on it without talking to each other.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings

YEAR = datetime(2013, 1, 1, tzinfo=UTC)
LENGTH = timedelta(days=365)


@dataclass(frozen=True)
class Replay:
    """`start` is shown at the real moment `since`; speed 0 stands still, 60 plays an hour a minute.

    Both moments are aware; `start` lies in 2013.
    """

    start: datetime
    since: datetime
    speed: float = 1.0

    def at(self, real: datetime) -> datetime:
        """The moment of 2013, in UTC, that is shown at the real moment `real`."""
        played = self.start - YEAR + (real - self.since) * self.speed
        return YEAR + played % LENGTH


_override: Replay | None = None


def _configured() -> Replay:
    return Replay(settings.REPLAY_START, settings.REPLAY_SINCE, settings.REPLAY_SPEED)


def now() -> datetime:
    """The present moment of the replay, aware, in UTC."""
    return (_override or _configured()).at(datetime.now(UTC))


@contextmanager
def replay(start: datetime, speed: float = 1.0) -> Iterator[None]:
    """Inside the block, in this process: play from `start` (aware, in 2013), beginning now."""
    global _override
    before = _override
    _override = Replay(start.astimezone(UTC), datetime.now(UTC), speed)
    try:
        yield
    finally:
        _override = before


def freeze(moment: datetime) -> AbstractContextManager[None]:
    """Inside the block it is `moment` (aware, in 2013) all the time."""
    return replay(moment, speed=0)
