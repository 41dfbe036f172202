"""The contract of an entry: `faults` says in words where a notebook breaks it."""

import re
from collections.abc import Iterator

from nbformat import NotebookNode
from nexus_book import entries

from nexus import claims

SECTIONS = [
    "What you will be able to do",
    "Predict",
    "The problem",
    "Why",
    "The fix",
    "How it grows",
    "Where it bites",
    "What I take away",
    "Exercises",
    "Journal",
    "Sources",
]
CODE_CELLS, LINES, SOLUTION_LINES, OUTPUT_LINES = 40, 15, 30, 45
# A number that was measured carries a unit or a thousands separator; neither may be typed.
TYPED = re.compile(
    r"\b\d{1,3}(?:,\d{3})+\b"
    r"|\b\d+(?:\.\d+)?\s?(?:%|(?:queries|query|rows?|reads?|ms|µs|seconds?|bytes|KB|kB|MB|times|"
    r"requests?|round trips?|hits?|misses|characters|tokens?)\b)"
)


def faults(notebook: NotebookNode) -> list[str]:
    """Every way in which `notebook` breaks the contract; empty when it keeps it."""
    found = [*_metadata(notebook), *_shape(notebook)]
    for rule in (_execution, _prose, _claims, _figures, _exercises):
        found += rule(notebook)
    return found


def _code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def _metadata(notebook: NotebookNode) -> Iterator[str]:
    block = notebook.metadata.get("nexus", {})
    for name, kind in entries.FIELDS.items():
        if not isinstance(block.get(name), kind) or (
            not block[name] and name not in entries.MAY_BE_EMPTY
        ):
            yield f"metadata: nexus.{name} must be a {kind.__name__} that says something"


def _shape(notebook: NotebookNode) -> Iterator[str]:
    first = notebook.cells[0]
    if first.cell_type != "markdown" or not first.source.startswith("# "):
        yield "shape: the first cell must be the title"
    headings = [
        line.removeprefix("## ").split(":")[0].strip()
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
        if line.startswith("## ")
    ]
    if headings != SECTIONS:
        yield f"shape: the sections are {headings}, they must be {SECTIONS}"
    code = _code(notebook)
    if len(code) > CODE_CELLS:
        yield f"shape: {len(code)} code cells, at most {CODE_CELLS}"
    for number, cell in enumerate(code, 1):
        lines = len(cell.source.splitlines())
        limit = SOLUTION_LINES if "solution" in _tags(cell) else LINES
        if lines > limit:
            yield f"shape: code cell {number} has {lines} lines, at most {limit}"


def _execution(notebook: NotebookNode) -> Iterator[str]:
    counts = [cell.execution_count for cell in _code(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield "execution: the code cells were not all run once, top to bottom"
    for number, cell in enumerate(_code(notebook), 1):
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"execution: code cell {number} ends in {output.ename}"
            if output.get("name") == "stderr":
                yield f"execution: code cell {number} writes to stderr"
            text = output.get("text") or output.get("data", {}).get("text/plain", "")
            if (lines := text.count("\n")) > OUTPUT_LINES:
                yield f"execution: code cell {number} prints {lines} lines, at most {OUTPUT_LINES}"
        if {"skip", "nbval-skip", "nbval-ignore-output", "raises-exception"} & set(_tags(cell)):
            yield f"execution: code cell {number} is tagged to be skipped, ignored or to fail"
        if re.search(r"#\s*(NBVAL|PYTEST_VALIDATE)", cell.source):
            yield f"execution: code cell {number} has a marker that loosens the comparison"


def _prose(notebook: NotebookNode) -> Iterator[str]:
    for cell in notebook.cells:
        if cell.cell_type != "markdown" or cell.source.startswith("## Sources"):
            continue
        words = re.sub(
            r"```.*?```|`[^`]*`|\$\$.*?\$\$|\$[^$]*\$|\]\([^)]*\)", "", cell.source, flags=re.DOTALL
        )
        for typed in TYPED.findall(words):
            yield f"prose: a number is typed, not computed: {typed!r}"


def _claims(notebook: NotebookNode) -> Iterator[str]:
    section, summary, found = "", 0, []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            for line in cell.source.splitlines():
                section = line.removeprefix("## ") if line.startswith("## ") else section
            continue
        made = [o.data[claims.MIME] for o in cell.outputs if claims.MIME in o.get("data", {})]
        calls = len(re.findall(r"(?<![\w.])claim\(", cell.source))
        if calls and not made:
            yield "claims: a cell makes a claim but shows none"
        found += [claim["id"] for claim in made]
        summary += len(made) if section.startswith("What I take away") else 0
    if not 3 <= summary <= 6:
        yield f"claims: {summary} under What I take away, 3 to 6 are asked for"
    if len(set(found)) < len(found):
        yield "claims: two claims share an anchor"


def _figures(notebook: NotebookNode) -> Iterator[str]:
    for number, cell in enumerate(_code(notebook), 1):
        for output in cell.outputs:
            for kind in ("image/png", "image/jpeg", "image/svg+xml"):
                if kind not in output.get("data", {}):
                    continue
                alt = output.metadata.get(kind, {}).get("alt", "")
                if len(alt.split()) < 5:
                    yield f"figures: code cell {number} shows a figure without alt text"


def _exercises(notebook: NotebookNode) -> Iterator[str]:
    def verdicts(tag: str) -> list[str]:
        cells = [cell for cell in _code(notebook) if tag in _tags(cell)]
        return [
            next(
                (
                    output.data["text/plain"]
                    for output in cell.outputs
                    if "nexus-verdict" in output.get("data", {}).get("text/html", "")
                ),
                "none",
            )
            for cell in cells
        ]

    stubs, solutions = verdicts("exercise"), verdicts("solution")
    if len(stubs) < 3 or len(stubs) != len(solutions):
        yield f"exercises: {len(stubs)} stubs and {len(solutions)} solutions; three or more of each"
    for text in stubs:
        if not text.startswith("Not yet"):
            yield f"exercises: a stub must get a hint, it got: {text}"
    for text in solutions:
        if not text.startswith("Accepted"):
            yield f"exercises: a solution must be accepted, it got: {text}"
    for cell in _code(notebook):
        if "solution" in _tags(cell) and "hide-cell" not in _tags(cell):
            yield "exercises: a solution must be collapsed (tag hide-cell)"
