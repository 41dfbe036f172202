"""The built book: it builds strictly, its links lead somewhere, and a browser finds no fault in it.

The functions that find faults (`build`, `broken_links`, `faults`) are shown to find them, on small
sites that each have one.
"""

import doctest
import fcntl
import json
import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from axe_playwright_python.sync_playwright import Axe
from nexus_book import entries, pages, site
from playwright.sync_api import Browser, Page

from tests.entries import ROOT
from tools.book import build

PREFIX = "/repo/"  # GitHub Pages serves a project under its name
PUBLISHED = {"SITE_URL": f"https://ada.example{PREFIX}", "GITHUB_REPOSITORY": "ada/repo"}
UNKNOWN = {"SITE_URL": "", "GITHUB_REPOSITORY": ""}
FIRST_PAGE_BYTES = 500_000  # as the files are; a server that compresses sends a third of it
AXE = {
    "resultTypes": ["violations", "incomplete"],
    "rules": {"label-content-name-mismatch": {"enabled": True}},  # off by default
}
AXE_COLOURS = {
    "resultTypes": ["violations", "incomplete"],
    "runOnly": ["color-contrast", "link-in-text-block"],
}
# Text in the very colour of its ground counts as undecided for axe: it may be hidden on purpose.
INVISIBLE = """result => result.incomplete.flatMap(check => check.nodes)
    .filter(node => node.any.some(rule => rule.data?.messageKey === "equalRatio"))
    .map(node => node.target)"""


def documents() -> list[str]:
    """The name of every page that _toc.yml lists, and of the two that Sphinx adds."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return [toc["root"], *chapters, "search", "404"]


# What is built


@contextmanager
def environment(values: dict[str, str]) -> Iterator[None]:
    """`values` in the environment, for as long as it takes."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site as it is published, built once for all workers of a run."""
    base = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        base = base.parent
    html = base / "book" / "_build" / "html"
    with (base / "book.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (base / "book.log").exists():
            with environment(PUBLISHED):
                result = build(ROOT, base / "book")
            (base / "book.log").write_text(f"{result.returncode}\n{result.stderr}")
    code, _, log = (base / "book.log").read_text().partition("\n")
    assert code == "0", log[-3000:]
    return html


def small_book(folder: Path, text: str) -> Path:
    """A book of two pages, with the configuration and the extension of the real one."""
    for name in ("_ext", "_static", "_templates"):
        ignore = shutil.ignore_patterns("mathjax", "__pycache__")
        shutil.copytree(ROOT / "book" / name, folder / "book" / name, ignore=ignore)
    shutil.copy(ROOT / "book" / "references.bib", folder / "book")
    shutil.copy(ROOT / "_config.yml", folder)
    toc = {"format": "jb-book", "root": "book/page", "chapters": [{"file": "book/other"}]}
    (folder / "_toc.yml").write_text(yaml.safe_dump(toc))
    (folder / "book" / "page.md").write_text(f"# A page\n\n{text}\n")
    (folder / "book" / "other.md").write_text("# Another\n")
    return folder


def test_builds_without_knowing_its_address(tmp_path: Path) -> None:
    source = small_book(tmp_path, "Text.")
    with environment(UNKNOWN):
        result = build(source, source)
    assert result.returncode == 0, result.stderr[-3000:]
    page = (source / "_build" / "html" / "book" / "page.html").read_text()
    assert "github.com" not in page


def test_a_warning_fails_the_build(tmp_path: Path) -> None:
    source = small_book(tmp_path, "See [there](nowhere.md) and {term}`no such term`.")
    with environment(UNKNOWN):
        result = build(source, source)
    assert result.returncode != 0
    assert "nowhere.md" in result.stderr
    assert "no such term" in result.stderr


# Links


class Links(HTMLParser):
    """What a page links to, and the anchors that it offers."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("href", "src") and tag != "base":
                self.targets.append(value or "")
            elif name in ("id", "name"):
                self.anchors.add(value or "")


def broken_links(folder: Path, prefix: str = PREFIX) -> list[str]:
    """Every link of the site in `folder` that leads to no file or to no anchor of it."""
    parsed = {page: Links(page.read_text(encoding="utf-8")) for page in folder.rglob("*.html")}
    broken = []
    for page, links in parsed.items():
        for target in links.targets:
            url = urlsplit(target)
            if url.scheme or url.netloc:
                continue
            start = folder if url.path.startswith(prefix) else page.parent
            path = unquote(url.path.removeprefix(prefix))
            file = (start / path).resolve() if path else page if not url.path else folder
            file = file / "index.html" if file.is_dir() else file
            anchor = unquote(url.fragment)
            if not file.is_file() or (
                anchor and file in parsed and anchor not in parsed[file].anchors
            ):
                broken.append(f"{page.relative_to(folder)}: {target}")
    return broken


def test_every_link_leads_somewhere(book: Path) -> None:
    assert broken_links(book.resolve()) == []


@pytest.mark.parametrize(
    ("link", "broken"),
    [("b.html", False), ("b.html#here", False), ("c.html", True), ("b.html#there", True)],
)
def test_a_broken_link_is_found(tmp_path: Path, link: str, broken: bool) -> None:
    (tmp_path / "a.html").write_text(f'<a href="{link}">x</a>')
    (tmp_path / "b.html").write_text('<p id="here">x</p>')
    assert bool(broken_links(tmp_path)) == broken


# A browser's view


class Handler(SimpleHTTPRequestHandler):
    """Serves a folder under PREFIX, and its 404.html for what is not there."""

    def translate_path(self, path: str) -> str:
        if not path.startswith(PREFIX):
            return str(Path(self.directory) / "outside")
        return super().translate_path(path.removeprefix(PREFIX.rstrip("/")))

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        page = Path(self.directory) / "404.html"
        body = page.read_bytes() if page.exists() else b"not found"
        self.send_response(code)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address at which `folder` is served, as GitHub Pages would."""
    handler = partial(Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}{PREFIX}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="session")
def address(book: Path) -> Iterator[str]:
    with served(book) as url:
        yield url


@contextmanager
def opened(browser: Browser, url: str, home: str) -> Iterator[tuple[Page, list[str], list[int]]]:
    """The page at `url`, what went wrong while it loaded, and the bytes of each response.

    Whatever it asks for outside `home` is noted and never sent.
    """
    context = browser.new_context(
        viewport={"width": 1280, "height": 900}, color_scheme="light", reduced_motion="reduce"
    )
    page = context.new_page()
    wrong: list[str] = []
    sizes: list[int] = []

    def route(route) -> None:
        if route.request.url.startswith((home, "data:", "blob:")):
            route.continue_()
        else:
            wrong.append(f"leaves the site: {route.request.url}")
            route.abort()

    def console(message) -> None:
        missing = message.text.startswith("Failed to load") and message.location["url"] == url
        if message.type == "error" and not missing:  # the page itself may be the 404 page
            wrong.append(f"console: {message.text}")

    context.route("**/*", route)
    page.on("console", console)
    page.on("pageerror", lambda error: wrong.append(f"script: {error}"))
    page.on("response", lambda response: sizes.append(len(response.body())))
    page.goto(url)
    page.wait_for_timeout(400)  # for what scripts ask for once the page is loaded
    try:
        yield page, wrong, sizes
    finally:
        context.close()


# One token of each kind stands for all: its colours depend on its kind alone, and judging the
# thousands in a page of code takes axe the better part of a minute.
THIN_CODE = """() => {
    const kinds = new Set();
    for (const token of document.querySelectorAll(".highlight pre span"))
        if (kinds.has(token.className)) token.replaceWith(...token.childNodes);
        else kinds.add(token.className);
}"""


def look(page: Page, width: int, scheme: str) -> None:
    """Shows the page at another width (in pixels) or in another colour scheme."""
    resized = page.viewport_size["width"] != width
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme)
    page.wait_for_timeout(500 if resized else 100)  # the theme answers a new size after 300 ms


def faults(browser: Browser, url: str, home: str) -> list[str]:
    """What is wrong with the page, seen wide and narrow, in the light and in the dark."""
    with opened(browser, url, home) as (page, found, _):
        found += page.evaluate(
            """() => [...document.images].filter(image => !image.alt?.trim())
                     .map(image => `no alt text: ${image.getAttribute("src").slice(0, 80)}`)"""
        )
        page.evaluate(THIN_CODE)
        page.evaluate(Axe().axe_script)
        for width, scheme in [(1280, "light"), (1280, "dark"), (375, "dark"), (375, "light")]:
            look(page, width, scheme)
            view = f"{width} px, {scheme}"
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                found.append(f"scrolls sideways at {view}")
            rules = AXE if scheme == "light" else AXE_COLOURS  # the dark changes nothing else
            result = page.evaluate("rules => axe.run(rules)", rules)
            for violation in result["violations"]:
                where = [node["target"] for node in violation["nodes"]]
                found.append(f"axe at {view}: {violation['id']} ({violation['impact']}): {where}")
            found += [
                f"invisible at {view}: {target}" for target in page.evaluate(INVISIBLE, result)
            ]
        return found


@pytest.mark.parametrize("name", documents())
def test_a_browser_finds_no_fault(browser: Browser, address: str, name: str) -> None:
    assert faults(browser, f"{address}{name}.html", address) == []


PAGE = '<!DOCTYPE html><html lang="en"><title>t</title><main><h1>t</h1>{}</main></html>'


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("<p>Nothing is wrong here.</p>", None),
        ('<img alt="one pixel" src="https://elsewhere.example/pixel.png">', "leaves the site"),
        ('<script src="https://elsewhere.example/a.js"></script>', "leaves the site"),
        ("<script>console.error('oh')</script>", "console: oh"),
        ("<script>nothing.there</script>", "script: "),
        ('<img src="dot.svg">', "no alt text"),
        ('<p style="width: 500px">wide</p>', "scrolls sideways at 375 px, light"),
        ('<p style="color: #999; background: #fff">pale</p>', "color-contrast"),
        ('<p style="color: #fff; background: #fff">unseen</p>', "invisible at 1280 px"),
        ('<button aria-label="Find">Search</button>', "label-content-name-mismatch"),
        (
            "<style>@media (prefers-color-scheme: dark) { p { color: #222; background: #000 } }"
            "</style><p>dark</p>",
            "axe at 375 px, dark: color-contrast",
        ),
    ],
)
def test_a_fault_is_found(browser: Browser, tmp_path: Path, body: str, fault: str | None) -> None:
    (tmp_path / "page.html").write_text(PAGE.format(body))
    (tmp_path / "dot.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    (tmp_path / "favicon.ico").touch()
    with served(tmp_path) as home:
        found = faults(browser, f"{home}page.html", home)
    assert any(fault in one for one in found) if fault else found == []


def test_the_first_page_is_light(browser: Browser, address: str) -> None:
    with opened(browser, address, address) as (page, wrong, sizes):
        assert page.url.endswith("/book/intro.html")
        assert wrong == []
        assert sum(sizes) < FIRST_PAGE_BYTES


def test_an_address_that_is_not_there(browser: Browser, address: str) -> None:
    url = f"{address}no/such/page.html"
    with opened(browser, url, address) as (page, wrong, _):
        assert wrong == []
        assert page.inner_text("article h1").startswith("Page not found")
        page.click(".navbar-brand")
        assert page.url.endswith("/book/intro.html")


def test_search_finds(browser: Browser, address: str) -> None:
    with opened(browser, f"{address}search.html?q=glossary", address) as (page, wrong, _):
        page.wait_for_selector("#search-results li a")
        assert wrong == []


def html(book: Path, name: str) -> str:
    """The HTML of a page."""
    return (book / f"{name}.html").read_text(encoding="utf-8")


def test_figures_are_dark_in_the_dark(browser: Browser, book: Path, address: str) -> None:
    name = next(name for name in documents() if name.startswith(entries.NOTEBOOKS))
    with opened(browser, f"{address}{name}.html", address) as (page, _, _):
        ground = "getComputedStyle(document.querySelector('.cell_output img')).filter"
        assert page.evaluate(ground) == "none"
        look(page, 1280, "dark")
        page.wait_for_function(f"{ground}.includes('invert')", timeout=5000)


# What the pages say


def listed() -> list[entries.Entry]:
    """The entries of the book."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    return [
        entries.read(ROOT / f"{name}.ipynb", name, part) for part, name in entries.chapters(toc)
    ]


def test_the_evidence_page_holds_every_claim(book: Path) -> None:
    text = html(book, "book/evidence")
    for entry in listed():
        assert entry.claims, entry.docname
        for claim in entry.claims:
            assert f"{entry.docname}.html#{claim.id}" in text


def test_launch_and_download(book: Path) -> None:
    for entry in listed():
        text = html(book, entry.docname)
        assert f"mybinder.org/v2/gh/ada/repo/main?urlpath=lab/tree/{entry.docname}.ipynb" in text
        assert f"_sources/{entry.docname}.ipynb" in text


def test_sitemap_and_cards(book: Path) -> None:
    sitemap = (book / "sitemap.xml").read_text()
    for name in documents()[:-2]:
        assert f"{PUBLISHED['SITE_URL']}{name}.html" in sitemap
        card = re.search(rf'og:image" content="{PUBLISHED["SITE_URL"]}([^"]+)"', html(book, name))
        assert card is not None
        assert (book / card[1]).is_file()


def test_the_glossary_is_in_order() -> None:
    text = (ROOT / "book" / "glossary.md").read_text(encoding="utf-8")
    terms = re.findall(r"^(\S.*)\n  \S", text, flags=re.MULTILINE)
    assert terms == sorted(terms, key=str.casefold)


# The extension


NOTEBOOK = {
    "metadata": {
        "nexus": {
            "title": "Two_rows [and] more",
            "question": "How many?",
            "symptom": "It is slow.",
            "covers": ["Counting"],
            "servers": ["mariadb"],
            "minutes": 20,
            "tags": ["SQL & co"],
            "learned": "2026-11-24",
            "verified": {"MariaDB": "10.11.1"},
        }
    },
    "cells": [
        {"cell_type": "markdown", "metadata": {}, "source": "# Two rows"},
        {
            "cell_type": "code",
            "execution_count": 7,
            "metadata": {"tags": ["solution"]},
            "source": "claim()",
            "outputs": [
                {
                    "output_type": "display_data",
                    "metadata": {"image/png": {"alt": "A dot."}},
                    "data": {
                        "image/png": "AAAA",
                        "text/html": ["<th></th>", "<th>a</th>"],
                        entries.CLAIM: {"id": "claim-rows", "sentence": "2 rows * <b>"},
                    },
                }
            ],
        },
    ],
}


@pytest.fixture
def notebook() -> dict:
    return json.loads(json.dumps(NOTEBOOK))


def entry_of(notebook: dict, folder: Path) -> entries.Entry:
    path = folder / "rows.ipynb"
    path.write_text(json.dumps(notebook))
    return entries.read(path, "notebooks/data/rows", "Data")


def test_reads_an_entry(notebook: dict, tmp_path: Path) -> None:
    entry = entry_of(notebook, tmp_path)
    assert entry.claims == [entries.Claim("claim-rows", "2 rows * <b>", 7)]
    assert (entry.cells, entry.figures, entry.exercises) == (1, 1, 0)
    assert list(entries.alt_texts(notebook).values()) == ["A dot."]


@pytest.mark.parametrize("field", entries.FIELDS)
def test_names_the_notebook_that_lacks_a_field(notebook: dict, tmp_path: Path, field: str) -> None:
    del notebook["metadata"]["nexus"][field]
    with pytest.raises(entries.EntryError, match=rf"rows\.ipynb: metadata\.nexus lacks {field}"):
        entry_of(notebook, tmp_path)


def test_names_the_notebook_that_claims_a_thing_twice(notebook: dict, tmp_path: Path) -> None:
    notebook["cells"].append(notebook["cells"][-1])
    with pytest.raises(entries.EntryError, match=r"rows\.ipynb: claimed twice: claim-rows"):
        entry_of(notebook, tmp_path)


def test_names_the_notebook_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "rows.ipynb"
    with pytest.raises(entries.EntryError, match="no such notebook"):
        entries.load(path)
    path.write_text("{")
    with pytest.raises(entries.EntryError, match=r"rows\.ipynb: not a notebook"):
        entries.load(path)


def test_prepares_a_notebook_for_its_page(notebook: dict) -> None:
    cell = entries.prepare(notebook)["cells"][1]
    assert cell["outputs"][0]["data"]["text/html"] == "<td></td><th>a</th>"
    assert entries.CLAIM not in cell["outputs"][0]["data"]
    assert cell["metadata"]["mystnb"]["code_prompt_show"] == "Show the solution"


def test_views_escape_what_a_notebook_says(notebook: dict, tmp_path: Path) -> None:
    entry = entry_of(notebook, tmp_path)
    for name, view in pages.VIEWS.items():
        assert "<b>" not in view([entry]), name
    assert r"Two\_rows \[and\] more" in pages.questions([entry])
    assert 'href="?a&amp;b"' in pages.facts(entry, lambda tag: "?a&b")


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("https://github.com/ada/repo.git", "https://github.com/ada/repo"),
        ("https://ada:secret@github.com/ada/repo", "https://github.com/ada/repo"),
        ("ssh://git@gitlab.com:22/ada/repo.git", "https://gitlab.com/ada/repo"),
        ("git@github.com:ada/repo.git", "https://github.com/ada/repo"),
        ("/srv/git/repo.git", ""),
        ("https://unknown.example/ada/repo", ""),
        ("", ""),
    ],
)
def test_the_repository_from_a_remote(remote: str, url: str) -> None:
    assert site.repository({}, remote) == url


@pytest.mark.parametrize(
    ("environ", "repository", "url"),
    [
        ({"SITE_URL": "https://ada.example"}, "", "https://ada.example/"),
        ({}, "https://github.com/Ada/repo", "https://ada.github.io/repo/"),
        ({}, "https://github.com/Ada/ada.github.io", "https://ada.github.io/"),
        ({}, "https://gitlab.com/ada/repo", ""),
        ({}, "", ""),
    ],
)
def test_the_address_of_the_site(environ: dict, repository: str, url: str) -> None:
    assert site.base_url(environ, repository) == url


def test_the_examples_in_the_extension() -> None:
    for module in (site, pages):
        assert doctest.testmod(module).failed == 0
