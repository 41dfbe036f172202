"""Checks of `foundations/django-mvt`. All of them run on SQLite and leave no row behind."""

import gzip
import itertools
import logging
import random
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from html.parser import HTMLParser
from importlib import import_module
from typing import Any
from unittest import mock

from django.core.handlers.base import BaseHandler
from django.db import connection
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.template import Context, Engine
from django.test import Client, RequestFactory, override_settings
from django.urls import path
from django.utils.cache import patch_vary_headers
from django.utils.safestring import SafeString

from nexus.exercises import Hint, call, exercise, plain
from nexus.exercises._django import models, untouched

HERE = __name__


class Page(HTMLParser):
    """What a browser makes of some HTML: its `tags` with attributes, its `text`, the table."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = self.title = ""
        self.rows: list[list[str]] = []
        self._in: str | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "h1"):
            self._in = tag
            if tag == "td" and self.rows:
                self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == self._in:
            self._in = None

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in == "h1":
            self.title += data
        elif self._in == "td" and self.rows:
            self.rows[-1][-1] += data


# --- board ---------------------------------------------------------------------------------------

CASES = (("2013-02-14", 10), ("2013-02-14", 50), ("2013-02-15", 50))
EVIL = "<b>Q&A</b> O'Neil"
MOST = 2


@contextmanager
def quiet(**settings: Any) -> Iterator[None]:
    """Django with these settings, which logs nothing."""
    models()
    logger = logging.getLogger("django")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with override_settings(TEMPLATES=[], DEBUG=False, **settings):
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def recorded() -> Iterator[list[str]]:
    """The statements that reach SQLite in the block, whoever sends them."""
    statements: list[str] = []

    def note(sql: str) -> None:
        if not sql.startswith(("SAVEPOINT", "RELEASE", "ROLLBACK", "BEGIN", "COMMIT", "--")):
            statements.append(sql)

    connection.ensure_connection()
    driver = connection.connection
    driver.set_trace_callback(note)
    try:
        yield statements
        if connection.connection is not driver:
            raise Hint("leave the connection to the database open")
    finally:
        with suppress(sqlite3.ProgrammingError):  # it is closed
            driver.set_trace_callback(None)


def fetched(view: Any, url: str) -> tuple[str, list[str]]:
    """The HTML that `view` gives for `url`, rendered and joined, and the statements it took."""
    request = RequestFactory().get(url)
    with recorded() as statements:
        response = call(view, request)
        if not isinstance(response, HttpResponseBase):
            raise Hint("a view returns an HttpResponse")
        if callable(getattr(response, "render", None)):
            response = call(response.render)
        parts = call(itertools.islice, response, 10_000)
        try:
            html = call(b"".join, parts).decode()
        except UnicodeDecodeError:
            raise Hint("the page is not UTF-8") from None
    if response.status_code != 200:
        raise Hint(f"the page answers {response.status_code}, not 200")
    return html, statements


def shown(day: str, rows: int) -> list[list[str]]:
    """The cells of the board, from the naive loop."""
    flights = models().Flight.objects.filter(day=day).order_by("scheduled_departure", "id")
    return [
        [
            f"{flight.airline.name} {flight.number}",
            flight.origin.name,
            str(flight.destination),
            flight.plane.model if flight.plane else "unknown",
        ]
        for flight in flights[:rows]
    ]


def compare_page(page: Page, truth: list[list[str]], total: int) -> None:
    """Raise the Hint that names the first thing that is wrong with the page."""
    got = [[" ".join(cell.split()) for cell in row] for row in page.rows if row]
    if len(got) != len(truth):
        raise Hint(f"{len(got)} rows with cells (<tr> with <td>), not {len(truth)}")
    for mine, real in zip(got, truth, strict=True):
        if len(mine) != 4:
            raise Hint(f"a row has {len(mine)} cells; it needs flight, origin, destination, plane")
        names = ("flight", "origin", "destination", "plane")
        for name, a, b in zip(names, mine, real, strict=True):
            if a == b:
                continue
            if name == "plane" and b == "unknown":
                raise Hint(f"{real[0]}: nobody knows its plane, and the page shows {a!r} for it")
            if name == "destination" and not a:
                raise Hint(f"{real[0]}: an unknown airport has no name; str(airport) has a way out")
            raise Hint(f"{name} of {real[0]}: {b!r} is expected, {a!r} is shown")
    if re.findall(r"\d+", page.title.replace(",", "")) != [str(total)]:
        raise Hint(f"the heading <h1> names {page.title!r}; the day has {total} departures")


@exercise("foundations/django-mvt/board", before=models)
def board(answer: Any) -> str:
    """`board(request)`: the page of `?day=&rows=`, in two queries at most, however many rows."""
    flights = models().Flight.objects
    counts = []
    for day, rows in CASES:
        html, statements = fetched(answer, f"/board/?day={day}&rows={rows}")
        compare_page(Page(html), shown(day, rows), flights.filter(day=day).count())
        counts.append(len(statements))
    if counts[0] != counts[1]:
        raise Hint(f"{counts[0]} queries for 10 rows, {counts[1]} for 50: {culprit(statements)}")
    if max(counts) > MOST:
        raise Hint(f"{max(counts)} queries, for any number of rows; {MOST} are enough")
    for sql in statements:
        order = sql.partition("ORDER BY")[2]
        if "LIMIT" in order and "departures_flight" in order and '"id"' not in order:
            raise Hint("flights of the same minute: which of them comes first, on any server?")
    with untouched():
        day, rows = CASES[0]
        code = flights.filter(day=day).order_by("scheduled_departure", "id")[0].airline_id
        models().Airline.objects.filter(code=code).update(name=EVIL)
        page = Page(fetched(answer, f"/board/?day={day}&rows={rows}")[0])
        if any(tag == "b" for tag, _ in page.tags):
            raise Hint(f"an airline named {EVIL!r} puts its own tag into the page: escape it")
        compare_page(page, shown(day, rows), flights.filter(day=day).count())
    return f"the right cells on two days, {max(counts)} queries for 10 and for 50 rows alike"


def culprit(statements: list[str]) -> str:
    tables = Counter(
        table
        for sql in statements
        for table in ("plane", "airport", "airline", "flight")
        if re.search(rf'FROM\s+"?departures_{table}\b', sql, re.IGNORECASE)
    )
    if not tables:
        return "which of them depend on the number of rows?"
    table, times = tables.most_common(1)[0]
    if table == "plane":
        return f"{times} of them read the table of planes; is a key that may be null followed?"
    if table == "flight" and times > 2:
        return f"{times} of them read flights: only() left out the keys that the joins need"
    return f"{times} of them read the table of {table}s, one a row"


# --- order ---------------------------------------------------------------------------------------

LOG: list[str] = []


class Meter:
    """Counts each request, also one that the cache answers."""

    def __init__(self, get_response: Callable) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        LOG.append("metered")
        return self.get_response(request)


class Currency:
    """Reads the currency from a header, and says in `Vary` that the page depends on it."""

    def __init__(self, get_response: Callable) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        request.currency = request.headers.get("X-Currency", "EUR")
        response = self.get_response(request)
        patch_vary_headers(response, ["X-Currency"])
        return response


class Banner:
    """Appends the banner of the day to the body."""

    def __init__(self, get_response: Callable) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        response = self.get_response(request)
        response.content += b"<p>Sale!</p>"
        return response


DOTTED = {
    "update": "django.middleware.cache.UpdateCacheMiddleware",
    "fetch": "django.middleware.cache.FetchFromCacheMiddleware",
    "session": "django.contrib.sessions.middleware.SessionMiddleware",
    "gzip": "django.middleware.gzip.GZipMiddleware",
    "meter": f"{HERE}.Meter",
    "currency": f"{HERE}.Currency",
    "banner": f"{HERE}.Banner",
}
SETS = (
    frozenset(DOTTED),
    frozenset({"update", "fetch", "session"}),
    frozenset({"update", "fetch", "session", "meter", "currency"}),
    frozenset({"update", "fetch", "gzip", "banner", "meter", "session"}),
)


def cart(request: Any) -> HttpResponse:
    """The shop's page: it greets by the session and prices by the currency."""
    LOG.append("view")
    currency = getattr(request, "currency", "no currency")
    name = request.session.get("name", "stranger") if hasattr(request, "session") else "stranger"
    # Long, since gzip leaves short pages alone.
    return HttpResponse(f"<h1>{name}</h1><p>{currency}</p>" + "<p>a book</p>" * 40)


def enter(request: Any, name: str) -> HttpResponse:
    request.session["name"] = name
    return HttpResponse("in")


def visit(browser: Client, wanted: frozenset[str], url: str = "/cart/", **headers: str) -> tuple:
    """(status, body as a browser shows it, compressed?); None for a body that is no gzip."""
    if "gzip" in wanted:
        headers["Accept-Encoding"] = "gzip"
    response = browser.get(url, headers=headers)
    body, packed = response.content, response.headers.get("Content-Encoding") == "gzip"
    if packed:
        try:
            body = gzip.decompress(body)
        except OSError:
            return response.status_code, None, packed
    return response.status_code, body.decode(errors="replace"), packed


_numbers = itertools.count()


@contextmanager
def shop(order: list[str]) -> Iterator[Callable[[], Client]]:
    """The shop with this order of middleware and an empty cache; gives new browsers."""
    place = f"shop-{next(_numbers)}"
    with quiet(
        MIDDLEWARE=[DOTTED[name] for name in order],
        ROOT_URLCONF=(path("cart/", cart), path("enter/<name>/", enter)),
        CACHES={
            "default": {
                "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
                "LOCATION": place,
            }
        },
        SESSION_ENGINE="django.contrib.sessions.backends.cache",
    ):
        yield lambda: Client(raise_request_exception=False)


def faults_of(order: list[str]) -> str | None:
    """What goes wrong in the shop with this order; None when nothing does."""
    wanted = frozenset(order)
    with shop(order) as browser:
        people = {}
        for name in ("ann", "bob"):
            people[name] = browser()
            people[name].post(f"/enter/{name}/")
        LOG.clear()
        visits = 0
        for turn, name in itertools.product(("first", "second"), people):
            status, body, packed = visit(people[name], wanted, **{"X-Currency": "EUR"})
            visits += 1
            if status != 200:
                return f"/cart/ answers {status}"
            if body is None:
                return f"{name}'s browser cannot unpack the page: what was added to packed bytes?"
            other = "bob" if name == "ann" else "ann"
            if f"<h1>{other}</h1>" in body:
                return f"{name} reads the page of {other}: what had the cache not been told yet?"
            if "gzip" in wanted and not packed:
                return "a browser that takes gzip gets the page uncompressed"
            if "banner" in wanted and (seen := body.count("Sale!")) != 1:
                return (
                    f"{name}'s {turn} visit shows the banner {seen} times: "
                    "was it there when the page was stored, and is a hit given it again?"
                )
        if "currency" in wanted:
            _, body, _ = visit(people["ann"], wanted, **{"X-Currency": "USD"})
            visits += 1
            if "USD" not in (body or ""):
                return "who asks for dollars reads the page in euros: Vary came after the storing"
        if LOG.count("view") > visits - 2:
            return "nothing is ever served from the cache"
        if "meter" in wanted and LOG.count("metered") < visits:
            return (
                f"{visits} visits and {LOG.count('metered')} of them metered: a hit ends the way in"
            )
        if visit(browser(), wanted, "/none/")[0] != 404:
            return "an unknown address does not answer 404"
    return None


@exercise("foundations/django-mvt/order", before=models)
def order(answer: Any) -> str:
    """`order(names)`: the shop's middleware as a list, outermost first."""
    for wanted in SETS:
        got = plain(call(answer, set(wanted)))
        if type(got) is not list or any(type(name) is not str for name in got):
            raise Hint("a list of names is asked for, the outermost first")
        if sorted(got) != sorted(wanted):
            raise Hint(f"asked for {', '.join(sorted(wanted))}; got {', '.join(sorted(got))}")
        if fault := faults_of(got):
            raise Hint(f"{' > '.join(got)}: {fault}")
    return (
        f"{len(SETS)} shops: everybody reads their own page, with one banner, and each visit is "
        "counted; yours is not the only right order"
    )


# --- link ----------------------------------------------------------------------------------------

GOOD = (
    ("https://example.org/?a=1&b=2", "see & hear"),
    ("HTTP://example.org/", "<script>x()</script>"),
    ("mailto:ann@example.org", 'Ann "A." O\'Neil'),
    ("/flights/JFK/", "the board"),
    ('https://example.org/" onmouseover="x()', "quote"),
    ("https://example.org/'><img src=x onerror=x()>", "image"),
    ("/", "home"),
    ("http://example.net:8080/javascript:x()#//", "<!-- a comment -->"),
)
BAD = (
    "javascript:x()",
    "JaVaScRiPt:x()",
    " javascript:x()",
    "java\tscript:x()",
    "\x01javascript:x()",
    "data:text/html,<script>x()</script>",
    "vbscript:x()",
    "//evil.example/",
    "/\\evil.example/",
    "/\t/evil.example/",
    "httpx://evil.example/",
    "https:evil.example",
    "flights/JFK/",
    "",
    "tel:1",
    "about:blank",
)
# Nobody's list of bad schemes has these.
UNKNOWN = "bcdfghklmnpqrstvwxz"


@exercise("foundations/django-mvt/link")
def link(answer: Any) -> str:
    """`link(url, text)`: a safe link, or the text alone where the address is not allowed."""
    made = ("".join(random.choices(UNKNOWN, k=6)) + ":x" for _ in range(3))
    bad = (*BAD, *made)
    for url, text in (*GOOD, *((url, "<i>me</i>") for url in bad)):
        got = call(answer, url, text)
        if type(got) not in (str, SafeString):
            raise Hint("a SafeString is asked for")
        page = Page(Engine().from_string("{{ it }}").render(Context({"it": got})))
        if url in bad:
            if any(tag == "a" for tag, _ in page.tags):
                raise Hint(f"{url!r} became a link: {danger(url)}")
            if page.tags:
                raise Hint(f"{url!r} is no link, but the text {text!r} is in the page as a tag")
        else:
            if type(got) is str and "<" in got:
                raise Hint("not marked as safe: the template escapes the whole link")
            if not page.tags:
                raise Hint(f"{url!r} is a good address, and there is no link")
            if len(page.tags) > 1 and "script" in dict(page.tags):
                raise Hint(f"the text {text!r} became a tag")
            tag, attributes = page.tags[0]
            if len(page.tags) > 1 or tag != "a" or list(attributes) != ["href"]:
                names = ", ".join(f"{t} {list(a)}" for t, a in page.tags)
                raise Hint(f"{url!r} broke out of its attribute; a browser sees {names}")
            if attributes["href"] != url:
                raise Hint(f"the address {url!r} arrives as {attributes['href']!r}")
        if page.text != text:
            raise Hint(f"for {url!r} the reader sees {page.text!r}, not {text!r}")
    return f"{len(GOOD)} links that are what they say, {len(bad)} addresses refused"


def danger(url: str) -> str:
    if url.startswith("/"):
        return "a browser reads it as another host"
    if url == "javascript:x()":
        return "escaping does not change a scheme"
    if url.lower().startswith("http"):
        return "only http:// and https://, with the colon and both slashes, are allowed"
    if ":" not in url:
        return "a path of this site begins with a slash"
    return "a deny list has forgotten it; say which schemes are allowed"


# --- trace ---------------------------------------------------------------------------------------


class Layer:
    name = "?"

    def __init__(self, get_response: Callable) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> Any:
        LOG.append(f">{self.name}")
        response = self.get_response(request)
        status = response.status_code
        LOG.append(f"<{self.name}{'' if status == 200 else status}")
        return response


def hook(mark: str, status: int | None = None) -> Callable:
    def method(self: Layer, request: Any, *rest: Any) -> HttpResponse | None:
        LOG.append(f"{mark}{self.name}")
        return HttpResponse(status=status) if status else None

    return method


def breaks(self: Layer, request: Any) -> None:
    LOG.append(f">{self.name}")
    raise RuntimeError(self.name)


KINDS: dict[str, dict[str, Callable]] = {
    "plain": {},
    "answers": {"__call__": hook(">", 200)},
    "breaks": {"__call__": breaks},
    "looks": {"process_view": hook("v")},
    "stops": {"process_view": hook("v", 403)},
    "logs": {"process_exception": hook("e")},
    "mends": {"process_exception": hook("e", 503)},
}
VIEWS = ("fine", "fails", "unknown")


def fine(request: Any) -> HttpResponse:
    LOG.append("view")
    return HttpResponse("fine")


def fails(request: Any) -> HttpResponse:
    LOG.append("view")
    raise LookupError("a view that fails")


def real_trace(stack: str, view: str) -> str:
    """What Django does with this stack: recorded."""
    here, dotted = import_module(HERE), []
    for number, part in enumerate(stack.split()):
        name, _, kind = part.partition(":")
        made = type(name, (Layer,), {"name": name} | KINDS[kind or "plain"])
        setattr(here, f"Made{number}", made)
        dotted.append(f"{HERE}.Made{number}")
    LOG.clear()
    urls = (path("fine/", fine), path("fails/", fails))
    with quiet(MIDDLEWARE=dotted, ROOT_URLCONF=urls):
        Client(raise_request_exception=False).get(f"/{view}/")
    return " ".join(LOG)


def stacks() -> Iterator[tuple[str, str]]:
    """The stacks of the page, then ten random ones."""
    yield from (
        ("A B C", "fine"),
        ("A B C", "unknown"),
        ("A B:answers C", "unknown"),
        ("A E:looks C", "fine"),
        ("A E:looks C", "unknown"),
        ("A E:stops C:looks", "fine"),
        ("A B C", "fails"),
        ("A:logs B C:logs", "fails"),
        ("A:logs B:mends C:logs", "fails"),
        ("A:mends B:breaks C:logs", "fine"),
    )
    seeded = random.Random(2013)
    for _ in range(10):
        names = "ABCDEF"[: seeded.randint(2, 6)]
        # Few of them end the way in, or the rest would never be seen.
        kinds = seeded.choices(list(KINDS), weights=[3, 0.4, 0.4, 3, 0.5, 3, 1.5], k=len(names))
        parts = (n if k == "plain" else f"{n}:{k}" for n, k in zip(names, kinds, strict=True))
        yield " ".join(parts), seeded.choice(("fine", "fails", "fails", "unknown"))


def refuse(*_: Any) -> None:
    raise Hint("your code asks Django; predict the trace without running anything")


@exercise("foundations/django-mvt/trace", before=models)
def trace(answer: Any) -> str:
    """`trace(stack, view)`: what the layers note, in order; the judge runs each stack."""
    cases = list(stacks())
    for stack, view in cases:
        with mock.patch.object(BaseHandler, "get_response", refuse):
            got = plain(call(answer, stack, view))
        if type(got) is not str:
            raise Hint("one text is asked for, such as '>A view <A'")
        real = real_trace(stack, view)
        if got.split() != real.split():
            raise Hint(f"{stack}, {view}: {first_difference(got.split(), real.split())}")
    return f"{len(cases)} stacks, each as Django did it"


def first_difference(got: list[str], real: list[str]) -> str:
    """The reason that belongs to a typical wrong trace."""

    def only(tokens: list[str], mark: str) -> list[str]:
        return [token for token in tokens if token.startswith(mark)]

    def names(tokens: list[str]) -> list[str]:
        return [token.rstrip("0123456789") for token in tokens]

    if names(got) == names(real):
        wrong = next(a for a, b in zip(got, real, strict=True) if a != b)
        return f"the order is right, the status is not: {wrong}"
    if len(only(got, ">")) > len(only(real, ">")):
        return f"nothing comes further in than {only(real, '>')[-1]}: what does that layer do?"
    if only(real, "<") and not only(got, "<"):
        if real[-1].endswith("404"):
            return "nothing comes out: a 404 is a response like any other"
        return "nothing comes out: between any two layers Django turns an exception into a response"
    if "view" in got and "view" not in real:
        if real[-1].endswith("404"):
            return "no view stands behind this address"
        return "the view did not run: who has answered in its place?"
    if only(got, "e") != only(real, "e"):
        if sorted(only(got, "e")) == sorted(only(real, "e")):
            return "process_exception is asked in the other direction"
        if len(only(got, "e")) > len(only(real, "e")):
            return (
                "fewer are asked: process_exception is for exceptions of the view"
                if not only(real, "e")
                else "whoever answers in process_exception ends the asking"
            )
        return "more process_exception hooks are asked"
    if only(got, "v") != only(real, "v"):
        return "process_view: who is asked, and in which direction?"
    place = next(
        (i for i, (a, b) in enumerate(zip(got, real, strict=False)) if a != b),
        min(len(got), len(real)),
    )
    mine = got[place] if place < len(got) else "the end"
    return f"{mine} at place {place + 1} of your trace is not what happened there"
