"""One form for every error: problem details, RFC 9457.

    {"type": "about:blank", "title": "Not Found", "status": 404, "detail": "..."}

`detail` says what to do. Where the request was wrong in its parts, `errors` lists what is wrong
with each: `{"limit": ["..."]}`. A person's browser gets a page instead where the service, not the
API, answers: what the client prefers is what it gets.
"""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

MEDIA_TYPE = "application/problem+json"


def body(status: int, detail: str, errors: Any = None) -> dict[str, Any]:
    problem = {
        "type": "about:blank",  # the status code says it all, RFC 9457, 4.2.1
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    return problem | {"errors": errors} if errors else problem


def response(status: int, detail: str) -> JsonResponse:
    return JsonResponse(body(status, detail), status=status, content_type=MEDIA_TYPE)


def handler(error: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's EXCEPTION_HANDLER; what it does not know goes on to Django, as a 500."""
    answer = exception_handler(error, context)
    if answer is None:
        return None
    said = answer.data
    if isinstance(error, ValidationError):
        errors = said if isinstance(said, dict) else {"": said}
        said = body(answer.status_code, "The request is not valid; see errors.", errors)
    else:
        said = body(answer.status_code, str(said["detail"]))
    answer.data, answer.content_type = said, MEDIA_TYPE
    return answer


def _page_or_problem(request: HttpRequest, status: int, detail: str) -> HttpResponse:
    if request.get_preferred_type([MEDIA_TYPE, "text/html"]) == "text/html":
        problem = body(status, detail)
        return render(request, "departures/problem.html", {"problem": problem}, status=status)
    return response(status, detail)


# The handlers of Django, named in urls.py. None of them says what the exception said.


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return response(400, "The request cannot be read.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page_or_problem(request, 404, "Nothing is found at this address.")


def server_error(request: HttpRequest) -> HttpResponse:
    return _page_or_problem(request, 500, "The service failed; the fault is in its log.")
