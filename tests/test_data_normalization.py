"""What `data/normalization` teaches is right on any table, not only on flights."""

from itertools import combinations, product
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nexus.exercises import data_normalization as exercises
from nexus.exercises import judge
from tests.entries import missing_server
from tests.taught import taught
from tests.wrong_answers.data_normalization import RIGHT

NAMES = "abcd"
NULLS = (None, float("nan"), pd.NA)


@pytest.fixture(scope="module")
def lesson() -> dict[str, Any]:
    return taught("data/normalization")


# --- relations and rules -------------------------------------------------------------------------

values = st.one_of(st.integers(0, 2), st.sampled_from(NULLS))
columns_of = st.frozensets(st.sampled_from(NAMES))
rule = st.tuples(columns_of, columns_of)
rules = st.lists(rule, max_size=5)


@st.composite
def frames(draw, values=values) -> pd.DataFrame:
    """One to four columns, no row or some, duplicates and NULLs of every kind among them."""
    width = draw(st.integers(1, len(NAMES)))
    rows = draw(st.lists(st.tuples(*[values] * width), max_size=8))
    frame = pd.DataFrame(rows, columns=list(NAMES[:width]), dtype=object)
    return frame.convert_dtypes() if draw(st.booleans()) else frame


def rows_of(frame: pd.DataFrame, columns) -> list[tuple]:
    """The rows as tuples of plain values, every kind of NULL as None."""
    lists = [[None if pd.isna(v) else v for v in frame[column]] for column in sorted(columns)]
    return list(zip(*lists, strict=True)) if lists else [()] * len(frame)


def holds(frame: pd.DataFrame, left, right) -> bool:
    """The definition: no two rows agree on the left and differ on the right."""
    pairs = list(zip(rows_of(frame, left), rows_of(frame, right), strict=True))
    return all(y == v for x, y in pairs for u, v in pairs if x == u)


# --- in data -------------------------------------------------------------------------------------


@given(st.data())
@settings(deadline=None)
def test_distinct_counts_different_rows(lesson, data) -> None:
    frame = data.draw(frames())
    columns = data.draw(st.frozensets(st.sampled_from(list(frame))))
    assert lesson["distinct"](frame, columns) == len(set(rows_of(frame, columns)))


@given(st.data())
@settings(deadline=None)
def test_broken_gives_all_the_evidence_and_nothing_else(lesson, data) -> None:
    frame = data.draw(frames())
    left = data.draw(st.frozensets(st.sampled_from(list(frame))))
    right = data.draw(st.frozensets(st.sampled_from(list(frame)), min_size=1))
    evidence = lesson["broken"](frame, left, right)
    both, pairs = left | right, zip(rows_of(frame, left), rows_of(frame, right), strict=True)
    rights: dict[tuple, set] = {}
    for x, y in pairs:
        rights.setdefault(x, set()).add(y)
    guilty = {
        row
        for row, x in zip(rows_of(frame, both), rows_of(frame, left), strict=True)
        if len(rights[x]) > 1
    }
    assert set(rows_of(evidence, both)) == guilty
    assert len(evidence) == len(guilty)  # each once
    assert evidence.empty == holds(frame, left, right)


@pytest.mark.parametrize(
    "frame",
    [
        pd.DataFrame({"a": [], "b": []}),
        pd.DataFrame({"a": [None] * 3, "b": [None] * 3}),
        pd.DataFrame({"a": [1, 1], "b": [2, 2]}),
        pd.DataFrame({"a": pd.Series([1, 1], dtype="category"), "b": [2, 2]}),
    ],
    ids=["empty", "all NULL", "duplicates", "categories"],
)
def test_nothing_is_broken_where_nothing_differs(lesson, frame) -> None:
    for left in (set(), {"a"}, {"a", "b"}):
        assert lesson["broken"](frame, frozenset(left), frozenset("b")).empty


def test_a_missing_value_is_a_value(lesson) -> None:
    frame = pd.DataFrame({"a": [None, None], "b": [1, 2], "c": [3, None]})
    assert len(lesson["broken"](frame, frozenset("a"), frozenset("b"))) == 2
    assert len(lesson["broken"](frame, frozenset("a"), frozenset("c"))) == 2


def test_fd_reads_its_notation(lesson) -> None:
    assert lesson["fd"]("a b -> c") == (frozenset("ab"), frozenset("c"))
    assert lesson["fd"](" -> year") == (frozenset(), frozenset({"year"}))


def candidates(names) -> list[tuple]:
    lefts = [frozenset(c) for n in range(3) for c in combinations(names, n)]
    return [(left, frozenset(right)) for left in lefts for right in names if right not in left]


@given(frames())
@settings(deadline=None)
def test_survivors_are_those_that_hold(lesson, frame) -> None:
    every = candidates(list(frame))
    held = lesson["survivors"](frame, every)
    assert held == {(x, y) for x, y in every if holds(frame, x, y)}
    smaller = {(x, y) for x, y in held if not any(u < x and v == y for u, v in held)}
    assert lesson["minimal"](held) == smaller


@given(frames(), st.integers(0, 8))
@settings(deadline=None)
def test_only_survivors_need_to_be_tried_on_more_rows(lesson, frame, size) -> None:
    every = candidates(list(frame))
    early = lesson["survivors"](frame.head(size), every)
    assert lesson["survivors"](frame, early) == lesson["survivors"](frame, every)


# --- from rules ----------------------------------------------------------------------------------


def worlds(columns) -> list[tuple[int, ...]]:
    """Every pair of rows over two values: the second row differs from the first where it is 1."""
    return list(product((0, 1), repeat=len(columns)))


def follows(left, right, fds) -> bool:
    """By meaning: each two rows that obey the rules and agree on `left` agree on `right`."""
    for other in worlds(NAMES):
        agree = {name for name, differs in zip(NAMES, other, strict=True) if not differs}
        obey = all(not x <= agree or y <= agree for x, y in fds)
        if obey and left <= agree and not right <= agree:
            return False
    return True


@given(columns_of, rules)
def test_closure_is_what_follows(lesson, columns, fds) -> None:
    expected = {name for name in NAMES if follows(columns, {name}, fds)}
    assert lesson["closure"](columns, fds) == expected


@given(columns_of, rules)
def test_candidate_keys_are_the_minimal_ones(lesson, columns, fds) -> None:
    every = [frozenset(c) for n in range(len(columns) + 1) for c in combinations(columns, n)]
    full = {one for one in every if follows(one, columns, fds)}
    expected = {one for one in full if not any(other < one for other in full)}
    assert lesson["candidate_keys"](columns, fds) == expected
    assert exercises.keys_of(columns, fds) == expected


# --- splits --------------------------------------------------------------------------------------


def project(rows: set[tuple], names: str, part) -> set[frozenset]:
    return {frozenset((n, v) for n, v in zip(names, row, strict=True) if n in part) for row in rows}


def joined(rows: set[tuple], names: str, parts) -> set[tuple]:
    """All rows over the values seen whose every projection was seen: the natural join."""
    seen = [project(rows, names, part) for part in parts]
    domains = [sorted({row[i] for row in rows}) for i in range(len(names))]
    return {
        row
        for row in product(*domains)
        if all(project({row}, names, part) <= have for part, have in zip(parts, seen, strict=True))
    }


def obeys(rows, names: str, fds) -> bool:
    frame = pd.DataFrame(sorted(rows), columns=list(names))
    return all(holds(frame, x & set(names), y & set(names)) for x, y in fds if x <= set(names))


relations = st.frozensets(st.tuples(*[st.integers(0, 1)] * len(NAMES)), max_size=5)
parts_of = st.lists(
    st.frozensets(st.sampled_from(NAMES), min_size=1), min_size=1, max_size=3
)  # fmt: skip


@given(relations, parts_of, rules)
@settings(deadline=None, max_examples=300)
def test_lossless_against_real_joins_and_the_chase(lesson, rows, parts, fds) -> None:
    """The rules may lead over columns that no table has."""
    names = "".join(sorted(frozenset().union(*parts)))
    answer = lesson["lossless"](parts, fds)
    chased = exercises.chase(parts, fds)
    assert answer == exercises.gives_back(chased, parts)
    cut = {tuple(v for n, v in zip(NAMES, row, strict=True) if n in names) for row in rows}
    if answer and obeys(rows, NAMES, fds):
        assert joined(cut, names, parts) == cut
    known = "".join(sorted(chased[0]))
    assert obeys({tuple(row[name] for name in known) for row in chased}, known, fds)
    witness = {tuple(row[name] for name in names) for row in chased}
    assert answer == (joined(witness, names, parts) == witness)
    if len(parts) == 2:
        assert answer == lesson["is_lossless"](*parts, fds)


@given(st.frozensets(st.sampled_from(NAMES), min_size=1), rules)
@settings(deadline=None, max_examples=300)
def test_bcnf_is_lossless_complete_and_in_bcnf(lesson, columns, fds) -> None:
    tables = lesson["bcnf"](columns, fds)
    assert frozenset().union(*tables) == columns
    for table in tables:
        for size in range(len(table) + 1):
            for left in map(frozenset, combinations(sorted(table), size)):
                reached = {name for name in table if follows(left, {name}, fds)}
                assert reached in (left, table)
    assert lesson["lossless"](tables, fds)


# --- the checks ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "label"), [(name, label) for name, answers in RIGHT.items() for label in answers]
)
def test_right_answers_of_another_make_are_accepted(name, label) -> None:
    if name == "design" and (reason := missing_server("data/normalization")):
        pytest.skip(reason)
    verdict = judge(f"data/normalization/{name}", RIGHT[name][label])
    assert verdict.accepted, verdict.message
