"""Filters that refuse what they do not understand: a typo never returns everything."""

from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.views import APIView

from ..models import Flight, Plane

AIRLINE, AIRPORT, TAIL = "^[A-Z0-9]{2}$", "^[A-Z0-9]{3}$", "^[A-Z0-9]{5,6}$"
NEW_YORK = ZoneInfo("America/New_York")  # all three airports
YES_NO = (("true", "true"), ("false", "false"))


class Code(filters.Filter):
    """Exactly this code; one of the right form that nobody has finds nothing."""

    field_class = forms.RegexField

    def __init__(self, field_name: str, pattern: str, **kwargs: Any) -> None:
        super().__init__(field_name, regex=pattern, **kwargs)
        self.schema = {"type": "string", "pattern": pattern}


class Day(filters.DateFilter):
    """The flights of a day in New York, as a range of moments.

    The column `day` says the same, but pages are in the order of the moments: one index then finds
    the rows and has them in order.
    """

    def __init__(self, field_name: str) -> None:
        super().__init__(field_name, input_formats=["%Y-%m-%d"])
        self.schema = {"type": "string", "format": "date"}

    def filter(self, queryset: QuerySet, value: date | None) -> QuerySet:
        if value is None:
            return queryset
        if value.year != 2013:  # also the first and last day that Python has, and no next one
            return queryset.none()
        begin = datetime.combine(value, time(), NEW_YORK)
        end = datetime.combine(value + timedelta(days=1), time(), NEW_YORK)
        return queryset.filter(**{f"{self.field_name}__gte": begin, f"{self.field_name}__lt": end})


class Year(filters.Filter):
    field_class = forms.IntegerField

    def __init__(self, field_name: str) -> None:
        super().__init__(field_name, min_value=1900, max_value=2013)
        self.schema = {"type": "integer", "minimum": 1900, "maximum": 2013}


class Missing(filters.TypedChoiceFilter):
    """Whether the column is NULL: `true` or `false`, in these letters."""

    def __init__(self, field_name: str) -> None:
        super().__init__(field_name, "isnull", choices=YES_NO, coerce=lambda text: text == "true")
        self.schema = {"type": "boolean"}


class FlightFilter(filters.FilterSet):
    day = Day("scheduled_departure")
    airline = Code("airline_id", AIRLINE)
    origin = Code("origin_id", AIRPORT)
    destination = Code("destination_id", AIRPORT)
    plane = Code("plane_id", TAIL)
    cancelled = Missing("departure")

    class Meta:
        model = Flight
        fields = ()


class PlaneFilter(filters.FilterSet):
    year = Year("year")

    class Meta:
        model = Plane
        fields = ()


class Strict(filters.DjangoFilterBackend):
    """django-filter's own, which besides refuses a parameter that is unknown, empty or repeated.

    The parameters of an action are those of its filters and its pagination; a single object has
    none.
    """

    def filter_queryset(self, request: Request, queryset: QuerySet, view: APIView) -> QuerySet:
        refuse_unknown(request, self.known(queryset, view))
        return queryset if view.detail else super().filter_queryset(request, queryset, view)

    def known(self, queryset: QuerySet, view: APIView) -> dict[str, dict[str, Any]]:
        """The names that are understood, each with its schema."""
        if view.detail:
            return {}
        filterset = self.get_filterset_class(view, queryset)
        found = {n: f.schema for n, f in filterset.base_filters.items()} if filterset else {}
        return found | view.paginator.parameters(view)


def refuse_unknown(request: Request, known: Iterable[str]) -> None:
    """Raise ValidationError unless every query parameter is known, has a value, and stands once."""
    faults = {}
    for name, values in request.query_params.lists():
        if name not in known:
            understood = ", ".join(known) or "none"
            faults[name] = [f"There is no such parameter here; there are: {understood}."]
        elif len(values) > 1:
            faults[name] = ["Write it once."]
        elif not values[0]:
            faults[name] = ["It has no value; leave it out instead."]
    if faults:
        raise ValidationError(faults)
