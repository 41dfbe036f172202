"""Execute entries in place, from top to bottom, and stamp the versions they were verified with.

    python tools/run.py data/orm-django [speed/caching ...]

Outputs are only ever made this way. A cell that fails stops the run and leaves the file as it was.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parent.parent
CELL_SECONDS = 120
STAMP = """
import json as _json
from nexus import servers as _servers
print(_json.dumps(_servers.seen))
"""


def execute(path: Path) -> None:
    """Run the notebook at `path` and write it back with fresh outputs and versions.

    Raises:
        CellExecutionError: a cell raised; the file is left as it was.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        coalesce_streams=True,
        kernel_name="python3",
        resources={"metadata": {"path": "."}},
    )
    with client.setup_kernel():
        for index, cell in enumerate(notebook.cells):
            cell.metadata.pop("execution", None)
            client.execute_cell(cell, index)
            print(f"\r{path.stem}: cell {index + 1} of {len(notebook.cells)}", end="", flush=True)
        notebook.cells.append(nbformat.v4.new_code_cell(STAMP))
        client.execute_cell(notebook.cells[-1], len(notebook.cells) - 1, store_history=False)
        seen = json.loads(notebook.cells.pop().outputs[0].text)
    print()
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)  # timestamps would differ on each run
    verified = {"Python": sys.version.split()[0]}
    verified |= {name: version(name) for name in notebook.metadata.nexus.get("packages", [])}
    notebook.metadata.nexus["verified"] = verified | seen
    notebook.metadata.kernelspec = {
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "name": "python3",
    }
    notebook.metadata.language_info = {"name": "python"}
    nbformat.write(notebook, path)


if __name__ == "__main__":
    topics = sys.argv[1:]
    if not topics:
        sys.exit("say which entries to run: python tools/run.py data/orm-django")
    for topic in topics:
        try:
            execute(ROOT / "notebooks" / f"{topic}.ipynb")
        except FileNotFoundError:
            sys.exit(f"there is no notebooks/{topic}.ipynb")
        except CellExecutionError as error:
            sys.exit(f"\n{topic}: {error}")
