"""Checks of `apis/graphql`, and the plumbing of its page."""

import json
import logging
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import graphql
from graphql import GraphQLError, GraphQLObjectType, GraphQLSchema, build_schema

from nexus.exercises import Hint, call, exercise, plain
from nexus.exercises._django import models, recorded, untouched


def execute(schema: Any, document: str) -> Any:
    """The result of `document` on a strawberry schema, in this thread.

    A kernel has an event loop, and strawberry-django would hand the database to another thread.
    strawberry logs a traceback for each error; a page shows the errors itself.
    """
    from strawberry_django.resolvers import resolving_async

    logging.getLogger("strawberry.execution").disabled = True
    token = resolving_async.set(True)
    try:
        return schema.execute_sync(document)
    finally:
        resolving_async.reset(token)


def fifty(kind: Any, flights: Any) -> Any:
    """An optimized schema whose `flights` are of `kind`, and `ok` beside them."""
    import strawberry
    import strawberry_django
    from strawberry_django.optimizer import DjangoOptimizerExtension

    query = {
        "ok": strawberry.field(resolver=lambda: True, graphql_type=bool),
        "flights": strawberry_django.field(resolver=flights.all, graphql_type=kind),
    }
    asked = strawberry.type(type("Query", (), query))
    return strawberry.Schema(asked, extensions=[DjangoOptimizerExtension])


def size(data: Any) -> int:
    """Bytes of `data` as JSON without blanks."""
    return len(json.dumps(data, separators=(",", ":"), default=str))


# --- load ----------------------------------------------------------------------------------------


@exercise("apis/graphql/load", before=models)
def load(answer: Any) -> str:
    """A batch function of airlines: one for each key, in the order of the keys, in one query."""
    cases = {
        "in another order": ["UA", "AA", "DL"],
        "with one that is not there": ["UA", "??", "AA"],
        "with one twice": ["UA", "AA", "UA"],
        "in small letters": ["ua", "UA"],
        "alone": ["WN"],
        "of all airlines": [a.code for a in models().Airline.objects.order_by("-name")],
    }
    for what, keys in cases.items():
        with untouched(), recorded() as statements:
            got = list_of(call(answer, list(keys)))
        if len(got) != len(keys):
            raise Hint(f"keys {what}: {len(keys)} keys, {len(got)} values; who gets which?")
        for key, one in zip(keys, got, strict=True):
            check_airline(what, key, one)
        if len(statements) != 1:
            raise Hint(f"keys {what}: {len(statements)} queries for one batch")
    with untouched(), recorded() as statements:
        got = list_of(call(answer, []))
    if got or statements:
        raise Hint("no keys: nothing to ask the database for, and an empty list")
    return f"each of {len(cases)} batches in one query, every value at its key"


def list_of(value: Any) -> list[Any]:
    if type(value) not in (list, tuple) or len(value) > 1_000:
        raise Hint(f"a list is asked for, one value for each key; this is a {type(value).__name__}")
    return list(value)


def check_airline(what: str, key: str, one: Any) -> None:
    known = key in airlines()
    if one is not None and type(one) is not models().Airline:
        raise Hint(f"keys {what}: an Airline, or None, is asked for, not a {type(one).__name__}")
    if one is None and known:
        raise Hint(f"keys {what}: {key!r} is there, and got None")
    if one is not None and not known:
        raise Hint(f"keys {what}: {key!r} is no airline, and got {one.pk!r}; None says so")
    if one is not None and one.pk != key:
        raise Hint(f"keys {what}: {key!r} got {one.pk!r}: the order of the keys is all there is")


@cache
def airlines() -> frozenset[str]:
    return frozenset(models().Airline.objects.values_list("code", flat=True))


# --- cost ----------------------------------------------------------------------------------------

SIZES = {"few": 3, "many": 7, "nodes": 5}
TREE = """
    type Query { node: Node nodes: [Node] }
    type Node { a: Int b: Int one: Node few: [Node] many: [Node] }
"""
WRITTEN = {
    "leaves": "{node{a b}}",
    "a list": "{nodes{a}}",
    "a list in a list": "{nodes{few{a b}}}",
    "an alias": "{x: nodes{a} y: nodes{a}}",
    "an alias that is called like another field": "{few: node{a} node: nodes{many: a}}",
    "a fragment": "{nodes{...F}} fragment F on Node{a few{b}}",
    "a fragment at two places": "{node{...F} nodes{...F}} fragment F on Node{a many{b}}",
    "a fragment in a fragment": "{nodes{...F}} fragment F on Node{x: a ...G} fragment G on Node{b}",
    "a fragment that stands before it is defined": "fragment G on Node{many{a}} {node{...G}}",
    "a fragment without a name": "{nodes{... on Node{few{a}} ...{b}}}",
    "a name and a variable": "query Q($n: Boolean = true){nodes{a b @include(if: $n)}}",
}


@cache
def tree() -> GraphQLSchema:
    schema = build_schema(TREE)

    def full(parent: Any, info: graphql.GraphQLResolveInfo) -> Any:
        if info.field_name in ("a", "b"):
            return 1
        return [{}] * SIZES[info.field_name] if info.field_name in SIZES else {}

    for kind in ("Query", "Node"):
        for field in schema.type_map[kind].fields.values():
            field.resolve = full
    return schema


def fields_of(data: Any) -> int:
    """Keys in an answer, at every level."""
    if isinstance(data, list):
        return sum(map(fields_of, data))
    if isinstance(data, dict):
        return sum(1 + fields_of(value) for value in data.values())
    return 0


def written(random: random.Random, depth: int = 4) -> str:
    """A valid document, whose aliases differ, so that no two of its fields are merged."""
    fragments: list[str] = []
    number = iter(range(10_000))

    def selections(left: int) -> str:
        return "{" + " ".join(one(left) for _ in range(random.randint(1, 3))) + "}"

    def one(left: int) -> str:
        kind = random.choice(["leaf", "object", "list", "inline", "spread"] if left else ["leaf"])
        alias = f"x{next(number)}: "
        if kind == "leaf":
            return alias + random.choice("ab")
        if kind == "object":
            return alias + "one" + selections(left - 1)
        if kind == "list":
            return alias + random.choice(["few", "many"]) + selections(left - 1)
        if kind == "inline":
            return "... on Node" + selections(left - 1)
        name = f"F{next(number)}"
        fragments.append(f"fragment {name} on Node{selections(left - 1)}")
        return f"...{name}"

    root = random.choice(["node", "nodes"])
    return " ".join(["{" + root + selections(depth) + "}", *fragments])


def bomb(levels: int, leaf: str = "a") -> str:
    """Each fragment spreads the next one twice."""
    spread = [
        f"fragment F{n} on Node{{x: one{{...F{n + 1}}} y: one{{...F{n + 1}}}}}"
        for n in range(levels)
    ]
    return " ".join(["{node{...F0}}", *spread, f"fragment F{levels} on Node{{{leaf}}}"])


def calls(function: Callable[[], Any]) -> int:
    """How many functions `function` calls, those in C among them."""
    counted = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal counted
        counted += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        function()
    finally:
        sys.setprofile(before)
    return counted


@exercise("apis/graphql/cost")
def cost(answer: Any) -> str:
    """The most fields that the answer to a document can have, from the document alone."""
    random_ = random.Random(13)
    cases = WRITTEN | {f"number {n} of a random walk": written(random_) for n in range(60)}
    for what, document in cases.items():
        truth = fields_of(graphql.graphql_sync(tree(), document).data)
        got = plain(call(answer, document, dict(SIZES)))
        if type(got) is not int:
            raise Hint(f"a whole number is asked for, the answer is a {type(got).__name__}")
        short = document if len(document) < 120 else document[:117] + "..."
        if got < truth:
            raise Hint(f"{what}: {short} has {truth} fields when its lists are full, not {got}")
        if got > truth:
            raise Hint(f"{what}: {short} has {truth} fields at most; {got} refuses what is cheap")
    short, long = (calls(lambda n=n: call(answer, bomb(n), dict(SIZES))) for n in (4, 12))
    if long > 6 * short:  # three times as many fragments
        raise Hint("a fragment that is spread twice is walked twice, and so is what it spreads")
    if plain(call(answer, bomb(60), dict(SIZES))) != 3 * 2**60 - 1:
        raise Hint("sixty fragments, each of which spreads the next twice: that is not their cost")
    return f"{len(cases)} documents to the last field, and one of sixty levels at once"


# --- documents that the page sends ---------------------------------------------------------------


def deep(levels: int) -> str:
    """Flights, who follows them, what else those follow, and who follows that."""
    inner = "email"
    for _ in range(levels):
        inner = f"subscriptions{{flight{{subscriptions{{subscriber{{{inner}}}}}}}}}"
    return f"{{flights{{subscriptions{{subscriber{{{inner}}}}}}}}}"


def many(prefix: str, number: int, arguments: str) -> str:
    """The same field under `number` aliases."""
    return " ".join(f"{prefix}{n}:flights{arguments}{{id}}" for n in range(number))


def spread(levels: int) -> str:
    """A depth of one, in fragments of which each spreads the next twice."""
    chain = [f"fragment F{n} on Flight{{...F{n + 1} ...F{n + 1}}}" for n in range(levels)]
    return " ".join(["{flights(first:1){...F0}}", *chain, f"fragment F{levels} on Flight{{id}}"])


ATTACKS = {
    "one round": deep(1),
    "in fragments": (
        "{flights{...F}} fragment F on Flight{subscriptions{subscriber{...S}}} "
        "fragment S on Subscriber{subscriptions{flight{subscriptions{subscriber{email}}}}}"
    ),
    "100 aliases": "{" + many("a", 100, "(first:1)") + "}",
    "60 in two\nfragments": "{...A ...B} "
    + " ".join(f"fragment {kind} on Query{{{many(kind, 30, '(first:1)')}}}" for kind in "AB"),
    "100 times,\nno alias": "{" + " ".join(["flights(first:1){id}"] * 100) + "}",
    "first: 100000": "{flights(first:100000){id}}",
}


@contextmanager
def renamed(code: str, name: str) -> Iterator[None]:
    """In the block an airline has another name."""
    with untouched():
        models().Airline.objects.filter(code=code).update(name=name)
        yield


# --- nulled --------------------------------------------------------------------------------------


def shaped(random_: random.Random) -> tuple[dict[str, dict[str, str]], list[Any]]:
    """Types and the path of a field that fails: random wrappers round a chain of types."""
    length = random_.randint(1, 4)
    types: dict[str, dict[str, str]] = {}
    path: list[Any] = []
    for level in range(length):
        name = "Query" if level == 0 else f"T{level}"
        last = level == length - 1
        inner = "Int" if last else f"T{level + 1}"
        kind, steps = random_.choice(
            [(inner, []), (f"{inner}!", [])]
            if last
            else [
                *((inner, []), (f"{inner}!", [])),
                *((f"[{inner}]", [1]), (f"[{inner}!]", [0]), (f"[{inner}]!", [1])),
                *((f"[{inner}!]!", [1]), (f"[[{inner}!]!]", [1, 0]), (f"[[{inner}!]]!", [0, 1])),
            ]
        )
        types[name] = {"ok": "Int", f"f{level}": kind}
        path += [f"f{level}", *steps]
    return types, path


def sdl(types: dict[str, dict[str, str]]) -> str:
    return " ".join(
        f"type {name} {{ {' '.join(f'{field}: {kind}' for field, kind in fields.items())} }}"
        for name, fields in types.items()
    )


def where_null(types: dict[str, dict[str, str]], path: list[Any]) -> list[Any]:
    """Where the null stands when the field at `path` fails, by executing it."""
    schema = build_schema(sdl(types))

    def resolve(parent: Any, info: graphql.GraphQLResolveInfo) -> Any:
        if info.path.as_list() == path:
            raise GraphQLError("no plane")
        kind = str(info.return_type).replace("!", "")
        value: Any = 1 if "Int" in kind else {}
        for _ in range(kind.count("[")):
            value = [value, value]
        return value

    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLObjectType) and not kind.name.startswith("__"):
            for field in kind.fields.values():
                field.resolve = resolve

    def document(kind: str) -> str:
        fields = [
            name + (document(inner) if (inner := declared.strip("[]!")) in types else "")
            for name, declared in types[kind].items()
        ]
        return "{" + " ".join(fields) + "}"

    data = graphql.graphql_sync(schema, document("Query")).data
    for length in range(len(path) + 1):
        if data is None:
            return path[:length]
        data = data[path[length]]
    raise AssertionError("a field that failed is null")


@exercise("apis/graphql/nulled")
def nulled(answer: Any) -> str:
    """Where the null stands after one field has failed: the path, [] for the whole of `data`."""
    flights = {"Query": {"ok": "String", "flights": "[Flight!]!"}, "Flight": {"seats": "Int"}}

    def with_(flights_: str, seats: str) -> dict[str, dict[str, str]]:
        return {
            "Query": flights["Query"] | {"flights": flights_},
            "Flight": {"number": "Int!", "seats": seats},
        }

    path = ["flights", 1, "seats"]
    cases = [
        (with_(kind, seats), path)
        for kind in ("[Flight!]!", "[Flight]!", "[Flight!]", "[Flight]")
        for seats in ("Int", "Int!")
    ]
    random_ = random.Random(13)
    cases += [shaped(random_) for _ in range(150)]
    for types, path in cases:
        truth = where_null(types, path)
        got = plain(call(answer, json.loads(json.dumps(types)), list(path)))
        if type(got) is not list:
            raise Hint(f"a path is asked for, a list; the answer is a {type(got).__name__}")
        if got != truth:
            raise Hint(f"{sdl(types)}; {path} fails: the null stands at {truth}, not at {got}")
    return f"{len(cases)} failures, each null where the execution puts it"
