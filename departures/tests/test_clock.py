"""The replay clock."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from departures import clock

START = datetime(2013, 2, 14, 12, tzinfo=UTC)
SINCE = datetime(2030, 5, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("speed", "passed", "shown"),
    [
        (1, 0 * HOUR, START),
        (1, HOUR, START + HOUR),
        (60, timedelta(minutes=1), START + HOUR),
        (0, 1000 * HOUR, START),
        (1, -HOUR, START - HOUR),
        (1, timedelta(days=365), START),  # the year begins anew
        (1, timedelta(days=321), datetime(2013, 1, 1, 12, tzinfo=UTC)),
    ],
)
def test_plays(speed, passed, shown):
    assert clock.Replay(START, SINCE, speed).at(SINCE + passed) == shown


def test_follows_the_settings(settings):
    settings.REPLAY_START, settings.REPLAY_SPEED = START, 0.0
    assert clock.now() == START


def test_by_default_the_same_moment_of_2013():
    now = clock.now()
    assert now.year == 2013
    assert now.utcoffset() == timedelta(0)


def test_freezes_and_thaws():
    eastern = timezone(-5 * HOUR)
    with clock.freeze(datetime(2013, 2, 14, 7, tzinfo=eastern)):
        assert clock.now() == clock.now() == START
        with clock.replay(START + HOUR, speed=3600):
            assert clock.now() >= START + HOUR
        assert clock.now() == START
    assert clock._override is None


def test_thaws_after_an_error():
    with pytest.raises(KeyError), clock.freeze(START):
        raise KeyError
    assert clock._override is None
