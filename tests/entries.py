"""The entries, read once, for the tests that hold for each of them."""

from functools import cache
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = ROOT / "notebooks"


def topics() -> list[str]:
    """`part/name` of every entry."""
    return [
        path.relative_to(NOTEBOOKS).with_suffix("").as_posix()
        for path in sorted(NOTEBOOKS.glob("*/*.ipynb"))
    ]


@cache
def read(topic: str) -> nbformat.NotebookNode:
    """The notebook of `part/name`, as it is stored."""
    return nbformat.read(NOTEBOOKS / f"{topic}.ipynb", as_version=4)


def missing_server(topic: str) -> str | None:
    """Why this machine cannot run the entry, or None when it can."""
    from nexus import servers

    return missing_of(read(topic), servers.available)


def missing_of(notebook: nbformat.NotebookNode, available) -> str | None:
    """The reasons that `available` gives for the servers that the notebook names."""
    reasons = [available(name) for name in notebook.metadata.nexus["servers"]]
    return "; ".join(reason for reason in reasons if reason) or None


def series(version: str) -> str:
    """The part of a server's version within which its optimizer stays the same: two numbers.

    >>> series("10.11.19")
    '10.11'
    """
    return ".".join(version.split(".")[:2])
