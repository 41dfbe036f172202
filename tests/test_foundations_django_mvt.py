"""What `foundations/django-mvt` teaches is right: the trace of any stack, links of any address,
strict templates, the shop's order; each against Django itself or an oracle of its own."""

import random
from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Any
from unittest import TestCase

import pytest
from django.http import HttpResponse, StreamingHttpResponse
from django.template.backends.django import DjangoTemplates
from django.template.response import TemplateResponse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexus.exercises import foundations_django_mvt as checks
from tests.taught import taught

TOPIC = "foundations/django-mvt"
ENGINE = {"NAME": "page", "DIRS": [], "APP_DIRS": False, "OPTIONS": {}}
relaxed = settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def lessons() -> dict[str, Any]:
    return taught(TOPIC)


@pytest.fixture(autouse=True)
def django_of_the_tests(monkeypatch) -> Iterator[None]:
    """The tests' Django is set up already, without the service's rows; none of these needs one."""
    monkeypatch.setattr(checks, "models", lambda: None)
    with checks.quiet():
        yield


# --- traced, and the solution of `trace` ---------------------------------------------------------

KINDS = st.sampled_from(["plain", "answers", "breaks", *["looks", "stops", "logs", "mends"] * 3])


@st.composite
def stacks(draw: Callable) -> str:
    kinds = draw(st.lists(KINDS, max_size=6))
    return " ".join(f"{name}:{kind}" for name, kind in zip("ABCDEF", kinds, strict=False))


def the_view(lessons: dict[str, Any], name: str) -> Callable | None:
    def view(request: Any) -> HttpResponse:
        lessons["LOG"].append("view")
        if name == "fails":
            raise LookupError
        return HttpResponse()

    return None if name == "unknown" else view


@relaxed
@given(stack=stacks(), view=st.sampled_from(checks.VIEWS))
def test_three_traces_agree(lessons, stack: str, view: str) -> None:
    recorded = lessons["traced"](stack, the_view(lessons, view))
    assert recorded == checks.real_trace(stack, view)
    assert recorded == lessons["trace"](stack, view)
    assert "!" not in recorded


def test_a_trace_is_of_one_request_only(lessons) -> None:
    fine = the_view(lessons, "fine")
    assert lessons["traced"]("A", fine) == lessons["traced"]("A", fine) == ">A view <A"
    assert lessons["traced"]("", fine) == "view"
    assert lessons["traced"]("") == ""


def test_a_stream_is_read_after_the_way_out(lessons) -> None:
    def noted() -> Iterator[str]:
        lessons["LOG"].append("part")
        yield "x"

    traced = lessons["traced"]("A", lambda request: StreamingHttpResponse(noted()))
    assert traced == ">A <A sent part"


def test_an_unknown_kind_is_an_error(lessons) -> None:
    with pytest.raises(KeyError):
        lessons["traced"]("A:nonsense")


def test_a_deferred_template_is_filled_before_the_way_out(lessons) -> None:
    page = DjangoTemplates(ENGINE).from_string("{{ note }}")
    context = {"note": lambda: lessons["LOG"].append("filled") or "x"}
    traced = lessons["traced"]("A", lambda request: TemplateResponse(request, page, context))
    assert traced == ">A filled <A"


# --- site ----------------------------------------------------------------------------------------


def test_a_site_leaves_the_settings_as_they_were(lessons) -> None:
    from django.conf import settings as django

    before = [django.ROOT_URLCONF, django.MIDDLEWARE]
    with lessons["site"](MIDDLEWARE=[]) as browser:
        assert browser().get("/").status_code == 404
    after = [django.ROOT_URLCONF, django.MIDDLEWARE]
    assert after == before


# --- the log of templates ------------------------------------------------------------------------

# What a template reads as something else than a name.
KEYWORDS = {"if", "for", "in", "is", "not", "and", "or"}
names = st.from_regex(r"[a-z][a-z0-9]{0,8}(\.[a-z][a-z0-9]{0,8}){0,2}", fullmatch=True)
HOLES = (
    "{{ %s }}",
    "{{ %s|default:1 }}",
    "{%% if %s %%}{%% endif %%}",
    "{%% for i in %s %%}{%% endfor %%}",
)


@relaxed
@given(
    name=names.filter(lambda name: name.split(".")[0] not in KEYWORDS), hole=st.sampled_from(HOLES)
)
def test_django_logs_each_name_that_leads_nowhere_and_no_other(name: str, hole: str) -> None:
    template = checks.Engine().from_string(hole % name)
    context: Any = []
    for part in reversed(name.split(".")):
        context = {part: context}
    case = TestCase()
    with case.assertNoLogs("django.template", "DEBUG"):
        template.render(checks.Context(context))
    with case.assertLogs("django.template", "DEBUG"):
        template.render(checks.Context({}))


# --- link ----------------------------------------------------------------------------------------

parts = ["javascript:", "http://", "HTTPS://", "mailto:", "/", "\\", "\t", "\n", " ", '"', "'", "<"]
parts += [">", "&", "&quot;", "a", "é", "onclick=x()", "data:", "\x00", "\u2028", "//"]
urls = st.one_of(st.text(), st.lists(st.sampled_from(parts)).map("".join))
texts = st.text(st.characters(exclude_characters="\r\x00", exclude_categories=["Cs"]))
SCHEMES = ("http://", "https://", "mailto:")


@settings(relaxed, max_examples=400)
@given(url=urls, text=texts)
def test_a_link_is_a_link_to_that_address_or_none(lessons, url: str, text: str) -> None:
    page = checks.Page(str(lessons["link"](url, text)))
    assert page.text == text
    if page.tags:
        assert page.tags == [("a", {"href": url})]
        # What a browser makes of an address: it drops tabs and line ends, and control characters
        # before it, and takes a backslash for a slash.
        seen = url.lstrip("".join(map(chr, range(33)))).lower().replace("\\", "/")
        for character in "\t\n\r":
            seen = seen.replace(character, "")
        assert seen.startswith(SCHEMES) or (seen.startswith("/") and not seen.startswith("//"))


# --- order ---------------------------------------------------------------------------------------


def is_right(order: tuple[str, ...]) -> bool:
    """From the descriptions: who must be told what, and when."""
    at = order.index
    return (
        at("update") < at("session")
        and at("update") < at("currency")
        and at("gzip") < at("banner")
        and at("meter") < at("fetch")
        # Pages that are stored uncompressed must pass gzip when they come out of the cache.
        and (at("update") < at("gzip") or at("gzip") < at("fetch"))
        # Pages that are stored without the banner must pass it; those stored with it must not.
        and (at("banner") < at("update")) == (at("banner") < at("fetch"))
    )


def test_the_shop_is_judged_as_its_parts_are_described() -> None:
    orders = random.Random(2013).sample(list(permutations(checks.DOTTED)), 300)
    assert {is_right(order) for order in orders} == {True, False}
    for order in orders:
        assert (checks.faults_of(list(order)) is None) == is_right(order), order


def test_the_solution_is_right(lessons) -> None:
    assert is_right(tuple(lessons["order"](set(checks.DOTTED))))
    for wanted in checks.SETS:
        assert checks.faults_of(lessons["order"](set(wanted))) is None
