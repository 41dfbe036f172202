"""`make new` starts an entry that the contract, the book and the exercises know at once."""

import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

from tests import contract
from tests.entries import ROOT
from tools import new


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "template.ipynb", tmp_path / "tools")
    shutil.copy(ROOT / "_toc.yml", tmp_path)
    return tmp_path


def test_the_files_of_an_entry(root: Path) -> None:
    made = new.new("data/brand-new", root)
    assert [path.relative_to(root).as_posix() for path in made] == [
        "notebooks/data/brand-new.ipynb",
        "nexus/exercises/data_brand_new.py",
        "tests/wrong_answers/data_brand_new.py",
        "_toc.yml",
    ]
    notebook = nbformat.read(made[0], as_version=4)
    assert 'check("data/brand-new/first", first)' in notebook.cells[-4].source
    kinds = {fault.split(":")[0] for fault in contract.faults(notebook)}
    assert "metadata" in kinds, "the template asks for its metadata"
    assert "shape" not in kinds, "the template has the shape of an entry"


@pytest.mark.parametrize(
    ("topic", "part"), [("data/zz", "Data"), ("foundations/zz", "Foundations"), ("apis/zz", "APIs")]
)
def test_the_toc_gets_its_line_and_keeps_the_rest(root: Path, topic: str, part: str) -> None:
    before = (root / "_toc.yml").read_text()
    new.new(topic, root)
    text = (root / "_toc.yml").read_text()
    parts = {entry["caption"]: entry["chapters"] for entry in yaml.safe_load(text)["parts"]}
    assert parts[part][-1] == {"file": f"notebooks/{topic}"}
    assert [line for line in text.splitlines() if line in before.splitlines()]
    assert set(before.splitlines()) <= set(text.splitlines())


def test_parts_keep_their_order(root: Path) -> None:
    for topic in ("practice/a", "foundations/a", "delivery/a", "apis/a"):
        new.new(topic, root)
    toc = yaml.safe_load((root / "_toc.yml").read_text())
    captions = [entry["caption"] for entry in toc["parts"]]
    known = [new.CAPTIONS.get(part, part.capitalize()) for part in new.PARTS]
    assert [caption for caption in captions if caption in known] == known


@pytest.mark.parametrize("topic", ["", "data", "nothing/a", "data/Upper", "data/../x", "data/a b"])
def test_a_bad_name_is_refused_in_one_line(topic: str) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "new.py", topic],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "is not part/name" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_nothing_is_overwritten(root: Path) -> None:
    new.new("data/twice", root)
    before = (root / "_toc.yml").read_text()
    with pytest.raises(ValueError, match="there already"):
        new.new("data/twice", root)
    assert (root / "_toc.yml").read_text() == before
