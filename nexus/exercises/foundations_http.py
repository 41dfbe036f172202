"""Checks of `foundations/http`. Each judges by a server of its own, on what arrives there."""

import gzip
import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any

import requests
import urllib3

from nexus.exercises import Hint, call, exercise, plain

PATIENCE = 5.0  # seconds that a request of the judge's waits for anything


class Request(BaseHTTPRequestHandler):
    """One connection; `app` of its server answers each request on it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    body = b""

    def do_GET(self) -> None:
        length = self.headers.get("Content-Length", "0")
        self.body = self.rfile.read(int(length) if length.isdigit() else 0)
        self.server.note(self)
        self.server.app(self)

    do_POST = do_PUT = do_HEAD = do_DELETE = do_PATCH = do_GET

    def answer(self, status: int = 200, body: bytes = b"", **headers: Any) -> None:
        self.send_response(status)
        for name, value in ({"Content_Length": len(body)} | headers).items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Silent: whoever is judged sees hints, not a log."""


class Site(ThreadingTCPServer):
    """A server on a free port that counts connections and requests by method."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, app: Callable[[Any], None]) -> None:
        super().__init__(("127.0.0.1", 0), Request)
        self.app = app
        self.connections = 0
        self.requests: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def verify_request(self, request: Any, address: Any) -> bool:
        self.connections += 1
        return True

    def note(self, request: Request) -> None:
        with self.lock:
            self.requests[request.command] += 1

    def handle_error(self, request: Any, address: Any) -> None:
        """Silent: clients that hang up are expected."""


@contextmanager
def site(app: Callable[[Any], None]) -> Iterator[Site]:
    """Serve `app` for the time of the block."""
    with Site(app) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


# --- get_within ----------------------------------------------------------------------------------

TEXT = b"Boarding at gate B12. " * 50
SIZE, PAUSE = 30, 0.1  # of the drip: three seconds in all
LIMIT = 1.0
LATE = 1.5  # times LIMIT; below what "seconds for each stage" would need
MOST_BYTES = 100_000


class Drip:
    """An app that sends its bytes one by one."""

    def __init__(self, size: int = SIZE, pause: float = PAUSE) -> None:
        self.size, self.pause = size, pause

    def __call__(self, request: Request) -> None:
        request.answer(Content_Length=self.size)
        for _ in range(self.size):
            request.wfile.write(b".")
            time.sleep(self.pause)


class Silent:
    """An app that says nothing for three seconds, and then hangs up; `over` when it has."""

    over = False

    def __call__(self, request: Request) -> None:
        time.sleep(SIZE * PAUSE)
        self.over = True
        request.close_connection = True


def headers_late(request: Request) -> None:
    """Headers just in time, one byte, and then silence."""
    time.sleep(0.9 * LIMIT)
    request.answer(body=b".", Content_Length=SIZE)
    time.sleep(SIZE * PAUSE)


def headers_drip(request: Request) -> None:
    """Headers one by one; no wait is long."""
    for line in [b"HTTP/1.1 200 OK", *[b"X-Drip: yes"] * SIZE, b"Content-Length: 1", b""]:
        request.wfile.write(line + b"\r\n")
        time.sleep(PAUSE)
    request.wfile.write(b".")


class Endless:
    """An app that sends `size` bytes as fast as they are taken; `sent` of them so far."""

    size, sent = 60_000_000, 0

    def __call__(self, request: Request) -> None:
        request.answer(Content_Length=self.size)
        while self.sent < self.size:
            request.wfile.write(b"." * 60_000)
            self.sent += 60_000


def at_once(request: Request) -> None:
    """Answer with TEXT, packed for those who accept that."""
    if "gzip" in request.headers.get("Accept-Encoding", ""):
        request.answer(body=gzip.compress(TEXT), Content_Encoding="gzip")
    else:
        request.answer(body=TEXT)


def timed_out(got: Any) -> bool:
    """Whether `got` is a timeout, under any of its names.

    requests raises a ConnectionError around urllib3's when the body of a stream does not come.
    """
    inner = got.args[0] if isinstance(got, requests.ConnectionError) and got.args else got
    return isinstance(inner, TimeoutError | requests.Timeout | urllib3.exceptions.TimeoutError)


def obtained(answer: Any, app: Callable[[Any], None], seconds: float) -> tuple[Any, float]:
    """The bytes that `answer` gives, or the error that it raises; and after how many seconds."""
    if not callable(answer):
        return call(answer)  # which has the hint for that

    def catch() -> Any:
        try:
            return plain(answer(server.url, seconds, MOST_BYTES))
        except (
            TimeoutError,
            ValueError,
            requests.RequestException,
            urllib3.exceptions.HTTPError,
        ) as error:
            return error

    with site(app) as server:
        start = time.monotonic()
        got = call(catch)
        return got, time.monotonic() - start


def late(answer: Any, app: Callable[[Any], None], whole: int = SIZE) -> float:
    """Seconds after which `answer` gave `app` up; 0 in time. A busy machine has a second chance.

    Raises:
        Hint: it did not give up, or not by a timeout.
    """
    for _ in range(2):
        got, seconds = obtained(answer, app, LIMIT)
        if type(got) is bytes and len(got) < whole:
            raise Hint("a part of the body was returned as if it were the whole: raise instead")
        if type(got) is not bytes and not timed_out(got):
            raise Hint(f"too slow a server: a timeout is asked for, not {type(got).__name__}")
        if seconds <= LATE * LIMIT:
            return 0
        if seconds > 2.4 * LIMIT:
            break
    return seconds


@exercise("foundations/http/get_within")
def get_within(answer: Any) -> str:
    """`get_within(url, seconds, most)`: the whole body, or an error, within `seconds`."""
    got, _ = obtained(answer, at_once, PATIENCE)
    if type(got) is not bytes:
        raise Hint(f"bytes are asked for; a server that answers at once gave {type(got).__name__}")
    if got[:2] == b"\x1f\x8b":
        raise Hint("these bytes are still packed by gzip: unpack them, or do not accept gzip")
    if got != TEXT:
        raise Hint(f"the body has {len(TEXT)} bytes; {len(got)} came, or others")
    slow = Drip(8, 0.05)
    got, _ = obtained(answer, slow, PATIENCE)
    if got != b"." * slow.size:
        raise Hint("a server that was slow but in time: its body was not returned whole")
    drip = Drip()
    got, seconds = obtained(answer, drip, LIMIT)
    if got == b"." * SIZE:
        raise Hint(
            f"{SIZE} bytes, one each {PAUSE} s, and you waited for all of them with {LIMIT:g} s to "
            "wait: your limit starts again at each byte"
        )
    if type(got) is bytes:
        raise Hint("a part of the body was returned as if it were the whole: raise instead")
    if seconds > 2.4 * LIMIT:
        raise Hint(
            "your timeout came when the server had finished: what held you? A clock that is looked "
            "at when a chunk is full is looked at too late"
        )
    if seconds > LATE * LIMIT and late(answer, drip):
        raise Hint(f"with {LIMIT:g} s to wait, your timeout came after more than {LATE:g} s")
    silent = Silent()
    got, _ = obtained(answer, silent, LIMIT)
    if silent.over or not timed_out(got):
        raise Hint(
            "a server that says nothing held you until it hung up: the clock in the loop is never "
            "reached, so the wait for the next byte needs a limit too"
        )
    if late(answer, Drip(8, 0.45), 8):
        raise Hint("fewer bytes, longer waits, and you were late: look at the clock, do not count")
    if late(answer, headers_late):
        raise Hint(
            "late headers, a byte, silence: each wait was in time and the sum was not. Who watches "
            "from outside, from the call to the end?"
        )
    if late(answer, headers_drip):
        raise Hint("headers that drip: your clock began when they were all there")
    got, _ = obtained(answer, lambda request: request.answer(503, b"later"), PATIENCE)
    if type(got) is bytes:
        raise Hint("a 503 came back as if it were the body: an error status is an error")
    endless = Endless()
    got, _ = obtained(answer, endless, PATIENCE)
    if not isinstance(got, ValueError):
        raise Hint(f"a body of {endless.size:,} bytes, {MOST_BYTES:,} allowed: ValueError is asked")
    if endless.sent == endless.size:
        raise Hint(f"you counted when all of the {endless.size:,} bytes were in your hands")
    return "whole in time; late headers, drips and silence end in time; too much is refused"


# --- create --------------------------------------------------------------------------------------

MOST = 20  # attempts


class Seats:
    """An app that books, and breaks the connection for the first `cuts` requests."""

    def __init__(self, cuts: int, status: int = 201) -> None:
        self.cuts, self.status = cuts, status
        self.followed = 0  # redirects
        self.rows: dict[Any, Any] = {}
        self.keys: list[str | None] = []

    def __call__(self, request: Request) -> None:
        if len(self.keys) > 3 * MOST:
            raise ConnectionError  # whoever asks for ever gets no further
        key = request.headers.get("Idempotency-Key")
        if request.path == "/seats/":
            self.followed += 1
            return request.answer(200, b"[]")
        self.keys.append(key)
        if request.command == "POST" and self.status == 201:
            self.rows.setdefault(key or object(), request.body)
        if len(self.keys) <= self.cuts:
            request.close_connection = True
            return None
        more = {"Location": "/seats/"} if self.status == 301 else {}
        return request.answer(self.status, b"{}", **more)


@exercise("foundations/http/create")
def create(answer: Any) -> str:
    """`create(session, url, body)`: the status of a POST that happens once, whatever breaks."""
    seat = {"flight": "B6-725", "seat": "12A"}
    for cuts in (0, 1, 2):
        seats = Seats(cuts)
        with site(seats) as server, requests.Session() as session:
            status = status_of(answer, session, server.url, seat)
        said = f"{cuts} broken connection{'s' if cuts > 1 else ''}: " if cuts else ""
        if status is None:
            raise Hint(f"{said}you let the error out. Nobody knows now whether there is a row")
        if len(seats.rows) > 1:
            raise Hint(f"{said}{len(seats.rows)} rows: {why_more(seats.keys)}")
        if status != 201:
            raise Hint(f"{said}the status code 201 is asked for, not {status!r}")
        if not seats.rows:
            raise Hint("the seat was not booked")
        if parsed(next(iter(seats.rows.values()))) != seat:
            raise Hint("what arrived was not `body` as JSON")
    seats = Seats(0)
    with site(seats) as server, requests.Session() as session:
        for body in (seat, seat, {**seat, "seat": "12B"}):
            call(answer, session, server.url, body)
    if len(seats.rows) != 3:
        raise Hint(
            f"three calls, {len(seats.rows)} rows: your second booking vanished. A key belongs to "
            "one intention, not to the program and not to the body"
        )
    refused = Seats(0, 422)
    with site(refused) as server, requests.Session() as session:
        status = plain(call(answer, session, server.url, seat))
    if status != 422 or len(refused.keys) != 1:
        raise Hint(f"an answer of 422: {len(refused.keys)} attempts, and you returned {status!r}")
    if numbers := [key for key in seats.keys if numeric(key)]:
        alike = "has the same clock" if "." in numbers[0] else "counts from one, too"
        raise Hint(f"your keys are numbers: a second process {alike}; what would it send?")
    moved(answer, seat)
    gives_up(answer, seat)
    return "one row for each intention, with 0, 1 and 2 broken connections; and it gives up"


def status_of(answer: Any, *args: Any) -> Any:
    """What the answer returns, -1 for None; None when the connection's error came out."""

    def tried() -> Any:
        try:
            got = answer(*args)
        except requests.ConnectionError:
            return None
        return -1 if got is None else got

    return plain(call(tried)) if callable(answer) else call(answer)


def parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None


def why_more(keys: list[str | None]) -> str:
    if None in keys or "" in keys:
        return "the server cannot tell a second attempt from a second intention"
    return "each attempt came with a key of its own; the key belongs to the intention"


def numeric(key: str | None) -> bool:
    """Whether `key` is a number, as a counter's or a clock's is."""
    try:
        float((key or "").strip('"'))
    except ValueError:
        return False
    return True


def moved(answer: Any, seat: dict) -> None:
    """A 301 is not followed: its status comes back, or an error."""
    seats = Seats(0, 301)
    with site(seats) as server, requests.Session() as session:
        try:
            got = plain(answer(session, server.url, seat))
        except requests.RequestException:
            got = 301
    if seats.followed:
        raise Hint(f"an answer of 301: you followed it and returned {got!r}, and nothing was made")
    if got != 301:
        raise Hint(f"an answer of 301: you returned {got!r}")


def gives_up(answer: Any, seat: dict) -> None:
    dead = Seats(10 * MOST)
    with site(dead) as server, requests.Session() as session:
        try:
            answer(session, server.url, seat)
        except requests.RequestException:
            pass
        except Exception as error:
            name = type(error).__name__
            raise Hint(f"the connection always breaks: the error was {name}, not its own") from None
        else:
            raise Hint("the connection always breaks: nothing was raised, the caller thinks it won")
    if len(dead.keys) >= MOST:
        raise Hint(f"the connection always breaks, and you tried {len(dead.keys)} times")


# --- fetch_all -----------------------------------------------------------------------------------

WORKERS = 16
LAPS = 3


class Crowd:
    """An app that answers when `size` requests are on the way at once, or after a while."""

    def __init__(self, size: int) -> None:
        self.barrier = threading.Barrier(size)
        self.lock = threading.Lock()
        self.now = self.most = 0

    def __call__(self, request: Request) -> None:
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        with suppress(threading.BrokenBarrierError):  # fewer came; from now on nobody waits
            self.barrier.wait(4)
            time.sleep(0.05)  # for those who come and should not
        with self.lock:
            self.now -= 1
        request.answer(body=request.path.encode() + b"." * 500)


@exercise("foundations/http/fetch_all")
def fetch_all(answer: Any) -> str:
    """`fetch_all(urls, workers)`: the bodies in order, over at most `workers` connections.

    The workers go from one server to the other and back. When all are at the other one, all their
    connections to the first are idle, and a pool that keeps fewer has closed the rest.
    """
    crowd = Crowd(WORKERS)
    paths = [f"/flights/{number}" for number in range(WORKERS * LAPS)]
    with site(crowd) as here, site(crowd) as there:
        urls = [(there if n // WORKERS % 2 else here).url + path for n, path in enumerate(paths)]
        got = plain(call(answer, urls, WORKERS))
        servers = here, there
    connections = max(server.connections for server in servers)
    asked = sum(sum(server.requests.values()) for server in servers)
    want = [path.encode() + b"." * 500 for path in paths]
    if type(got) not in (list, tuple) or any(type(body) is not bytes for body in got):
        raise Hint("a list of bodies is asked for, each of them bytes")
    if sorted(got) == sorted(want) and list(got) != want:
        raise Hint("the bodies are right, but not in the order of `urls`")
    if list(got) != want:
        raise Hint(f"{len(want)} bodies are asked for; these are others, or not whole")
    if asked != len(paths):
        raise Hint(f"{asked} requests for {len(paths)} addresses")
    if crowd.most < WORKERS:
        raise Hint(f"{crowd.most} requests at most were on the way at once; {WORKERS} workers are")
    if crowd.most > WORKERS:
        raise Hint(f"{crowd.most} requests were on the way at once, with {WORKERS} workers")
    if connections == here.requests["GET"]:
        raise Hint(
            f"{connections} connections for as many requests: none was used again. Who makes "
            "a session for each of them, or leaves an answer unread?"
        )
    if connections > WORKERS:
        raise Hint(
            f"{connections} connections to one server for {WORKERS} workers: the pool gives out as "
            "many as are wanted, and keeps 10 unless it is told otherwise"
        )
    refused(answer)
    return f"{len(paths)} bodies in order, {WORKERS} at once, {connections} connections a server"


def refused(answer: Any) -> None:
    """One address of three answers 503."""
    with site(lambda r: r.answer(503 if r.path == "/1" else 200, b"later")) as server:
        try:
            answer([f"{server.url}/{number}" for number in range(3)], 2)
        except (requests.RequestException, urllib3.exceptions.HTTPError):
            return
        except Exception as error:
            raise Hint(f"one of three was a 503; you raised {type(error).__name__}") from None
    raise Hint("one of three was a 503, and its text came back as if it were a body")


# --- update --------------------------------------------------------------------------------------


ENDLESS = 60  # writes; ten that collide need 55 at most


class Record:
    """An app: a patient's record that tags its states; `rivals` others write after the first reads.

    A rival comes between a reader's GET and his PUT, which is the moment that matters.
    """

    def __init__(self, rivals: int = 0, status: int = 0, tagged: bool = True) -> None:
        self.tagged = tagged
        self.document: dict[str, Any] = {"patient": "A. Meyer", "notes": []}
        self.rivals, self.status = rivals, status
        self.lock = threading.Lock()
        self.notes: list[str] = []  # those that rivals have written
        self.tags: list[str | None] = []  # of each PUT

    @property
    def tag(self) -> str:
        return f'"{hashlib.sha256(json.dumps(self.document).encode()).hexdigest()[:12]}"'

    def __call__(self, request: Request) -> None:
        with self.lock:
            if request.command == "GET":
                body, tag = json.dumps(self.document).encode(), self.tag
                if self.rivals:
                    self.rivals -= 1
                    self.notes.append(f"rival {self.rivals}")
                    notes = [*self.document["notes"], self.notes[-1]]
                    self.document = self.document | {"notes": notes}
                tags = {"ETag": tag} if self.tagged else {}
                return request.answer(body=body, Content_Type="application/json", **tags)
            sent = request.headers.get("If-Match")
            self.tags.append(sent)
            if len(self.tags) > ENDLESS:
                raise ConnectionError
            if request.path == "/moved":
                return request.answer(204)
            if self.status:
                return request.answer(self.status, Location="/moved")
            if sent not in (None, "*", self.tag):
                return request.answer(412)
            self.document = json.loads(request.body)
            return request.answer(204)


def adding(note: str) -> Callable[[dict], dict]:
    return lambda record: record | {"notes": [*record["notes"], note]}


@exercise("foundations/http/update")
def update(answer: Any) -> str:
    """`update(url, change)`: read, change, write under If-Match, again on 412; none is lost."""
    rivals = 3
    record = Record(rivals)
    with site(record) as server:
        try:
            call(answer, server.url, adding("mine"))
        except Hint:
            if len(record.tags) > ENDLESS:
                raise Hint(endless(record.tags)) from None
            raise
    notes = record.document.get("notes") if type(record.document) is dict else None
    if type(notes) is not list or notes.count("mine") > 1:
        raise Hint("the record that was written is not what `change` made of what was read")
    if not record.tags:
        raise Hint("no PUT came, so nothing was written")
    lost = set(record.notes) - set(notes)
    if lost and None in record.tags:
        raise Hint(f"{len(lost)} of the others' changes lost: a PUT came without If-Match")
    if lost and "*" in record.tags:
        raise Hint(f"{len(lost)} of the others' changes lost: `*` matches any state, also theirs")
    if lost:
        raise Hint(
            f"{len(lost)} of the others' changes lost: the tag was fresh and the record was not; "
            "apply the change to what you read with the tag"
        )
    if "mine" not in notes:
        raise Hint("after a 412 your own change was lost: read again, and try again")
    for status in (403, 503, 301):
        raises_on(answer, status)
    unreadable(answer)
    untagged(answer)
    beaten(answer)
    together(answer)
    return f"{rivals} rivals and ten updates at once, and every note is there"


def endless(tags: list[str | None]) -> str:
    if len(set(tags)) == 1:
        return (
            f"{len(tags)} writes with one and the same tag: what was refused once is refused always"
        )
    return f"{len(tags)} writes and no end"


def raises_on(answer: Any, status: int) -> None:
    """An error that is no 412 must come out, after one attempt or a few."""
    record = Record(status=status)
    with site(record) as server:
        try:
            answer(server.url, adding("mine"))
        except requests.RequestException:
            if len(record.tags) < 20:
                return
            raise Hint(
                f"the server answered {status}, and you wrote {len(record.tags)} times"
            ) from None
        except Exception as error:
            raise Hint(f"the server answered {status}; you raised {type(error).__name__}") from None
    raise Hint(f"the server answered {status} to the write, and nothing was raised")


def unreadable(answer: Any) -> None:
    """The record cannot be read: nothing may be written, and the error must come out."""
    puts = []

    def app(request: Request) -> None:
        if request.command == "GET":
            request.answer(503, b'{"notes": []}', ETag='"error"', Content_Type="application/json")
        else:
            puts.append(request.body)
            request.answer(204)

    with site(app) as server, suppress(Exception):
        answer(server.url, adding("mine"))
        puts.append(b"nothing was raised")
    if puts:
        raise Hint("the record could not be read, a 503: you took its text for the record")


def untagged(answer: Any) -> None:
    """No ETag, so no way to write safely."""
    record = Record(tagged=False)
    with site(record) as server, suppress(Exception):
        answer(server.url, adding("mine"))
        record.tags.append("returned")
    if record.tags:
        raise Hint("the record came without a tag: whatever is written now may undo another's")


def beaten(answer: Any) -> None:
    """A rival wins every time: give up, and say so."""
    record = Record(rivals=10 * ENDLESS)
    with site(record) as server:
        try:
            answer(server.url, adding("mine"))
        except Exception:
            if len(record.tags) > ENDLESS:
                raise Hint("a rival wins every time, and your attempts have no end") from None
            return
    raise Hint("a rival wins every time: nothing was written, and nothing was raised")


def together(answer: Any) -> None:
    """Ten updates from ten threads."""
    record, errors = Record(), []

    def one(number: int) -> None:
        try:
            answer(server.url, adding(f"ward {number}"))
        except Exception as error:
            errors.append(type(error).__name__)

    with site(record) as server:
        threads = [threading.Thread(target=one, args=(n,), daemon=True) for n in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
    missing = [n for n in range(10) if f"ward {n}" not in record.document["notes"]]
    if missing:
        why = f" ({errors[0]})" if errors else ""
        raise Hint(f"ten updates at once, and {len(missing)} are missing{why}")
