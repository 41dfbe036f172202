"""Old, vulnerable versions of a package, each in a folder of its own, run in a child process.

They are pinned with their hashes in `isolated.txt`. `python -m nexus.isolated` fetches all of them,
so that no page needs the network when it is executed.
"""

import hashlib
import inspect
import json
import os
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nexus import _cache

PINS = Path(__file__).with_name("isolated.txt")
_CHILD = """
import json, sys
json.dump({name}(json.load(sys.stdin)), sys.stdout)
"""


class IsolatedError(Exception):
    """The old version cannot be had or run; the message is one line that says what to do."""


def pins() -> dict[str, str]:
    """Each pinned requirement, such as `PyJWT==2.3.0`, with its whole line."""
    lines = (line.strip() for line in PINS.read_text().splitlines())
    return {line.split()[0]: line for line in lines if line and not line.startswith("#")}


def package(requirement: str) -> Path:
    """The folder that holds `requirement` and nothing else; fetched once, then from the cache.

    Raises:
        IsolatedError: it is not pinned, or cannot be fetched.
        CacheError: the cache folder cannot be used.
    """
    try:
        pin = pins()[requirement]
    except KeyError:
        known = ", ".join(pins())
        raise IsolatedError(f"{requirement} is not pinned in {PINS.name}: {known}.") from None

    def install(folder: Path) -> None:
        # Only a requirements file may carry a hash.
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write(pin)
            file.flush()
            pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check"]
            pip += ["--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes"]
            done = subprocess.run(
                [*pip, f"--target={folder}", f"--requirement={file.name}"],
                capture_output=True,
                text=True,
            )
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            raise IsolatedError(
                f"{requirement} could not be fetched ({(said or ['pip failed'])[-1]}). "
                "It is needed once: connect to the network and run `python -m nexus.isolated`."
            )

    name = requirement.lower().replace("==", "-")
    return _cache.built(f"{name}-{hashlib.sha256(pin.encode()).hexdigest()[:12]}", install)


def call(requirement: str, function: Callable[[Any], Any], data: Any) -> Any:
    """`function(data)` in a child process whose imports find `requirement` first.

    The function is sent as its source, so it imports what it needs itself; `data` and the result
    travel as JSON. Everything else comes from the environment of this process.

    Raises:
        IsolatedError: the function raised in the child.
    """
    source = textwrap.dedent(inspect.getsource(function))
    done = subprocess.run(
        [sys.executable, "-P", "-c", source + _CHILD.format(name=function.__name__)],
        input=json.dumps(data),
        env=os.environ | {"PYTHONPATH": str(package(requirement))},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise IsolatedError(f"under {requirement}: {done.stderr.strip().splitlines()[-1]}")
    return json.loads(done.stdout)


if __name__ == "__main__":
    try:
        for pinned in pins():
            package(pinned)
            print(f"{pinned}: ready")
    except (IsolatedError, _cache.CacheError) as error:
        sys.exit(str(error))
