"""The comparison of outputs can fail: each way of being wrong turns a small notebook red."""

import subprocess
import sys
import warnings
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import nbformat
import nbformat.v4 as v4
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

from nexus import servers
from tests.entries import ROOT

CELLS = [
    "from nexus import measure\nfrom nexus.claims import claim\ncount = 3",
    "print(f'{count} queries in {measure.took(0.0123)}')",
    "claim('{count} queries, no more', count == 3, count=count)",
    "measure.race({'a': lambda: None, 'b': lambda: sum(range(99))}, rounds=3)",
]
SERVER_CELLS = ["from nexus import servers\nredis = servers.redis()", "redis.connect().ping()"]
KILL = """import psutil
for child in psutil.Process().children(recursive=True):
    if "redis" in child.name():
        child.kill()
"""


def executed(sources: list[str]) -> NotebookNode:
    """A notebook of these cells with the outputs of one run."""
    notebook = v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources])
    NotebookClient(notebook, kernel_name="python3").execute()
    return notebook


def failures(folder: Path) -> Counter[str]:
    """The failed cells of each notebook in `folder`, found by what `make test` does."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist"]
    command += ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), str(folder)]
    command += [f"--junitxml={folder / 'outcome.xml'}"]
    subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    failed: Counter[str] = Counter()
    for case in ET.parse(folder / "outcome.xml").iter("testcase"):
        name = next(part for part in case.get("classname", "").split(".") if part.startswith("nb_"))
        failed[name] += len(case.findall("failure")) + len(case.findall("error"))
    return failed


def good(notebook: NotebookNode) -> None:
    """Nothing is wrong; only the times differ."""


def edited_output(notebook: NotebookNode) -> None:
    notebook.cells[1].outputs[0].text = notebook.cells[1].outputs[0].text.replace("3", "4", 1)


def edited_claim(notebook: NotebookNode) -> None:
    data = notebook.cells[2].outputs[0].data
    data["text/plain"] = data["text/plain"].replace("3", "2")


def edited_evidence(notebook: NotebookNode) -> None:
    notebook.cells[2].outputs[0].data["application/vnd.nexus.claim+json"]["sentence"] = "2"


def false_claim(notebook: NotebookNode) -> None:
    notebook.cells[0].source = notebook.cells[0].source.replace("count = 3", "count = 4")


def dropped_output(notebook: NotebookNode) -> None:
    notebook.cells[1].outputs = []


def server_alive(notebook: NotebookNode) -> None:
    """Nothing is wrong; the server answers."""


def server_killed(notebook: NotebookNode) -> None:
    notebook.cells[1].source = KILL + notebook.cells[1].source


ON_CELLS = [good, edited_output, edited_claim, edited_evidence, false_claim, dropped_output]
ON_SERVER = [server_alive, server_killed]


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Counter[str]:
    """All variants, compared in one run."""
    folder = tmp_path_factory.mktemp("outputs")
    groups = [(CELLS, ON_CELLS)]
    if not servers.available("redis"):
        groups.append((SERVER_CELLS, ON_SERVER))
    for sources, variants in groups:
        stored = nbformat.writes(executed(sources))
        for variant in variants:
            notebook = nbformat.reads(stored, as_version=4)
            variant(notebook)
            nbformat.write(notebook, folder / f"nb_{variant.__name__}.ipynb")
    return failures(folder)


@pytest.mark.parametrize("variant", [*ON_CELLS, *ON_SERVER])
def test_comparison(outcome: Counter[str], variant: Callable[[NotebookNode], None]) -> None:
    name = f"nb_{variant.__name__}"
    if variant in ON_SERVER and (reason := servers.available("redis")):
        pytest.skip(reason)
    assert name in outcome
    if variant in (good, server_alive):
        assert outcome[name] == 0
    else:
        assert outcome[name] > 0


def test_only_the_verified_series_of_a_database_is_compared(monkeypatch) -> None:
    from tests import entries, machine

    topic = "data/orm-django"
    verified = entries.read(topic).metadata.nexus["verified"]["MariaDB"]
    for here, same in ((("MariaDB", entries.series(verified)), True), (("MySQL", "8.4"), False)):
        monkeypatch.setattr(machine, "series", lambda here=here: here)
        machine.compared.cache_clear()
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            assert machine.compared(topic) is same
        assert [str(warning.message).partition(",")[0] for warning in said] == (
            [] if same else ["not compared: data/orm-django ran on MySQL 8.4"]
        )
    machine.compared.cache_clear()
    assert machine.compared("security/jwt")  # asks for no database
