"""What this machine's servers mean for the entries; a plugin, so that any selection obeys it."""

import warnings
from functools import cache

import pytest

from tests import entries


def need(server: str) -> None:
    """Skip the test that calls it, by name and reason, where `server` is not."""
    from nexus import servers

    if reason := servers.available(server):
        pytest.skip(f"{server}: {reason}")


@cache
def series() -> tuple[str, str]:
    """Name and series of this machine's MariaDB (or MySQL), such as ("MariaDB", "10.11")."""
    from nexus import servers

    with servers.mariadb() as server:
        return server.name, entries.series(server.version)


@cache
def skipped(topic: str) -> str | None:
    """Why the entry cannot run here, or None when it can."""
    reason = entries.missing_server(topic)
    return reason and f"{topic}: {reason}"


@cache
def compared(topic: str) -> bool:
    """Whether this machine's database is of the series that the entry was verified on.

    What an optimizer reads differs from series to series. On another one all cells run and all
    claims must hold, and a warning, which `.ci/run` makes an error, says `not compared`.
    """
    nexus = entries.read(topic).metadata.nexus
    if "mariadb" not in nexus["servers"]:
        return True
    name, here = series()
    verified = entries.series(nexus.get("verified", {}).get("MariaDB", "none"))
    if (name, here) == ("MariaDB", verified):
        return True
    warnings.warn(
        f"not compared: {topic} ran on {name} {here}, and was verified on MariaDB {verified}",
        stacklevel=1,
    )
    return False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, by name and reason, the cells of an entry that needs a server that is not there."""
    for item in items:
        if item.path.suffix != ".ipynb" or entries.NOTEBOOKS not in item.path.parents:
            continue
        topic = item.path.relative_to(entries.NOTEBOOKS).with_suffix("").as_posix()
        if reason := skipped(topic):
            item.add_marker(pytest.mark.skip(reason=reason))
        elif not compared(topic):
            item.options["check"] = False
