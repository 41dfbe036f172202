"""What a person or a load balancer reads: the board, and whether the service lives."""

from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from . import clock, problems
from .models import Airport, Flight

ROWS = 30


def safe(view):
    """GET and HEAD only; anything else is a problem of the common form."""
    guarded = require_safe(view)

    def wrapped(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        answer = guarded(request, *args, **kwargs)
        if answer.status_code != 405:
            return answer
        refused = problems.response(405, f'Method "{request.method}" not allowed.')
        refused["Allow"] = answer["Allow"]
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
