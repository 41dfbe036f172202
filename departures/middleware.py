"""What stands before every view."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from . import problems


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
