"""The one Sphinx extension of the book.

It reads the notebooks that _toc.yml lists and makes of their metadata and stored outputs what
would otherwise be kept by hand: the map, the evidence, the indexes, the changelog, the facts under
each title, the alt text of each figure. `entries` reads, `pages` writes Markdown, `site` knows
addresses and files; this module is all that touches Sphinx.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from . import entries, pages, site


def configure(app: Sphinx, config: Config) -> None:
    """Reads the entries, and sets every address that depends on where the repository lives."""
    root = Path(app.srcdir)
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    try:
        config.nexus_entries = [
            entries.read(root / f"{docname}.ipynb", docname, part)
            for part, docname in entries.chapters(toc)
        ]
    except entries.EntryError as error:
        raise ExtensionError(str(error)) from None

    repository = site.repository(os.environ, site.git_remote(root))
    base = site.base_url(os.environ, repository)
    config.html_theme_options |= {
        "repository_url": repository,
        "repository_branch": os.environ.get("GITHUB_REF_NAME", "main"),
        "use_repository_button": bool(repository),
        "use_issues_button": bool(repository),
        "launch_buttons": _launch_buttons(repository),
    }
    config.html_baseurl = config.ogp_site_url = base
    config.notfound_urls_prefix = urlsplit(base).path or "/"
    config.ogp_social_cards = {**config.ogp_social_cards, "enable": bool(base)}


def _launch_buttons(repository: str) -> dict[str, str]:
    if urlsplit(repository).netloc != "github.com":
        return {}
    return {"binderhub_url": "https://mybinder.org", "notebook_interface": "jupyterlab"}


def prepare_source(app: Sphinx, docname: str, source: list[str]) -> None:
    """Makes an entry's notebook fit for the page, and its claims something to refer to."""
    entry = _entry(app, docname)
    if entry is None:
        return
    source[0] = json.dumps(entries.prepare(json.loads(source[0])))
    standard = app.env.get_domain("std")
    for claim in entry.claims:
        label = pages.claim_label(docname, claim.id)
        standard.note_hyperlink_target(label, docname, claim.id, claim.sentence)


def describe_figures(app: Sphinx, doctree: nodes.document) -> None:
    """Gives each figure the alt text that its output carries."""
    if _entry(app, app.env.docname) is None:
        return
    alts = entries.alt_texts(entries.load(Path(app.env.doc2path(app.env.docname))))
    for image in doctree.findall(nodes.image):
        digest = Path(image["uri"]).stem
        if digest in alts:
            image["alt"] = alts[digest]


def mend_page(
    app: Sphinx, page: str, template: str, context: dict[str, Any], doctree: nodes.document | None
) -> None:
    """Puts the facts under an entry's title, and mends what Sphinx hands over.

    It loads MathJax on the parents of a page with a formula too; citations come with ARIA roles
    that are deprecated or must not stand there, and folded cells with a name that they do not show.
    """
    if doctree is None:
        return
    if not doctree.next_node(lambda node: isinstance(node, (nodes.math, nodes.math_block))):
        context["script_files"] = [
            script
            for script in context["script_files"]
            if app.config.mathjax_path not in str(script.filename)
        ]
    for fault in (
        ' role="doc-biblioentry"',
        ' role="list"',
        ' aria-label="Toggle hidden content"',
    ):
        context["body"] = context["body"].replace(fault, "")
    if entry := _entry(app, page):
        labels = app.env.get_domain("std").anonlabels

        def tag_url(tag: str) -> str:
            docname, anchor = labels[pages.tag_label(tag)]
            return f"{context['pathto'](docname)}#{anchor}"

        facts = pages.facts(entry, tag_url)
        context["body"] = context["body"].replace("</h1>", f"</h1>\n{facts}", 1)


def _entry(app: Sphinx, docname: str) -> entries.Entry | None:
    return next((e for e in app.config.nexus_entries if e.docname == docname), None)


class Nexus(SphinxDirective):
    """`{nexus} evidence` and the other views of `pages.VIEWS`: a part of a page, made at build."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        name = self.arguments[0]
        if name not in pages.VIEWS:
            raise self.error(f"no view {name!r}; there are {', '.join(pages.VIEWS)}")
        listed = self.config.nexus_entries
        self.env.note_dependency("_toc.yml")
        for entry in listed:
            self.env.note_dependency(f"{entry.docname}.ipynb")
        body = nodes.container()
        lines = StringList(pages.VIEWS[name](listed).splitlines(), source=self.env.docname)
        self.state.nested_parse(lines, self.content_offset, body, match_titles=True)
        return body.children


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Trims the built site and gives it a first page at its root."""
    if exception or app.builder.format != "html":
        return
    out = Path(app.outdir)
    site.trim(out)
    first = app.builder.get_target_uri(app.config.root_doc)
    page = site.redirect(first, app.config.html_title)
    (out / "index.html").write_text(page, encoding="utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Registers the extension."""
    app.add_config_value("nexus_entries", [], "")
    app.add_directive("nexus", Nexus)
    app.connect("config-inited", configure)
    app.connect("source-read", prepare_source)
    app.connect("doctree-read", describe_figures)
    app.connect("html-page-context", mend_page, priority=900)
    # after the theme, which writes a stylesheet of its own at the end
    app.connect("build-finished", finish, priority=900)
    return {
        "version": "1",
        "env_version": 1,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
