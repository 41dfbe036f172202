"""What a person or a load balancer reads: the board, and whether the service lives."""

from collections.abc import Callable
from functools import wraps

from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from . import clock, problems
from .models import Airport, Flight

ROWS = 30


def safe(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """GET and HEAD only; anything else is a problem of the common form."""

    @wraps(view)
    def wrapped(request: HttpRequest, **kwargs: str) -> HttpResponse:
        if request.method in ("GET", "HEAD"):
            return view(request, **kwargs)
        refused = problems.response(405, f'Method "{request.method}" not allowed.')
        refused["Allow"] = "GET, HEAD"
        return refused

    return wrapped


@safe
def board(request: HttpRequest, airport: str | None = None) -> HttpResponse:
    """The departures board of one airport, or of all three; two queries."""
    origins = list(Airport.objects.filter(code__in=Flight.ORIGINS).order_by("name"))
    chosen = next((origin for origin in origins if origin.code == airport), None)
    if airport and not chosen:
        raise Http404
    return render(
        request,
        "departures/board.html",
        {
            "now": clock.now(),
            "flights": Flight.objects.board(airport).joined()[:ROWS],
            "origins": origins,
            "chosen": chosen,
            "zone": "America/New_York",
        },
    )


@safe
def healthz(request: HttpRequest) -> HttpResponse:
    """The process answers; deliberately says nothing about the database."""
    return HttpResponse("ok\n", content_type="text/plain")


@safe
def readyz(request: HttpRequest) -> HttpResponse:
    """The database answers as well: send requests here."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return problems.response(503, "The database does not answer.")
    return JsonResponse({"database": "ok"})
