"""Answers that the checks of foundations/http must refuse, each with a part of its hint."""

import itertools
import time
import uuid
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

# --- get_within ----------------------------------------------------------------------------------


def timeout_only(url: str, seconds: float, most: int) -> bytes:
    return requests.get(url, timeout=seconds).content


def read_by(
    pieces: Any,
    timeout: Any = True,
    late: Any = TimeoutError,
    share: float = 1,
    raises: bool = True,
) -> Any:
    """A deadline over `pieces(response)`, with one thing wrong.

    `late` is raised, or without it the part is returned; `share` of the time may be used.
    """

    def answer(url: str, seconds: float, most: int) -> bytes:
        end, body = time.monotonic() + share * seconds, b""
        wait = seconds if timeout else None
        with requests.get(url, headers=PLAIN, stream=True, timeout=wait) as response:
            if raises:
                response.raise_for_status()
            for piece in pieces(response):
                body += piece
                if time.monotonic() > end:
                    if late is None:
                        return body
                    raise late(f"{len(body)} bytes")
        return body

    return answer


PLAIN = {"Accept-Encoding": "identity"}


def by_read1(response: requests.Response) -> Any:
    return iter(lambda: response.raw.read1(8192), b"")


def still_packed(url: str, seconds: float, most: int) -> bytes:
    with requests.get(url, stream=True, timeout=seconds) as response:
        return b"".join(by_read1(response))


def count(limit: int) -> Any:
    """Counts pieces instead of looking at a clock."""

    def answer(url: str, seconds: float, most: int) -> bytes:
        body = b""
        with requests.get(url, headers=PLAIN, stream=True, timeout=seconds) as response:
            response.raise_for_status()
            for number, piece in enumerate(by_read1(response)):
                body += piece
                if number > limit:
                    raise TimeoutError
        return body

    return answer


def in_a_thread(whole: Any) -> Any:
    """`whole` in a thread whose result is waited for: a true deadline."""

    def answer(url: str, seconds: float, most: int) -> bytes:
        team = ThreadPoolExecutor(1)
        got = team.submit(whole, url, seconds, most)
        team.shutdown(wait=False)
        return got.result(seconds)

    return answer


def counts_at_the_end(url: str, seconds: float, most: int) -> bytes:
    response = requests.get(url, timeout=seconds)
    response.raise_for_status()
    if len(response.content) > most:
        raise ValueError
    return response.content


def no_limit(url: str, seconds: float, most: int) -> bytes:
    response = requests.get(url, timeout=seconds)
    response.raise_for_status()
    return response.content


def text(url: str, seconds: float, most: int) -> str:
    return requests.get(url, timeout=seconds).text


def first_piece(url: str, seconds: float, most: int) -> bytes:
    with requests.get(url, stream=True, timeout=seconds) as response:
        return next(response.iter_content(100))


# --- create --------------------------------------------------------------------------------------

COUNTER = itertools.count(1)
ANY = Retry(total=3, allowed_methods=None)


def posting(key: Any, attempts: int = 5, last: bool = True, again: Any = ()) -> Any:
    """A loop of `attempts`; `key(body)` is asked before each, and the last error is let out."""

    def answer(session: requests.Session, url: str, body: dict) -> int | None:
        for left in reversed(range(attempts)):
            try:
                headers = {"Idempotency-Key": key(body)}
                status = session.post(
                    url, json=body, headers=headers, timeout=5, allow_redirects=False
                ).status_code
                if status not in again or not left:
                    return status
            except requests.ConnectionError:
                if last and not left:
                    raise
        return None

    return answer


def key_from(source: Any, **follow: Any) -> Any:
    """A right loop, but for the key or for what it does with a redirect."""

    def answer(session: requests.Session, url: str, body: dict) -> int | None:
        headers = {"Idempotency-Key": source()}
        for left in reversed(range(5)):
            try:
                got = session.post(url, json=body, headers=headers, timeout=5, **follow)
                return got.status_code
            except requests.ConnectionError:
                if not left:
                    raise
        return None

    return answer


def once_per_call(**options: Any) -> Any:
    def answer(session: requests.Session, url: str, body: dict) -> int | None:
        key = uuid.uuid4().hex
        return posting(lambda body: key, **options)(session, url, body)

    return answer


def no_retry(session: requests.Session, url: str, body: dict) -> int:
    return session.post(url, json=body, timeout=5).status_code


def retry_alone(session: requests.Session, url: str, body: dict) -> int:
    session.mount("http://", HTTPAdapter(max_retries=ANY))
    return session.post(url, json=body, timeout=5).status_code


def as_a_form(session: requests.Session, url: str, body: dict) -> int:
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    session.mount("http://", HTTPAdapter(max_retries=ANY))
    return session.post(url, data=body, headers=headers, timeout=5).status_code


def the_response(session: requests.Session, url: str, body: dict) -> dict:
    session.mount("http://", HTTPAdapter(max_retries=ANY))
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    return session.post(url, json=body, headers=headers, timeout=5).json()


def says_201(session: requests.Session, url: str, body: dict) -> int:
    return 201


# --- fetch_all -----------------------------------------------------------------------------------


def a_session_each(urls: list[str], workers: int) -> list[bytes]:
    with ThreadPoolExecutor(workers) as team:
        return [r.content for r in team.map(lambda url: requests.Session().get(url), urls)]


def shared(size: Any, order: Any = None) -> Any:
    """One session and a large pool; `size(workers)` threads."""

    def answer(urls: list[str], workers: int) -> list[bytes]:
        count = size(workers)
        with ThreadPoolExecutor(count) as team, requests.Session() as session:
            session.mount("http://", HTTPAdapter(pool_maxsize=count))
            if order:
                return order(team, session, urls)
            return [r.content for r in team.map(session.get, urls)]

    return answer


def default_pool(urls: list[str], workers: int) -> list[bytes]:
    with ThreadPoolExecutor(workers) as team, requests.Session() as session:
        return [r.content for r in team.map(session.get, urls)]


def as_they_come(team: ThreadPoolExecutor, session: requests.Session, urls: list[str]) -> list:
    found = [f.result().content for f in as_completed([team.submit(session.get, u) for u in urls])]
    return sorted(found, reverse=True)


def responses(team: ThreadPoolExecutor, session: requests.Session, urls: list[str]) -> list:
    return [r.status_code for r in team.map(session.get, urls)]


def unread(team: ThreadPoolExecutor, session: requests.Session, urls: list[str]) -> list[bytes]:
    """Streams, takes a part of each body, and leaves the connections open."""
    left_open = list(team.map(lambda url: session.get(url, stream=True), urls))
    return [next(r.iter_content(10)) for r in left_open]


def looks_first(team: ThreadPoolExecutor, session: requests.Session, urls: list[str]) -> list:
    def get(url: str) -> bytes:
        session.head(url)
        return session.get(url).content

    return list(team.map(get, urls))


# --- update --------------------------------------------------------------------------------------


def writing(
    tag: Any = lambda read: read.headers["ETag"],
    tries: int = 100,
    reread: bool = True,
    stale: bool = False,
    errors: bool = True,
) -> Any:
    """Read, write, again on 412, with one thing wrong."""

    def answer(url: str, change: Any) -> None:
        read = requests.get(url, timeout=5)
        document = change(read.json())
        for _ in range(tries):
            headers = {"If-Match": tag(read)} if tag(read) else {}
            written = requests.put(url, json=document, headers=headers, timeout=5)
            if written.status_code != 412:
                if errors:
                    written.raise_for_status()
                return
            if reread:
                read = requests.get(url, timeout=5)
                if not stale:
                    document = change(read.json())

    return answer


def looping(tag: Any, tries: int = 20, reads: bool = True, **options: Any) -> Any:
    """A right loop but for what is left out: the tag, an end, an error of the read, a redirect."""

    def answer(url: str, change: Any) -> None:
        for _ in range(tries):
            read = requests.get(url, timeout=5)
            if reads:
                read.raise_for_status()
            headers = {"If-Match": tag(read)}
            written = requests.put(
                url, json=change(read.json()), headers=headers, timeout=5, **options
            )
            if written.status_code != 412:
                break
        written.raise_for_status()
        if written.is_redirect:
            raise requests.HTTPError

    return answer


def silent_end(url: str, change: Any) -> None:
    """Leaves after twenty refusals, as if it had written."""
    for _ in range(20):
        read = requests.get(url, timeout=5)
        read.raise_for_status()
        headers = {"If-Match": read.headers["ETag"]}
        written = requests.put(
            url, json=change(read.json()), headers=headers, timeout=5, allow_redirects=False
        )
        if written.is_redirect or (written.status_code >= 400 and written.status_code != 412):
            raise requests.HTTPError
        if written.ok:
            return


def every_error_again(url: str, change: Any) -> None:
    for _ in range(50):
        read = requests.get(url, timeout=5)
        headers = {"If-Match": read.headers["ETag"]}
        written = requests.put(url, json=change(read.json()), headers=headers, timeout=5)
        if written.ok:
            return
    written.raise_for_status()


def weakened(read: requests.Response) -> str:
    return "W/" + read.headers["ETag"]


EXERCISES = {
    "get_within": {
        "timeout= only": (timeout_only, "your limit starts again at each byte"),
        "chunks of 8192": (
            read_by(lambda r: r.iter_content(8192)),
            "looked at when a chunk is full",
        ),
        "no timeout beside the clock": (
            read_by(lambda r: r.iter_content(1), timeout=False),
            "says nothing held you",
        ),
        "the part that came": (
            read_by(lambda r: r.iter_content(1), late=None),
            "as if it were the whole",
        ),
        "packed bytes": (still_packed, "still packed by gzip"),
        "too few pieces": (count(2), "slow but in time"),
        "counts pieces": (count(11), "look at the clock, do not count"),
        "a text": (text, "bytes are asked for"),
        "the first piece": (first_piece, "100 came"),
        "a longer clock": (read_by(by_read1, share=1.8), "came after more than 1.5 s"),
        "a clock for each stage": (read_by(by_read1), "each wait was in time and the sum was not"),
        "a 503 as the body": (
            in_a_thread(read_by(by_read1, raises=False)),
            "an error status is an error",
        ),
        "no limit of size": (in_a_thread(no_limit), "ValueError is asked"),
        "the size of what was read": (in_a_thread(counts_at_the_end), "in your hands"),
    },
    "create": {
        "a key for each attempt": (
            posting(lambda body: uuid.uuid4().hex),
            "the key belongs to the intention",
        ),
        "one key for all": (posting(lambda body: "the-key"), "your second booking vanished"),
        "the body as the key": (posting(lambda body: body["seat"]), "three calls, 2 rows"),
        "no key": (retry_alone, "cannot tell a second attempt from a second intention"),
        "no retry": (no_retry, "you let the error out"),
        "swallows the last error": (once_per_call(last=False), "the caller thinks it won"),
        "for ever": (once_per_call(attempts=50), "you tried 50 times"),
        "422 again": (once_per_call(again=(422,)), "5 attempts, and you returned 422"),
        "data=": (as_a_form, "not `body` as JSON"),
        "the response": (the_response, "the status code 201 is asked for"),
        "only says so": (says_201, "was not booked"),
        "the time as the key": (
            key_from(lambda: str(time.time()), allow_redirects=False),
            "a second process has the same clock",
        ),
        "a counter as the key": (
            key_from(lambda: f'"{next(COUNTER)}"', allow_redirects=False),
            "counts from one, too",
        ),
        "follows the redirect": (
            key_from(lambda: uuid.uuid4().hex),
            "you followed it and returned 200",
        ),
    },
    "fetch_all": {
        "a session for each": (a_session_each, "none was used again"),
        "the pool as it comes": (default_pool, "22 connections to one server for 16 workers"),
        "a 503 as a body": (shared(lambda workers: workers), "one of three was a 503"),
        "one after the other": (shared(lambda workers: 1), "1 requests at most"),
        "half of the workers": (shared(lambda workers: workers // 2), "8 requests at most"),
        "twice the workers": (shared(lambda workers: 2 * workers), "with 16 workers"),
        "as they come": (shared(lambda workers: workers, as_they_come), "not in the order"),
        "status codes": (shared(lambda workers: workers, responses), "a list of bodies"),
        "a part of each": (shared(lambda workers: workers, unread), "not whole"),
        "HEAD first": (shared(lambda workers: workers, looks_first), "96 requests"),
    },
    "update": {
        "no If-Match": (writing(tag=lambda read: None), "a PUT came without If-Match"),
        "If-Match: *": (writing(tag=lambda read: "*"), "`*` matches any state"),
        "the old tag again": (writing(reread=False), "one and the same tag"),
        "a fresh tag, the old record": (writing(stale=True), "the record was not"),
        "gives up at once": (writing(tries=1), "your own change was lost"),
        "a weak tag": (writing(tag=weakened), "writes and no end"),
        "hides the error": (writing(errors=False), "403 to the write, and nothing was raised"),
        "every error again": (every_error_again, "and you wrote 50 times"),
        "* without a tag": (
            looping(lambda read: read.headers.get("ETag", "*"), allow_redirects=False),
            "may undo another's",
        ),
        "reads an error as the record": (
            looping(lambda read: read.headers["ETag"], reads=False, allow_redirects=False),
            "you took its text for the record",
        ),
        "follows the redirect": (
            looping(lambda read: read.headers["ETag"]),
            "301 to the write, and nothing was raised",
        ),
        "no end": (
            looping(lambda read: read.headers["ETag"], tries=500, allow_redirects=False),
            "your attempts have no end",
        ),
        "gives up in silence": (silent_end, "nothing was written, and nothing was raised"),
        "writes nothing": (lambda url, change: None, "no PUT came"),
    },
}
