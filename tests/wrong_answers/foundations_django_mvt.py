"""Answers that the checks of foundations/django-mvt must refuse, each with a part of its hint."""

import html
from importlib import import_module
from typing import Any

from django.http import HttpResponse
from django.template import Context, Engine
from django.utils.html import escape, format_html
from django.utils.safestring import mark_safe

from nexus.exercises import foundations_django_mvt as checks

# --- board ---------------------------------------------------------------------------------------

NAMES = ("airline", "origin", "destination", "plane")
ROW = """<tr><td>{{ f.airline.name }} {{ f.number }}</td><td>{{ f.origin.name }}</td>
<td>{{ f.destination }}</td><td>{{ f.plane.model|default:"unknown" }}</td></tr>"""


def page_of(fetch: Any, row: str = ROW, total: Any = None, day: str = "", rows: int = 0) -> Any:
    """A board with one thing changed: how the flights are fetched, a row, the total, the day."""

    def board(request: Any) -> HttpResponse:
        objects = import_module("departures.models").Flight.objects
        flights = objects.filter(day=day or request.GET["day"])
        flights = flights.order_by("scheduled_departure", "id")
        shown = fetch(flights)[: rows or int(request.GET["rows"])]
        text = "<h1>{{ total }} departures</h1>{% for f in flights %}" + row + "{% endfor %}"
        number = total(shown) if total else flights.count()
        context = Context({"flights": shown, "total": number})
        return HttpResponse(Engine().from_string(text).render(context))

    return board


def joined(flights: Any) -> Any:
    return flights.select_related(*NAMES)


def by_hand(request: Any) -> HttpResponse:
    """Right, but for the escaping."""
    objects = import_module("departures.models").Flight.objects
    flights = objects.filter(day=request.GET["day"]).order_by("scheduled_departure", "id")
    page = f"<h1>{flights.count()}</h1>"
    for f in joined(flights)[: int(request.GET["rows"])]:
        plane = f.plane.model if f.plane else "unknown"
        page += f"<tr><td>{f.airline.name} {f.number}<td>{f.origin.name}<td>{f.destination}"
        page += f"<td>{plane}"
    return HttpResponse(page)


def new_connection(request: Any) -> HttpResponse:
    """Asks on a connection of its own for the rest of the page."""
    import_module("django.db").connection.close()
    return page_of(lambda flights: flights)(request)


def past_django(request: Any) -> HttpResponse:
    """Asks for each plane by the driver's own connection, which Django does not log."""
    driver = import_module("django.db").connection
    sql = 'SELECT "model" FROM "departures_plane" WHERE "tail_number" = ?'

    def model(flight: Any) -> str:
        found = driver.connection.execute(sql, [flight.plane_id or "-"]).fetchone()
        return found[0] if found else "unknown"

    objects = import_module("departures.models").Flight.objects
    flights = objects.filter(day=request.GET["day"]).order_by("scheduled_departure", "id")
    page = f"<h1>{flights.count()}</h1>"
    row = "<tr><td>{} {}<td>{}<td>{}<td>{}"
    shown = flights.select_related("airline", "origin", "destination")
    for f in shown[: int(request.GET["rows"])]:
        cells = (f.airline.name, f.number, f.origin.name, f.destination, model(f))
        page += format_html(row, *cells)
    return HttpResponse(page)


# --- order ---------------------------------------------------------------------------------------


def ordered(text: str) -> Any:
    return lambda names: [name for name in text.split() if name in names]


# --- link ----------------------------------------------------------------------------------------


def plain_link(url: str, text: str) -> str:
    return f'<a href="{escape(url)}">{escape(text)}</a>'


def formatted(url: str, text: str) -> Any:
    return format_html('<a href="{}">{}</a>', url, text)


def deny_list(url: str, text: str) -> Any:
    if url.startswith("javascript:"):
        return format_html("{}", text)
    return formatted(url, text)


def long_deny_list(url: str, text: str) -> Any:
    """Whatever anybody has ever warned of, and nothing else."""
    seen = "".join(c for c in url.lower() if c > " " and c.isprintable()).replace("\\", "/")
    evil = ("javascript:", "data:", "vbscript:", "//", "file:", "ftp:", "tel:", "about:", "blob:")
    plain_text = seen.startswith((*evil, "https:evil", "httpx:", "flights")) or not seen
    return format_html("{}", text) if plain_text else formatted(url, text)


def http_anything(url: str, text: str) -> Any:
    good = url.lower().startswith(("http", "mailto:", "/"))
    good = good and url.isprintable() and not url.startswith(("//", "/\\"))
    return formatted(url, text) if good else format_html("{}", text)


def one_slash_less(url: str, text: str) -> Any:
    good = url.lower().startswith(("http:", "https:", "mailto:", "/"))
    good = good and url.isprintable() and not url.startswith(("//", "/\\"))
    return formatted(url, text) if good else format_html("{}", text)


def any_path(url: str, text: str) -> Any:
    good = url.lower().startswith(("http://", "https://", "mailto:", "/"))
    return formatted(url, text) if good else format_html("{}", text)


def unquoted(url: str, text: str) -> Any:
    return format_html("<a href={}>{}</a>", url, text)


def text_by_hand(url: str, text: str) -> Any:
    good = url.lower().startswith(("http://", "https://", "mailto:", "/"))
    return formatted(url, text) if good else mark_safe(text)


def never(url: str, text: str) -> Any:
    return escape(text)


def escaped_twice(url: str, text: str) -> Any:
    return any_path(url, html.escape(text))


# --- trace ---------------------------------------------------------------------------------------


def simulated(
    travels: bool = False,
    outside_in: bool = False,
    all_asked: bool = False,
    early_views: bool = False,
    layers_too: bool = False,
    skips_404: bool = False,
    no_status: bool = False,
    stops_nothing: bool = False,
    all_enter: bool = False,
) -> Any:
    """The trace, as somebody with another idea of Django predicts it."""

    def trace(stack: str, view: str) -> str:
        layers = [[*part.split(":"), "plain"][:2] for part in stack.split()]
        notes: list[str] = []
        passed: list[str] = []
        status = None
        if skips_404 and view == "unknown":
            return ""
        for name, kind in layers:
            notes.append(f">{name}")
            if kind in ("answers", "breaks"):
                status = 200 if kind == "answers" else 500
                if not all_enter:
                    break
            passed.append(name)
            if early_views and kind == "looks" and view != "unknown":
                notes.append(f"v{name}")
        failed = status == 500
        if status is None and view == "unknown":
            status = 404
        for name, kind in layers if status is None else []:
            if (
                kind in ("looks", "stops")
                and status is None
                and not (early_views and kind == "looks")
            ):
                notes.append(f"v{name}")
                status = 403 if kind == "stops" and not stops_nothing else None
        if status is None:
            notes.append("view")
            failed, status = view == "fails", 200 if view == "fine" else None
        if failed and (status is None or layers_too):
            status = None
            for name, kind in layers if outside_in else layers[::-1]:
                if kind in ("logs", "mends") and (status is None or all_asked):
                    notes.append(f"e{name}")
                    status = 503 if kind == "mends" else status
            status = status or 500
        if travels and status == 500:
            return " ".join(notes)
        said = "" if status == 200 or no_status else status
        return " ".join([*notes, *(f"<{name}{said}" for name in reversed(passed))])

    return trace


EXERCISES = {
    "board": {
        "naive": (page_of(lambda flights: flights), "one a row"),
        "select_related()": (
            page_of(lambda flights: flights.select_related()),
            "is a key that may be null followed?",
        ),
        "only() without the keys": (
            page_of(lambda flights: flights.only("number")),
            "only() left out the keys",
        ),
        "five queries": (
            page_of(lambda flights: flights.prefetch_related(*NAMES)),
            "queries, for any number of rows",
        ),
        "nothing for a null": (
            page_of(joined, ROW.replace('|default:"unknown"', "")),
            "nobody knows its plane",
        ),
        "an INNER join": (
            page_of(lambda flights: joined(flights).exclude(plane=None)),
            "is expected",
        ),
        "the shown ones counted": (page_of(joined, total=len), "the day has 956 departures"),
        "always that day": (page_of(joined, day="2013-02-14"), "is shown"),
        "always fifty": (page_of(joined, rows=50), "50 rows with cells (<tr> with <td>), not 10"),
        "three cells": (page_of(joined, "<tr><td><td><td></tr>"), "a row has 3 cells"),
        "by hand": (by_hand, "puts its own tag into the page"),
        "numbers glued together": (
            page_of(joined, total=lambda shown: "95699"),
            "the day has 956 departures",
        ),
        "all numbers": (
            page_of(joined, total=lambda shown: " ".join(map(str, range(800, 1100)))),
            "the day has 956 departures",
        ),
        "no order among equals": (
            page_of(lambda flights: joined(flights).order_by("scheduled_departure")),
            "flights of the same minute",
        ),
        "a new connection": (new_connection, "leave the connection to the database open"),
        "past Django to the driver": (past_django, "50 of them read the table of planes"),
        "the HTML": (lambda request: "<h1>956</h1>", "a view returns an HttpResponse"),
        "a redirect": (lambda request: HttpResponse(status=302), "answers 302"),
    },
    "order": {
        "Update inside the session": (
            ordered("meter gzip banner session currency update fetch"),
            "ann: what had the cache not been told yet?",
        ),
        "Fetch first": (
            ordered("fetch update meter gzip session currency banner"),
            "a hit ends the way in",
        ),
        "banner outside of gzip": (
            ordered("banner gzip update meter session currency fetch"),
            "what was added to packed bytes",
        ),
        "currency outside of Update": (
            ordered("currency gzip banner update meter session fetch"),
            "who asks for dollars",
        ),
        "gzip behind Fetch": (
            ordered("meter fetch gzip update session currency banner"),
            "gets the page uncompressed",
        ),
        "banner stored, and added to each hit": (
            ordered("gzip update meter session currency banner fetch"),
            "ann's second visit shows the banner 2 times",
        ),
        "banner neither stored nor added to a hit": (
            ordered("meter gzip fetch banner update session currency"),
            "ann's second visit shows the banner 0 times",
        ),
        "no Fetch": (ordered("update meter gzip session currency banner"), "asked for"),
        "a text": (lambda names: " ".join(names), "a list of names"),
        "always all of them": (
            lambda names: ["gzip", "banner", "update", "meter", "session", "currency", "fetch"],
            "asked for fetch, session, update",
        ),
    },
    "link": {
        "mark_safe(f'...')": (
            lambda url, text: mark_safe(f'<a href="{url}">{text}</a>'),
            "became a tag",
        ),
        "a plain str": (plain_link, "not marked as safe"),
        "escape without a scheme check": (formatted, "escaping does not change a scheme"),
        "a deny list": (deny_list, "a deny list has forgotten it"),
        "a long deny list": (long_deny_list, "a deny list has forgotten it"),
        "whatever begins with http": (http_anything, "with the colon and both slashes"),
        "https: without slashes": (one_slash_less, "with the colon and both slashes"),
        "any path": (any_path, "a browser reads it as another host"),
        "no quotes": (unquoted, "broke out of its attribute"),
        "the text by hand": (text_by_hand, "is in the page as a tag"),
        "never a link": (never, "there is no link"),
        "escaped twice": (escaped_twice, "the reader sees 'see &amp; hear'"),
        "nothing": (lambda url, text: None, "a SafeString is asked for"),
    },
    "trace": {
        "the exception travels out": (simulated(travels=True), "nothing comes out"),
        "process_exception outside in": (simulated(outside_in=True), "in the other direction"),
        "all are asked": (simulated(all_asked=True), "ends the asking"),
        "process_view on the way in": (simulated(early_views=True), "is not what happened there"),
        "layers too": (simulated(layers_too=True), "is for exceptions of the view"),
        "a 404 passes nobody": (simulated(skips_404=True), "a 404 is a response like any other"),
        "no status": (simulated(no_status=True), "the order is right, the status is not: <C"),
        "nobody stops the view": (simulated(stops_nothing=True), "who has answered in its place"),
        "Django itself": (
            lambda stack, view: checks.real_trace(stack, view),
            "without running anything",
        ),
        "everybody is on the way in": (
            simulated(all_enter=True),
            "nothing comes further in than >B",
        ),
        "a list": (lambda stack, view: stack.split(), "one text is asked for"),
    },
}
