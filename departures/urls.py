from django.urls import include, path, re_path

from . import pages, problems
from .api import schema
from .graphql.view import GraphQL

urlpatterns = [
    path("", pages.board, name="board"),
    re_path(r"^from/(?P<airport>[A-Z]{3})$", pages.board, name="board"),
    path("healthz", pages.healthz, name="healthz"),
    path("readyz", pages.readyz, name="readyz"),
    path("api/v1/", include("departures.api.urls")),
    path("graphql", GraphQL.as_view(), name="graphql"),
    re_path(r"^swagger\.(?P<format>json|yaml)$", schema.view.without_ui(), name="schema"),
    path("swagger/", schema.view.with_ui("swagger"), name="swagger"),
    path("redoc/", schema.view.with_ui("redoc"), name="redoc"),
]

handler400 = problems.bad_request
handler404 = problems.not_found
handler500 = problems.server_error
