"""The naive views that `load.py` measures beside the service's own."""

from django.db import connection
from django.shortcuts import render
from django.urls import include, path
from rest_framework import generics, pagination, serializers

from departures import clock, pages
from departures.models import Airport, Flight
from departures.urls import handler400, handler404, handler500  # noqa: F401


def count_queries(get_response):
    """Middleware: the header X-Queries says how many queries the answer took."""

    def middleware(request):
        count = 0

        def counted(execute, *arguments):
            nonlocal count
            count += 1
            return execute(*arguments)

        with connection.execute_wrapper(counted):
            answer = get_response(request)
        answer["X-Queries"] = count
        return answer

    return middleware


def naive_board(request):
    """The board as it is first written: a query for each relation of each row."""
    context = {
        "now": clock.now(),
        "flights": Flight.objects.board()[: pages.ROWS],
        "origins": Airport.objects.filter(code__in=Flight.ORIGINS),
        "zone": "America/New_York",
    }
    return render(request, "departures/board.html", context)


class NestedFlight(serializers.ModelSerializer):
    class Meta:
        model = Flight
        fields = "__all__"
        depth = 1


class NaiveFlights(generics.ListAPIView):
    """A page by offset, with its count, and each relation fetched row by row."""

    queryset = Flight.objects.order_by("scheduled_departure", "id")
    serializer_class = NestedFlight
    pagination_class = pagination.LimitOffsetPagination
    filter_backends = ()


urlpatterns = [
    path("naive/board", naive_board),
    path("naive/flights", NaiveFlights.as_view()),
    path("", include("departures.urls")),
]
