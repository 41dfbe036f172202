"""The types and what one may ask for; the optimizer fetches just the columns and rows asked for."""

from typing import Annotated

import strawberry
import strawberry_django
from django.db.models import Prefetch, QuerySet
from graphql import GraphQLError
from strawberry.extensions import MaskErrors
from strawberry.types import ExecutionContext, Info
from strawberry_django.optimizer import DjangoOptimizerExtension

from .. import models
from .limits import EXTENSIONS, ROWS, Refused


@strawberry_django.type(models.Airline)
class Airline:
    code: strawberry.ID
    name: strawberry.auto


@strawberry_django.type(models.Airport)
class Airport:
    code: strawberry.ID
    name: strawberry.auto
    latitude: strawberry.auto
    longitude: strawberry.auto
    zone: strawberry.auto


@strawberry_django.type(models.Plane)
class Plane:
    tail_number: strawberry.ID
    year: strawberry.auto
    manufacturer: strawberry.auto
    model: strawberry.auto
    seats: strawberry.auto


FlightStatus = strawberry.enum(models.Flight.Status, name="FlightStatus")


@strawberry_django.type(models.Flight)
class Flight:
    id: strawberry.ID
    number: strawberry.auto
    day: strawberry.auto
    airline: Airline
    origin: Airport
    destination: Airport
    plane: Plane | None
    scheduled_departure: strawberry.auto
    departure: strawberry.auto
    departure_delay: strawberry.auto

    @strawberry_django.field(prefetch_related=lambda info: own(info))
    def subscription(self) -> "Subscription | None":
        """One's own, if the flight is followed."""
        return self.own[0] if self.own else None

    @strawberry_django.field(only=["departure", "scheduled_departure"])
    def status(self) -> FlightStatus:
        return self.status


@strawberry_django.type(models.Subscription)
class Subscription:
    flight: Flight
    active: strawberry.auto
    created: strawberry.auto


def followed(info: Info) -> QuerySet[models.Subscription]:
    """What the one who asks follows: every edge to a subscription begins here."""
    user = info.context.request.user
    if not user.is_authenticated:
        return models.Subscription.objects.none()
    return models.Subscription.objects.filter(subscriber__user=user).order_by("flight_id")


def own(info: Info) -> Prefetch:
    return Prefetch("subscriptions", followed(info), to_attr="own")


Limit = Annotated[int, strawberry.argument(description=f"1 to {ROWS} rows")]
Code = Annotated[strawberry.ID, strawberry.argument(description="of an airport, such as JFK")]


def bounded(limit: int) -> int:
    if 1 <= limit <= ROWS:
        return limit
    raise Refused(f"limit must lie between 1 and {ROWS}.")


@strawberry.type
class Query:
    @strawberry_django.field
    def airlines(self, limit: Limit = ROWS) -> list[Airline]:
        return models.Airline.objects.order_by("code")[: bounded(limit)]

    @strawberry_django.field
    def board(self, airport: Code | None = None, limit: Limit = 30) -> list[Flight]:
        """A departures board now, of one airport or of all three."""
        return models.Flight.objects.board(airport)[: bounded(limit)]

    @strawberry_django.field
    def flight(self, id: strawberry.ID) -> Flight | None:
        plausible = id.isascii() and id.isdecimal() and len(id) < 10
        return models.Flight.objects.filter(pk=id).first() if plausible else None

    @strawberry_django.field
    def subscriptions(self, info: Info, limit: Limit = 30) -> list[Subscription]:
        """What the signed-in subscriber follows; nothing without a token."""
        return followed(info)[: bounded(limit)]


def is_fault(error: GraphQLError) -> bool:
    """Whether the service is at fault, not the document."""
    return not isinstance(error.original_error, GraphQLError | None)


class Schema(strawberry.Schema):
    def process_errors(
        self, errors: list[GraphQLError], execution_context: ExecutionContext | None = None
    ) -> None:
        """Log the service's faults only: anyone may send a wrong document, and often."""
        super().process_errors([error for error in errors if is_fault(error)], execution_context)


schema = Schema(
    Query,
    extensions=[
        *EXTENSIONS,
        DjangoOptimizerExtension,
        # What the service's own exceptions say is for its log.
        lambda: MaskErrors(is_fault, "The service failed; the fault is in its log."),
    ],
)
