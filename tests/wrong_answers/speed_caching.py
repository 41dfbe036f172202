"""Wrong answers to the exercises of `speed/caching`: label -> (answer, part of its hint)."""

import math
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

import redis

# --- hit_ratio -----------------------------------------------------------------------------------


def right_ratio(popularity: list[float], rate: float, ttl: float) -> float:
    return sum(p * p * rate * ttl / (1 + p * rate * ttl) for p in popularity)


def everyone_alike(popularity: list[float], rate: float, ttl: float) -> float:
    fills = rate * ttl / len(popularity)
    return fills / (1 + fills)


def ttl_over_gap(popularity: list[float], rate: float, ttl: float) -> float:
    return min(1, rate * ttl)


def ttl_over_gap_of_each(popularity: list[float], rate: float, ttl: float) -> float:
    return sum(p * min(1, p * rate * ttl) for p in popularity)


def unweighted(popularity: list[float], rate: float, ttl: float) -> float:
    ratios = [p * rate * ttl / (1 + p * rate * ttl) for p in popularity]
    return sum(ratios) / len(ratios)


def sliding(popularity: list[float], rate: float, ttl: float) -> float:
    return sum(p * (1 - math.exp(-p * rate * ttl)) for p in popularity)


# --- get_or_build --------------------------------------------------------------------------------

RELEASE = "return redis.call('GET', KEYS[1]) == ARGV[1] and redis.call('DEL', KEYS[1]) or 0"
in_process = threading.Lock()


def no_lock(r: redis.Redis, key: bytes, build: Callable, ttl: int) -> Any:
    value = r.get(key)
    if value is None:
        value = build()
        r.set(key, value, ex=ttl)
    return value


def lock_in_process(r: redis.Redis, key: bytes, build: Callable, ttl: int) -> Any:
    with in_process:
        return no_lock(r, key, build, ttl)


def locking(
    r: redis.Redis,
    key: bytes,
    build: Callable,
    ttl: int | None,
    *,
    again: bool = True,
    expiry: int | None = 10_000,
    release: str = "mine",
    token: bytes | None = None,
    on_error: bool = True,
    empty_is_miss: bool = False,
) -> Any:
    """The solution, with a switch for each way to get it wrong."""

    def missing(value: Any) -> bool:
        return not value if empty_is_miss else value is None

    def let_go() -> None:
        if release == "mine":
            r.eval(RELEASE, 1, lock, token)
        elif release == "any" or (release == "looked at" and r.get(lock) == token):
            r.delete(lock)

    if not missing(value := r.get(key)):
        return value
    lock, token = key + b":lock", token or secrets.token_bytes(8)
    while not r.set(lock, token, nx=True, px=expiry):
        time.sleep(0.002)
    try:
        value = r.get(key) if again else None
        if missing(value):
            value = build()
            r.set(key, value, ex=ttl)
    except BaseException:
        if on_error:
            let_go()
        raise
    let_go()
    return value


def decoy(r: redis.Redis, key: bytes, build: Callable, ttl: int) -> Any:
    """A lock of the process, and a key in Redis that nobody waits for."""
    with in_process:
        r.delete(key + b":lock")
        return locking(r, key, build, ttl)


def page_for_ever(r: redis.Redis, key: bytes, build: Callable, ttl: int) -> Any:
    return locking(r, key, build, None)


def ttl_of_the_page(r: redis.Redis, key: bytes, build: Callable, ttl: int) -> Any:
    return locking(r, key, build, 60)


def ttl_too_short(r: redis.Redis, key: bytes, build: Callable, ttl: int) -> Any:
    return locking(r, key, build, 5)


def never_stores(r: redis.Redis, key: bytes, build: Callable, ttl: int) -> Any:
    return build()


def builds_twice(r: redis.Redis, key: bytes, build: Callable, ttl: int) -> Any:
    build()
    return locking(r, key, build, ttl)


def gives_up(r: redis.Redis, key: bytes, build: Callable, ttl: int) -> Any:
    if (value := r.get(key)) is None and r.set(key + b":lock", b"x", nx=True, px=10_000):
        r.set(key, value := build(), ex=ttl)
        r.delete(key + b":lock")
    return value


def swallows(r: redis.Redis, key: bytes, build: Callable, ttl: int) -> Any:
    try:
        return locking(r, key, build, ttl)
    except Exception:
        return b""


# --- change_gate ---------------------------------------------------------------------------------

FRESH = """if redis.call('GET', KEYS[2]) == ARGV[2] then
    redis.call('SET', KEYS[1], ARGV[1], 'EX', 60) end"""
STORE = """if (redis.call('GET', KEYS[2]) or '') == ARGV[2] then
    redis.call('SET', KEYS[1], ARGV[1], 'EX', 60) end"""


def sql(conn: Any, statement: str, *values: Any) -> Any:
    with conn.cursor() as cursor:
        cursor.execute(statement, values)
        row = cursor.fetchone()
    return row and row[0]


def select(conn: Any, flight: int) -> Any:
    return sql(conn, "SELECT gate FROM gates WHERE flight = %s", flight)


def plain_reader(conn: Any, r: redis.Redis, flight: int) -> Iterator[Any]:
    gate = r.get(f"gate:{flight}")
    yield gate
    if gate is None:
        gate = select(conn, flight)
        yield gate
        r.set(f"gate:{flight}", gate, ex=60)
        yield gate


def modest_reader(conn: Any, r: redis.Redis, flight: int) -> Iterator[Any]:
    """Stores only where nothing is: right beside one writer that stores its gate."""
    gate = r.get(f"gate:{flight}")
    yield gate
    if gate is None:
        gate = select(conn, flight)
        yield gate
        r.set(f"gate:{flight}", gate, ex=60, nx=True)
        yield gate


def token_reader(conn: Any, r: redis.Redis, flight: int) -> Iterator[Any]:
    keys = f"gate:{flight}", f"version:{flight}"
    gate, version = r.mget(keys)
    yield gate
    if gate is None:
        gate = select(conn, flight)
        yield gate
        r.eval(STORE, 2, *keys, gate, version or "")
        yield gate


def lease_reader(
    conn: Any, r: redis.Redis, flight: int, *, key: str = "gate:{}", store: str = FRESH
) -> Iterator[Any]:
    keys = key.format(flight), f"version:{flight}"
    look = r.pipeline().set(keys[1], secrets.token_hex(8), nx=True, ex=600)
    gate, version = look.mget(keys).execute()[1]
    yield gate
    if gate is None:
        gate = select(conn, flight)
        yield gate
        r.eval(store, 2, *keys, gate, version)
        yield gate


def late_reader(conn: Any, r: redis.Redis, flight: int) -> Iterator[Any]:
    keys = f"gate:{flight}", f"version:{flight}"
    gate = r.get(keys[0])
    yield gate
    if gate is None:
        gate = select(conn, flight)
        yield gate
        version = r.get(keys[1])
        yield gate
        r.eval(STORE, 2, *keys, gate, version or "")
        yield gate


def watching_reader(conn: Any, r: redis.Redis, flight: int) -> Iterator[Any]:
    with r.pipeline() as late:
        late.watch(f"gate:{flight}")
        yield
        gate = late.get(f"gate:{flight}")
        yield gate
        if gate is None:
            gate = select(conn, flight)
            yield gate
            late.multi()
            late.set(f"gate:{flight}", gate, ex=60)
            with suppress(redis.WatchError):
                late.execute()
            yield gate


def uncached_reader(conn: Any, r: redis.Redis, flight: int) -> Iterator[Any]:
    yield select(conn, flight)


def hasty_reader(conn: Any, r: redis.Redis, flight: int) -> Iterator[Any]:
    gate = r.get(f"gate:{flight}")
    if gate is None:
        gate = select(conn, flight)
        r.set(f"gate:{flight}", gate, ex=60)
    yield gate


def silent_reader(conn: Any, r: redis.Redis, flight: int) -> Iterator[Any]:
    for _ in plain_reader(conn, r, flight):
        yield


def writer(*steps: str) -> Callable:
    """A writer that makes these steps."""

    def change(conn: Any, r: redis.Redis, flight: int, gate: str) -> Iterator[Any]:
        trips = {
            "update": partial(
                sql, conn, "UPDATE gates SET gate = %s WHERE flight = %s", gate, flight
            ),
            "commit": conn.commit,
            "delete": partial(r.delete, f"gate:{flight}"),
            "store": partial(r.set, f"gate:{flight}", gate, ex=60),
            "raise": r.pipeline().incr(f"version:{flight}").delete(f"gate:{flight}").execute,
            "revoke": partial(r.delete, f"gate:{flight}", "gate", f"version:{flight}"),
        }
        for step in steps:
            trips[step]()
            yield

    return change


def at_once(conn: Any, r: redis.Redis, flight: int, gate: str) -> Iterator[Any]:
    for _ in writer("update", "commit", "raise")(conn, r, flight, gate):
        pass
    yield


def no_generator(*args: Any) -> None:
    return None


# --- board_key -----------------------------------------------------------------------------------


def language(request: Any) -> str:
    return request.headers.get("Accept-Language", "en")


def named(request: Any) -> str:
    return f"{request.path}:{request.GET['hour']}:{language(request)}"


EXERCISES: dict[str, dict[str, tuple[Any, str]]] = {
    "hit_ratio": {
        "everyone-alike": (everyone_alike, "do not share an average"),
        "ttl-over-gap": (ttl_over_gap, "the length of the TTL over the gap"),
        "ttl-over-gap of each key": (ttl_over_gap_of_each, "however popular the key is"),
        "unweighted": (unweighted, "weigh them"),
        "sliding TTL": (sliding, "counts from the write"),
        "misses": (lambda *given: 1 - right_ratio(*given), "share of the misses"),
        "percent": (lambda *given: 100 * right_ratio(*given), "between 0 and 1"),
        "a guess": (lambda *given: 0.8, "was measured"),
        "a text": (lambda *given: "0.8", "a number is asked for"),
    },
    "get_or_build": {
        "no-lock": (no_lock, "every caller built"),
        "lock-no-recheck": (partial(locking, again=False), "while you waited for the lock"),
        "delete-any-lock": (partial(locking, release="any"), "whose lock is it?"),
        "lock-in-process": (lock_in_process, "another process would build"),
        "lock-too-short": (partial(locking, expiry=200), "a slow build outlives it"),
        "lock-too-long": (partial(locking, expiry=10**9), "for more than a minute"),
        "get-then-delete": (partial(locking, release="looked at"), "delete in one step"),
        "one-token-for-all": (partial(locking, token=b"1"), "put the same value into the lock"),
        "decoy": (decoy, "you built all the same"),
        "lock-for-ever": (partial(locking, expiry=None), "no time to live: when its holder dies"),
        "lock-kept": (partial(locking, release="none"), "your lock is still there"),
        "lock-kept-on-error": (partial(locking, on_error=False), "the lock stayed"),
        "empty-is-a-miss": (partial(locking, empty_is_miss=True), "it is not a miss"),
        "page-for-ever": (page_for_ever, "no time to live, and 73 s were asked for"),
        "ttl-of-the-page": (ttl_of_the_page, "60 s to live, and 73 s were asked for"),
        "ttl-too-short": (ttl_too_short, "5 s to live, and 73 s were asked for"),
        "never-stores": (never_stores, "does not hold the page"),
        "builds-twice": (builds_twice, "called 2 times by one caller"),
        "gives-up": (gives_up, "got different answers"),
        "swallows-the-error": (swallows, "got an answer all the same"),
    },
    "change_gate": {
        "delete-inside-atomic": (
            (plain_reader, writer("update", "delete", "commit")),
            "which row does a reader see before your commit?",
        ),
        "delete-first": (
            (plain_reader, writer("delete", "update", "commit")),
            "orders end stale: which row does a reader see before your commit?",
        ),
        "delete-once": (
            (plain_reader, writer("update", "commit", "delete")),
            "a reader may hold the old row already",
        ),
        "delete-twice": (
            (plain_reader, writer("delete", "update", "commit", "delete")),
            "a second delete comes too early",
        ),
        "store-the-new": (
            (plain_reader, writer("update", "commit", "store")),
            "can be overwritten by a reader",
        ),
        "store-the-new, readers modest": (
            (modest_reader, writer("update", "commit", "store")),
            "of two writers end stale",
        ),
        "store-under-the-row-lock": (
            (modest_reader, writer("update", "store", "commit")),
            "does not tell a late reader",
        ),
        "token-before-commit": (
            (token_reader, writer("update", "raise", "commit")),
            "which row does a reader see before your commit?",
        ),
        "version-read-late": (
            (late_reader, writer("update", "commit", "raise")),
            "is the version read before the row?",
        ),
        "watch": (
            (watching_reader, writer("update", "commit", "delete")),
            "nothing that WATCH could see",
        ),
        "counter-evicted": (
            (token_reader, writer("update", "commit", "raise")),
            "when Redis loses its keys",
        ),
        "copy-for-ever": (
            (
                partial(lease_reader, store=FRESH.replace(", 'EX', 60", "")),
                writer("update", "commit", "revoke"),
            ),
            "the copy has no time to live",
        ),
        "one-key-for-all": (
            (partial(lease_reader, key="gate"), writer("update", "commit", "revoke")),
            "what is in the key?",
        ),
        "never-caches": ((uncached_reader, writer("update", "commit")), "nothing was cached"),
        "no-invalidation": ((plain_reader, writer("update", "commit")), "what removes it?"),
        "no-commit": ((plain_reader, writer("update", "delete")), "is it committed?"),
        "no-yield-in-the-reader": (
            (hasty_reader, writer("update", "commit", "delete")),
            "step 1 of read_gate makes 3 trips",
        ),
        "no-yield-in-the-writer": ((token_reader, at_once), "step 1 of change_gate makes 3 trips"),
        "yields-no-gate": (
            (silent_reader, writer("update", "commit", "raise")),
            "must be the gate",
        ),
        "no-generator": ((no_generator, no_generator), "read_gate is no generator"),
        "one function": (plain_reader, "two generator functions"),
    },
    "board_key": {
        "full-path": (lambda request: request.get_full_path() + language(request), "utm_source"),
        "full-path-alone": (lambda request: request.get_full_path(), "two languages share a key"),
        "path-only": (lambda request: request.path + language(request), "two hours share a key"),
        "hour-only": (
            lambda request: request.GET["hour"] + language(request),
            "two airports share a key",
        ),
        "drops-utm_source": (
            lambda request: (
                f"{request.path}{[(k, v) for k, v in request.GET.items() if k != 'utm_source']}"
                + language(request)
            ),
            "fbclid",
        ),
        "raw-header": (named, "de-DE"),
        "two-letters": (
            lambda request: f"{request.path}:{request.GET['hour']}:{language(request)[:2]}",
            "not served",
        ),
        "first-language": (
            lambda request: (
                f"{request.path}:{request.GET['hour']}:"
                + {"de": "de", "fr": "fr"}.get(language(request)[:2], "en")
            ),
            "the first language that is served",
        ),
        "whole-tags-only": (
            lambda request: (
                f"{request.path}:{request.GET['hour']}:"
                + next(
                    (
                        tag
                        for part in language(request).split(",")
                        if (tag := part.split(";")[0].strip()) in ("en", "de", "fr")
                    ),
                    "en",
                )
            ),
            "the region does not matter",
        ),
        "per-user": (
            lambda request: named(request) + request.COOKIES["sessionid"],
            "two users get the same board",
        ),
        "no-default-language": (
            lambda request: (
                f"{request.path}{request.GET['hour']}" + request.headers.get("Accept-Language", "")
            ),
            "no language means `en`",
        ),
        "random": (lambda request: secrets.token_hex(), "the same request got two keys"),
        "a tuple": (lambda request: (request.path, request.GET["hour"]), "a key is a text"),
    },
}
