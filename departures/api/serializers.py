"""What travels: every field that is read, and the few that may be written."""

from typing import Any, ClassVar

from rest_framework import serializers

from ..models import Airline, Airport, Flight, Plane, Subscription


class AirlineSerializer(serializers.ModelSerializer):
    class Meta:
        model = Airline
        fields = ("code", "name")


class AirportSerializer(serializers.ModelSerializer):
    class Meta:
        model = Airport
        fields = ("code", "name", "latitude", "longitude", "altitude_ft", "zone", "known")


class PlaneSerializer(serializers.ModelSerializer):
    class Meta:
        model = Plane
        fields = ("tail_number", "year", "type", "manufacturer", "model", "engines", "seats")


class FlightSerializer(serializers.ModelSerializer):
    """A flight and the keys of what it refers to; asks for nothing but its own row."""

    class Meta:
        model = Flight
        fields = (
            "id",
            "day",
            "airline",
            "number",
            "origin",
            "destination",
            "plane",
            "tail_number",
            "scheduled_departure",
            "departure",
            "scheduled_arrival",
            "arrival",
            "departure_delay",
            "arrival_delay",
            "air_time",
            "distance",
        )


class BoardPlaceSerializer(serializers.ModelSerializer):
    class Meta:
        model = Airport
        fields = ("code", "name")


class BoardPlaneSerializer(serializers.ModelSerializer):
    class Meta:
        model = Plane
        fields = ("tail_number", "manufacturer", "model", "seats")


class BoardSerializer(serializers.ModelSerializer):
    """One line of a departures board, with the objects that a screen needs."""

    airline = AirlineSerializer()
    destination = BoardPlaceSerializer()
    plane = BoardPlaneSerializer(allow_null=True)
    status = serializers.ChoiceField(Flight.Status.choices)

    class Meta:
        model = Flight
        fields = (
            "id",
            "airline",
            "number",
            "destination",
            "plane",
            "scheduled_departure",
            "status",
        )


class SubscriptionSerializer(serializers.ModelSerializer):
    flight = FlightSerializer()

    class Meta:
        model = Subscription
        fields = ("flight", "active", "created")


class FollowSerializer(serializers.Serializer):
    """The whole state of a subscription that its subscriber may set."""

    active = serializers.BooleanField(help_text="false: kept, but no notices")

    class Meta:
        swagger_schema_fields: ClassVar = {"additionalProperties": False}

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        """Unlike REST framework's own, refuses a field that it does not know."""
        if isinstance(data, dict) and (unknown := data.keys() - self.fields.keys()):
            raise serializers.ValidationError(
                {name: ["There is no such field."] for name in sorted(unknown)}
            )
        if isinstance(data, dict) and not isinstance(data.get("active", True), bool):
            raise serializers.ValidationError({"active": ["Write true or false."]})
        return super().to_internal_value(data)


class ProblemSerializer(serializers.Serializer):
    """Every error has this form; the media type is application/problem+json (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField(help_text="the name of the status code")
    status = serializers.IntegerField()
    detail = serializers.CharField(help_text="what is wrong, for a person")
    errors = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="for 400: what is wrong, by the name of the part",
    )

    class Meta:
        ref_name = "Problem"
