"""A claim is a sentence that computes itself and fails when it stops being true."""

import html
import re
from collections.abc import Mapping
from typing import Any

from IPython.display import publish_display_data

MIME = "application/vnd.nexus.claim+json"


class ClaimDoesNotHold(AssertionError):
    """The measurement no longer supports the sentence."""


def slug(template: str) -> str:
    """An anchor made of the template's words without its values, so that it survives a new value.

    >>> slug("One annotate read {rows:,} rows")
    'claim-one-annotate-read-rows'
    """
    words = re.findall(r"[a-z0-9]+", re.sub(r"\{[^}]*\}", " ", template).lower())
    return "-".join(["claim", *words[:10]])


def bundle(template: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The claim in each form that a front end can show; the evidence page reads the last one."""
    sentence, anchor = template.format(**values), slug(template)
    return {
        "text/plain": f"Claim: {sentence}",
        "text/html": (
            f'<p class="nexus-claim" id="{anchor}" '
            'style="border-left: 3px solid #2a7f9e; padding: .3em .8em; margin: .4em 0">'
            f"{html.escape(sentence)}</p>"
        ),
        MIME: {"id": anchor, "sentence": sentence},
    }


def claim(template: str, holds: Any, **values: Any) -> None:
    """Print the sentence made of `template` and `values`; refuse to when it does not hold.

    Values must be the same on every run: of a figure that varies, claim a bound that holds.

    Raises:
        ClaimDoesNotHold: `holds` is not truthy; the message is the sentence with its values.
    """
    if not holds:
        raise ClaimDoesNotHold(f"This no longer holds: {template.format(**values)}")
    publish_display_data(bundle(template, values))
