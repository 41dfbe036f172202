"""The functions that an entry teaches, taken from its cells, so that tests prove the very code."""

import ast
from functools import cache
from typing import Any

from tests.entries import read

DEFINES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


@cache
def taught(topic: str) -> dict[str, Any]:
    """What the entry's cells tagged `taught` make, and what its solutions define, by name.

    A cell tagged `taught` stands by itself: it imports what it needs and asks for no server. Of a
    solution only its imports, functions and classes are taken.

    Raises:
        LookupError: the entry has no cell tagged `taught`.
    """
    names: dict[str, Any] = {"__name__": f"taught:{topic}"}
    cells = [(cell, cell.metadata.get("tags", [])) for cell in read(topic).cells]
    if not any("taught" in tags for _, tags in cells):
        raise LookupError(f"{topic} has no cell tagged 'taught'")
    for cell, tags in cells:
        if "taught" in tags or "solution" in tags:
            tree = ast.parse(cell.source)
            if "solution" in tags:
                tree.body = [node for node in tree.body if isinstance(node, DEFINES)]
            exec(compile(tree, f"{topic}:{cell.id}", "exec"), names)  # noqa: S102 - the repository's own code
    return names
