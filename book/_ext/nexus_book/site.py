"""Where the site and its sources live, and what a built site does without."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

FORGES = ("github.com", "gitlab.com", "bitbucket.org")
ADDED_BY_SCRIPT = {"bs-tooltip-auto"}  # a class that Bootstrap's script puts together from parts


def repository(environ: Mapping[str, str], remote: str) -> str:
    """The repository's web address, or "" when nobody knows it.

    `GITHUB_REPOSITORY` (owner/name, set in GitHub Actions) goes before the git remote, of which
    only the host and the path are kept: a remote may carry a password.

    >>> repository({}, "git@github.com:ada/nexus-journal.git")
    'https://github.com/ada/nexus-journal'
    """
    if named := environ.get("GITHUB_REPOSITORY"):
        return f"{environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{named}"
    found = re.fullmatch(
        r"(?:https?://|ssh://)?(?:[^@/]+@)?([\w.-]+)(?::\d+)?[:/]+([\w./-]+?)(?:\.git)?/?", remote
    )
    if not found or found[1] not in FORGES or found[2].count("/") != 1:
        return ""
    return f"https://{found[1]}/{found[2]}"


def base_url(environ: Mapping[str, str], repository_url: str) -> str:
    """The address of the published book, ending in "/", or "" when nobody knows it.

    >>> base_url({}, "https://github.com/ada/nexus-journal")
    'https://ada.github.io/nexus-journal/'
    """
    if given := environ.get("SITE_URL"):
        return given.rstrip("/") + "/"
    url = urlsplit(repository_url)
    if url.netloc != "github.com":
        return ""
    owner, name = url.path.strip("/").split("/")
    host = f"{owner.lower()}.github.io"
    return f"https://{host}/" if name.lower() == host else f"https://{host}/{name}/"


def git_remote(root: Path) -> str:
    """The address of `origin`, or "" without git or without a remote."""
    git = shutil.which("git")
    if not git:
        return ""
    command = [git, "-C", str(root), "config", "--get", "remote.origin.url"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def used_words(site: Path) -> set[str]:
    """Every word in the pages and scripts under `site`: a class that a page can have is one."""
    texts = [*site.rglob("*.html"), *site.glob("_static/*.js"), *site.glob("_static/scripts/*.js")]
    words = set(ADDED_BY_SCRIPT)
    for path in texts:
        words.update(re.findall(r"[\w-]+", path.read_text(encoding="utf-8")))
    return words


def purge(css: str, used: set[str]) -> str:
    """The stylesheet less each rule that needs a class outside `used`.

    >>> purge(".a,.b{color:red}.b{top:0}p:not(.b){left:0}", {"a"})
    '.a,.b{color:red}p:not(.b){left:0}'
    """

    def rule(match: re.Match[str]) -> str:
        selectors = re.sub(r":not\([^()]*\)", "", match[1]).split(",")
        if all(set(re.findall(r"\.(-?[a-zA-Z_][\w-]*)", one)) - used for one in selectors):
            return ""
        return match[0]

    css = re.sub(r"/\*.*?\*/", "", css, flags=re.DOTALL)
    css = re.sub(r"@font-face\s*\{[^{}]*\}", "", css)  # the icon font; nexus.css draws the icons
    return re.sub(r"([^{}]+)\{[^{}]*\}", rule, css)


def trim(site: Path) -> None:
    """Removes from the built site what no page asks for.

    The theme brings all of Bootstrap and of Font Awesome; a page needs a tenth of it.
    """
    static = site / "_static"
    used = used_words(site)
    for sheet in [*static.glob("*.css"), *static.glob("styles/*.css")]:
        sheet.write_text(purge(sheet.read_text(encoding="utf-8"), used), encoding="utf-8")
    shutil.rmtree(static / "vendor", ignore_errors=True)
    for unused in [
        *static.rglob("*.map"),
        *static.glob("*webpack-macros.html"),
        *static.glob("scripts/fontawesome.*"),
    ]:
        unused.unlink(missing_ok=True)


def redirect(target: str, title: str) -> str:
    """A whole page that leads to `target`."""
    target, title = escape(target), escape(title)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<title>{title}</title>\n<meta http-equiv="refresh" content="0; url={target}">\n'
        f'<main><h1>{title}</h1><p><a href="{target}">Read the book</a></p></main>\n</html>\n'
    )
