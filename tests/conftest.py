"""What all tests share: the skips of entries whose servers this machine lacks."""

import pytest

from tests import entries


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, by name and reason, the cells of an entry that needs a server that is not there."""
    reasons: dict[str, str | None] = {}
    for item in items:
        if item.path.suffix != ".ipynb" or entries.NOTEBOOKS not in item.path.parents:
            continue
        topic = item.path.relative_to(entries.NOTEBOOKS).with_suffix("").as_posix()
        if topic not in reasons:
            reasons[topic] = entries.missing_server(topic)
        if reasons[topic]:
            item.add_marker(pytest.mark.skip(reason=f"{topic}: {reasons[topic]}"))
