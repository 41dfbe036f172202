"""Checks of `speed/caching`, on a Redis and a MariaDB of their own."""

import math
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from itertools import pairwise
from types import GeneratorType
from typing import Any

import django
import pymysql
import redis
from django.conf import settings
from django.http import HttpRequest
from django.test import RequestFactory

from nexus import servers
from nexus.exercises import Hint, call, exercise, plain
from nexus.sessions import interleavings, play

# --- servers -------------------------------------------------------------------------------------


@cache
def _redis() -> Any:
    return servers.redis()


@cache
def _mariadb() -> Any:
    server = servers.mariadb()
    with server.connect(autocommit=True) as admin, admin.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE gates (flight SMALLINT PRIMARY KEY, gate CHAR(2) NOT NULL) ENGINE=InnoDB"
        )
    return server


def _both() -> None:
    _redis(), _mariadb()


# --- hit_ratio -----------------------------------------------------------------------------------

REQUESTS = 40_000
CLOSE = 0.01
STREAMS = {
    "a few keys, one of them popular": ([0.7, 0.15, 0.1, 0.05], 1.0, 8.0),
    "fifty keys that follow Zipf's law": (
        [1 / (rank * sum(1 / k for k in range(1, 51))) for rank in range(1, 51)],
        5.0,
        10.0,
    ),
    "twenty keys, one like the other": ([0.05] * 20, 2.0, 5.0),
}
Ratio = Callable[[list[float], float, float], float]


def _mean(values: Iterator[float]) -> float:
    found = list(values)
    return sum(found) / len(found)


# Formulas that people write, each with what it overlooks.
SUSPECTS: list[tuple[Ratio, str]] = [
    (
        lambda shares, rate, ttl: 1 - 1 / (1 + rate * ttl / len(shares)),
        "a popular key and a rare one do not share an average: sum over the keys",
    ),
    (
        lambda shares, rate, ttl: min(1.0, rate * ttl),
        "this is the length of the TTL over the gap between requests; the first request after "
        "every expiry misses, and each key has a rate of its own",
    ),
    (
        lambda shares, rate, ttl: sum(p * min(1.0, p * rate * ttl) for p in shares),
        "the first request of a key after every expiry misses, however popular the key is",
    ),
    (
        lambda shares, rate, ttl: _mean(p * rate * ttl / (1 + p * rate * ttl) for p in shares),
        "each key has the right ratio, but the keys are not asked for equally often: weigh them",
    ),
    (
        lambda shares, rate, ttl: sum(p * (1 - math.exp(-p * rate * ttl)) for p in shares),
        "so it would be if each hit began the TTL anew; here it counts from the write",
    ),
    (
        lambda shares, rate, ttl: sum(p / (1 + p * rate * ttl) for p in shares),
        "this is the share of the misses",
    ),
]


@cache
def _measured(name: str) -> float:
    """The share of hits when seeded Poisson requests meet a TTL that counts from the write."""
    shares, rate, ttl = STREAMS[name]
    draw, now, hits = random.Random(name), 0.0, 0
    expires = [0.0] * len(shares)
    for key in draw.choices(range(len(shares)), shares, k=REQUESTS):
        now += draw.expovariate(rate)
        if now < expires[key]:
            hits += 1
        else:
            expires[key] = now + ttl
    return hits / REQUESTS


@exercise("speed/caching/hit_ratio")
def hit_ratio(answer: Any) -> str:
    """`answer(popularity, rate, ttl)`: the expected hit ratio, a number from 0 to 1."""
    said = {}
    for name, (shares, rate, ttl) in STREAMS.items():
        value = plain(call(answer, list(shares), rate, ttl))
        if type(value) not in (int, float) or not math.isfinite(value):
            raise Hint(f"a number is asked for; this is {value!r:.60}")
        said[name] = float(value)
    if all(abs(value - _measured(name)) < CLOSE for name, value in said.items()):
        return f"within {CLOSE} of what was measured on {len(said)} streams"
    for formula, hint in SUSPECTS:
        if all(abs(value - formula(*STREAMS[name])) < 1e-6 for name, value in said.items()):
            raise Hint(hint)
    for value in said.values():
        if not 0 <= value <= 1:
            raise Hint(f"a ratio lies between 0 and 1; {value:.4g} does not")
    name = max(said, key=lambda name: abs(said[name] - _measured(name)))
    raise Hint(f"{name}: you expect {said[name]:.3f}, and {_measured(name):.3f} was measured")


# --- get_or_build --------------------------------------------------------------------------------

CALLERS = 20
TTL = 73
"""Seconds; a number that nobody types by chance."""
PATIENCE = 4.0
"""Seconds that a builder waits for all callers to have looked, and callers for the crowd's end."""
LOCK_MS = 5_000, 60_000
"""The least and the most that a lock may live: a slow build, and what a dead builder may cost."""
KEY, PAGE, OTHER = b"board", b"the board", b"somebody else's"


class BuildFailed(Exception):
    """What a build raises that fails on purpose."""


class _Trial:
    """One call of the answer on an empty Redis, and what could be seen while it built."""

    def __init__(self, answer: Any, page: bytes = PAGE, meanwhile: Callable | None = None):
        self.r = _redis().connect()
        self.r.flushdb()
        self.page, self.meanwhile = page, meanwhile
        self.builds, self.locks = 0, {}  # name of each other key: its time to live (ms)
        self.tokens: set[bytes] = set()
        self.ask = partial(call, answer, self.r, KEY, self.build, TTL)

    def others(self) -> set[bytes]:
        return set(self.r.keys()) - {KEY}

    def build(self) -> bytes:
        self.builds += 1
        self.locks = {name: self.r.pttl(name) for name in self.others()}
        self.tokens |= _values(self.r, self.others())
        if self.meanwhile:
            self.meanwhile(self)
        return self.page


def _values(r: Any, names: set[bytes]) -> set[bytes]:
    """What these keys hold, of whatever type it is."""
    return {value for name in names if (value := r.dump(name)) is not None}


@exercise("speed/caching/get_or_build", before=_redis)
def get_or_build(answer: Any) -> str:
    """`answer(r, key, build, ttl)`: from the cache, or built by one caller and stored."""
    locks, tokens = _alone(answer)
    built, tokens_of_others = _crowd(answer)
    if built > 1 and not locks:
        many = "every caller" if built == CALLERS else f"{built} of {CALLERS} callers"
        raise Hint(f"{many} built the page: nothing makes one wait for another")
    if built > 1:
        raise Hint(
            f"{built} of {CALLERS} callers built, one after the other: "
            "somebody filled the cache while you waited for the lock"
        )
    if not locks:
        raise Hint("no key in Redis is held during the build: another process would build as well")
    if -1 in locks.values():
        raise Hint("your lock has no time to live: when its holder dies, nobody builds again")
    if (least := min(locks.values())) < LOCK_MS[0] - 100:
        raise Hint(f"your lock lives {least / 1000:.1f} s: a slow build outlives it")
    if max(locks.values()) > LOCK_MS[1]:
        raise Hint("a builder dies, and its lock stops the page for more than a minute")
    _foreign(answer)
    _between(answer)
    if tokens & tokens_of_others:
        raise Hint("two callers put the same value into the lock: how does each know its own?")
    _waits(answer, list(locks))
    _failing(answer)
    _empty(answer)
    return f"{CALLERS} callers and one build; the lock is released by its holder and by nobody else"


def _alone(answer: Any) -> tuple[dict[bytes, int], set[bytes]]:
    """One caller, cold and then warm; the keys held during the build, and what they held."""
    trial = _Trial(answer)
    if plain(trial.ask()) != PAGE:
        raise Hint("the answer is not what build returned")
    if trial.builds != 1:
        raise Hint(f"on a cold key build was called {trial.builds} times by one caller")
    if trial.r.get(KEY) != PAGE:
        raise Hint("after a miss the cache does not hold the page under the key")
    if not (TTL - 3) * 1000 < (left := trial.r.pttl(KEY)) <= TTL * 1000:
        says = "no time to live" if left == -1 else f"{left / 1000:.0f} s to live"
        raise Hint(f"the page has {says}, and {TTL} s were asked for")
    if trial.others():
        raise Hint("the page is built and your lock is still there: the next build waits for it")
    if plain(trial.ask()) != PAGE or trial.builds != 1:
        raise Hint("the page is in the cache, and the second caller built it again")
    trial.r.delete(KEY)
    if plain(trial.ask()) != PAGE or trial.builds != 2:
        raise Hint("the key is gone from the cache, and nobody built the page again")
    return trial.locks, trial.tokens


def _crowd(answer: Any) -> tuple[int, set[bytes]]:
    """Callers in threads, all of whom look before the first build ends.

    Returns how many of them built, and what their locks held.
    """
    looked, built, outcomes, tokens = set(), [], [], set()
    everyone = threading.Event()

    def build() -> bytes:
        built.append(1)
        tokens.update(_values(trial.r, trial.others()))
        everyone.wait(PATIENCE)
        return PAGE

    def caller(number: int) -> None:
        r = _redis().connect()
        send = r.execute_command

        def noted(*args: Any, **options: Any) -> Any:
            try:
                return send(*args, **options)
            finally:
                looked.add(number)
                if len(looked) == CALLERS:
                    everyone.set()

        r.execute_command = noted
        try:
            outcomes.append(plain(call(answer, r, KEY, build, TTL)))
        except Hint as hint:
            outcomes.append(hint)

    trial = _Trial(answer)  # an empty Redis
    threads = [threading.Thread(target=caller, args=[n], daemon=True) for n in range(CALLERS)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 2 * PATIENCE
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    if any(thread.is_alive() for thread in threads):
        raise Hint(f"{CALLERS} callers at once: some of them wait for ever")
    for outcome in outcomes:
        if isinstance(outcome, Hint):
            raise outcome
        if outcome != PAGE:
            raise Hint("the callers of one crowd got different answers")
    return len(built), tokens


def _foreign(answer: Any) -> None:
    """The lock expires during the build and somebody else takes it: it must be left alone."""

    def taken(trial: _Trial) -> None:
        for name in trial.locks:
            trial.r.set(name, OTHER, px=60_000)

    trial = _Trial(answer, meanwhile=taken)
    try:
        trial.ask()
    except Hint as hint:
        if "Lock" not in str(hint):  # redis-py's own lock raises when it was lost
            raise
    if any(trial.r.get(name) != OTHER for name in trial.locks):
        raise Hint(
            "your lock expired during the build and another caller took it, and then you "
            "released it: whose lock is it?"
        )


def _between(answer: Any) -> None:
    """The lock changes hands after a GET of it: what follows must not be a blind DEL."""
    trial, lost = _Trial(answer), set()
    rival, send = _redis().connect(), trial.r.execute_command

    def noted(*args: Any, **options: Any) -> Any:
        reply = send(*args, **options)
        if trial.builds and args[0] == "GET":
            name = args[1].encode() if type(args[1]) is str else bytes(args[1])
            if name in trial.locks:
                rival.set(name, OTHER, px=60_000)
                lost.add(name)
        return reply

    trial.r.execute_command = noted
    trial.ask()
    if any(rival.get(name) != OTHER for name in lost):
        raise Hint(
            "between your GET of the lock and your DEL it expired, and another caller took it: "
            "compare and delete in one step"
        )


def _waits(answer: Any, names: list[bytes], held: float = 0.3) -> None:
    """Somebody else holds the lock for a while (s): nothing may be built before it is free."""
    trial = _Trial(answer)
    for name in names:
        trial.r.set(name, OTHER, px=int(held * 1000))
    started = time.monotonic()
    trial.ask()
    if trial.builds and time.monotonic() - started < held - 0.1:
        raise Hint("another process holds your lock in Redis, and you built all the same")


def _failing(answer: Any) -> None:
    """A build that raises: the caller hears of it, and the lock goes."""

    def fail(_: _Trial) -> None:
        raise BuildFailed

    trial = _Trial(answer, meanwhile=fail)
    try:
        trial.ask()
    except Hint as hint:
        if BuildFailed.__name__ not in str(hint):
            raise
    else:
        raise Hint("the build raised, and the caller got an answer all the same")
    if trial.others():
        raise Hint("the build raised and the lock stayed: nobody can build until it expires")


def _empty(answer: Any) -> None:
    """A page without a byte is a page."""
    trial = _Trial(answer, page=b"")
    trial.ask()
    trial.ask()
    if trial.builds != 1:
        raise Hint("an empty page was built again although it was in the cache: it is not a miss")


# --- change_gate ---------------------------------------------------------------------------------

FLIGHT, OLD, NEW, NEWER = 1611, "B4", "C7", "D9"
ELSEWHERE = 185, "A1"
"""Another flight and its gate."""
STEPS = 8
"""The most steps that a session may take."""
NO_GATE = object()


class _Wire:
    """Counts the trips of one session to its servers, and remembers them in words."""

    def __init__(self) -> None:
        self.trips: list[str] = []

    def database(self, autocommit: bool) -> "pymysql.Connection":
        connection = _mariadb().connect(
            autocommit=autocommit,
            init_command="SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ",
        )
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION innodb_lock_wait_timeout = 1")
        send = connection._execute_command

        def noted(command: int, sql: Any) -> Any:
            self.trips.append(f"sql {sql if isinstance(sql, str) else bytes(sql).decode()}")
            return send(command, sql)

        connection._execute_command = noted
        return connection

    def cache(self) -> "redis.Redis":
        client = _redis().connect(decode_responses=True)
        connection = client.connection_pool.get_connection()
        send = connection.send_packed_command

        def noted(command: Any, *args: Any, **options: Any) -> Any:
            packed = command if isinstance(command, bytes) else b"".join(command)
            names = re.findall(rb"\*\d+\r\n\$\d+\r\n([A-Za-z]+)", packed)
            self.trips.append(f"redis {b' '.join(names).decode().upper()}")
            return send(command, *args, **options)

        connection.send_packed_command = noted
        client.connection_pool.release(connection)
        return client


class _Site:
    """One answer's reader and writer with their connections, and somebody who looks on."""

    def __init__(self, read: Any, change: Any):
        self.read, self.change = read, change
        self.reader, self.writer, self.rival = _Wire(), _Wire(), _Wire()
        self.reading, self.writing = self.reader.database(True), self.writer.database(False)
        self.rivalling = self.rival.database(False)
        self.caches = {who: getattr(self, who).cache() for who in ("reader", "writer", "rival")}
        self.admin, self.cache = _mariadb().connect(autocommit=True), _redis().connect()

    def close(self) -> None:
        for connection in (self.reading, self.writing, self.rivalling, self.admin):
            if connection.open:
                connection.close()

    def ask(self, statement: str, *values: Any) -> Any:
        with self.admin.cursor() as cursor:
            cursor.execute(statement, values)
            row = cursor.fetchone()
        return row and row[0]

    def start_over(self, warm: bool) -> None:
        for connection in (self.reading, self.writing, self.rivalling):
            if not connection.open:
                raise Hint("the connection is not yours to close")
            connection.rollback()
        self.ask("REPLACE INTO gates VALUES (%s, %s), (%s, %s)", FLIGHT, OLD, *ELSEWHERE)
        self.cache.flushdb()
        if warm:
            self.gate()

    def changed_once(self) -> None:
        """An old gate and no copy, but whatever else the writer leaves in Redis."""
        self.start_over(warm=False)
        list(self.session("writer"))
        self.writing.rollback()
        self.ask("UPDATE gates SET gate = %s WHERE flight = %s", OLD, FLIGHT)
        for name in list(self.cache.scan_iter()):
            if NEW.encode() in (self.cache.dump(name) or b""):
                self.cache.delete(name)

    def evict(self) -> Iterator[None]:
        """Redis loses every key."""
        self.cache.flushdb()
        yield

    def row(self) -> str:
        return self.ask("SELECT gate FROM gates WHERE flight = %s", FLIGHT)

    def session(self, who: str, flight: int = FLIGHT) -> Iterator[Any]:
        """The session of `who`, whose every step may make one trip."""
        wire, cache = getattr(self, who), self.caches[who]
        if who == "reader":
            name, made = "read_gate", call(self.read, self.reading, cache, flight)
        elif who == "writer":
            name, made = "change_gate", call(self.change, self.writing, cache, flight, NEW)
        else:
            name, made = "change_gate", call(self.change, self.rivalling, cache, flight, NEWER)
        if type(made) is not GeneratorType:
            raise Hint(f"{name} is no generator: it must yield after each trip to a server")
        return self._steps(name, made, wire)

    def _steps(self, name: str, made: Iterator[Any], wire: _Wire) -> Iterator[Any]:
        for step in range(1, STEPS + 2):
            before = len(wire.trips)
            value = call(next, made, NO_GATE)
            if (trips := wire.trips[before:]) and len(trips) > 1 and not _script(trips):
                raise Hint(
                    f"step {step} of {name} makes {len(trips)} trips to a server: yield after each"
                )
            if value is NO_GATE:
                return
            yield value
        raise Hint(f"{name} makes more than {STEPS} steps; has it an end?")

    def gate(self, flight: int = FLIGHT) -> Any:
        """What the reader answers while nobody else is there."""
        values = [plain(value) for value in self.session("reader", flight)]
        return values[-1] if values else None


def _script(trips: list[str]) -> bool:
    """Whether these trips are one script that the server did not know yet."""
    return all("EVAL" in trip or "SCRIPT" in trip for trip in trips)


@contextmanager
def _site(answer: Any) -> Iterator[_Site]:
    if type(answer) not in (tuple, list) or len(answer) != 2:
        raise Hint("two generator functions are asked for: (read_gate, change_gate)")
    site = _Site(*answer)
    try:
        yield site
    finally:
        site.close()


@exercise("speed/caching/change_gate", before=_both)
def change_gate(answer: Any) -> str:
    """`(read_gate, change_gate)`: no order of their steps leaves an old gate in the cache."""
    with _site(answer) as site:
        reading, writing = _sober(site)
        stale, orders = 0, 0
        for warm in (False, True):
            for order in interleavings({"reader": len(reading), "writer": len(writing)}):
                site.start_over(warm)
                call(play, order, {who: site.session(who) for who in ("reader", "writer")})
                site.writing.rollback()
                stale += site.gate() != site.row()
                orders += 1
        if stale:
            raise Hint(f"{stale} of {orders} orders end stale: {_why(site)}")
        _rivals(site, writing)
        _evicted(site, {"reader": len(reading), "writer": len(writing)})
    return f"none of {orders} orders ends stale"


def _sober(site: _Site) -> tuple[list[Any], list[bool]]:
    """Each session alone does its work; returns the reader's values, and for each of the
    writer's steps whether the database was asked."""
    site.start_over(warm=False)
    reading = [plain(value) for value in site.session("reader")]
    if not reading or reading[-1] != OLD:
        said = repr(reading[-1])[:40] if reading else "nothing"
        raise Hint(f"the last value of read_gate must be the gate, {OLD!r}; it was {said}")
    before = len(site.reader.trips)
    if site.gate() != OLD or any("sql" in trip for trip in site.reader.trips[before:]):
        raise Hint("the second reader asks the database too: nothing was cached")
    for name in site.cache.scan_iter():
        if OLD.encode() in (site.cache.dump(name) or b"") and site.cache.pttl(name) == -1:
            raise Hint(
                "the copy has no time to live: a writer that dies before the delete leaves it"
            )
    if site.gate(ELSEWHERE[0]) != ELSEWHERE[1]:
        raise Hint("another flight gets the gate of this one: what is in the key?")
    site.writer.trips.clear()
    trips = [len(site.writer.trips) for _ in site.session("writer")]
    writing = [
        any(trip.startswith("sql") for trip in site.writer.trips[a:b])
        for a, b in pairwise([0, *trips])
    ]
    if site.row() != NEW:
        raise Hint("change_gate has ended and others still see the old gate: is it committed?")
    if site.gate() != NEW:
        raise Hint("with nobody in between, read_gate still answers the old gate: what removes it?")
    return reading, writing


def _rivals(site: _Site, writing: list[bool]) -> None:
    """Two writers; the row's lock makes the second one's SQL come after that of the first."""
    stale, orders = 0, 0
    for order in interleavings(dict.fromkeys(("writer", "rival"), len(writing))):
        steps = {"writer": iter(writing), "rival": iter(writing)}
        asks = [who for who in order if next(steps[who])]
        if "rival" in asks[: len(asks) // 2]:
            continue
        for warm in (False, True):
            site.start_over(warm)
            call(play, order, {who: site.session(who) for who in ("writer", "rival")})
            stale += site.gate() != site.row()
            orders += 1
    if stale:
        raise Hint(
            f"{stale} of {orders} orders of two writers end stale: the one that commits last need "
            "not be the one that reaches Redis last"
        )


def _evicted(site: _Site, turns: dict[str, int]) -> None:
    """Every order again, with a Redis that loses its keys while the reader is on its way."""
    stale, orders = 0, 0
    for order in interleavings(turns):
        reads = [turn for turn, who in enumerate(order, 1) if who == "reader"]
        for turn in range(reads[0], reads[-1]):
            site.changed_once()
            sessions = {who: site.session(who) for who in turns} | {"redis": site.evict()}
            call(play, (*order[:turn], "redis", *order[turn:]), sessions)
            site.writing.rollback()
            stale += site.gate() != site.row()
            orders += 1
    if stale:
        why = (
            "a version that is gone, or begins anew, looks like the one that your reader saw"
            if any("EVAL" in trip for trip in site.reader.trips)
            else "a key that is gone does not tell a late reader that somebody has written"
        )
        raise Hint(f"{stale} of {orders} orders end stale when Redis loses its keys: {why}")


def _why(site: _Site) -> str:
    """What to think about, judged by the trips that both sessions make on their own."""
    site.start_over(warm=False)
    site.writer.trips.clear()
    site.reader.trips.clear()
    site.gate()
    list(site.session("writer"))
    kinds = [trip.split()[0] for trip in site.writer.trips]
    turns = [b for a, b in pairwise(["", *kinds]) if a != b]
    if turns[-1] == "sql":
        return "which row does a reader see before your commit?"
    if any("WATCH" in trip for trip in site.reader.trips):
        return "after a miss the key is absent, so a DEL of it touches nothing that WATCH could see"
    if any("EVAL" in trip for trip in site.reader.trips):
        return "is the version read before the row?"
    if turns.count("redis") > 1:
        return "a second delete comes too early for a reader that is slow enough"
    if "redis SET" in site.writer.trips:
        return "the gate that you store can be overwritten by a reader that holds the old row"
    return "a reader may hold the old row already when you delete the copy"


# --- board_key -----------------------------------------------------------------------------------


def _django() -> None:
    """Django's requests want settings; whoever has set Django up already keeps his own."""
    if not settings.configured:
        settings.configure()
        django.setup()


def _request(
    path: str = "/board/JFK", query: str = "hour=17", language: str | None = "de", user: str = "1"
) -> HttpRequest:
    headers = {"cookie": f"sessionid={user}"}
    if language:
        headers["accept-language"] = language
    return RequestFactory().get(f"{path}?{query}", headers=headers)


SAME = {
    "`utm_source` tells who sent the visitor and changes nothing on the board": {
        "query": "hour=17&utm_source=letter"
    },
    "the order of the parameters changes nothing on the board": {"query": "utm_source=a&hour=17"},
    "two users get the same board, and must share its key": {"user": "2"},
    "after `utm_source` comes `fbclid`: name what the board depends on, not what to drop": {
        "query": "hour=17&fbclid=x"
    },
}
WISHES = {
    "`de-DE,de;q=0.9` gets the board of `de`, and these are two keys for it": (
        "de-DE,de;q=0.9",
        "de",
    ),
    "`de-AT` asks for the board of `de`: the region does not matter": ("de-AT,en;q=0.8", "de"),
    "a language that is not served gets the board of `en`, and so its key": ("es", "en"),
    "`es,fr;q=0.5` gets the board of `fr`, the first language that is served": (
        "es,fr;q=0.5",
        "fr",
    ),
}
DIFFERENT = {
    "two airports share a key: one shows the board of the other": {"path": "/board/LGA"},
    "two hours share a key: the hour is in the query": {"query": "hour=18"},
    "two languages share a key: the first visitor chooses for all": {"language": "fr"},
    "a visitor without a language gets the board of another language": {"language": None},
}


@exercise("speed/caching/board_key", before=_django)
def board_key(answer: Any) -> str:
    """`answer(request)`: one key for requests that get the same board, and for no others."""

    def key(**change: str | None) -> str:
        value = plain(call(answer, _request(**change)))
        if type(value) is not str or not value:
            raise Hint(f"a key is a text; this is {value!r:.60}")
        return value

    usual = key()
    if key() != usual:
        raise Hint("the same request got two keys: nothing is ever found again")
    for hint, change in DIFFERENT.items():
        if key(**change) == usual:
            raise Hint(hint)
    for hint, change in SAME.items():
        if key(**change) != usual:
            raise Hint(hint)
    if key(language=None) != key(language="en"):
        raise Hint("no language means `en`, and these are two keys for one board")
    for hint, (header, language) in WISHES.items():
        if key(language=header) != key(language=language):
            raise Hint(hint)
    return "one key for one board: what it depends on is in the key, and nothing else"
