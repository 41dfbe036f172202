"""What is built once and used by every kernel: loaded databases in the user's cache folder."""

import errno
import fcntl
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

KEEP_UNUSED = 24 * 3600  # seconds before an old key goes: two checkouts used in turn keep both
FULL = (errno.ENOSPC, errno.EDQUOT)
ADVICE = "free some space there, or set NEXUS_CACHE to a folder that has room and can be written"


class CacheError(Exception):
    """The cache cannot be used; the message is one line that says what to do."""


def folder() -> Path:
    """The cache folder, made on demand: $NEXUS_CACHE, or `nexus-journal` in the user's cache.

    Raises CacheError when it cannot be made or written to.
    """
    named = os.environ.get("NEXUS_CACHE")
    if named:
        chosen = Path(named).expanduser().absolute()
    elif sys.platform == "darwin":
        chosen = Path.home() / "Library" / "Caches" / "nexus-journal"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        chosen = Path(base) / "nexus-journal"
    try:
        chosen.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CacheError(
            f"The cache folder {chosen} cannot be made ({error}): {ADVICE}."
        ) from error
    return chosen


def built(key: str, build: Callable[[Path], None]) -> Path:
    """The finished folder `key`; when it is not there, `build(folder)` fills it first.

    `key` reads `<prefix>-<digest>`. The build runs in a folder beside the finished one, under a
    lock that a second process waits for, and is renamed only when everything is on the disk: a
    build that fails or is killed leaves nothing that is used. Older keys of the same prefix go
    when nobody has asked for them for a day. Treat the folder as read-only and work on a copy.

    Raises CacheError when the disk is full or the folder not writable; what `build` raises
    otherwise passes through.
    """
    root = folder()
    finished = root / key
    if _touched(finished):
        return finished
    if not os.access(root, os.W_OK):
        raise CacheError(f"The cache folder {root} cannot be written to: {ADVICE}.")
    prefix = key.rpartition("-")[0] or key
    beside = None
    try:
        with _locked(root / f"{prefix}.lock"):
            if _touched(finished):  # another process built it while this one waited
                return finished
            for left in root.glob(f".{prefix}-*"):  # the lock is ours, so its builder is dead
                shutil.rmtree(left, ignore_errors=True)
            beside = Path(tempfile.mkdtemp(prefix=f".{prefix}-", dir=root))
            build(beside)
            _sync(beside)
            beside.rename(finished)
            _sync_one(root)
            _remove_old(root, prefix, finished)
    except BaseException as error:
        reached = _size(beside) if beside else 0
        if beside:
            shutil.rmtree(beside, ignore_errors=True)
        if _is_full(error):
            free = shutil.disk_usage(root).free
            raise CacheError(
                f"The disk of the cache folder {root} is full: {reached / 1e6:.0f} MB of {key} "
                f"were built and {free / 1e6:.0f} MB are free now: {ADVICE}."
            ) from error
        raise
    return finished


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # let go by the kernel, however this process ends
        yield


def _touched(path: Path) -> bool:
    try:
        os.utime(path)
    except FileNotFoundError:
        return False
    except PermissionError:  # a shared cache that somebody else filled
        return path.is_dir()
    return True


def _remove_old(root: Path, prefix: str, current: Path) -> None:
    for old in root.glob(f"{prefix}-*"):
        same = old.name.rpartition("-")[0] == prefix and old != current and old.is_dir()
        if same and time.time() - old.stat().st_mtime > KEEP_UNUSED:
            with suppress(OSError):  # what cannot be removed today goes another day
                gone = old.rename(root / f".{old.name}")  # out of sight first, then taken apart
                shutil.rmtree(gone, ignore_errors=True)


def _files(path: Path) -> Iterator[Path]:
    return (item for item in path.rglob("*") if item.is_file() and not item.is_symlink())


def _sync(path: Path) -> None:
    for item in (*_files(path), path):
        _sync_one(item)


def _sync_one(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _size(path: Path) -> int:
    return sum(item.stat().st_size for item in _files(path))


def _is_full(error: BaseException | None) -> bool:
    """Whether a full disk lies behind the error: databases report it in words of their own."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        if "disk is full" in str(error) or "No space left" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
