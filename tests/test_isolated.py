"""Old versions of a package run in a folder and a process of their own."""

from pathlib import Path

import jwt
import pytest

from nexus import isolated


def version(_: object) -> str:
    """What the child imports."""
    import jwt

    return jwt.__version__


def fail(_: object) -> None:
    raise ValueError("no such luck")


def test_the_child_imports_the_old_version_and_this_process_keeps_its_own() -> None:
    own = jwt.__version__
    assert isolated.call("PyJWT==2.3.0", version, None) == "2.3.0"
    assert jwt.__version__ == own != "2.3.0"


def test_what_the_child_raises_is_one_line() -> None:
    with pytest.raises(isolated.IsolatedError, match=r"^under PyJWT==2.3.0: ValueError: no such"):
        isolated.call("PyJWT==2.3.0", fail, None)


def test_only_what_is_pinned_can_be_had() -> None:
    with pytest.raises(isolated.IsolatedError, match=r"PyJWT==1.0 is not pinned in isolated.txt"):
        isolated.package("PyJWT==1.0")


def test_every_pin_has_a_hash() -> None:
    assert all("==" in name and "--hash=sha256:" in line for name, line in isolated.pins().items())


@pytest.mark.parametrize(
    "fault", ["no network", "another file"], ids=["no-network", "another-file"]
)
def test_what_cannot_be_fetched_is_one_line_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setenv("NEXUS_CACHE", str(tmp_path))
    if fault == "no network":
        monkeypatch.setenv("PIP_NO_INDEX", "1")
    else:
        line = f"PyJWT==2.3.0 --hash=sha256:{'0' * 64}"
        monkeypatch.setattr(isolated, "pins", lambda: {"PyJWT==2.3.0": line})
    with pytest.raises(
        isolated.IsolatedError, match=r"PyJWT==2.3.0 could not be fetched"
    ) as caught:
        isolated.package("PyJWT==2.3.0")
    assert "\n" not in str(caught.value)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
