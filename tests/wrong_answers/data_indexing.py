"""Answers that the checks of data/indexing must refuse, each with a part of its hint."""

import math
from typing import Any


def index(columns: str) -> str:
    return f"CREATE INDEX answer ON loans ({columns})"


GOOD = {
    "day": "SELECT * FROM loans WHERE borrowed_at >= '2026-02-14' AND borrowed_at < '2026-02-15'",
    "card": "SELECT * FROM loans WHERE card = '20771'",
    "page": "SELECT * FROM loans WHERE due_on >= '2026-03-01' "
    "AND (due_on > '2026-03-01' OR id > 9000) ORDER BY due_on, id LIMIT 50",
    "title": None,
}


def but(**wrong: Any) -> dict[str, Any]:
    """Rewrites that are right but for some."""
    return GOOD | wrong


AFTER = "due_on >= '2026-03-01' AND (due_on > '2026-03-01' OR id > 9000)"


def page(rest: str) -> dict[str, Any]:
    return but(page=f"SELECT * FROM loans WHERE {rest}")


def begins_alike(longer: tuple, columns: tuple) -> bool:
    return longer[: len(columns)] == columns


def same_first_column(indexes: dict) -> set[str]:
    firsts = [columns[0] for columns, _ in indexes.values()]
    return {
        name
        for name, (columns, unique) in indexes.items()
        if not unique and len(columns) < 3 and firsts.count(columns[0]) > 1
    }


def drops_the_unique_one(indexes: dict) -> set[str]:
    return {
        name
        for name, (columns, _) in indexes.items()
        if any(begins_alike(o, columns) and o != columns for o, _ in indexes.values())
    }


def drops_both_twins(indexes: dict) -> set[str]:
    return {
        name
        for name, (columns, unique) in indexes.items()
        if not unique
        and any(n != name and begins_alike(o, columns) for n, (o, _) in indexes.items())
    }


def strictly_longer(indexes: dict) -> set[str]:
    return {
        name
        for name, (columns, unique) in indexes.items()
        if not unique
        and any(begins_alike(o, columns) and o != columns for o, _ in indexes.values())
    }


def never_unique(indexes: dict) -> set[str]:
    dropped: set[str] = set()
    for name, (columns, unique) in indexes.items():
        for other, (longer, _) in indexes.items():
            stays = other != name and other not in dropped
            if not unique and stays and begins_alike(longer, columns):
                dropped.add(name)
    return dropped


def both_unique_twins(indexes: dict) -> set[str]:
    listed = list(indexes.values())
    twins = {name for name, index in indexes.items() if index[1] and listed.count(index) > 1}
    return never_unique(indexes) | twins


def joined(between: str) -> Any:
    def redundant(indexes: dict) -> set[str]:
        """Right but for columns whose names begin alike, once joined to one text."""
        dropped: set[str] = set()
        for name, (columns, unique) in indexes.items():
            for other, (longer, also) in indexes.items():
                begins = between.join(longer).startswith(between.join(columns))
                does = begins and (not unique or (also and longer == columns))
                if other != name and other not in dropped and does:
                    dropped.add(name)
        return dropped

    return redundant


EXERCISES = {
    "best_index": {
        "the range first": (index("due_on, branch, returned_on"), "due_on stands first"),
        "the range in the middle": (
            index("branch, due_on, returned_on"),
            "look at the column order",
        ),
        "one index per column": (
            ";".join(index(column) for column in ("branch", "returned_on", "due_on")),
            "the server picks one and filters the rest",
        ),
        "a second index beside the right one": (
            ";".join(map(index, ("branch, returned_on, due_on", "title"))),
            "2 statements, and one is asked for",
        ),
        "without the order": (index("branch, returned_on"), "found by sorting all"),
        "one pinned column": (index("branch, due_on"), "NULL is a value to an index"),
        "a column that is not asked for": (index("card, branch"), "no question pins card"),
        "no such column": (index("branch, status"), "loans has no column 'status'"),
        "a column twice": (index("branch, branch"), "the server refuses this index"),
        "another statement": ("DROP TABLE loans", "the form is"),
        "nothing": (" ; ", "no statement"),
        "a list": ([index("branch, returned_on, due_on")], "a text is asked for"),
    },
    "rewrite": {
        "BETWEEN two days": (
            but(day="SELECT * FROM loans WHERE borrowed_at BETWEEN '2026-02-14' AND '2026-02-15'"),
            "the first moment of the next day",
        ),
        "LIKE on a date": (
            but(day="SELECT * FROM loans WHERE borrowed_at LIKE '2026-02-14%'"),
            "where in the list of borrowed_at to begin",
        ),
        "CAST of the column": (
            but(card="SELECT * FROM loans WHERE CAST(card AS UNSIGNED) = 20771"),
            "card: 20,001 entries touched, for a few rows; you converted the column",
        ),
        "still a number": (
            but(card="SELECT * FROM loans WHERE card = 20771"),
            "the column is text and the constant a number",
        ),
        "both columns at once": (
            but(
                page="SELECT * FROM loans WHERE due_on >= '2026-03-01' AND id > 9000 "
                "ORDER BY due_on, id LIMIT 50"
            ),
            "rows are missing",
        ),
        "in another order": (page(f"{AFTER} ORDER BY id DESC LIMIT 50"), "page: "),
        "in no order": (page(f"{AFTER} LIMIT 50"), "page: no order is asked for"),
        "in half an order": (
            page(f"{AFTER} ORDER BY due_on LIMIT 50"),
            "page: this ORDER BY leaves loans of one day in any order",
        ),
        "the last row of the page before": (
            page(f"{AFTER.replace('id > 9000', 'id >= 9000')} ORDER BY due_on, id LIMIT 50"),
            "page: right today, but with new loans in the table 1 rows are missing and 1 are",
        ),
        "the row form, as it was": (
            page("(due_on, id) > ('2026-03-01', 9000) ORDER BY due_on, id LIMIT 50"),
            "where in the list of due_on to begin",
        ),
        "a comment that is executed": (but(day="/*! DELETE FROM loans */"), "day: a SELECT"),
        "only the rows of today": (
            but(day="SELECT * FROM loans WHERE DATE(borrowed_at) = '2026-02-14' AND id <= 20000"),
            "day: right today, but with new loans in the table 3 rows are missing",
        ),
        "a title that ends so": (
            but(title="SELECT * FROM loans WHERE title LIKE '%moon'"),
            "say None",
        ),
        "None for all": (dict.fromkeys(GOOD), "lie together in it"),
        "one is missing": ({"day": GOOD["day"]}, "no answer for 'card'"),
        "not a SELECT": (but(card="DELETE FROM loans"), "a SELECT is asked for"),
        "nonsense": (but(card="SELECT * FROM loans WHERE karte = 1"), "the server says"),
        "other columns": (
            but(card="SELECT id FROM loans WHERE card = '20771'"),
            "too many",
        ),
    },
    "predict_pages": {
        "matches only": (
            lambda matches, rows, leaf_rows, height: (matches, rows / leaf_rows),
            "every match costs a walk down the primary key",
        ),
        "log2": (
            lambda matches, rows, leaf_rows, height: (
                matches * math.log2(rows),
                rows / leaf_rows,
            ),
            "hundreds of keys, not two",
        ),
        "a page for each row": (
            lambda matches, rows, leaf_rows, height: (matches * height, rows),
            "a leaf holds many rows",
        ),
        "height is two": (
            lambda matches, rows, leaf_rows, height: (matches * 2 + 2, rows / leaf_rows),
            "height 3: by the index 15 pages, not 10",
        ),
        "one number": (lambda matches, rows, leaf_rows, height: matches, "two numbers"),
        "a text": (lambda matches, rows, leaf_rows, height: ("many", "more"), "one of these"),
        "not a number": (lambda matches, rows, leaf_rows, height: (math.nan, math.nan), "nan"),
    },
    "redundant": {
        "the same first column": (same_first_column, "(a, c) goes"),
        "the unique one too": (drops_the_unique_one, "it also forbids duplicates"),
        "both of two equal ones": (drops_both_twins, "one of the two must stay"),
        "strictly longer ones only": (strictly_longer, "begins like it"),
        "columns joined by nothing": (joined(""), "(a, b) goes, of (a, b), (ab, c)"),
        "columns joined by a comma": (joined(","), "(flight) goes, of (flight), (flight_no"),
        "both of two equal unique ones": (both_unique_twins, "both UNIQUE (b, a) go"),
        "never a unique one": (never_unique, "UNIQUE (b, a) stays"),
        "nothing": (lambda indexes: set(), "(a) stays"),
        "columns": (lambda indexes: [("a",)], "is not the name of an index"),
        "a text": (lambda indexes: "a", "as a list or a set"),
    },
}
