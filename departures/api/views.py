"""The endpoints. Each list answers in a number of queries that does not grow with the page."""

from typing import Any, ClassVar

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_yasg.utils import swagger_auto_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet, ReadOnlyModelViewSet

from ..models import Airline, Airport, Flight, Plane, Subscription
from . import filters, schema, serializers

ROWS = 30  # of a board


class Airlines(ReadOnlyModelViewSet):
    """Airlines that fly from New York."""

    queryset = Airline.objects.all()
    serializer_class = serializers.AirlineSerializer
    ordering = ("code",)
    lookup_value_regex = "[A-Z0-9]{2}"


class Airports(ReadOnlyModelViewSet):
    """Airports of the United States, by FAA code."""

    queryset = Airport.objects.all()
    serializer_class = serializers.AirportSerializer
    ordering = ("code",)
    lookup_value_regex = "[A-Z0-9]{3}"

    @swagger_auto_schema(responses={200: serializers.BoardSerializer(many=True)})
    @action(detail=True, pagination_class=None)
    def board(self, request: Request, pk: str) -> Response:
        """The departures board of an airport now, with all that a screen needs."""
        airport = self.get_object()
        flights = Flight.objects.board(airport.pk).joined()[:ROWS]
        return Response(serializers.BoardSerializer(flights, many=True).data)


class Planes(ReadOnlyModelViewSet):
    """Planes that the registry knows, by tail number."""

    queryset = Plane.objects.all()
    serializer_class = serializers.PlaneSerializer
    filterset_class = filters.PlaneFilter
    ordering = ("tail_number",)
    lookup_value_regex = "[A-Z0-9]{5,6}"


class Flights(ReadOnlyModelViewSet):
    """Flights of 2013, in the order of their scheduled departure."""

    queryset = Flight.objects.all()
    serializer_class = serializers.FlightSerializer
    filterset_class = filters.FlightFilter
    ordering = ("scheduled_departure", "id")
    orderings: ClassVar = {"earliest": ordering, "latest": ("-scheduled_departure", "-id")}
    lookup_value_regex = "[1-9][0-9]{0,8}"


class IsSubscriber(BasePermission):
    message = "This account follows no flights: it has no subscriber."

    def has_permission(self, request: Request, view: APIView) -> bool:
        # Not signed in at all: refused here, answered with 401 by REST framework.
        return request.user.is_authenticated and hasattr(request.user, "subscriber")


class Subscriptions(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, GenericViewSet
):
    """What the signed-in subscriber follows, by the id of the flight.

    There is no POST: PUT may be repeated, so a client that lost the answer asks again.
    """

    permission_classes = (IsSubscriber,)
    serializer_class = serializers.SubscriptionSerializer
    ordering = ("flight_id",)
    lookup_field = "flight"
    lookup_value_regex = Flights.lookup_value_regex

    def get_queryset(self) -> QuerySet[Subscription]:
        if getattr(self, "swagger_fake_view", False):  # the schema is made without a user
            return Subscription.objects.none()
        return self.request.user.subscriber.subscriptions.select_related("flight")

    @swagger_auto_schema(
        request_body=serializers.FollowSerializer,
        responses={
            200: schema.response("It was followed already.", serializers.SubscriptionSerializer),
            201: schema.response("It is followed now.", serializers.SubscriptionSerializer),
        },
    )
    def update(self, request: Request, flight: str) -> Response:
        """Follow a flight, or change how it is followed."""
        filters.refuse_unknown(request, ())
        wanted = serializers.FollowSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        subscription, created = Subscription.objects.update_or_create(
            subscriber=request.user.subscriber,
            flight=get_object_or_404(Flight, pk=flight),
            defaults=wanted.validated_data,
        )
        code = status.HTTP_201_CREATED if created else status.HTTP_200_OK
        return Response(self.get_serializer(subscription).data, code)

    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Follow a flight no longer."""
        return super().destroy(request, *args, **kwargs)
