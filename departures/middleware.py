"""What stands before every view."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from . import problems

# Swagger UI and ReDoc write styles into the page. ReDoc would fetch its maker's logo from afar.
POLICY = "; ".join(
    (
        "default-src 'self'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "worker-src blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


def content_security(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable:
    """A page may load from this site only."""

    def middleware(request: HttpRequest) -> HttpResponse:
        answer = get_response(request)
        answer.headers.setdefault("Content-Security-Policy", POLICY)
        return answer

    return middleware


def limit_body(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable:
    """Refuse a body beyond DATA_UPLOAD_MAX_MEMORY_SIZE unread.

    Django itself looks at the limit only in `request.body`, which REST framework goes round. A
    body of unannounced length is not read by Django at all.
    """
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE

    def middleware(request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdigit() and int(length) <= limit:
            return get_response(request)
        return problems.response(413, f"A body may have {limit:,} bytes at most.")

    return middleware
