"""What `apis/graphql` teaches is right: limits, prices, and where a null goes, of any document."""

import random
from typing import Any

import graphql
import pytest
from graphql import DocumentNode, parse, specified_rules, validate
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.exercises import apis_graphql as judge
from tests.taught import taught

TOPIC = "apis/graphql"
seeds = st.integers(0, 10**9)
quick = settings(max_examples=150, deadline=None)


def lesson(name: str) -> Any:
    return taught(TOPIC)[name]


def operation(tree: DocumentNode) -> Any:
    return next(d for d in tree.definitions if d.kind == "operation_definition")


def fragments(tree: DocumentNode) -> dict[str, Any]:
    return {d.name.value: d for d in tree.definitions if d.kind == "fragment_definition"}


def walked(node: Any, known: dict[str, Any]) -> tuple[int, int]:
    """Depth and aliases the slow way: into each fragment, each time."""
    if node.kind == "fragment_spread":
        return walked(known[node.name.value], known)
    below = node.selection_set.selections if node.selection_set else ()
    parts = [walked(child, known) for child in below]
    own = (1, int(node.alias is not None)) if node.kind == "field" else (0, 0)
    return (
        own[0] + max((depth for depth, _ in parts), default=0),
        own[1] + sum(aliases for _, aliases in parts),
    )


@quick
@given(seeds)
def test_measured_is_what_a_walk_finds(seed: int) -> None:
    tree = parse(judge.written(random.Random(seed)))
    found = lesson("measured")(operation(tree), fragments(tree), {})
    assert found == walked(operation(tree), fragments(tree))


@pytest.mark.parametrize("levels", [1, 5, 60, 150])
def test_measured_looks_at_each_fragment_once(levels: int) -> None:
    tree = parse(judge.bomb(levels))
    depth, aliases = lesson("measured")(operation(tree), fragments(tree), {})
    assert depth == levels + 2
    assert aliases == 2 ** (levels + 1) - 2


def test_measured_ends_in_a_circle_and_without_a_fragment() -> None:
    tree = parse("{...F} fragment F on Query{node{a ...F}}")
    assert lesson("measured")(operation(tree), fragments(tree), {}) == (2, 0)
    tree = parse("{...Gone}")
    assert lesson("measured")(operation(tree), fragments(tree), {}) == (0, 0)


@quick
@given(seeds)
def test_limits_refuse_what_is_over_them_and_nothing_else(seed: int) -> None:
    tree = parse(judge.written(random.Random(seed), depth=5))
    depth, aliases = walked(operation(tree), fragments(tree))
    said = [error.message for error in validate(judge.tree(), tree, [lesson("Limits")])]
    assert said == [f"depth {depth}, at most 6"] * (depth > 6) + [
        f"aliases {aliases}, at most 20"
    ] * (aliases > 20)


@pytest.mark.parametrize(
    ("document", "refused"),
    [
        ("query A{node{a}} query B{node{one{one{one{one{one{one{a}}}}}}}}", True),
        ("query A{node{a}} query B{node{one{one{one{one{a}}}}}}", False),
        ("{node{a}}" + "".join(f" fragment F{n} on Node{{x: a}}" for n in range(30)), False),
        ("fragment F on Node{a}", False),
    ],
)
def test_limits_hold_for_each_operation(document: str, refused: bool) -> None:
    assert bool(validate(judge.tree(), parse(document), [lesson("Limits")])) is refused


@quick
@given(seeds)
def test_cost_is_what_the_execution_gives(seed: int) -> None:
    document = judge.written(random.Random(seed), depth=3)
    assert validate(judge.tree(), parse(document), specified_rules) == []
    full = graphql.graphql_sync(judge.tree(), document)
    assert full.errors is None
    assert lesson("cost")(document, judge.SIZES) == judge.fields_of(full.data)


@quick
@given(seeds)
def test_the_null_stands_where_the_execution_puts_it(seed: int) -> None:
    types, path = judge.shaped(random.Random(seed))
    assert lesson("null_at")(types, path) == judge.where_null(types, path)


def test_calls_leaves_the_profiler_as_it_was() -> None:
    assert judge.calls(lambda: [abs(n) for n in range(100)]) > 100
    with pytest.raises(ZeroDivisionError):
        judge.calls(lambda: 1 / 0)
    assert judge.sys.getprofile() is None
