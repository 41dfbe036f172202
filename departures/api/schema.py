"""The Swagger document: what the generator cannot know is said here, once for all operations."""

from typing import Any

from drf_yasg import openapi
from drf_yasg.generators import OpenAPISchemaGenerator
from drf_yasg.inspectors import FilterInspector, NotHandled, PaginatorInspector, SwaggerAutoSchema
from drf_yasg.utils import no_body
from drf_yasg.views import get_schema_view
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.serializers import Serializer

from .. import problems
from .filters import Strict
from .serializers import ProblemSerializer

INFO = openapi.Info(
    title="Departures",
    default_version="v1",
    description=(
        "Flights from New York in 2013 and the people who follow them. Every error is a problem "
        f"({problems.MEDIA_TYPE}, RFC 9457). A method that an address does not know is answered "
        "with 405 and the header Allow. What never reaches the service, such as a request line "
        "of more than 8,190 bytes, is answered by the server in front of it, in its own form."
    ),
)


def response(description: str, serializer: type[Serializer] | None = None) -> openapi.Response:
    return openapi.Response(description, serializer)


class Parameters(FilterInspector):
    """The query parameters that `Strict` knows, with their schemas; those of the pages are among
    them."""

    def get_filter_parameters(self, filter_backend: Any) -> Any:
        if not isinstance(filter_backend, Strict):
            return NotHandled
        known = filter_backend.known(self.view.get_queryset(), self.view)
        return [
            openapi.Parameter(name, openapi.IN_QUERY, required=False, **facts)
            for name, facts in known.items()
        ]


class Pages(PaginatorInspector):
    """A page of rows, and the addresses of its neighbours."""

    def get_paginator_parameters(self, paginator: Any) -> list[openapi.Parameter]:
        return []  # they stand among those of the filters

    def get_paginated_response(self, paginator: Any, response_schema: Any) -> openapi.Schema:
        link = {"type": openapi.TYPE_STRING, "format": openapi.FORMAT_URI, "x_nullable": True}
        return openapi.Schema(
            type=openapi.TYPE_OBJECT,
            required=["next", "previous", "results"],
            properties={
                "next": openapi.Schema(**link),
                "previous": openapi.Schema(**link),
                "results": response_schema,
            },
        )


class Schema(SwaggerAutoSchema):
    """Adds to every operation the errors that it can answer with, each a problem."""

    filter_inspectors = (Parameters,)
    paginator_inspectors = (Pages,)

    def get_produces(self) -> list[str]:
        if self.method.lower() == "delete":
            return []  # nothing comes with a 204; OpenAPI 2.0 has no types for each status code
        return [*super().get_produces(), problems.MEDIA_TYPE]

    def needs_sign_in(self) -> bool:
        return not all(
            isinstance(permission, AllowAny) for permission in self.view.get_permissions()
        )

    def get_security(self) -> list[dict[str, list[str]]]:
        return [{"Bearer": []}] if self.needs_sign_in() else []

    def get_response_serializers(self) -> dict[str, Any]:
        found = super().get_response_serializers()
        errors = {
            400: "A parameter or the body is not valid.",
            401: "The token, or what it was asked for with, is not accepted.",
            406: "The service speaks JSON.",
            413: "The body is too large.",
            429: "Too many requests; the header Retry-After says when to come again.",
            500: "The service failed.",
        }
        if self.needs_sign_in():
            errors[403] = "The account is not a subscriber's."
        if "{" in self.path or self.has_list_response():
            errors[404] = "There is no such thing, or no such page."
        if self.get_request_serializer() not in (None, no_body):
            errors[415] = "The body is not JSON."
        for code, description in errors.items():
            found.setdefault(str(code), openapi.Response(description, ProblemSerializer))
        return found


class Generator(OpenAPISchemaGenerator):
    def get_schema(self, request: Request | None = None, public: bool = False) -> openapi.Swagger:
        """Each operation names what it produces; a default would hold for the empty 204 too."""
        schema = super().get_schema(request, public)
        schema.pop("produces", None)
        return schema


view = get_schema_view(INFO, public=True, permission_classes=(AllowAny,), generator_class=Generator)
