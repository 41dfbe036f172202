"""The guard: what it guards does not outlive the kernel, however the kernel ends.

As a program (`python -I -S _guard.py FOLDER [PROGRAM ARGUMENT...]`) it runs a server as its child
and waits. Its standard input is a pipe whose other end the kernel alone holds and never writes to,
so the pipe ends when the kernel does, SIGKILL included. Then, or when the server ends by itself, or
when it is told to (SIGTERM), it ends the server's whole process group and removes the folder.

As a module it offers `guard_folder`, which ties a mere folder to the life of this process.
"""

import os
import select
import signal
import sys
import time
from contextlib import suppress

GRACE = 1.0  # seconds between asking a server to end and killing it


def guard_folder(path: str | os.PathLike[str]) -> None:
    """Have `path`, a folder, removed when this process is gone. One small process stands guard."""
    import subprocess

    command = [sys.executable, "-I", "-S", __file__, os.path.abspath(path)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    guard = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True, **quiet)
    _kept.append(guard)
    if len(_kept) == 1:
        os.register_at_fork(after_in_child=_let_go)


_kept: list = []


def _let_go() -> None:
    """In a fork of the kernel: close its copies of the pipes, or the fork would keep them open."""
    for guard in _kept:
        guard.stdin.close()
        guard.returncode = 0  # not this process's child: nothing to wait for
    _kept.clear()


def main(folder: str, command: list[str]) -> int:
    """Guard `folder`, and `command` (absolute path and arguments) if there is one."""
    told, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # "interrupt kernel" does not mean its servers

    os.chdir(folder)
    server = _spawn(command) if command else 0
    status = _watch(server, told)
    if server:
        _end(server, status)
    _remove(folder)
    return 0 if status is None else 1


def _spawn(command: list[str]) -> int:
    """Start `command` in a process group of its own; its output is the guard's."""
    nothing = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
    return os.posix_spawn(command[0], command, os.environ, file_actions=[nothing], setpgroup=0)


def _watch(server: int, told: int) -> int | None:
    """Wait until the server has ended (its status), the kernel has, or SIGTERM came (None)."""
    while True:
        ready = select.select([0, told], [], [])[0]
        signals = os.read(told, 64) if told in ready else b""
        # SIGCHLD alone may mean that somebody paused the server
        if server and (status := _ended(server)) is not None:
            return status
        if 0 in ready or signal.SIGTERM in signals:
            return None


def _ended(server: int) -> int | None:
    """The status of the server if it has ended: negative when a signal did it."""
    ended, status = os.waitpid(server, os.WNOHANG)
    return os.waitstatus_to_exitcode(status) if ended else None


def _end(server: int, status: int | None) -> None:
    """Ask the server's group to end, wait a moment for its leader, kill the rest.

    Says how the server ended if it had ended already, with this status.
    """
    if status is None:
        os.killpg(server, signal.SIGTERM)
        enough = time.monotonic() + GRACE
        while _ended(server) is None and time.monotonic() < enough:
            time.sleep(0.01)
    else:
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        print(f"the server ended {how}", file=sys.stderr)
    with suppress(ProcessLookupError, PermissionError):  # nobody left, as Linux and macOS put it
        os.killpg(server, signal.SIGKILL)


def _remove(folder: str) -> None:
    import shutil  # late: it is slow to load, and a server is waited for

    for _ in range(100):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.exists(folder):
            return
        time.sleep(0.02)  # a process that was just killed may still be closing its files


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
