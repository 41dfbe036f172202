"""What the models keep of the source, on flights checked by hand against its rows."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from departures import clock
from departures.models import Airline, Airport, Flight, Plane, Subscriber, Subscription, Weather

pytestmark = pytest.mark.usefixtures("loaded")


def utc(*parts: int) -> datetime:
    return datetime(2013, *parts, tzinfo=UTC)


def flight(airline: str, number: int, **more: object) -> Flight:
    return Flight.objects.get(airline=airline, number=number, **more)


def test_the_first_row_of_the_source():
    found = flight("UA", 1545)
    assert found.id == 1
    assert (found.origin_id, found.destination_id, found.plane_id) == ("EWR", "IAH", "N14228")
    # 5:15 for 5:17 in New York (UTC-5); 8:19 for 8:30 in Houston (UTC-6).
    assert (found.scheduled_departure, found.departure) == (utc(1, 1, 10, 15), utc(1, 1, 10, 17))
    assert (found.scheduled_arrival, found.arrival) == (utc(1, 1, 14, 19), utc(1, 1, 14, 30))
    assert (found.departure_delay, found.arrival_delay) == (2, 11)
    assert (found.air_time, found.distance) == (227, 1400)
    assert str(found) == "UA 1545 2013-01-01"
    assert not found.cancelled


@pytest.mark.parametrize(
    ("airline", "number", "departs", "arrives"),
    [
        ("HA", 51, utc(1, 1, 14, 0), utc(1, 2, 1, 30)),  # 15:30 in Honolulu, UTC-10
        ("UA", 1138, utc(7, 1, 10, 58), utc(7, 1, 16, 15)),  # 9:15 in Phoenix: no summer time
        ("B6", 486, utc(11, 3, 2, 45), utc(11, 3, 4, 3)),  # 0:03, two hours before clocks go back
        ("B6", 23, utc(11, 3, 12, 0), utc(11, 3, 18, 15)),  # 7:00 that morning is UTC-5 again
        ("UA", 387, utc(3, 10, 10, 55), utc(3, 10, 17, 15)),  # 6:55 after clocks went forward
    ],
)
def test_scheduled_times_in_utc(airline, number, departs, arrives):
    found = flight(airline, number)
    assert (found.scheduled_departure, found.scheduled_arrival) == (departs, arrives)


def test_the_day_is_the_scheduled_one_in_new_york():
    found = flight("UA", 636)  # scheduled 23:39, left 80 minutes later, on the 15th
    assert str(found.day) == "2013-02-14"
    assert found.departure.astimezone(ZoneInfo("America/New_York")).day == 15


def test_midnight_written_as_2400():
    assert flight("B6", 839).departure == utc(10, 31, 4, 0)
    assert flight("B6", 1109).arrival == utc(1, 2, 5, 0)


def test_an_arrival_at_a_minute_that_never_was():
    """The source says 2:03 on the night when clocks went from 2:00 to 3:00."""
    found = flight("B6", 35)
    assert found.arrival == utc(3, 10, 7, 3)
    assert f"{found.arrival.astimezone(ZoneInfo(found.destination.zone)):%H:%M}" == "03:03"


def test_a_cancelled_flight_keeps_its_schedule_and_no_more():
    found = flight("AA", 133)
    assert found.cancelled
    assert found.scheduled_arrival is not None
    assert (found.arrival, found.departure_delay, found.air_time, found.plane) == (None,) * 4
    assert found.tail_number == ""


@pytest.mark.parametrize(("airline", "number"), [("MQ", 4525), ("EV", 4204)])
def test_a_diverted_flight_departed_and_never_arrived(airline, number):
    found = flight(airline, number)
    assert found.departure is not None
    assert (found.arrival, found.arrival_delay) == (None, None)


def test_a_tail_without_a_plane_is_kept():
    found = flight("AA", 301)
    assert (found.plane, found.tail_number) == (None, "N3ALAA")


def test_an_airport_the_source_does_not_list():
    found = flight("B6", 709)
    assert (found.destination_id, found.destination.known, found.destination.zone) == (
        "SJU",
        False,
        "",
    )
    assert (found.scheduled_arrival, found.arrival) == (None, None)
    assert found.arrival_delay == -21  # this much the source does say
    assert list(Airport.objects.filter(known=False).values_list("code", flat=True)) == [
        "BQN",
        "PSE",
        "SJU",
        "STT",
    ]


def test_an_airport_without_a_zone():
    assert Airport.objects.get(code="EEN").zone == ""


def test_codes_are_case_sensitive():
    assert Airport.objects.filter(code="10C").exists()
    assert not Airport.objects.filter(code="10c").exists()


def test_the_hour_that_came_twice():
    first, second = Weather.objects.filter(
        origin="EWR", time__range=(utc(11, 3, 5), utc(11, 3, 6))
    ).order_by("time")
    assert (first.temperature, second.temperature) == (51.98, 50)
    new_york = ZoneInfo("America/New_York")
    assert first.time.astimezone(new_york).hour == second.time.astimezone(new_york).hour == 1


def test_one_number_twice_a_day_from_two_airports():
    assert Flight.objects.filter(airline="WN", number=2269, day="2013-06-08").count() == 2
    again = Flight.objects.filter(airline="WN", number=2269).first()
    again.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        again.save()


def test_reference_rows_in_use_are_protected():
    for parent in (Airline.objects.get(code="UA"), Airport.objects.get(code="EWR")):
        with pytest.raises(ProtectedError):
            parent.delete()


def test_related_names():
    plane = Plane.objects.get(tail_number="N487WN")
    assert plane.flights.count() == 2
    assert Airport.objects.get(code="LAX").arrivals.count() == 3
    assert Airport.objects.get(code="EWR").departures.filter(day="2013-02-14").count() == 2
    assert Airline.objects.get(code="HA").flights.get().number == 51


def test_a_person_follows_a_flight_once_and_in_the_replayed_year():
    with clock.freeze(utc(2, 13, 12)):
        ada = Subscriber.objects.create(email="new@example.org", name="New")
        Subscription.objects.create(subscriber=ada, flight_id=1)
    assert ada.created == utc(2, 13, 12)
    with pytest.raises(IntegrityError), transaction.atomic():
        Subscription.objects.create(subscriber=ada, flight_id=1)
    ada.delete()
    assert not Subscription.objects.filter(flight_id=1).exists()


@pytest.mark.parametrize(
    ("leaves", "at", "status"),
    [
        (None, 11, "scheduled"),
        (None, 12, "cancelled"),
        (None, 13, "cancelled"),
        (12, 11, "scheduled"),
        (12, 12, "departed"),
        (14, 11, "scheduled"),
        (14, 13, "delayed"),
        (14, 14, "departed"),
        (11, 11, "departed"),  # before its time
    ],
)
def test_status(leaves, at, status):
    """Of a flight that is due at twelve, what one can know of it at each hour."""
    flight = Flight(scheduled_departure=utc(2, 14, 12), departure=leaves and utc(2, 14, leaves))
    with clock.freeze(utc(2, 14, at)):
        assert flight.status == status
