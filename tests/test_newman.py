"""Newman runs a collection against a server of the kernel, and says what is missing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nexus import newman, servers

needed = pytest.mark.skipif(newman.absent() is not None, reason=f"newman: {newman.absent()}")
SEEN = "pm.test('it is here', () => pm.response.to.have.status(200))"


def hello(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    found = environ["PATH_INFO"] == "/here"
    start_response("200 OK" if found else "404 Not Found", [("Content-Length", "0")])
    return []


@pytest.fixture(scope="module")
def web() -> Iterator[Any]:
    with servers.web(hello) as server:
        yield server


def asking(*paths: str) -> dict[str, Any]:
    """A collection with a request for each path, named by it."""
    event = {"listen": "test", "script": {"exec": [SEEN]}}
    urls = {path: "{{base}}/" + path for path in paths}
    items = [
        {"name": path, "event": [event], "request": {"method": "GET", "url": url}}
        for path, url in urls.items()
    ]
    schema = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
    return {"info": {"name": "asking", "schema": schema}, "item": items}


@needed
def test_it_runs_a_collection(web: Any) -> None:
    before = web.requests
    report = newman.run(asking("here", "gone"), {"base": web.url})
    assert web.requests == before + 2
    assert report["stats"]["assertions"] == {"total": 2, "pending": 0, "failed": 1}
    assert [failure["source"]["name"] for failure in report["failures"]] == ["gone"]


@needed
def test_it_runs_one_request_alone(web: Any) -> None:
    report = newman.run(asking("here", "gone"), {"base": web.url}, folder="here")
    assert report["stats"]["requests"]["total"] == 1
    assert report["failures"] == []


@needed
def test_a_server_that_is_not_there_is_a_failure_in_the_report(web: Any) -> None:
    report = newman.run(asking("here"), {"base": "http://127.0.0.1:9"})
    assert "ECONNREFUSED" in str(report["failures"][0]["error"])


@needed
def test_no_collection_is_said() -> None:
    with pytest.raises(newman.NewmanError, match="did not run the collection"):
        newman.run(asking("here"), folder="there")


@needed
def test_one_that_does_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(newman, "SECONDS", 0.01)
    with pytest.raises(newman.NewmanError, match="does the server answer"):
        newman.run(asking("here"))


def test_without_node(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert "apt-get install nodejs npm" in newman.absent()
    assert servers.available("newman") == newman.absent()
    with pytest.raises(newman.NewmanError, match="Node"):
        newman.run(asking("here"))


def test_without_newman(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(newman.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(newman, "PLACE", tmp_path)
    assert "make .cache/npm" in newman.absent()
