"""Newman, the runner of Postman's collections, as `tests/npm` installs it."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PLACE = Path(__file__).resolve().parents[1] / "tests" / "npm"
SECONDS = 60


class NewmanError(Exception):
    """Newman cannot be had, or did not run the collection; the first line says what to do."""


def absent() -> str | None:
    """None when Newman is here, else one line that says how to get it."""
    if shutil.which("node") is None:
        return "Newman needs Node.js: `sudo apt-get install nodejs npm`, then `make .cache/npm`."
    if not _program().exists():
        return "Newman is not set up here: `make .cache/npm`, which needs npm and the network once."
    return None


def run(
    collection: Mapping[str, Any],
    variables: Mapping[str, str] | None = None,
    folder: str | None = None,
) -> dict[str, Any]:
    """What Newman reports of `collection`: the `run` of its JSON, with `stats` and `failures`.

    `collection` is a dict in Postman's format 2.1; `variables` stand above its own, as those of an
    environment do; `folder` names the one folder or request that is run. Failed assertions are in
    the report, and are no error.

    Raises:
        NewmanError: Newman is not here, refused the collection, or did not end within a minute.
    """
    if reason := absent():
        raise NewmanError(reason)
    with tempfile.TemporaryDirectory(prefix="nexus-") as place:
        asked, report = Path(place, "collection.json"), Path(place, "report.json")
        asked.write_text(json.dumps(collection))
        command = [_program(), "run", asked, "--reporters=json", f"--reporter-json-export={report}"]
        for name, value in (variables or {}).items():
            command += ["--env-var", f"{name}={value}"]
        command += ["--folder", folder] if folder else []
        try:
            done = subprocess.run(
                command, cwd=place, capture_output=True, text=True, check=False, timeout=SECONDS
            )
        except subprocess.TimeoutExpired:
            raise NewmanError(
                f"Newman did not end within {SECONDS} s: does the server answer?"
            ) from None
        try:
            return json.loads(report.read_text())["run"]
        except FileNotFoundError:
            said = " ".join((done.stderr or done.stdout).split())[:300]
            raise NewmanError(f"Newman did not run the collection: {said}") from None


def _program() -> Path:
    return PLACE / "node_modules" / ".bin" / "newman"
