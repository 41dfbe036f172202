"""The servers: private, told apart, gone with their kernel, and clear about what goes wrong."""

import concurrent.futures
import contextlib
import email.message
import http.client
import json
import os
import shutil
import signal
import smtplib
import socket
import subprocess
import sys
import sysconfig
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import psutil
import pymysql
import pytest
import redis as redis_client

from nexus import servers
from nexus.servers import _base, _mariadb, _rabbitmq, _redis

REPOSITORY = Path(__file__).parents[1]
PROGRAMS = ("mariadb", "redis", "rabbitmq")
SOON = 5.0  # seconds within which everything is gone after its kernel was killed


def needs(name: str) -> pytest.MarkDecorator:
    """Skips a test, by name and reason, where this server cannot be had."""
    reason = servers.available(name)
    return pytest.mark.skipif(reason is not None, reason=f"{name}: {reason}")


each = pytest.mark.parametrize("name", [pytest.param(n, marks=needs(n)) for n in PROGRAMS])
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can arrange this")


@pytest.fixture(autouse=True)
def nothing_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about private servers, whatever the environment names."""
    for variable in ("MARIADB_URL", "REDIS_URL", "RABBITMQ_URL"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture(scope="module")
def running() -> Iterator[Callable[[str], servers.Server]]:
    """`running(name)`: a server that this module's tests share and leave alive."""
    with contextlib.ExitStack() as stack:
        started: dict[str, servers.Server] = {}

        def get(name: str) -> servers.Server:
            if name not in started:
                started[name] = stack.enter_context(getattr(servers, name)())
            return started[name]

        yield get


def processes(server: servers.Server) -> list[psutil.Process]:
    """The guard of a server and everything below it."""
    guard = psutil.Process(server.program.process.pid)
    return [guard, *guard.children(recursive=True)]


def program_of(server: servers.Server) -> psutil.Process:
    """The process below the guard: the server proper."""
    return processes(server)[1]


def traces(folders: list[str]) -> list[str]:
    """What is left of servers: folders, and processes that mention one anywhere."""
    left = [folder for folder in folders if os.path.exists(folder)]
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            known = [*process.cmdline(), process.cwd(), *process.environ().values()]
            if any(folder in text for folder in folders for text in known):
                left.append(f"{process.name()} {process.pid}")
    return left


def gone(folders: list[str], within: float = SOON) -> list[str]:
    """What is left of servers after a while at most: nothing, it is hoped."""
    deadline = time.monotonic() + within
    while (left := traces(folders)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


KERNEL = """
    import json, os, sys, time
    from nexus import servers
    names = sys.argv[1:]
    started = [getattr(servers, name)() for name in names]
    folders = [str(server.program.folder) for server in started]
    {more}
    print(json.dumps(folders), flush=True)
    time.sleep(600)
"""


@contextlib.contextmanager
def kernel(*names: str, more: str = "", **environment: str) -> Iterator[tuple]:
    """A Python process in a session of its own that has started these servers; their folders."""
    code = textwrap.dedent(KERNEL).format(more=more)
    process = subprocess.Popen(
        [sys.executable, "-c", code, *names],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)} | environment,
    )
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def first_line(error: pytest.ExceptionInfo) -> str:
    return str(error.value).partition("\n")[0]


# They work


@needs("mariadb")
def test_mariadb_has_the_settings_that_results_depend_on(running):
    with running("mariadb").connect() as connection, connection.cursor() as cursor:
        cursor.execute("SHOW VARIABLES")
        have = dict(cursor.fetchall())
        cursor.execute("SELECT CONVERT_TZ('2013-07-04 12:00', 'UTC', 'America/New_York')")
        (local,) = cursor.fetchone()
        cursor.execute("CREATE TEMPORARY TABLE t (code CHAR(3)); ")
        cursor.execute("INSERT INTO t VALUES ('10C')")
        cursor.execute("SELECT COUNT(*) FROM t WHERE code = '10c'")
        assert cursor.fetchone() == (0,)
        assert not connection.get_autocommit()
    assert have["tx_isolation"] == "REPEATABLE-READ"
    assert have["time_zone"] == "+00:00"
    assert have["innodb_lock_wait_timeout"] == "5"
    assert have["collation_server"] == have["collation_connection"] == "utf8mb4_bin"
    assert have.get("innodb_snapshot_isolation", "OFF") == "OFF"
    assert have["skip_networking"] == "ON"
    assert local.hour == 8
    # Unknown names of these are ignored on purpose, so a slip of the pen would be, too.
    names = {key.removeprefix("loose-").replace("-", "_") for key in _mariadb.THRIFT}
    assert names <= have.keys() | {"innodb_temp_data_file_path"}


@needs("redis")
def test_redis_takes_settings_and_keeps_nothing():
    with servers.redis(maxmemory="2mb", maxmemory_policy="allkeys-lru") as server:
        client = server.connect(decode_responses=True)
        client.set("gate", "B12")
        assert client.get("gate") == "B12"
        assert client.config_get("maxmemory*")["maxmemory-policy"] == "allkeys-lru"
        assert client.config_get("save") == {"save": ""}


@each
def test_repr_is_one_line_without_what_varies(name, running):
    server = running(name)
    assert repr(server) == f"{server.name} {server.version}, private to this kernel"
    assert server.version.replace(".", "").isdigit()


# They are private


@each
def test_nobody_else_can_reach_it(name, running):
    server = running(name)
    everyone = processes(server)
    assert len(everyone) > 1
    listening = {
        connection.laddr.ip
        for process in everyone
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == ({"127.0.0.1"} if name == "rabbitmq" else set())
    assert server.program.folder.stat().st_mode & 0o077 == 0
    secret = urlsplit(server.url).password
    assert not secret or all(secret not in " ".join(p.cmdline()) for p in everyone)


@needs("redis")
def test_redis_on_a_port_asks_for_the_password():
    with servers.redis(tcp=True) as server:
        at = urlsplit(server.url)
        assert at.hostname == "127.0.0.1"
        with pytest.raises(redis_client.AuthenticationError):
            redis_client.Redis(port=at.port).ping()
        assert server.connect().ping()


def login(url: str, password: str) -> bool:
    """Whether a RabbitMQ takes the password: the first two steps of AMQP 0-9-1, by hand."""
    at = urlsplit(url)

    def short(text: str) -> bytes:
        return bytes([len(text)]) + text.encode()

    def long(data: bytes) -> bytes:
        return len(data).to_bytes(4) + data

    response = f"\0{at.username}\0{password}".encode()
    start_ok = b"\0\x0a\0\x0b" + long(b"") + short("PLAIN") + long(response) + short("en_US")
    with socket.create_connection((at.hostname, at.port), timeout=10) as connection:
        connection.sendall(b"AMQP\0\0\x09\x01")
        connection.recv(4096)
        connection.sendall(b"\x01\0\0" + long(start_ok) + b"\xce")
        with contextlib.suppress(ConnectionError):
            return connection.recv(4096)[7:11] == b"\0\x0a\0\x1e"  # connection.tune
    return False


@needs("rabbitmq")
def test_rabbitmq_takes_its_own_password_only(running):
    url = running("rabbitmq").url
    assert login(url, urlsplit(url).password)
    assert not login(url, "guest")
    assert not login(url.replace("//nexus:", "//guest:"), "guest")


@each
def test_two_at_once_never_meet_and_end_apart(name, running):
    first = running(name)
    with getattr(servers, name)() as second:
        assert first.url != second.url
        assert first.program.folder != second.program.folder
        if name == "redis":
            first.connect().set("mine", 1)
            assert second.connect().dbsize() == 0
        elif name == "mariadb":
            with first.connect() as connection, connection.cursor() as cursor:
                cursor.execute("CREATE OR REPLACE TABLE mine (id INT)")
            with second.connect() as connection, connection.cursor() as cursor:
                assert cursor.execute("SHOW TABLES") == 0
        else:
            assert not login(first.url, urlsplit(second.url).password)
        second.stop()
        second.stop()
        assert gone([str(second.program.folder)], within=1.0) == []
        with pytest.raises(servers.ServerError, match="has been stopped"):
            second.check()
    first.check()


# They go


@pytest.fixture(scope="module")
def usable() -> list[str]:
    found = [name for name in PROGRAMS if servers.available(name) is None]
    if not found:
        pytest.skip("none of mariadb, redis, rabbitmq is on this machine")
    return found


def test_gone_after_the_kernel_is_killed(usable, tmp_path):
    folder = tmp_path / "copy"
    folder.mkdir()
    more = f"servers.guard_folder({str(folder)!r}); folders.append({str(folder)!r})"
    with kernel(*usable, more=more) as (process, folders):
        assert len(traces(folders)) > 2 * len(usable)
        os.kill(process.pid, signal.SIGKILL)
        assert gone(folders) == []


DEAF = """
from nexus.servers import _base
command = ["/bin/sh", "-c", "trap '' TERM; echo deaf; sleep 600 & sleep 600"]
deaf = _base.Program("Deaf", command, _base.private_folder(), lambda p: "deaf" in p.printed())
folders.append(str(deaf.start().folder))
"""


def test_gone_even_when_they_will_not_go():
    with kernel(more=DEAF) as (process, folders):
        assert len(traces(folders)) == 5  # a folder, a guard, a shell, two sleepers
        os.kill(process.pid, signal.SIGKILL)
        assert gone(folders) == []


def test_gone_after_the_kernel_ends(usable):
    with kernel(usable[0], more="time.sleep = lambda _: None") as (process, folders):
        assert process.wait(SOON) == 0
        assert gone(folders) == []


def test_a_fork_of_the_kernel_does_not_keep_them(usable):
    fork = "if os.fork() == 0: time.sleep(600)"
    with kernel(usable[0], more=fork) as (process, folders):
        os.kill(process.pid, signal.SIGKILL)
        assert gone(folders) == []


def test_a_fork_that_ends_does_not_end_them(usable):
    fork = "child = os.fork(); child or sys.exit(); os.waitpid(child, 0); started[0].check()"
    with kernel(usable[0], more=fork) as (_, folders):
        assert traces(folders)


def test_interrupting_the_kernel_does_not_reach_them(usable):
    more = "import signal; signal.signal(signal.SIGINT, lambda *_: None)"
    with kernel(*usable[:2], more=more) as (process, folders):
        before = traces(folders)
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.5)
        assert traces(folders) == before


@needs("redis")
def test_pausing_a_server_does_not_end_it():
    with servers.redis() as server:
        program_of(server).suspend()
        time.sleep(0.2)
        program_of(server).resume()
        assert server.connect().ping()


# They say what goes wrong


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without any server program."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(_base, "PLACES", ())
    monkeypatch.setattr(_rabbitmq, "DEBIAN", "/nowhere")
    monkeypatch.setattr(_redis, "_embedded", lambda: None)


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("name", PROGRAMS)
def test_missing_program(name):
    with pytest.raises(servers.MissingServer) as error:
        getattr(servers, name)()
    line = str(error.value)
    assert "\n" not in line
    assert f"apt-get install {name}-server" in line
    assert f"docker compose up --detach {name}" in line
    assert f"{name.upper()}_URL" in line
    assert servers.available(name) == line


def test_unknown_server():
    with pytest.raises(servers.UnknownServer, match="'postgres'; there are: mariadb, redis"):
        servers.available("postgres")
    with pytest.raises(AttributeError, match="'postgres'; there are: mariadb, redis"):
        servers.postgres  # noqa: B018


def test_unknown_data():
    with pytest.raises(servers.ServerError, match="'trains'; there are: None, flights, departures"):
        servers.mariadb("trains")


@each
def test_killed_in_use(name):
    with getattr(servers, name)() as server:
        program_of(server).kill()
        with pytest.raises(servers.ServerError) as error:
            server.connect() if hasattr(server, "connect") else server.program.check(patience=5)
        assert first_line(error) == f"This {server.name} is no longer running: start another."
        assert "ended by signal 9" in str(error.value)


def half(script: str, patience: float = 10.0, ready: Callable = lambda _: False) -> _base.Program:
    """A server that is a shell script."""
    command = ["/bin/sh", "-c", script]
    return _base.Program("Half", command, _base.private_folder(), ready, patience=patience)


@pytest.mark.parametrize(
    ("script", "patience", "line", "last"),
    [
        ("echo so far; kill -KILL $$", 10, "Half did not start.", "ended by signal 9"),
        ("echo so far; exit 3", 10, "Half did not start.", "ended with status 3"),
        ("echo so far; exit 0", 10, "Half did not start.", "ended with status 0"),
        ("echo so far; sleep 60 & wait", 0.5, "Half did not answer within 0.5 s.", "so far"),
    ],
)
def test_does_not_start(script, patience, line, last):
    program = half(script, patience)
    with pytest.raises(servers.ServerError) as error:
        program.start()
    assert first_line(error) == line
    assert "so far" in str(error.value)
    assert str(error.value).endswith(last)
    assert gone([str(program.folder)], within=1.0) == []


def test_interrupted_while_starting():
    def interrupt(_: _base.Program) -> bool:
        raise KeyboardInterrupt

    program = half("sleep 60", ready=interrupt)
    with pytest.raises(KeyboardInterrupt):
        program.start()
    assert gone([str(program.folder)], within=1.0) == []


@needs("redis")
def test_a_setting_that_does_not_exist():
    with pytest.raises(servers.ServerError, match=r"(?s)^Redis did not start\.\n.*maxmemry"):
        servers.redis(maxmemry="2mb")


@needs("redis")
def test_a_port_that_was_taken_meanwhile(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ports = iter([taken.getsockname()[1], _base.free_port()])
        monkeypatch.setattr(_redis, "free_port", lambda: next(ports))
        with servers.redis(tcp=True) as server:
            assert server.connect().ping()
    assert next(ports, None) is None


@pytest.fixture
def tiny() -> Iterator[Path]:
    """A file system of 8 MB."""
    folder = tempfile.mkdtemp(prefix="tiny-")
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder]
    if subprocess.run(mount, capture_output=True).returncode:
        os.rmdir(folder)
        pytest.skip("this root may not mount a file system")
    yield Path(folder)
    subprocess.run(["umount", "--lazy", folder], check=True)
    os.rmdir(folder)


@as_root
@needs("mariadb")
def test_full_disk(tiny, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tiny))
    with pytest.raises(servers.ServerError) as error:
        servers.mariadb()
    assert first_line(error) == "MariaDB did not start."
    assert "No space left on device" in str(error.value)
    with contextlib.suppress(OSError), (tiny / "filler").open("wb") as filler:
        while True:
            filler.write(bytes(4096))
    with pytest.raises(servers.ServerError, match=r"^No temporary file .*set TMPDIR") as error:
        servers.redis()
    assert "\n" not in str(error.value)
    assert [path.name for path in tiny.iterdir()] == ["filler"]


# What is kept between kernels


@needs("mariadb")
def test_a_half_made_cache_is_never_used(tmp_path, monkeypatch):
    killed_between_the_steps = """
        import os, signal
        from nexus.servers import _mariadb
        run = _mariadb._run
        def last(*arguments):
            run(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)
        _mariadb._run = last
        _mariadb.start(None)
    """
    environment = {"NEXUS_CACHE": str(tmp_path), "PYTHONPATH": str(REPOSITORY)}
    code = textwrap.dedent(killed_between_the_steps)
    ended = subprocess.run([sys.executable, "-c", code], env=os.environ | environment)
    assert ended.returncode == -signal.SIGKILL
    assert list(tmp_path.iterdir())  # it had begun

    monkeypatch.setenv("NEXUS_CACHE", str(tmp_path))
    with servers.mariadb() as server, server.connect() as connection:
        assert connection.db == b"journal"


@needs("mariadb")
def test_loaded_data_is_copied_not_shared(tmp_path, monkeypatch):
    monkeypatch.setenv("NEXUS_CACHE", str(tmp_path))
    loads = []

    def load(server: _mariadb.MariaDB) -> None:
        loads.append(server)
        with server.connect(autocommit=True) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE t (id INT PRIMARY KEY) SELECT seq AS id FROM seq_1_to_100")
        if len(loads) == 1:
            raise RuntimeError("interrupted")

    monkeypatch.setitem(_mariadb.LOADERS, "flights", lambda: (load, "of this test"))
    with pytest.raises(RuntimeError, match="interrupted"):
        servers.mariadb("flights")
    assert not [path for path in tmp_path.glob("mariadb-flights-*") if path.is_dir()]
    for _ in range(2):
        with (
            servers.mariadb("flights") as server,
            server.connect(autocommit=True) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT COUNT(*) FROM t")
            assert cursor.fetchone() == (100,)
            cursor.execute("DELETE FROM t")
    assert len(loads) == 2


# As somebody else


ORDINARY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]


@as_root
@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is not on this machine")
def test_as_an_ordinary_user(usable):
    home = Path(tempfile.mkdtemp(prefix="ordinary-"))
    os.chown(home, 65534, 65534)
    environment = {
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), sysconfig.get_path("purelib")]),
    }

    def run(code: str, *arguments: str) -> subprocess.CompletedProcess:
        command = [*ORDINARY, sys.executable, "-c", textwrap.dedent(code), *arguments]
        return subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True)

    start = """
        import sys, psutil
        from nexus import servers
        started = [getattr(servers, name)() for name in sys.argv[1:]]
        users = {p.uids().real for p in psutil.Process().children(recursive=True)}
        print(started, users)
    """
    try:
        if run("from nexus import servers").returncode:
            pytest.skip("an ordinary user cannot read this interpreter or this repository")
        done = run(start, *usable)
    finally:
        shutil.rmtree(home)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("private to this kernel") == len(usable)
    assert done.stdout.endswith("{65534}\n")


# Inside the kernel


def test_smtp_takes_refuses_greylists_and_counts(capfd):
    message = email.message.EmailMessage()
    message["Subject"], message["From"] = "Gate change", "board@example.org"
    message.set_content("B12 → B7")
    with servers.smtp() as sink:
        with sink.connect() as client:
            client.send_message(message, to_addrs=["ann@example.org"])
            sink.refused = {"bob@example.org": "550 5.1.1 No such user"}
            with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
                client.send_message(message, to_addrs=["bob@example.org"])
            assert refused.value.recipients["bob@example.org"][0] == 550
            sink.refused, sink.greylisting = {"*": "452 4.2.2 Mailbox full"}, True
            with pytest.raises(smtplib.SMTPRecipientsRefused):
                client.send_message(message, to_addrs=["cem@example.org"])
            sink.refused = {}
            with pytest.raises(smtplib.SMTPRecipientsRefused) as later:
                client.send_message(message, to_addrs=["cem@example.org"])
            assert later.value.recipients["cem@example.org"][0] == 451
            client.send_message(message, to_addrs=["cem@example.org"])
        assert [mail.recipients for mail in sink.messages] == [
            ("ann@example.org",),
            ("cem@example.org",),
        ]
        assert sink.messages[0].message["Subject"] == "Gate change"
        assert "B12 → B7" in sink.messages[0].message.get_content()
        assert sink.counts == {
            "connections": 1,
            "recipients": 5,
            "refused": 2,
            "greylisted": 1,
            "messages": 2,
        }
        assert repr(sink) == "SMTP sink, private to this kernel"
    assert capfd.readouterr().err == ""
    with pytest.raises(servers.ServerError):
        sink.connect()


def test_smtp_takes_a_message_before_it_says_so():
    with servers.smtp() as sink:
        sink.delay = 0.5
        client = sink.connect(timeout=0.2)
        with pytest.raises((TimeoutError, smtplib.SMTPServerDisconnected)):
            client.sendmail("a@example.org", ["b@example.org"], "Subject: late\r\n\r\n")
        client.close()
        assert sink.counts["messages"] == 1


def wsgi(environ: dict, start_response: Callable) -> list[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "4")])
    return [b"WSGI"]


async def asgi(scope: dict, receive: Callable, send: Callable) -> None:
    headers = [(b"content-length", b"4")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"ASGI"})


class Asgi:
    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        await asgi(scope, receive, send)


@pytest.mark.parametrize(("app", "body"), [(wsgi, b"WSGI"), (asgi, b"ASGI"), (Asgi(), b"ASGI")])
def test_web_keeps_connections_and_counts(app, body, capfd):
    with servers.web(app) as site:
        client = http.client.HTTPConnection("127.0.0.1", site.port)
        for _ in range(3):
            client.request("GET", "/board")
            response = client.getresponse()
            assert (response.version, response.read()) == (11, body)
        client.close()
        assert (site.connections, site.requests) == (1, 3)
        assert repr(site) == "Web server, private to this kernel"
    site.stop()
    with pytest.raises(ConnectionError):
        client.request("GET", "/board")
    assert capfd.readouterr().err == ""


def test_web_sets_nodelay(monkeypatch):
    seen = []

    async def app(scope: dict, receive: Callable, send: Callable) -> None:
        transport = send.__self__.transport
        option = transport.get_extra_info("socket").getsockopt
        seen.append(option(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        await asgi(scope, receive, send)

    with servers.web(app) as site:
        client = http.client.HTTPConnection("127.0.0.1", site.port)
        client.request("GET", "/")
        client.getresponse().read()
        client.close()
    assert seen
    assert seen[0] != 0


def test_web_survives_an_application_that_fails(capfd):
    def broken(environ: dict, start_response: Callable) -> list[bytes]:
        raise ValueError("of the application")

    with servers.web(broken) as site:
        client = http.client.HTTPConnection("127.0.0.1", site.port)
        client.request("GET", "/")
        assert client.getresponse().status == 500
        client.close()
    assert capfd.readouterr().err == ""


# A longer way to them


TRIPS = 7


def trips(connection, count: int = TRIPS) -> float:
    """Seconds that `count` statements take, one after the other."""
    started = time.monotonic()
    with connection.cursor() as cursor:
        for _ in range(count):
            cursor.execute("SELECT 1")
            assert cursor.fetchone() == (1,)
    return time.monotonic() - started


@needs("mariadb")
def test_a_delay_counts_trips_and_holds_each_back(running):
    server = running("mariadb")
    with servers.delayed(server) as way, way.connect() as connection:
        assert way.url != server.url
        assert repr(way) == f"{server!r}, over a longer way"
        for delay in (0.0, 0.02, 0.001):
            way.delay, way.trips = delay, 0
            seconds = trips(connection)
            assert way.trips == TRIPS
            assert seconds >= TRIPS * delay
        assert seconds < TRIPS * 0.02  # it was shortened while the connection was open
    way.stop()


@needs("mariadb")
def test_a_delay_counts_a_large_request_and_a_large_answer_once(running):
    text = "x" * 3_000_000
    with servers.delayed(running("mariadb"), 0.05) as way, way.connect() as connection:
        way.trips = 0
        started = time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute("SELECT %s", (text,))
            assert cursor.fetchone() == (text,)
        assert way.trips == 1
        assert time.monotonic() - started < 1  # each piece held back would take two seconds


@needs("mariadb")
def test_two_connections_and_two_delays_do_not_wait_for_each_other(running):
    server = running("mariadb")
    with servers.delayed(server, 0.05) as way, servers.delayed(server) as other:
        connections = [way.connect() for _ in range(4)]
        way.trips = 0
        started = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor() as pool:
            assert min(pool.map(trips, connections)) >= TRIPS * 0.05
        assert time.monotonic() - started < 4 * TRIPS * 0.05
        assert way.trips == 4 * TRIPS
        assert other.trips == 0
        for connection in connections:
            connection.close()


@needs("mariadb")
def test_a_delay_forgets_what_was_closed(running):
    def threads() -> int:
        with running("mariadb").connect() as connection, connection.cursor() as cursor:
            cursor.execute("SHOW STATUS LIKE 'Threads_connected'")
            return int(cursor.fetchone()[1])

    before = threads()
    with servers.delayed(running("mariadb")) as way:
        way.connect().close()  # says goodbye
        rude = way.connect()
        rude._sock.shutdown(socket.SHUT_RDWR)  # does not
        way.trips = 0
        with way.connect() as connection:
            way.trips = 0
            trips(connection)
        assert way.trips == TRIPS
        held = way.connect()
    with pytest.raises(pymysql.OperationalError):
        trips(held)
    deadline = time.monotonic() + SOON
    while threads() > before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert threads() == before


@needs("mariadb")
def test_a_server_that_is_killed_behind_a_delay():
    with servers.mariadb() as server, servers.delayed(server, 0.1) as way:
        connection = way.connect()
        threading.Timer(0.25, program_of(server).kill).start()
        with pytest.raises(pymysql.OperationalError, match="Lost connection"):
            trips(connection, 1000)
        with pytest.raises(servers.ServerError) as error:
            way.connect()
        assert first_line(error) == "This MariaDB is no longer running: start another."


@needs("mariadb")
def test_a_stopped_delay_says_so_and_leaves_nothing(running, capfd):
    server = running("mariadb")
    before = sorted(os.listdir(server.program.folder))
    threads = threading.active_count()
    way = servers.delayed(server)
    connection = way.connect()
    assert threading.active_count() == threads + 1
    way.stop()
    way.stop()
    assert threading.active_count() == threads
    assert sorted(os.listdir(server.program.folder)) == before
    with pytest.raises(servers.ServerError, match=r"^This way to MariaDB has been stopped"):
        way.connect()
    with pytest.raises(pymysql.OperationalError):
        trips(connection)
    server.check()
    assert capfd.readouterr().err == ""


@needs("mariadb")
def test_a_delay_goes_with_its_kernel():
    more = "way = servers.delayed(started[0]); way.connect()"
    with kernel("mariadb", more=more) as (process, folders):
        os.kill(process.pid, signal.SIGKILL)
        assert gone(folders) == []


@needs("mariadb")
def test_a_delay_before_a_named_server_has_a_folder_of_its_own(running, monkeypatch):
    monkeypatch.setenv("MARIADB_URL", running("mariadb").url)
    with servers.mariadb() as named, servers.delayed(named) as way:
        folder = Path(dict(parse_qsl(urlsplit(way.url).query))["unix_socket"]).parent
        assert folder != running("mariadb").program.folder
        assert folder.stat().st_mode & 0o077 == 0
        with way.connect() as connection:
            trips(connection)
    assert not folder.exists()


@needs("redis")
@pytest.mark.parametrize("tcp", [False, True])
def test_a_delay_before_redis(tcp):
    with servers.redis(tcp=tcp) as server, servers.delayed(server) as way:
        client = way.connect()
        way.trips = 0
        for _ in range(3):
            client.incr("trips")
        assert way.trips == 3
        with client.pipeline(transaction=False) as pipeline:
            for _ in range(100):
                pipeline.incr("trips")
            pipeline.execute()
        assert way.trips == 4
        client.close()
        assert urlsplit(way.url).hostname == ("127.0.0.1" if tcp else None)


def test_a_delay_before_nothing():
    with pytest.raises(servers.ServerError, match=r"^A delay needs a socket or a host and a port"):
        servers.delayed(servers.Server("File", "", "file:///x"))


# Servers that the environment names


@needs("mariadb")
def test_a_named_mariadb_gets_a_database_of_its_own(running, monkeypatch):
    monkeypatch.setenv("MARIADB_URL", running("mariadb").url)
    with servers.mariadb() as first, servers.mariadb() as second:
        assert first.url != second.url
        with first.connect() as connection:
            assert connection.db.startswith(b"journal_")
        assert repr(first) == f"MariaDB {first.version}, named by MARIADB_URL"
    with pytest.raises(servers.ServerError, match="Unknown database"):
        first.connect()


@needs("redis")
def test_a_named_redis_must_be_empty_and_is_emptied(monkeypatch):
    with servers.redis() as private:
        client = private.connect()
        monkeypatch.setenv("REDIS_URL", private.url)
        with servers.redis(maxmemory="3mb") as named:
            named.connect().set("mine", 1)
            assert client.config_get("maxmemory") == {"maxmemory": "3145728"}
        assert client.dbsize() == 0
        client.set("theirs", 1)
        with pytest.raises(servers.ServerError, match="holds keys"):
            servers.redis()
        assert client.dbsize() == 1
        monkeypatch.delenv("REDIS_URL")


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("mariadb", "mysql://root@127.0.0.1:1/x"),
        ("mariadb", "not a url"),
        ("mariadb", "mysql://root@127.0.0.1:port/x"),
        ("redis", "redis://127.0.0.1:1/0"),
        ("redis", "not a url"),
        ("rabbitmq", "amqp://127.0.0.1:1"),
        ("rabbitmq", "not a url"),
    ],
)
def test_a_named_server_that_is_not_there(name, url, monkeypatch):
    monkeypatch.setenv(f"{name.upper()}_URL", url)
    with pytest.raises(servers.ServerError) as error:
        getattr(servers, name)()
    assert "\n" not in str(error.value)
    assert f"{name.upper()}_URL" in str(error.value)
