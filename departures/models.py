"""The departures of New York in 2013, and the people who want to know about them.

Times are stored in UTC; the clock on the wall is that of the airport's `zone`. What the source
does not know is NULL. `data/README.md` states each decision and counts the rows it touches.
"""

from datetime import timedelta

from django.conf import settings
from django.db import models

from . import clock

BOARD_KEEPS = timedelta(hours=1)  # how long a flight stays on the board after its time
BOARD_SHOWS = timedelta(hours=24)  # and how long before


class Airline(models.Model):
    code = models.CharField(max_length=2, primary_key=True, help_text="IATA")
    name = models.CharField(max_length=50)

    def __str__(self) -> str:
        return self.name


class Airport(models.Model):
    """`known` is False for the four airports that flights name and the source does not list."""

    code = models.CharField(max_length=3, primary_key=True, help_text="FAA, case-sensitive")
    name = models.CharField(max_length=60, blank=True)
    latitude = models.FloatField(null=True, help_text="degrees north")
    longitude = models.FloatField(null=True, help_text="degrees east")
    altitude_ft = models.IntegerField(null=True)
    zone = models.CharField(max_length=30, blank=True, help_text="IANA name; empty if unknown")
    known = models.BooleanField(default=True)

    def __str__(self) -> str:
        return self.name or self.code


class Plane(models.Model):
    tail_number = models.CharField(max_length=6, primary_key=True)
    year = models.PositiveSmallIntegerField(null=True, help_text="of manufacture")
    type = models.CharField(max_length=30)
    manufacturer = models.CharField(max_length=30)
    model = models.CharField(max_length=20)
    engines = models.PositiveSmallIntegerField()
    seats = models.PositiveSmallIntegerField()
    speed = models.PositiveSmallIntegerField(null=True, help_text="cruising, mph")
    engine = models.CharField(max_length=20, help_text="kind of engine")

    def __str__(self) -> str:
        return self.tail_number


class FlightQuerySet(models.QuerySet["Flight"]):
    def joined(self) -> "FlightQuerySet":
        """Each flight comes with what it refers to, in the same query."""
        return self.select_related("airline", "origin", "destination", "plane")

    def board(self, airport: str | None = None) -> "FlightQuerySet":
        """What hangs on a departures board now, of one airport or of all.

        Without its end the range is half of the table, and MariaDB begins the join elsewhere.
        """
        now = clock.now()
        flights = self.filter(scheduled_departure__range=(now - BOARD_KEEPS, now + BOARD_SHOWS))
        if airport:
            flights = flights.filter(origin=airport)
        return flights.order_by("scheduled_departure", "id")


class Flight(models.Model):
    """One scheduled departure; a cancelled one has no `departure`.

    `id` is the row's number in the source, from 1, so it is the same in every database.
    """

    day = models.DateField(db_index=True, help_text="of the scheduled departure, in New York")
    number = models.PositiveSmallIntegerField()
    # No index of its own: the unique constraint below begins with it.
    airline = models.ForeignKey(
        Airline, on_delete=models.PROTECT, related_name="flights", db_index=False
    )
    # Nor here: an index on three values finds a third of the table. MySQL makes one all the same.
    origin = models.ForeignKey(
        Airport, on_delete=models.PROTECT, related_name="departures", db_index=False
    )
    destination = models.ForeignKey(Airport, on_delete=models.PROTECT, related_name="arrivals")
    plane = models.ForeignKey(Plane, on_delete=models.PROTECT, related_name="flights", null=True)
    tail_number = models.CharField(
        max_length=6, blank=True, help_text="as reported, also where no plane is known by it"
    )
    scheduled_departure = models.DateTimeField(db_index=True)  # the order of every list
    departure = models.DateTimeField(null=True)
    scheduled_arrival = models.DateTimeField(
        null=True, help_text="unknown where the destination's zone is"
    )
    arrival = models.DateTimeField(null=True)
    departure_delay = models.SmallIntegerField(null=True, help_text="minutes; negative is early")
    arrival_delay = models.SmallIntegerField(null=True, help_text="minutes; negative is early")
    air_time = models.PositiveSmallIntegerField(null=True, help_text="minutes")
    distance = models.PositiveSmallIntegerField(help_text="miles")

    ORIGINS = ("EWR", "JFK", "LGA")  # all flights leave from one of the three

    objects = FlightQuerySet.as_manager()

    class Status(models.TextChoices):
        SCHEDULED = "scheduled"
        DELAYED = "delayed"
        DEPARTED = "departed"
        CANCELLED = "cancelled"

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["airline", "number", "origin", "day"], name="one_flight_a_day"
            ),
        )

    def __str__(self) -> str:
        return f"{self.airline_id} {self.number} {self.day}"

    @property
    def cancelled(self) -> bool:
        return self.departure is None

    @property
    def status(self) -> Status:
        """What one can know of the flight now, at the moment that the replay has come to."""
        now = clock.now()
        if self.departure and self.departure <= now:
            return self.Status.DEPARTED
        if self.scheduled_departure > now:
            return self.Status.SCHEDULED
        return self.Status.CANCELLED if self.cancelled else self.Status.DELAYED


class Weather(models.Model):
    """What an airport's station reported for one hour; `time` is unique where local time is not."""

    origin = models.ForeignKey(
        Airport, on_delete=models.PROTECT, related_name="weather", db_index=False
    )
    time = models.DateTimeField(help_text="the hour of the report")
    temperature = models.FloatField(null=True, help_text="degrees Fahrenheit")
    dew_point = models.FloatField(null=True, help_text="degrees Fahrenheit")
    humidity = models.FloatField(null=True, help_text="relative, per cent")
    wind_direction = models.PositiveSmallIntegerField(null=True, help_text="degrees")
    wind_speed = models.FloatField(null=True, help_text="mph")
    wind_gust = models.FloatField(null=True, help_text="mph")
    precipitation = models.FloatField(help_text="inches")
    pressure = models.FloatField(null=True, help_text="at sea level, millibars")
    visibility = models.FloatField(help_text="miles")

    class Meta:
        verbose_name_plural = "weather"
        constraints = (
            models.UniqueConstraint(fields=["origin", "time"], name="one_report_an_hour"),
        )

    def __str__(self) -> str:
        return f"{self.origin_id} {self.time:%Y-%m-%d %H:%M}"


class Subscriber(models.Model):
    """A person who follows flights. The loaded ones are synthetic, see `synthetic.py`.

    Who has a `user` can sign in; the synthetic ones have none. It goes, and this goes with it.
    """

    email = models.EmailField(unique=True)
    name = models.CharField(max_length=60)
    created = models.DateTimeField(default=clock.now)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="subscriber", null=True
    )

    def __str__(self) -> str:
        return self.email


class Subscription(models.Model):
    subscriber = models.ForeignKey(
        Subscriber, on_delete=models.CASCADE, related_name="subscriptions", db_index=False
    )
    flight = models.ForeignKey(Flight, on_delete=models.CASCADE, related_name="subscriptions")
    active = models.BooleanField(default=True)
    created = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["subscriber", "flight"], name="one_subscription_each"),
        )

    def __str__(self) -> str:
        return f"{self.subscriber_id} follows {self.flight_id}"


class Notification(models.Model):
    class Kind(models.TextChoices):
        REMINDER = "reminder"
        DELAYED = "delayed"
        CANCELLED = "cancelled"

    subscription = models.ForeignKey(
        Subscription, on_delete=models.CASCADE, related_name="notifications"
    )
    kind = models.CharField(max_length=10, choices=Kind)
    created = models.DateTimeField(default=clock.now)
    sent_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.kind} of subscription {self.subscription_id}"
