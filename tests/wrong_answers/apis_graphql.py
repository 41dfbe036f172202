"""Wrong answers to the exercises of `apis/graphql`: label -> (answer, part of its hint)."""

from typing import Any

from graphql import parse

from nexus.exercises.apis_graphql import models

# --- load ----------------------------------------------------------------------------------------


def as_they_come(keys: list[str]) -> list[Any]:
    return list(models().Airline.objects.filter(code__in=keys))


def without_the_missing(keys: list[str]) -> list[Any]:
    found = models().Airline.objects.in_bulk(keys)
    return [found[key] for key in keys if key in found]


def one_by_one(keys: list[str]) -> list[Any]:
    return [models().Airline.objects.filter(pk=key).first() for key in keys]


def each_once(keys: list[str]) -> list[Any]:
    found = models().Airline.objects.in_bulk(keys)
    return [found.get(key) for key in dict.fromkeys(keys)]


def any_case(keys: list[str]) -> list[Any]:
    found = models().Airline.objects.in_bulk([key.upper() for key in keys]) if keys else {}
    return [found.get(key.upper()) for key in keys]


def names(keys: list[str]) -> list[Any]:
    found = models().Airline.objects.in_bulk(keys)
    return [found[key].name if key in found else None for key in keys]


def all_of_them(keys: list[str]) -> list[Any]:
    """Right for any keys, also for none; but it asks then, too."""
    found = {one.pk: one for one in models().Airline.objects.all()}
    return [found.get(key) for key in keys]


# --- cost ----------------------------------------------------------------------------------------


def priced(document: str, sizes: dict[str, int], *, known: Any = None, **ways: Any) -> int:
    """The solution, with something left out."""
    tree = parse(document).definitions
    fragments = {d.name.value: d for d in tree if d.kind == "fragment_definition"}

    def of(node: Any) -> int:
        if node.kind == "fragment_spread":
            name = node.name.value
            if ways.get("no_fragments"):
                return 0
            if known is None:
                return of(fragments[name])
            if name not in known:
                known[name] = of(fragments[name])
            return known[name]
        if node.kind == "inline_fragment" and ways.get("no_inline"):
            return 0
        below = node.selection_set.selections if node.selection_set else ()
        inside = sum(map(of, below))
        if node.kind != "field":
            return inside
        name = node.name.value
        if ways.get("by_alias") and node.alias:
            name = node.alias.value
        rows = sizes.get(name, 1)
        if ways.get("added"):
            return rows + inside
        return rows * (1 + inside) if ways.get("itself_too") else 1 + rows * inside

    if ways.get("first"):
        return of(tree[0])
    return sum(of(d) for d in tree if d.kind == "operation_definition")


def depth(document: str, sizes: dict[str, int]) -> int:
    def of(node: Any) -> int:
        below = node.selection_set.selections if node.selection_set else ()
        return (node.kind == "field") + max(map(of, below), default=0)

    return of(parse(document).definitions[0])


def way(**ways: Any) -> Any:
    return lambda document, sizes: priced(document, sizes, known={}, **ways)


# --- nulled --------------------------------------------------------------------------------------


def parent(types: Any, path: list[Any]) -> list[Any]:
    return path[:-1]


def blind_to_members(types: Any, path: list[Any]) -> list[Any]:
    """Looks at fields only: a member of a list is never null by itself."""
    kind, found = "Query", []
    for length, step in enumerate(path, 1):
        if isinstance(step, str):
            kind = types[kind.strip("[]!")][step]
            if not kind.endswith("!"):
                found = path[:length]
    return found


def one_up(types: Any, path: list[Any]) -> list[Any]:
    """Up by one where it must not be null, and no further."""
    kind = "Query"
    for step in path:
        if isinstance(step, str):
            kind = types[kind.strip("[]!")][step]
    if not kind.endswith("!"):
        return path
    return path[:-1]


def outermost(types: Any, path: list[Any]) -> list[Any]:
    kind = "Query"
    for length, step in enumerate(path, 1):
        if isinstance(step, str):
            kind = types[kind.strip("[]!")][step]
        else:
            kind = kind.removesuffix("!")[1:-1]
        if not kind.endswith("!"):
            return path[:length]
    return []


EXERCISES = {
    "load": {
        "as the database gives them": (as_they_come, "the order of the keys is all there is"),
        "drops what is not there": (without_the_missing, "3 keys, 2 values"),
        "a query for each": (one_by_one, "3 queries for one batch"),
        "each key once": (each_once, "keys with one twice: 3 keys, 2 values"),
        "small letters are large ones": (any_case, "'ua' is no airline, and got 'UA'"),
        "names in place of airlines": (names, "not a str"),
        "asks for nothing, too": (all_of_them, "no keys: nothing to ask"),
    },
    "cost": {
        "the depth": (depth, "{node{a b}} has 3 fields when its lists are full, not 2"),
        "adds along the lists": (way(added=True), "has 36 fields when its lists are full, not 10"),
        "a list costs its length itself": (way(itself_too=True), "{nodes{a}} has 6 fields at most"),
        "forgets fragments": (way(no_fragments=True), "a fragment: "),
        "forgets those without a name": (way(no_inline=True), "a fragment without a name"),
        "believes aliases": (way(by_alias=True), "an alias: "),
        "the first definition": (way(first=True), "stands before it is defined"),
        "walks each spread": (priced, "is walked twice"),
        "a guess": (lambda document, sizes: 10**9, "refuses what is cheap"),
    },
    "nulled": {
        "the field alone": (lambda types, path: path, "the null stands at [], not at"),
        "always the parent": (parent, "the null stands at ['flights', 1, 'seats'], not at"),
        "all is lost": (lambda types, path: [], "not at []"),
        "one up and no further": (one_up, "not at ['flights', 1]"),
        "members are never null": (
            blind_to_members,
            "the null stands at ['flights', 1], not at []",
        ),
        "the outermost": (outermost, "[Flight]! } type Flight { number: Int! seats: Int };"),
    },
}
