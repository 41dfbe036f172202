"""Reads entries: what a notebook says about itself, and what its stored outputs prove."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

CLAIM = "application/vnd.nexus.claim+json"
NOTEBOOKS = "notebooks/"


class EntryError(Exception):
    """A notebook that cannot stand in the book; the message names the file and what to do."""


@dataclass(frozen=True)
class Claim:
    """One computed sentence: its anchor in the page and the number of the cell that computes it."""

    id: str
    sentence: str
    cell: int


@dataclass(frozen=True)
class Entry:
    """One notebook of the book. The fields after `docname` and `part` are `metadata.nexus`."""

    docname: str
    part: str
    title: str
    question: str
    symptom: str
    covers: list[str]
    servers: list[str]
    minutes: int
    tags: list[str]
    learned: str
    verified: dict[str, str]
    claims: list[Claim] = field(default_factory=list)
    cells: int = 0
    exercises: int = 0
    figures: int = 0


FIELDS: dict[str, type] = {
    "title": str,
    "question": str,
    "symptom": str,
    "covers": list,
    "servers": list,
    "minutes": int,
    "tags": list,
    "learned": str,
    "verified": dict,
}
MAY_BE_EMPTY = {"servers"}


def chapters(toc: dict) -> Iterator[tuple[str, str]]:
    """Yields (part, docname) of every entry that the table of contents lists, in its order."""
    for part in toc.get("parts", []):
        for chapter in part.get("chapters", []):
            docname = chapter.get("file", "").removesuffix(".ipynb")
            if docname.startswith(NOTEBOOKS):
                yield part.get("caption", ""), docname


def load(path: Path) -> dict:
    """The notebook's JSON; EntryError when there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EntryError(f"{path}: listed in _toc.yml, but there is no such notebook") from None
    except ValueError as error:
        raise EntryError(f"{path}: not a notebook: {error}") from None


def read(path: Path, docname: str, part: str) -> Entry:
    """The entry at `path`; EntryError names every field that is missing or of the wrong type."""
    notebook = load(path)
    about = notebook.get("metadata", {}).get("nexus", {})
    faults = [
        f"{name} ({kind.__name__})"
        for name, kind in FIELDS.items()
        if not isinstance(about.get(name), kind) or not (about[name] or name in MAY_BE_EMPTY)
    ]
    if faults:
        raise EntryError(
            f"{path}: metadata.nexus lacks {', '.join(faults)}; "
            "verified is stamped when the notebook is run with tools/run.py"
        )
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    claims = list(_claims(code))
    ids = [claim.id for claim in claims]
    if twice := sorted({id for id in ids if ids.count(id) > 1}):
        raise EntryError(f"{path}: claimed twice: {', '.join(twice)}")
    return Entry(
        docname=docname,
        part=part,
        claims=claims,
        cells=len(code),
        exercises=sum("exercise" in tags(cell) for cell in code),
        figures=len(alt_texts(notebook)),
        **{name: about[name] for name in FIELDS},
    )


def tags(cell: dict) -> list[str]:
    """The tags of a cell."""
    return cell.get("metadata", {}).get("tags", [])


def _outputs(cells: list[dict]) -> Iterator[tuple[dict, dict]]:
    for cell in cells:
        for output in cell.get("outputs", []):
            if "data" in output:
                yield cell, output


def _claims(cells: list[dict]) -> Iterator[Claim]:
    for cell, output in _outputs(cells):
        if said := output["data"].get(CLAIM):
            yield Claim(said["id"], said["sentence"], cell["execution_count"])


def alt_texts(notebook: dict) -> dict[str, str]:
    """{SHA-256 of the PNG: alt text}: the built page names its image files by that digest."""
    found = {}
    for _, output in _outputs(notebook["cells"]):
        if png := output["data"].get("image/png"):
            alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
            found[hashlib.sha256(b64decode("".join(png))).hexdigest()] = alt
    return found


def prepare(notebook: dict) -> dict:
    """Changes the notebook (in place) into what the page shows.

    A claim's JSON is dropped, since its HTML says the same; the empty corner of a frame is no
    header; a folded solution is labelled as one.
    """
    for cell in notebook["cells"]:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            data.pop(CLAIM, None)
            if "text/html" in data:
                data["text/html"] = "".join(data["text/html"]).replace("<th></th>", "<td></td>")
        if "solution" in tags(cell):
            cell["metadata"]["mystnb"] = {
                "code_prompt_show": "Show the solution",
                "code_prompt_hide": "Hide the solution",
            }
    return notebook
