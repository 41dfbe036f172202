"""What the generated parts of the book say, as MyST Markdown made from the entries."""

from __future__ import annotations

import html
import re
from collections import defaultdict
from collections.abc import Callable, Iterable

from .entries import Entry

SERVER_NAMES = {
    "mariadb": "MariaDB",
    "redis": "Redis",
    "rabbitmq": "RabbitMQ",
    "smtp": "an SMTP sink",
    "web": "a web server",
    "newman": "Newman",
}


def escape(text: str) -> str:
    """Text that Markdown shows as it stands, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>()#|~$^:@!&])", r"\\\1", " ".join(text.split()))


def plural(number: int, noun: str) -> str:
    """plural(1, "claim") is "1 claim", plural(2, "entry") is "2 entries"."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-1]}ies" if noun.endswith("y") else f"{number} {noun}s"


def link(entry: Entry) -> str:
    """The entry's title, leading to its page."""
    return f"[{escape(entry.title)}](/{entry.docname}.ipynb)"


def servers(entry: Entry) -> str:
    """What the entry starts, in words."""
    return ", ".join(SERVER_NAMES.get(name, name) for name in entry.servers) or "no server"


def versions(entry: Entry) -> str:
    """What the entry was verified with, in words."""
    return ", ".join(f"{name} {version}" for name, version in entry.verified.items())


def slug(text: str) -> str:
    """A label's form of any text."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def claim_label(docname: str, claim_id: str) -> str:
    """The cross-reference label of a claim's cell."""
    return slug(f"{docname} {claim_id}")


def facts(entry: Entry, tag_url: Callable[[str], str]) -> str:
    """The lines under an entry's title, in HTML: minutes, servers, tags, versions."""
    tagged = ", ".join(
        f'<a href="{html.escape(tag_url(tag))}">{html.escape(tag)}</a>' for tag in entry.tags
    )
    return (
        f'<p class="entry-facts">{entry.minutes} minutes · {servers(entry)} · {tagged}<br>'
        f"Outputs verified with {html.escape(versions(entry))}</p>"
    )


def totals(entries: list[Entry]) -> str:
    """The whole book in one sentence of counts."""
    claims = sum(len(entry.claims) for entry in entries)
    cells = sum(entry.cells for entry in entries)
    exercises = sum(entry.exercises for entry in entries)
    return (
        f"{plural(len(entries), 'entry')}. {plural(cells, 'code cell')}, each run and compared. "
        f"{plural(exercises, 'exercise')}. {plural(claims, 'claim')}, each computed by the cell "
        "that states it."
    )


def questions(entries: list[Entry]) -> str:
    """The map: what brings a person here, and the entry that answers."""
    return "\n\n".join(
        f"{escape(entry.symptom)}\n: {link(entry)}  \n  {escape(entry.question)}"
        for entry in entries
    )


def glance(entries: list[Entry]) -> str:
    """A table of the entries in the order of the book: part, minutes, servers."""
    rows = [f"| {escape(e.part)} | {link(e)} | {e.minutes} | {servers(e)} |" for e in entries]
    return "\n".join(["| Part | Entry | Minutes | Starts |", "|---|---|--:|---|", *rows])


def proof(entries: list[Entry]) -> str:
    """A table of what stands behind each entry: cells, figures, exercises, claims."""
    rows = [
        f"| {link(e)} | {e.cells} | {e.figures} | {e.exercises} | {len(e.claims)} |"
        for e in entries
    ]
    header = "| Entry | Cells | Figures | Exercises | Claims |"
    return "\n".join([header, "|---|--:|--:|--:|--:|", *rows])


def evidence(entries: list[Entry]) -> str:
    """Every claim of every entry, with its cell and the versions it was verified with."""
    blocks = []
    for entry in entries:
        claims = [
            f"1. {escape(claim.sentence)} "
            f"{{ref}}`cell\N{NO-BREAK SPACE}{claim.cell} "
            f"<{claim_label(entry.docname, claim.id)}>`"
            for claim in entry.claims
        ]
        blocks += [
            f"## {link(entry)}",
            f"Verified with {escape(versions(entry))}.",
            "\n".join(claims),
        ]
    return "\n\n".join(blocks)


def tag_label(tag: str) -> str:
    """The cross-reference label of a tag."""
    return f"tag-{slug(tag)}"


def by_tag(entries: list[Entry]) -> str:
    """Each tag and the entries that carry it."""
    found = _grouped((tag, entry) for entry in entries for tag in entry.tags)
    return "\n\n".join(
        f"[{escape(tag)}]{{#{tag_label(tag)}}}\n: " + "  \n  ".join(map(link, found[tag]))
        for tag in sorted(found, key=str.lower)
    )


def challenges(entries: list[Entry]) -> str:
    """Each challenge that an entry covers, and where it is worked."""
    found = _grouped((cover, entry) for entry in entries for cover in entry.covers)
    return "\n\n".join(
        f"{escape(cover)}\n: " + "  \n  ".join(map(link, members))
        for cover, members in found.items()
    )


def changelog(entries: list[Entry]) -> str:
    """What was learned when, the latest first."""
    found = _grouped((entry.learned, entry) for entry in entries)
    return "\n\n".join(
        f"## {date}\n\n"
        + "\n".join(f"- {link(entry)}: {escape(entry.question)}" for entry in found[date])
        for date in sorted(found, reverse=True)
    )


def _grouped(pairs: Iterable[tuple[str, Entry]]) -> dict[str, list[Entry]]:
    groups: dict[str, list[Entry]] = defaultdict(list)
    for key, entry in pairs:
        groups[key].append(entry)
    return groups


VIEWS: dict[str, Callable[[list[Entry]], str]] = {
    "totals": totals,
    "questions": questions,
    "glance": glance,
    "proof": proof,
    "evidence": evidence,
    "by-tag": by_tag,
    "challenges": challenges,
    "changelog": changelog,
}
