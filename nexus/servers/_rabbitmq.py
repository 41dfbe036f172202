"""RabbitMQ on 127.0.0.1, without epmd: the broker's node is found by nobody but itself."""

import secrets
import socket
from pathlib import Path
from textwrap import dedent
from urllib.parse import urlsplit

from nexus.servers._base import (
    MissingServer,
    Program,
    Server,
    ServerError,
    accepts,
    find,
    free_port,
    missing,
    named,
    private_folder,
)

VARIABLE = "RABBITMQ_URL"
URLS = ("amqp://user:password@host:5672/", "amqp")
# Debian's command in PATH is for root alone; the broker's own script, behind it, is for everyone.
DEBIAN = "/usr/lib/rabbitmq/lib"
NODE = "nexus@localhost"
USER = "nexus"


class RabbitMQ(Server):
    """A RabbitMQ broker. Celery, kombu and pika all understand its `url`."""


def start() -> RabbitMQ:
    """Start a RabbitMQ; see `nexus.servers.rabbitmq`."""
    if url := named(VARIABLE, *URLS):
        at = urlsplit(url)
        version = _version(at.hostname or "localhost", at.port or 5672)
        return RabbitMQ("RabbitMQ", version, url, variable=VARIABLE)
    if not (path := _path()):
        raise MissingServer(absent())
    while True:
        ports = free_port(), free_port()
        try:
            return _private(path, *ports)
        except ServerError:
            # another program may have taken a port between the look and the use
            if not any(accepts(("127.0.0.1", port)) for port in ports):
                raise


def absent() -> str | None:
    """None when a RabbitMQ can be had, else one line that says how to get it."""
    if named(VARIABLE, *URLS) or _path():
        return None
    return missing("RabbitMQ", "rabbitmq-server", "rabbitmq", VARIABLE)


def _path() -> str | None:
    own = sorted(Path(DEBIAN).glob("rabbitmq_server-*/sbin/rabbitmq-server"))
    return str(own[-1]) if own else find("rabbitmq-server")


def _private(path: str, port: int, node_port: int) -> RabbitMQ:
    password = secrets.token_hex(16)
    config = f"""
        listeners.tcp.1 = 127.0.0.1:{port}
        default_user = {USER}
        default_pass = {password}
        log.console = true
        log.file = false
        vm_memory_high_watermark.absolute = 256MB
        disk_free_limit.absolute = 16MB
    """
    files = {
        "rabbitmq.conf": dedent(config),
        "plugins": "",
        ".erlang.cookie": secrets.token_hex(16),
    }
    folder = private_folder(**files)
    environment = {
        "HOME": str(folder),
        "ERL_EPMD_PORT": str(node_port),
        "RUNNING_UNDER_SYSTEMD": "true",  # the script becomes the broker and does not stand by
        "RABBITMQ_CONF_ENV_FILE": str(folder / "none"),
        "RABBITMQ_CONFIG_FILE": str(folder / "rabbitmq.conf"),
        "RABBITMQ_ADVANCED_CONFIG_FILE": str(folder / "none.config"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(folder / "plugins"),
        "RABBITMQ_FEATURE_FLAGS_FILE": str(folder / "feature_flags"),
        "RABBITMQ_GENERATED_CONFIG_DIR": str(folder / "generated"),
        "RABBITMQ_MNESIA_BASE": str(folder / "mnesia"),
        "RABBITMQ_LOG_BASE": str(folder / "log"),
        "RABBITMQ_PID_FILE": str(folder / "pid"),
        "RABBITMQ_NODENAME": NODE,
        "RABBITMQ_DIST_PORT": str(node_port),
        # A node that is distributed from its first moment starts no epmd of its own.
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"-sname {NODE} -start_epmd false "
        f"-erl_epmd_port {node_port} -kernel inet_dist_use_interface {{127,0,0,1}} "
        "+S 2:2 +sbwt none +sbwtdcpu none +sbwtdio none",  # two threads that sleep when idle
    }
    program = Program("RabbitMQ", [path], folder, _complete, environment, patience=120.0).start()
    url = f"amqp://{USER}:{password}@127.0.0.1:{port}/%2F"
    return RabbitMQ("RabbitMQ", _version("127.0.0.1", port), url, program)


def _complete(program: Program) -> bool:
    """Whether the broker says so. A port that answers may be somebody else's."""
    return "Server startup complete" in program.printed(4000)


def _version(host: str, port: int) -> str:
    """The version that a broker gives in its greeting, before any login (AMQP 0-9-1, 1.4.2.1)."""
    try:
        with socket.create_connection((host, port), timeout=5) as connection:
            connection.sendall(b"AMQP\0\0\x09\x01")
            greeting = connection.recv(4096)
    except OSError as error:
        raise ServerError(
            f"No RabbitMQ answers at {host}:{port}, see {VARIABLE}: {error}"
        ) from None
    _, _, rest = greeting.partition(b"\x07versionS")
    return rest[4 : 4 + int.from_bytes(rest[:4])].decode() or "of unknown version"
