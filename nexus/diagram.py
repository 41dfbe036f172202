"""A schema drawn from the schema itself: what the server says is there, not what one remembers."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nexus import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from sqlalchemy import Connection, Engine

_WIDTH, _GAP, _ROW = 3.1, 0.9, 0.27
"""Inches: of a box, between two columns of boxes, and of one line in a box."""


@dataclass(frozen=True)
class Column:
    """One column as the server describes it."""

    name: str
    type: str
    nullable: bool
    primary: bool
    refers: str | None
    """The `table.column` that a foreign key of this column names."""


Schema = dict[str, list[Column]]


def read(bind: "Engine | Connection", tables: Sequence[str] | None = None) -> Schema:
    """The columns of each table, in the server's order; of all tables, in theirs, without `tables`.

    Raises:
        LookupError: a table of `tables` is not there, or there is none at all.
    """
    from sqlalchemy import inspect

    server = inspect(bind)
    there = server.get_table_names()
    if absent := [table for table in tables or () if table not in there]:
        raise LookupError(f"no table {', '.join(absent)}; there are: {', '.join(there)}")
    if not there:
        raise LookupError("the database has no tables to draw")
    schema = {}
    for table in there if tables is None else tables:
        primary = server.get_pk_constraint(table)["constrained_columns"]
        refers = {
            here: f"{key['referred_table']}.{column}"
            for key in server.get_foreign_keys(table)
            for here, column in zip(
                key["constrained_columns"], key["referred_columns"], strict=True
            )
        }
        schema[table] = [
            Column(
                column["name"],
                re.sub(r" (CHARACTER SET|COLLATE|UNSIGNED) ?.*", "", str(column["type"])),
                column["nullable"],
                column["name"] in primary,
                refers.get(column["name"]),
            )
            for column in server.get_columns(table)
        ]
    return schema


def draw(
    bind: "Engine | Connection", tables: Sequence[str] | None = None, most: int = 14
) -> tuple["Figure", str]:
    """The figure of a schema and its alternative text.

    A box a table, keys first, at most `most` columns each; an arrow for each foreign key, from left
    to right. `?` marks a column that may be NULL. Raises LookupError as `read` does.
    """
    import matplotlib.pyplot as plt

    schema = read(bind, tables)
    boxes = {table: _lines(columns, most) for table, columns in schema.items()}
    layers = _layers(schema)
    width = len(layers) * (_WIDTH + _GAP) - _GAP
    tall = max((sum(len(boxes[t]) + 2 for t in layer) - 1 for layer in layers), default=1) * _ROW
    figure, axes = plt.subplots(figsize=(width, tall))
    axes.set(xlim=(-0.02, width + 0.02), ylim=(tall + 0.02, -0.02))  # room for the lines
    axes.axis("off")
    ports: dict[str, tuple[float, float]] = {}
    for number, layer in enumerate(layers):
        left = number * (_WIDTH + _GAP)
        used = (sum(len(boxes[t]) + 2 for t in layer) - 1) * _ROW
        top = (tall - used) / 2
        for table in layer:
            _box(axes, left, top, table, boxes[table], ports)
            top += (len(boxes[table]) + 2) * _ROW
    for table, columns in schema.items():
        for column in columns:
            if column.refers in ports:
                _arrow(axes, ports[f"{table}.{column.name}"], ports[column.refers])
    return figure, _alt(schema)


def _lines(columns: list[Column], most: int) -> list[Column | str]:
    keys_first = sorted(columns, key=lambda c: (not c.primary, c.refers is None))
    if len(columns) <= most:
        return keys_first
    return [*keys_first[: most - 1], f"… and {len(columns) - most + 1} more"]


def _layers(schema: Schema) -> list[list[str]]:
    """Tables by their distance from those that nothing refers to; a cycle stops growing."""
    parents = {
        table: {c.refers.split(".")[0] for c in columns if c.refers} & schema.keys() - {table}
        for table, columns in schema.items()
    }
    depth = dict.fromkeys(schema, 0)
    for _ in schema:  # a path without a cycle is no longer than this
        for table in schema:
            for parent in parents[table]:
                if depth[table] + 1 < len(schema):
                    depth[parent] = max(depth[parent], depth[table] + 1)
    # One that nothing refers to stands just left of what it refers to, so that arrows are short.
    for table in sorted(schema, key=depth.__getitem__, reverse=True):
        if near := parents[table]:
            depth[table] = max(depth[table], min(depth[parent] for parent in near) - 1)
    ranks = sorted(set(depth.values()))
    return [[table for table in schema if depth[table] == rank] for rank in ranks]


def _box(
    axes: "Axes",
    left: float,
    top: float,
    table: str,
    lines: list[Column | str],
    ports: dict[str, tuple[float, float]],
) -> None:
    import matplotlib.pyplot as plt

    height = (len(lines) + 1) * _ROW
    axes.add_patch(plt.Rectangle((left, top), _WIDTH, height, fc="white", ec=style.GREY))
    axes.add_patch(plt.Rectangle((left, top), _WIDTH, _ROW, color=style.BLUE))
    middle = top + _ROW / 2
    axes.text(left + 0.1, middle, table, color="white", weight="bold", va="center")
    for number, line in enumerate(lines, start=1):
        y = middle + number * _ROW
        if isinstance(line, str):
            axes.text(left + 0.5, y, line, va="center", color=style.GREY, size=9)
            continue
        marks = "PK" if line.primary else "FK" if line.refers else ""
        axes.text(left + 0.1, y, marks, va="center", color=style.ORANGE, size=8, weight="bold")
        weight = "bold" if line.primary else "normal"
        axes.text(left + 0.5, y, line.name, va="center", size=10, weight=weight)
        kind = line.type.lower() + (" ?" if line.nullable and not line.primary else "")
        right = left + _WIDTH - 0.1
        axes.text(right, y, kind, va="center", ha="right", size=8, color=style.GREY)
        ports[f"{table}.{line.name}"] = (left, y)


def _arrow(axes: "Axes", start: tuple[float, float], end: tuple[float, float]) -> None:
    (left, y), (target, other) = start, end
    out = left + _WIDTH if target > left else left
    axes.annotate(
        "",
        xy=(target, other),
        xytext=(out, y),
        arrowprops={
            "arrowstyle": "-|>",
            "color": style.ORANGE,
            "connectionstyle": "arc3,rad=0.08" if target > left else "arc3,rad=0.5",
        },
    )


def _alt(schema: Schema) -> str:
    def table(name: str, columns: list[Column]) -> str:
        key = ", ".join(c.name for c in columns if c.primary) or "none"
        said = f"{name}: {len(columns)} columns, primary key {key}"
        links = [f"{c.name} to {c.refers}" for c in columns if c.refers]
        return f"{said}, foreign keys {', '.join(links)}" if links else said

    many = "table" if len(schema) == 1 else "tables"
    said = "; ".join(map(table, schema, schema.values()))
    return f"Diagram of {len(schema)} {many}. {said}"
