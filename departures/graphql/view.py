"""GraphQL over HTTP: REST framework's request handling round strawberry's execution.

So tokens, throttles, media types and errors of the request itself are those of the REST API. What
is wrong with a document is said in GraphQL's own form: `errors`, with 200 for a client that accepts
application/json only, and with 400 for one that accepts application/graphql-response+json.
"""

from types import SimpleNamespace
from typing import Any

from graphql import GraphQLError
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from strawberry.http import process_result
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.types import ExecutionResult
from strawberry_django.resolvers import resolving_async

from .schema import schema

# The parameters of a request, with the type that each must have if it is there.
PARAMETERS = {"query": str, "operationName": str, "variables": dict, "extensions": dict}


class GraphQLRenderer(JSONRenderer):
    media_type = "application/graphql-response+json"


class GraphQL(APIView):
    renderer_classes = (JSONRenderer, GraphQLRenderer)  # the first where a client takes any
    swagger_schema = None  # it has a schema of its own

    def post(self, request: Request) -> Response:
        result = executed(parameters(request.data), SimpleNamespace(request=request))
        said = process_result(result)
        # An error without a path: nothing was executed, since the document is at fault.
        refused = result.data is None and not any(error.path for error in result.errors or ())
        if not refused:
            return Response(said)
        del said["data"]
        modern = isinstance(request.accepted_renderer, GraphQLRenderer)
        return Response(said, status=400 if modern else 200)


def executed(asked: dict[str, Any], context: object) -> ExecutionResult:
    """The result of the document, in this thread, also where that has an event loop: a kernel's."""
    token = resolving_async.set(True)
    try:
        return schema.execute_sync(
            asked["query"],
            variable_values=asked.get("variables"),
            operation_name=asked.get("operationName"),
            context_value=context,
        )
    except CannotGetOperationTypeError as error:  # the document has none, or none of that name
        return ExecutionResult(None, [GraphQLError(error.as_http_error_reason())])
    finally:
        resolving_async.reset(token)


def parameters(data: Any) -> dict[str, Any]:
    """The parameters of a GraphQL request; raises ValidationError that names each wrong one."""
    if not isinstance(data, dict):
        raise ValidationError("The body must be one JSON object.")
    faults = {
        name: [f"Must be of type {kind.__name__}."]
        for name, kind in PARAMETERS.items()
        if data.get(name) is not None and not isinstance(data[name], kind)
    }
    if data.get("query") in (None, ""):
        faults["query"] = ["This parameter is required."]
    if faults:
        raise ValidationError(faults)
    return data
