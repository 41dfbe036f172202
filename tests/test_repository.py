"""The promises of the repository itself: locked, pinned, and set up once."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.entries import ROOT

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def test_every_requirement_has_a_reason() -> None:
    for line in (ROOT / "requirements.in").read_text().splitlines():
        if line and not line.startswith("#"):
            assert re.search(r"\S\s+# \w+", line), line


def test_the_lock_has_hashes_and_names_no_host() -> None:
    lock = (ROOT / "requirements.txt").read_text()
    assert "://" not in lock
    for block in re.split(r"\n(?=\w)", lock):
        if "==" in block.splitlines()[0]:
            assert "--hash=sha256:" in block, block.splitlines()[0]


def test_the_lock_answers_requirements_in() -> None:
    lock = {
        line.split("==")[0].lower()
        for line in (ROOT / "requirements.txt").read_text().splitlines()
        if "==" in line
    }
    for line in (ROOT / "requirements.in").read_text().splitlines():
        if line and not line.startswith("#"):
            name = re.match(r"[\w.-]+", line)[0].lower()
            assert name in lock, f"{name}: run make lock"


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_pin_their_actions_and_may_little(path: Path) -> None:
    text = path.read_text()
    for action in re.findall(r"uses:\s*(\S+)", text):
        assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action), action
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    for name, job in workflow["jobs"].items():
        assert "timeout-minutes" in job, name
        if name != "publish":
            assert "write" not in str(job.get("permissions", "")), name


def test_binder_installs_the_same_lock() -> None:
    assert (ROOT / "binder" / "requirements.txt").read_text() == "-r ../requirements.txt\n"
    assert os.access(ROOT / "binder" / "postBuild", os.X_OK)


def setup(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", str(ROOT / "tools" / "setup.sh"), *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | environment,
        check=False,
    )


def test_a_package_that_may_not_be_installed_is_named_in_one_line(tmp_path: Path) -> None:
    wanted = tmp_path / "apt.txt"
    wanted.write_text("no-such-package-here\n")
    stamp = tmp_path / "stamp"
    done = setup("packages", str(wanted), str(stamp), APT="no")
    assert done.returncode == 0
    assert not stamp.exists(), "it is said again until the package is there"
    assert len(done.stdout.splitlines()) == 1
    assert "apt-get install no-such-package-here" in done.stdout


def test_a_missing_python_is_named_in_one_line() -> None:
    done = setup("python", PYTHON="no-such-python")
    assert done.returncode == 1
    assert done.stderr.splitlines() == ["python: no-such-python is not there; set PYTHON="]


def test_an_old_python_is_refused(tmp_path: Path) -> None:
    old = tmp_path / "python"
    old.write_text('#!/bin/sh\n[ "$1" = -V ] && echo "Python 3.9.2"\nexit 1\n')
    old.chmod(0o755)
    done = setup("python", PYTHON=str(old), VENV=str(tmp_path / "venv"))
    assert done.returncode == 1
    assert "3.11 or newer is needed, this is Python 3.9.2" in done.stderr
    assert not (tmp_path / "venv").exists()
