"""Start an entry: its notebook from the one template, its line in `_toc.yml`, its exercises.

python tools/new.py data/indexing
"""

import re
import sys
from datetime import UTC, datetime
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
PARTS = ["foundations", "data", "apis", "speed", "security", "delivery", "practice"]
CAPTIONS = {"apis": "APIs"}
EXERCISES = '''"""Checks and hints of {topic}."""

from nexus.exercises import Hint, call, exercise, plain


@exercise("{topic}/first")
def first(answer) -> str:
    """What is asked, in one line."""
    if plain(call(answer)) != 42:
        raise Hint("say what to look at next, never the solution")
    return "say what the reader has shown"
'''
WRONG = '''"""Answers that the checks of {topic} must refuse, each with a part of its hint."""

EXERCISES = {{
    "first": {{
        "returns nothing": (lambda: None, "what to look at next"),
        "returns a guess": (lambda: 41, "what to look at next"),
    }},
}}
'''


def with_chapter(toc: str, part: str, topic: str) -> str:
    """The text of `_toc.yml` with the entry at the end of its part; all else is kept as it is."""
    caption = CAPTIONS.get(part, part.capitalize())
    line = f"      - file: notebooks/{topic}\n"
    captions = [entry["caption"] for entry in yaml.safe_load(toc)["parts"]]
    if caption in captions:
        head, marker, rest = toc.partition(f"  - caption: {caption}\n")
        chapters = re.match(r"    chapters:\n(?:      .*\n)*", rest)
        return head + marker + chapters[0] + line + rest[chapters.end() :]
    # A new part stands before the next part that is there, in the order of PARTS.
    later = [CAPTIONS.get(p, p.capitalize()) for p in PARTS[PARTS.index(part) + 1 :]]
    before = next((c for c in later if c in captions), captions[-1])
    head, marker, rest = toc.partition(f"  - caption: {before}\n")
    return f"{head}  - caption: {caption}\n    chapters:\n{line}{marker}{rest}"


def new(topic: str, root: Path = ROOT) -> list[Path]:
    """Make the files of `part/name` and return them.

    Raises:
        ValueError: the name is not `part/name`, or the entry is there already.
    """
    part, _, name = topic.partition("/")
    if part not in PARTS or not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise ValueError(
            f"{topic or 'nothing'!r} is not part/name; parts: {', '.join(PARTS)}; "
            "names: lower case and hyphens, such as data/indexing"
        )
    notebook = root / "notebooks" / f"{topic}.ipynb"
    module = f"{part}_{name.replace('-', '_')}.py"
    files = {
        notebook: (root / "tools" / "template.ipynb")
        .read_text()
        .replace("PART/NAME", topic)
        .replace("YYYY-MM-DD", datetime.now(UTC).date().isoformat()),
        root / "nexus" / "exercises" / module: EXERCISES.format(topic=topic),
        root / "tests" / "wrong_answers" / module: WRONG.format(topic=topic),
    }
    if there := [str(path.relative_to(root)) for path in files if path.exists()]:
        raise ValueError(f"there already: {', '.join(there)}")
    toc = root / "_toc.yml"
    text = with_chapter(toc.read_text(), part, topic)
    for path, content in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    toc.write_text(text)
    return [*files, toc]


if __name__ == "__main__":
    try:
        made = new(sys.argv[1] if len(sys.argv) > 1 else "")
    except ValueError as error:
        sys.exit(f"new: {error}")
    for path in made:
        print(f"new: {path.relative_to(ROOT)}")
    print(f"new: write it, then `make run only={sys.argv[1]}` and `make test only={sys.argv[1]}`")
