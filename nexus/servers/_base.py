"""What all servers share: finding a program, starting it under guard, saying what went wrong."""

import atexit
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self
from urllib.parse import urlsplit

import mirakuru
import mirakuru.base
from mirakuru.exceptions import ProcessFinishedWithError

from nexus import _guard

# An ordinary user of Debian has no sbin in PATH; Homebrew and MacPorts have places of their own.
PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/local/bin", "/opt/homebrew/bin", "/opt/local/bin")

# At exit mirakuru kills each process whose mark *contains* the number of this process, and another
# kernel's mark may contain it. Every server here stops itself at exit, and its guard stands behind.
atexit.unregister(mirakuru.base.cleanup_subprocesses)


class ServerError(Exception):
    """A server cannot be had or used; the first line says why and what to do."""


class MissingServer(ServerError):
    """Neither a URL in the environment nor a program on this machine."""


class UnknownServer(ServerError):
    """No server of this name is known here."""


seen: dict[str, str] = {}  #: the version of every server that this kernel has started, by name


class Server:
    """A running server. `stop()` ends it, as do the end of a `with` block and of the kernel."""

    def __init__(
        self,
        name: str,
        version: str,
        url: str,
        program: "Program | None" = None,
        variable: str = "",
    ) -> None:
        self.name = name  #: as people write it: "MariaDB"
        self.version = version
        self.url = url
        self.program = program  #: None: it runs inside the kernel, or the environment named it
        self.variable = variable  #: the variable of the environment that named it, if one did
        atexit.register(self.stop)

    @property
    def version(self) -> str:
        """As the server gives it: "10.11.6"; empty until it has been asked."""
        return self._version

    @version.setter
    def version(self, version: str) -> None:
        self._version = version
        if version:
            seen[self.name] = version

    def stop(self) -> None:
        """End the server and remove what it left; a second call does nothing."""
        atexit.unregister(self.stop)
        if self.program:
            self.program.end()

    def check(self) -> None:
        """Raise ServerError when the server has ended."""
        if self.program:
            self.program.check()

    @contextmanager
    def _explaining(self, *errors: type[Exception]) -> Iterator[None]:
        """Around a connect: turns a driver's error into one clear line."""
        self.check()
        try:
            yield
        except errors as error:
            if self.program:
                self.program.check(patience=1.0)  # its guard may not have noticed yet
            place = f" at {self.variable}" if self.variable else ""
            raise ServerError(f"{self.name}{place} refuses the connection: {error}") from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        whose = f"named by {self.variable}" if self.variable else "private to this kernel"
        return f"{self.name} {self.version}".strip() + f", {whose}"


class Program(mirakuru.Executor):
    """A server program in a folder of its own, both under one guard.

    mirakuru starts the guard, waits until the program is ready, and stops the guard, which ends
    the program. Everything the program prints goes into a file that has no name.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        ready: Callable[["Program"], bool],
        environment: Mapping[str, str] | None = None,
        patience: float = 60.0,
    ) -> None:
        """`name`: for messages. `patience`: seconds it may take to start."""
        self.name, self.folder, self.ready = name, folder, ready
        self.log = _log()
        super().__init__(
            [sys.executable, "-I", "-S", _guard.__file__, str(folder), *command],
            stdout=self.log,
            stderr=self.log,
            envvars=dict(environment or {}),
            timeout=patience,
            sleep=0.01,
        )

    def pre_start_check(self) -> bool:
        return False  # the folder is new: nobody else can be there

    def after_start_check(self) -> bool:
        return self.ready(self)

    def start(self) -> Self:
        """Start and wait. Raises ServerError, with the end of the log, when it does not answer."""
        _programs.add(self)
        try:
            return super().start()
        except mirakuru.ProcessExitedWithError:
            reason = "did not start"
        except mirakuru.TimeoutExpired:
            reason = f"did not answer within {self._timeout:g} s"
        except BaseException:  # "interrupt kernel" among others
            self.end()
            raise
        self.end()
        raise ServerError(f"{self.name} {reason}.{self.last_words()}")

    def end(self) -> None:
        """Stop the guard, and with it the program; never raises because of how they ended."""
        with suppress(ProcessFinishedWithError):  # it had ended before
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)  # for the guard that was killed itself

    def check(self, patience: float = 0.0) -> None:
        """Raise ServerError when the program has ended, now or within `patience` seconds."""
        if self.process is None:
            raise ServerError(f"This {self.name} has been stopped: start another.")
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            return
        text = f"This {self.name} is no longer running: start another.{self.last_words()}"
        raise ServerError(text)

    def printed(self, limit: int = 1_000_000) -> str:
        """The end of what the program printed, at most `limit` bytes, without colours."""
        end = os.lseek(self.log.fileno(), 0, os.SEEK_CUR)  # shared with all who write
        start = max(0, end - limit)
        text = os.pread(self.log.fileno(), end - start, start).decode(errors="replace")
        return re.sub(r"\x1b\[[0-9;]*m", "", text)

    def last_words(self, lines: int = 5) -> str:
        """The last lines that the program printed, each indented on a line of its own."""
        said = [line.strip() for line in self.printed(4000).splitlines() if line.strip()]
        return "".join(f"\n    {line[:300]}" for line in said[-lines:])


def _log() -> BinaryIO:
    """A file without a name that has room for last words when nothing else has."""
    with _explaining_full_disk():
        log = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 (open as long as the program)
        log.write(bytes(8192))
        log.seek(0)
        return log


_programs: weakref.WeakSet[Program] = weakref.WeakSet()


def _let_go() -> None:
    """In a fork of the kernel: it owns none of the servers, and must not keep their pipes open."""
    for program in _programs:
        if program.process:
            program.process.stdin.close()
            program.process.returncode = 0
            program.process = None


os.register_at_fork(after_in_child=_let_go)


def find(program: str) -> str | None:
    """The absolute path of a server program on this machine, or None."""
    path = os.pathsep.join((os.environ.get("PATH", ""), *PLACES))
    return shutil.which(program, path=path)


def private_folder(**files: str) -> Path:
    """A new folder, and files in it, for this user alone; short enough for a Unix socket in it.

    Raises ServerError when it cannot be made.
    """
    with _explaining_full_disk(), ExitStack() as undo:
        usual = tempfile.gettempdir()
        if len(usual) > 70:  # the path of a socket may have 104 bytes, on some systems fewer
            usual = "/tmp"  # noqa: S108 (mkdtemp makes a new name in it, for this user alone)
        folder = Path(tempfile.mkdtemp(prefix="nexus-", dir=usual))
        undo.callback(shutil.rmtree, folder, ignore_errors=True)
        for name, text in files.items():
            (folder / name).touch(0o600)
            (folder / name).write_text(text)
        undo.pop_all()
    return folder


@contextmanager
def _explaining_full_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ServerError(
            f"No temporary file can be made ({error.strerror}): "
            "free some space, or set TMPDIR to a folder that has room."
        ) from error


def accepts(address: str | tuple[str, int]) -> bool:
    """Whether somebody accepts connections there: a Unix socket's path, or host and port."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family) as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(address) == 0


def free_port() -> int:
    """A TCP port of 127.0.0.1 that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def missing(name: str, package: str, service: str, variable: str) -> str:
    """The one line that says how to get a server."""
    return (
        f"{name} is not on this machine: `sudo apt-get install {package}`, "
        f"or `docker compose up --detach {service}` and its URL in {variable}."
    )


def named(variable: str, example: str, *schemes: str) -> str | None:
    """The URL of the server that the environment names, if it does.

    Raises ServerError when it is malformed or of none of the schemes.
    """
    if not (url := os.environ.get(variable)):
        return None
    with suppress(ValueError):
        at = urlsplit(url)
        if at.scheme in schemes and at.port != 0 and (at.hostname or at.path or at.query):
            return url
    raise ServerError(f"{variable} is no URL such as {example}: mend it, or unset it.")
