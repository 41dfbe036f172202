"""Every entry keeps the contract, and the contract catches each way of breaking it."""

from copy import deepcopy

import nbformat.v4 as v4
import pytest
from nbformat import NotebookNode

from tests import contract, entries


@pytest.mark.parametrize("topic", entries.topics())
def test_entry_keeps_the_contract(topic: str) -> None:
    assert contract.faults(entries.read(topic)) == []


@pytest.mark.parametrize("topic", entries.topics())
def test_entry_stands_in_the_toc(topic: str) -> None:
    assert f"file: notebooks/{topic}\n" in (entries.ROOT / "_toc.yml").read_text() + "\n"


def _code(source: str, tags: list[str] = (), **data: object) -> v4.new_code_cell:
    cell = v4.new_code_cell(source, metadata={"tags": list(tags)})
    if data:
        data = {key.replace("_", "/").replace("nexus", "vnd.nexus"): x for key, x in data.items()}
        cell.outputs = [v4.new_output("display_data", data=data)]
    return cell


def _claim(number: int) -> v4.new_code_cell:
    cell = _code(f"claim('c{number}', True)")
    bundle = {"id": f"claim-c{number}", "sentence": f"c{number}"}
    data = {contract.claims.MIME: bundle, "text/plain": f"c{number}"}
    cell.outputs = [v4.new_output("display_data", data=data)]
    return cell


def _verdict(tag: str, text: str) -> v4.new_code_cell:
    tags = [tag, "hide-cell"] if tag == "solution" else [tag]
    return _code("check(...)", tags, text_plain=text, text_html="<p class='nexus-verdict'>")


@pytest.fixture
def good():
    """The smallest notebook that keeps the contract."""
    cells = [v4.new_markdown_cell("# Title")]
    for section in contract.SECTIONS:
        cells.append(v4.new_markdown_cell(f"## {section}"))
        if section == "Why":
            figure = _code("style.show(figure, alt='a')", image_png="iVBORw0KGgo=")
            figure.outputs[0].metadata = {"image/png": {"alt": "Two bars, one twice the other"}}
            cells.append(figure)
        if section == "What I take away":
            cells += [_claim(number) for number in range(3)]
        if section == "Exercises":
            for _ in range(3):
                cells += [_verdict("exercise", "Not yet: x"), _verdict("solution", "Accepted: x")]
    for number, cell in enumerate((c for c in cells if c.cell_type == "code"), 1):
        cell.execution_count = number
    notebook = v4.new_notebook(cells=cells)
    notebook.metadata.nexus = NotebookNode(
        {
            name: {str: "x", list: ["x"], int: 1, dict: {"Python": "3"}}[kind]
            for name, kind in contract.entries.FIELDS.items()
        }
    )
    return notebook


def test_the_smallest_good_notebook_has_no_fault(good) -> None:
    assert contract.faults(good) == []


def _first(notebook, text: str):
    return next(cell for cell in notebook.cells if text in cell.source)


def _drop_metadata(nb) -> None:
    del nb.metadata.nexus["question"]


def _drop_section(nb) -> None:
    nb.cells.remove(_first(nb, "## How it grows"))


def _swap_sections(nb) -> None:
    _first(nb, "## Why").source = "## The fix"


def _long_cell(nb) -> None:
    _first(nb, "claim(").source += "\n1" * 15


def _many_cells(nb) -> None:
    nb.cells += [_code("1") for _ in range(40)]


def _unexecuted(nb) -> None:
    _first(nb, "claim(").execution_count = None


def _out_of_order(nb) -> None:
    _first(nb, "claim(").execution_count = 99


def _error(nb) -> None:
    _first(nb, "claim(").outputs.append(v4.new_output("error", ename="KeyError", evalue=""))


def _stderr(nb) -> None:
    _first(nb, "claim(").outputs.append(v4.new_output("stream", name="stderr", text="!"))


def _long_output(nb) -> None:
    _first(nb, "claim(").outputs.append(v4.new_output("stream", name="stdout", text="a\n" * 99))


def _skipped(nb) -> None:
    _first(nb, "claim(").metadata.tags = ["nbval-skip"]


def _ignored(nb) -> None:
    _first(nb, "claim(").source += "\n# NBVAL_IGNORE_OUTPUT"


def _typed_number(nb) -> None:
    _first(nb, "## Why").source += "\nIt sent 3,586 of them."


def _typed_unit(nb) -> None:
    _first(nb, "## Why").source += "\nIt took 40 ms."


def _no_claims(nb) -> None:
    nb.cells.remove(_first(nb, "claim('c1'"))


def _silent_claim(nb) -> None:
    _first(nb, "claim('c1'").outputs = []


def _same_anchor(nb) -> None:
    _first(nb, "claim('c1'").outputs = deepcopy(_first(nb, "claim('c2'").outputs)


def _no_alt(nb) -> None:
    _first(nb, "style.show").outputs[0].metadata = {}


def _no_solution(nb) -> None:
    nb.cells.remove(next(c for c in nb.cells if "solution" in c.metadata.get("tags", [])))


def _stub_accepted(nb) -> None:
    cell = next(c for c in nb.cells if "exercise" in c.metadata.get("tags", []))
    cell.outputs[0].data["text/plain"] = "Accepted: x"


def _solution_refused(nb) -> None:
    cell = next(c for c in nb.cells if "solution" in c.metadata.get("tags", []))
    cell.outputs[0].data["text/plain"] = "Not yet: x"


def _open_solution(nb) -> None:
    next(c for c in nb.cells if "solution" in c.metadata.get("tags", [])).metadata.tags = [
        "solution"
    ]


@pytest.mark.parametrize(
    ("break_it", "kind"),
    [
        (_drop_metadata, "metadata"),
        (_drop_section, "shape"),
        (_swap_sections, "shape"),
        (_long_cell, "shape"),
        (_many_cells, "shape"),
        (_unexecuted, "execution"),
        (_out_of_order, "execution"),
        (_error, "execution"),
        (_stderr, "execution"),
        (_long_output, "execution"),
        (_skipped, "execution"),
        (_ignored, "execution"),
        (_typed_number, "prose"),
        (_typed_unit, "prose"),
        (_no_claims, "claims"),
        (_silent_claim, "claims"),
        (_same_anchor, "claims"),
        (_no_alt, "figures"),
        (_no_solution, "exercises"),
        (_stub_accepted, "exercises"),
        (_solution_refused, "exercises"),
        (_open_solution, "exercises"),
    ],
    ids=lambda value: value.__name__.strip("_") if callable(value) else value,
)
def test_the_contract_catches(good, break_it, kind: str) -> None:
    break_it(good)
    assert any(fault.startswith(f"{kind}:") for fault in contract.faults(good))
