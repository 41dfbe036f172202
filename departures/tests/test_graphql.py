"""GraphQL: the queries behind a document, and the documents that are refused."""

import json
import time

import pytest
from graphql import parse
from hypothesis import given, settings
from hypothesis import strategies as st

from departures.graphql import limits
from departures.graphql.schema import schema
from departures.models import Subscription

SCREEN = """{ board(limit: %d) {
    number status airline { name } origin { name } destination { name } plane { model }
    subscription { active }
} }"""
MODERN = "application/graphql-response+json"
pytestmark = pytest.mark.usefixtures("morning")


def ask(client, document: str, accept: str = MODERN, **more):
    return client.post(
        "/graphql",
        json.dumps({"query": document} | more),
        content_type="application/json",
        headers={"Accept": accept},
    )


def said(answer) -> str:
    """The first error of a refused document."""
    assert (answer.status_code, answer["Content-Type"]) == (400, MODERN)
    body = json.loads(answer.content)
    assert "data" not in body
    return body["errors"][0]["message"]


@pytest.mark.parametrize("limit", [1, 4, 7])
def test_the_screen_is_one_query(loaded, client, django_assert_num_queries, limit):
    with django_assert_num_queries(1):  # a stranger follows nothing, which is known without asking
        board = ask(client, SCREEN % limit).json()["data"]["board"]
    assert len(board) == limit
    assert {flight["subscription"] for flight in board} == {None}


def test_only_what_is_asked_for_is_selected(loaded, client, django_assert_num_queries):
    with django_assert_num_queries(1) as captured:
        ask(client, "{ board { number } }")
    sql = captured[0]["sql"]
    assert "distance" not in sql
    assert "JOIN" not in sql


def test_one_sees_ones_own_subscriptions_only(signed_in, ada):
    assert Subscription.objects.exclude(subscriber=ada).exists()
    mine = Subscription.objects.create(subscriber=ada, flight_id=3)
    document = "{ subscriptions { flight { id subscription { active flight { id } } } } }"
    found = ask(signed_in, document).json()["data"]["subscriptions"]
    flight = {"id": str(mine.flight_id)}
    assert found == [{"flight": flight | {"subscription": {"active": True, "flight": flight}}}]


def test_a_stranger_sees_none(loaded, client):
    assert ask(client, "{ subscriptions { active } }").json() == {"data": {"subscriptions": []}}


@pytest.mark.parametrize("name", ["1", "0", "x", "-1", "9" * 30, "\u0661"])
def test_a_flight_by_any_id(loaded, client, name):
    answer = ask(client, "query($id: ID!) { flight(id: $id) { id } }", variables={"id": name})
    assert answer.json() == {"data": {"flight": {"id": "1"} if name == "1" else None}}


def nested(levels: int) -> str:
    """A document of that many levels."""
    body = "{ id }"
    for level in range(levels - 2, 0, -1):
        body = f"{{ {'flight' if level % 2 else 'subscription'} {body} }}"
    return f"{{ subscriptions(limit: 1) {body} }}"


def aliased(field: str, times: int) -> str:
    return "{ " + " ".join(f"a{n}: {field}" for n in range(times)) + " }"


@pytest.mark.parametrize(
    ("document", "word"),
    [
        (nested(20), "depth"),
        (
            "{ " + " ".join(f"a{n}: airlines(limit: 1) {{ name }}" for n in range(21)) + " }",
            "aliases",
        ),
        (
            "{ "
            + " ".join(f"a{n}: board(limit: 50) {{ id number day }}" for n in range(19))
            + " }",
            "cost",
        ),
        ("{ board { " + "id " * 1_000 + "} }", "tokens"),
        ("{ nope }", "nope"),
        ("fragment a on Query { airlines { name } }", "operation"),
        (nested(500), "nested too deeply"),
        ("{", "Syntax Error"),
    ],
)
def test_refused(client, db, document, word, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert word in said(ask(client, document))


def test_an_operation_that_is_not_there(client, db):
    assert "X" in said(ask(client, "{ airlines { name } }", operationName="X"))


def test_a_client_of_the_old_media_type_reads_200(client, db):
    answer = ask(client, "{ nope }", accept="application/json")
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert answer.json().keys() == {"errors"}


def test_a_limit_out_of_bounds(client, db, caplog):
    answer = ask(client, "{ board(limit: 51) { id } }").json()
    assert answer["errors"][0]["message"] == "limit must lie between 1 and 50."
    assert not caplog.records  # not the service's fault


def test_a_failure_tells_nothing(client, db, monkeypatch, caplog):
    def fails(*args):
        raise RuntimeError("a secret")

    monkeypatch.setattr("departures.models.FlightQuerySet.board", fails)
    answer = ask(client, "{ board { id } }")
    assert b"secret" not in answer.content
    assert "the fault is in its log" in answer.json()["errors"][0]["message"]
    assert "a secret" in caplog.text


def doubling(levels: int) -> str:
    """Fragments each of which spreads the next one twice: 2 ** levels fields when written out."""
    spreads = (f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(levels))
    last = f"fragment f{levels} on Query {{ a: airlines(limit: 1) {{ name }} }}"
    return " ".join(["{ ...f0 }", *spreads, last])


def test_fragments_are_measured_once():
    # Two to the power of sixty steps would outlast the test.
    ruler = limits.Ruler(parse(doubling(60)), schema._schema)
    begun = time.perf_counter()
    assert ruler.fragment("f0") == limits.Measure(2, 2**60, 2 * 2**60)
    assert time.perf_counter() - begun < 1


def test_a_circle_of_fragments_is_refused(client, db):
    document = "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }"
    assert "Cannot spread fragment" in said(ask(client, document))


def measured(document: str) -> limits.Measure:
    tree = parse(document)
    operation = tree.definitions[0].selection_set
    return limits.Ruler(tree, schema._schema).selections(operation, schema._schema.query_type)


@settings(deadline=None)
@given(st.integers(0, 8))
def test_a_fragment_counts_as_what_it_stands_for(levels):
    written = "a: airlines(limit: 1) { name } " * 2**levels
    assert measured(doubling(levels)) == measured(f"{{ {written} }}")


@settings(deadline=None)
@given(st.integers(1, 50))
def test_a_list_counts_as_its_rows(limit):
    document = f"{{ board(limit: {limit}) {{ id airline {{ name }} }} }}"
    assert measured(document) == limits.Measure(3, 0, limit * 4)


def test_a_limit_that_is_a_variable_counts_as_the_most():
    document = "query($n: Int!) { board(limit: $n) { id } }"
    assert measured(document).cost == limits.ROWS * 2
