"""Pages that cost the same wherever they are: a cursor instead of an offset, and no count."""

import re
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import QuerySet
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.pagination import CursorPagination
from rest_framework.request import Request
from rest_framework.views import APIView


class Cursor(CursorPagination):
    """`limit` rows a page; the order is the view's `ordering`, or one of its `orderings`.

    A cursor remembers a value and skips at most 1,000 rows that share it, so `orderings` may name
    only columns of which fewer rows agree.
    """

    page_size = 50
    max_page_size = 200
    page_size_query_param = "limit"
    order_query_param = "order"

    def paginate_queryset(
        self, queryset: QuerySet, request: Request, view: APIView | None = None
    ) -> list[Any] | None:
        """A page; a cursor whose value was edited is not found, like any other that is none."""
        try:
            return super().paginate_queryset(queryset, request, view)
        except (DjangoValidationError, ValueError):
            raise NotFound(self.invalid_cursor_message) from None

    def get_page_size(self, request: Request) -> int:
        """As asked for; a limit that is out of bounds is refused, not replaced."""
        asked = request.query_params.get(self.page_size_query_param, str(self.page_size))
        if re.fullmatch("[0-9]{1,3}", asked) and 1 <= int(asked) <= self.max_page_size:
            return int(asked)
        raise ValidationError({"limit": [f"Write a whole number from 1 to {self.max_page_size}."]})

    def get_ordering(self, request: Request, queryset: QuerySet, view: APIView) -> tuple[str, ...]:
        orderings = getattr(view, "orderings", {})
        asked = request.query_params.get(self.order_query_param)
        if asked is None:
            return view.ordering
        if asked in orderings:
            return orderings[asked]
        raise ValidationError({"order": [f"Write one of: {', '.join(orderings)}."]})

    def parameters(self, view: APIView) -> dict[str, dict[str, Any]]:
        """The query parameters that are understood here, each with its schema."""
        found: dict[str, dict[str, Any]] = {
            "cursor": {
                "type": "string",
                "minLength": 1,
                "description": "from `next` or `previous` of a page",
            },
            "limit": {
                "type": "integer",
                "minimum": 1,
                "maximum": self.max_page_size,
                "default": self.page_size,
                "description": "rows of a page",
            },
        }
        if orderings := getattr(view, "orderings", {}):
            found["order"] = {"type": "string", "enum": list(orderings)}
        return found
