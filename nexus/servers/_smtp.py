"""A mail server inside the kernel that takes everything, delivers nothing, and fails on demand."""

import asyncio
import collections
import dataclasses
import email
import email.message
import email.policy
import logging
import smtplib
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as Protocol
from aiosmtpd.smtp import Envelope, Session

from nexus.servers._base import Server

logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # a notebook compares what is on stderr

OK, LATER = "250 OK", "451 4.7.1 Greylisted, try again later"


@dataclasses.dataclass(frozen=True)
class Mail:
    """One message as it was taken: the envelope's addresses and the message itself."""

    sender: str
    recipients: tuple[str, ...]
    message: email.message.EmailMessage


class SMTP(Server):
    """The sink. Its moods are attributes that may be set at any time.

    `refused`: {recipient: reply}, such as {"ann@example.org": "550 5.1.1 No such user"}; the
    recipient "*" stands for everyone. `greylisting`: whether the first try of each pair of sender
    and recipient is answered with 451. `delay`: seconds between taking a message and saying so.

    `messages` holds each Mail in order. `counts` counts "connections", "recipients" (tries),
    "refused", "greylisted" and "messages".
    """

    def __init__(self) -> None:
        self.refused: dict[str, str] = {}
        self.greylisting = False
        self.delay = 0.0
        self.messages: list[Mail] = []
        self.counts: collections.Counter[str] = collections.Counter()
        self._seen: set[tuple[str, str]] = set()
        self._controller: _Controller | None = _Controller(self, hostname="127.0.0.1", port=0)
        self._controller.start()
        self.counts.clear()  # the controller has knocked at its own door
        self.port = self._controller.port
        super().__init__("SMTP sink", "", f"smtp://127.0.0.1:{self.port}")

    def connect(self, **options: Any) -> smtplib.SMTP:
        """A client of the standard library; `options` go to `smtplib.SMTP`."""
        with self._explaining(OSError):
            return smtplib.SMTP("127.0.0.1", self.port, **options)

    def stop(self) -> None:
        super().stop()
        if self._controller:
            self._controller.stop()
            self._controller = None

    async def handle_RCPT(
        self, server: Protocol, session: Session, envelope: Envelope, address: str, options: list
    ) -> str:
        self.counts["recipients"] += 1
        if reply := self.refused.get(address, self.refused.get("*")):
            self.counts["refused"] += 1
            return reply
        pair = (envelope.mail_from or "", address)
        if self.greylisting and pair not in self._seen:
            self._seen.add(pair)
            self.counts["greylisted"] += 1
            return LATER
        envelope.rcpt_tos.append(address)
        return OK

    async def handle_DATA(self, server: Protocol, session: Session, envelope: Envelope) -> str:
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.messages.append(Mail(envelope.mail_from, tuple(envelope.rcpt_tos), message))
        self.counts["messages"] += 1
        await asyncio.sleep(self.delay)
        return OK


class _Controller(Controller):
    async def _create_server(self) -> asyncio.AbstractServer:
        server = await super()._create_server()
        self.port = server.sockets[0].getsockname()[1]  # of the system's choice
        return server

    def factory(self) -> Protocol:
        self.handler.counts["connections"] += 1
        return super().factory()
