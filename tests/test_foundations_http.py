"""What `foundations/http` teaches is right: the server counts, the tags match, the answers hold."""

import gzip
import itertools
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexus.exercises import foundations_http as judge
from tests.taught import taught

TOPIC = "foundations/http"
few = settings(max_examples=25, deadline=None)


@pytest.fixture(scope="module")
def lessons() -> dict[str, Any]:
    import contextlib
    import uuid

    from requests.adapters import HTTPAdapter

    names = dict(taught(TOPIC))
    # What a reader has imported by the time that he writes a solution.
    borrowed = {"contextlib": contextlib, "uuid": uuid, "requests": requests, "time": time}
    borrowed |= {"ThreadPoolExecutor": ThreadPoolExecutor, "HTTPAdapter": HTTPAdapter}
    for solution in ("get_within", "create", "fetch_all", "update"):
        names[solution].__globals__.update(borrowed)
    return names


# --- the server ----------------------------------------------------------------------------------


@few
@given(plan=st.lists(st.lists(st.binary(max_size=2_000), max_size=5), max_size=5))
def test_the_server_counts_connections_and_notes_each_request(lessons, plan) -> None:
    """One connection for each session that sends something, one note for each request, in order."""
    answer = lessons["answer"]
    with lessons["Server"](lambda r: answer(r, 201, b"made", X_Kind="test")) as server:
        for bodies in plan:
            with requests.Session() as session:
                for body in bodies:
                    response = session.post(server.url, data=body, timeout=10)
                    assert (response.status_code, response.content) == (201, b"made")
                    assert response.headers["X-Kind"] == "test"
        sent = [body for bodies in plan for body in bodies]
        assert [note.body for note in server.seen] == sent
        assert {note.method for note in server.seen} <= {"POST"}
        assert server.connections == sum(1 for bodies in plan if bodies)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE"])
def test_the_server_answers_every_method_on_one_connection(lessons, method) -> None:
    answer = lessons["answer"]
    with lessons["Server"](lambda r: answer(r, body=b"x" * 10)) as server:
        with requests.Session() as session:
            for _ in range(3):
                response = session.request(method, server.url, timeout=10)
                assert response.headers["Content-Length"] == "10"
                assert response.content == (b"" if method == "HEAD" else b"x" * 10)
        assert [note.method for note in server.seen] == [method] * 3
        assert server.connections == 1


def test_the_server_is_silent_and_gone_after_its_block(lessons, capfd) -> None:
    def fails(request: Any) -> None:
        raise ValueError("on purpose")

    before = threading.active_count()
    with lessons["Server"](fails) as server, pytest.raises(requests.ConnectionError):
        requests.get(server.url, timeout=10)
    with pytest.raises(requests.ConnectionError):
        requests.get(server.url, timeout=10)
    for _ in range(200):
        if threading.active_count() <= before:
            break
        time.sleep(0.01)
    assert threading.active_count() <= before
    assert capfd.readouterr().err == ""


# --- the careful session ------------------------------------------------------------------------

statuses = st.sampled_from([200, 204, 301, 302, 303, 307, 308, 400, 404, 409, 412, 422, 500, 503])


@few
@given(method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]), status=statuses)
def test_careful_raises_errors_and_never_redirects_a_write(lessons, method, status) -> None:
    seen, reads = [], method in ("GET", "HEAD")

    def app(request: Any) -> None:
        seen.append((request.command, request.path))
        if request.path == "/":
            more = {"Location": "/there"} if 300 <= status < 400 else {}
            lessons["answer"](request, status, **more)
        else:
            lessons["answer"](request, 200)

    Asked = type("Asked", (lessons["Handler"],), {"do_PATCH": lessons["Handler"].do_GET})
    fine = status < 300 or (reads and status < 400)
    with lessons["Server"](app, Asked) as server, lessons["careful"]() as session:
        if fine:
            assert session.request(method, server.url).ok
        else:
            with pytest.raises(requests.HTTPError) as caught:
                session.request(method, server.url)
            assert caught.value.response.status_code == status
    again = 3 if reads and status == 503 else 1
    assert seen[:again] == [(method, "/")] * again
    assert seen[again:] == ([(method, "/there")] if reads and 300 <= status < 400 else [])


def test_careful_repeats_a_broken_read_and_no_broken_write(lessons) -> None:
    def app(request: Any) -> None:
        request.close_connection = True

    for method, attempts in [("GET", 3), ("POST", 1), ("PUT", 1), ("DELETE", 1)]:
        with lessons["Server"](app) as server, lessons["careful"]() as session:
            with pytest.raises(requests.ConnectionError):
                session.request(method, server.url)
            assert len(server.seen) == attempts


def test_careful_waits_no_longer_than_it_says(lessons) -> None:
    """A timeout by default, both schemes mounted, and a bound for Retry-After."""
    given_timeouts = []

    def send(self: Any, request: Any, **options: Any) -> Any:
        given_timeouts.append(options["timeout"])
        return plain_send(self, request, **options)

    plain_send = requests.Session.send
    with pytest.MonkeyPatch.context() as patch, lessons["Server"](lessons["answer"]) as server:
        patch.setattr(requests.Session, "send", send)
        with lessons["careful"](3, 4) as session:
            session.get(server.url)
            session.get(server.url, timeout=2)
            for scheme in ("http://", "https://"):
                adapter = session.get_adapter(f"{scheme}example.org")
                assert (adapter._pool_connections, adapter._pool_maxsize) == (3, 4)
                assert adapter.max_retries.retry_after_max == 5
                assert adapter.max_retries.backoff_factor > 0
                assert adapter.max_retries.backoff_jitter > 0
    assert given_timeouts == [5, 2]


# --- the solutions -------------------------------------------------------------------------------

# --- the solutions -------------------------------------------------------------------------------


@few
@given(
    body=st.binary(max_size=20_000),
    cut=st.lists(st.integers(0, 20_000), max_size=4),
    chunked=st.booleans(),
)
def test_get_within_gives_any_body_whole(lessons, body, cut, chunked) -> None:
    """However the bytes are cut into pieces on the way, with a length or in chunks."""
    edges = [0, *sorted(min(n, len(body)) for n in cut), len(body)]
    pieces = [body[a:b] for a, b in itertools.pairwise(edges) if a < b]

    def app(request: Any) -> None:
        request.send_response(200)
        name, value = ("Transfer-Encoding", "chunked") if chunked else ("Content-Length", len(body))
        request.send_header(name, value)
        request.end_headers()
        for piece in [*pieces, b""] if chunked else pieces:
            size = b"%x\r\n" % len(piece) if chunked else b""
            request.wfile.write(size + piece + (b"\r\n" if chunked else b""))

    with lessons["Server"](app) as server:
        assert lessons["get_within"](server.url, 10, len(body)) == body
        if body:
            with pytest.raises(ValueError, match="more than"):
                lessons["get_within"](server.url, 10, len(body) - 1)


def test_get_within_asks_for_a_body_that_is_not_packed(lessons) -> None:
    def app(request: Any) -> None:
        accepts = request.headers.get("Accept-Encoding", "")
        body = gzip.compress(b"plain") if "gzip" in accepts else b"plain"
        lessons["answer"](request, body=body)

    with lessons["Server"](app) as server:
        assert lessons["get_within"](server.url, 10, 5) == b"plain"


def test_a_server_that_drips_its_headers_is_given_up_before_they_are_there(lessons) -> None:
    sent: list[bytes] = []

    def app(request: Any) -> None:
        for line in [b"HTTP/1.1 200 OK", *[b"X-Drip: yes"] * 40, b"Content-Length: 1", b"", b"."]:
            request.wfile.write(line + (b"" if line == b"." else b"\r\n"))
            sent.append(line)
            time.sleep(0.1)

    with lessons["Server"](app) as server, pytest.raises(TimeoutError):
        lessons["get_within"](server.url, 0.6, 10)
    assert b"Content-Length: 1" not in sent


@few
@given(cuts=st.lists(st.integers(0, 4), min_size=1, max_size=4), same=st.booleans())
def test_create_makes_a_row_for_each_intention(lessons, cuts, same) -> None:
    """`cuts` broken connections before each call's answer; up to four are survived."""
    rows, left = {}, []

    def app(request: Any) -> None:
        rows[request.headers["Idempotency-Key"]] = request.server.seen[-1].body
        if left:
            left.pop()
            request.close_connection = True
        else:
            lessons["answer"](request, 201)

    with lessons["Server"](app) as server, requests.Session() as session:
        for number, broken in enumerate(cuts):
            left[:] = [1] * broken
            assert lessons["create"](session, server.url, {"n": 0 if same else number}) == 201
        assert len(rows) == len(cuts)
        assert len(server.seen) == len(cuts) + sum(cuts)


@few
@given(count=st.integers(0, 40), workers=st.integers(1, 20))
def test_fetch_all_keeps_the_order_and_the_number_of_connections(lessons, count, workers) -> None:
    with judge.site(lambda r: r.answer(body=r.path.encode())) as server:
        paths = [f"/{number}" for number in range(count)]
        found = lessons["fetch_all"]([server.url + path for path in paths], workers)
        assert found == [path.encode() for path in paths]
        assert server.connections <= workers


@few
@given(rivals=st.integers(0, 12))
def test_update_loses_nothing_however_often_it_is_beaten(lessons, rivals) -> None:
    record = judge.Record(rivals)
    with judge.site(record) as server:
        lessons["update"](server.url, judge.adding("mine"))
    assert record.document["notes"] == [*(f"rival {n}" for n in reversed(range(rivals))), "mine"]
    assert len(record.tags) == rivals + 1


# --- what the page says in words -----------------------------------------------------------------


def test_an_idle_connection_that_was_closed_is_replaced_without_a_word(lessons) -> None:
    Idle = type("Idle", (lessons["Handler"],), {"timeout": 0.05})
    with lessons["Server"](lessons["answer"], Idle) as server, requests.Session() as session:
        for _ in range(3):
            assert session.post(server.url, timeout=10).ok
            time.sleep(0.3)
        assert server.connections == len(server.seen) == 3


def test_a_connection_closed_under_the_call_is_an_error(lessons) -> None:
    """As an idle timeout does that ends while the request is on its way."""

    def app(request: Any) -> None:
        if len(request.server.seen) == 1:
            lessons["answer"](request)
        else:
            request.close_connection = True

    with lessons["Server"](app) as server, requests.Session() as session:
        assert session.post(server.url, timeout=10).ok
        with pytest.raises(requests.ConnectionError):
            session.post(server.url, timeout=10)
        assert (server.connections, len(server.seen)) == (1, 2)


def test_netrc_replaces_a_header_and_not_auth(lessons, tmp_path, monkeypatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login bob password pw\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with lessons["Server"](lessons["answer"]) as server:
        requests.get(server.url, headers={"Authorization": "Bearer mine"}, timeout=10)
        requests.get(server.url, auth=("a", "b"), timeout=10)
        assert [n.headers["Authorization"] for n in server.seen] == ["Basic Ym9iOnB3", "Basic YTpi"]


def test_auth_protects_no_header_but_authorization(lessons) -> None:
    def key(request: Any) -> Any:
        request.headers["X-Api-Key"] = "secret"
        return request

    answer = lessons["answer"]
    with lessons["Server"](answer) as other:
        with lessons["Server"](lambda r: answer(r, 307, Location=other.url)) as server:
            requests.post(server.url, data=b"pin", auth=key, timeout=10)
        assert (other.seen[-1].headers["X-Api-Key"], other.seen[-1].body) == ("secret", b"pin")


def test_a_redirect_is_read_whole_whatever_was_said(lessons) -> None:
    packed = gzip.compress(bytes(1_000_000))

    def app(request: Any) -> None:
        if request.path == "/":
            more = {"Location": "/there", "Content_Encoding": "gzip"}
            lessons["answer"](request, 302, packed, **more)
        else:
            lessons["answer"](request)

    with lessons["Server"](app) as server:
        response = requests.get(server.url, stream=True, timeout=10)
        with response:
            assert len(response.history[0].content) == 1_000_000


def rule(method: str, status: int) -> tuple[str, bool]:
    """What `requests` sends on after a redirect: the method, and whether the body goes along."""
    if status in (307, 308):
        return method, True
    turns = status == 303 or status == 302 or (status == 301 and method == "POST")
    return ("GET" if turns and method != "HEAD" else method), False


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE"]),
    hops=st.lists(st.sampled_from([301, 302, 303, 307, 308]), min_size=1, max_size=4),
    body=st.binary(min_size=1, max_size=50),
)
def test_redirects_follow_the_three_groups_also_in_a_row(lessons, method, hops, body) -> None:
    def app(request: Any) -> None:
        hop = int(re.sub(r"\D", "", request.path))
        more = {"Location": f"/{hop + 1}"} if hop < len(hops) else {}
        lessons["answer"](request, hops[hop] if more else 200, **more)

    want, kept = method, True
    for status in hops:
        want, goes_along = rule(want, status)
        kept = kept and goes_along
    with lessons["Server"](app) as server:
        requests.request(method, f"{server.url}/0", data=body, timeout=10)
        assert server.seen[-1].method == want
        assert server.seen[-1].body == (body if kept else b"")


def test_a_put_that_is_repeated_meets_its_own_success(lessons) -> None:
    """Done, answer lost, sent again by Retry: 412, and a loop that reads again adds twice."""
    from requests.adapters import HTTPAdapter

    record, cuts = {"version": 1, "n": 0}, [1]

    def app(request: Any) -> None:
        tag = f'"{record["version"]}"'
        if request.command == "GET":
            return lessons["answer"](request, body=str(record["n"]).encode(), ETag=tag)
        if request.headers["If-Match"] != tag:
            return lessons["answer"](request, 412)
        record.update(version=record["version"] + 1, n=int(request.server.seen[-1].body))
        if cuts:
            cuts.pop()
            request.close_connection = True
            return None
        return lessons["answer"](request, 204)

    got = []
    with lessons["Server"](app) as server, requests.Session() as session:
        session.mount("http://", HTTPAdapter(max_retries=3))
        while 204 not in got:
            read = session.get(server.url, timeout=10)
            more, headers = str(int(read.text) + 1), {"If-Match": read.headers["ETag"]}
            put = session.put(server.url, data=more, headers=headers, timeout=10)
            got.append(put.status_code)
    assert (got, record["n"]) == ([412, 204], 2)
