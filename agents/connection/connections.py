"""aiokafka's connections, with what it lacks for a secured Kafka: see also `agents.kafka.internals`.

- The cause of a failed attempt is kept (`refusals`); aiokafka only logs it.
- What came from files is read again for each new connection.
- A session ends: Kafka closes a connection whose token has expired, or that is older than
  `connections.max.reauth.ms`, at its next request. aiokafka can't authenticate again on a connection
  (KIP-368), so a connection is replaced by a new one before that, at a moment when no request is under way:
  nothing is lost, and no request is left without an answer.
- A refused OAUTHBEARER token is an error; aiokafka takes it for success.
"""

import asyncio
import logging
import math
import ssl
import time
from collections.abc import Sequence
from typing import Any

from aiokafka import client as aiokafka_client
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaError, SaslAuthenticationFailed, UnsupportedSaslMechanismError
from aiokafka.protocol.admin import SaslAuthenticateRequest, SaslHandShakeRequest
from aiokafka.protocol.metadata import MetadataRequest

from agents.connection.refusals import Peer, hung_up, note, refusal
from agents.connection.security import FileContext

RENEW = 0.8
"""The share of a session after which its connection is replaced."""


class Connection(AIOKafkaConnection):
    """A connection that gives way to a new one before Kafka ends its session."""

    _renew_at = math.inf

    def connected(self) -> bool:
        """Whether requests can be sent; asked before each request, when it is too late to use it, it ends."""
        if time.monotonic() >= self._renew_at and not self._requests:
            self._renew_at = math.inf
            self.close(reason=CloseReason.IDLE_DROP)
        return bool(super().connected())

    def send(self, request: Any, expect_response: bool = True) -> Any:
        """As in aiokafka; answers to SASL are looked at on their way."""
        sent = super().send(request, expect_response)
        if isinstance(request, SaslAuthenticateRequest):
            return self._authenticated(sent)
        return self._agreed(sent) if isinstance(request, SaslHandShakeRequest) else sent

    def close(self, reason: Any = None, exc: Any = None) -> Any:
        """As in aiokafka, but at once.

        To end TLS in order, Python waits up to 30 s for the broker's part, and workers that closed a consumer did
        wait that long. All that matters has been answered by then, so there is nothing to wait for.
        """
        transport = None if self._writer is None else self._writer.transport
        closed = super().close(reason, exc)
        if transport is not None and self._security_protocol.endswith("SSL"):
            transport.abort()
        return closed

    async def _agreed(self, sent: Any) -> Any:
        answer = await sent
        if answer.error_code == UnsupportedSaslMechanismError.errno:
            raise UnsupportedSaslMechanismError(answer.enabled_mechanisms)
        return answer

    async def _authenticated(self, sent: Any) -> Any:
        answer = await sent
        if answer.error_code == 0:
            if self._sasl_mechanism == "OAUTHBEARER" and answer.sasl_auth_bytes:
                raise SaslAuthenticationFailed(answer.sasl_auth_bytes.decode("utf-8", "replace"))
            lifetime_ms = getattr(answer, "session_lifetime_ms", 0)
            if lifetime_ms > 0:
                self._renew_at = time.monotonic() + lifetime_ms / 1000 * RENEW
        return answer


def _peer(host: str, port: int, options: dict[str, Any]) -> Peer:
    context = options.get("ssl_context")
    return Peer(
        host,
        port,
        options.get("security_protocol", "PLAINTEXT"),
        options.get("sasl_mechanism"),
        options.get("sasl_plain_username"),
        context.settings.ssl_certfile if isinstance(context, FileContext) else None,
    )


async def create_conn(host: str, port: int, **options: Any) -> Connection:
    """In place of aiokafka's function, with the same arguments."""
    for name in ("ssl_context", "sasl_plain_password"):
        if hasattr(options.get(name), "current"):
            options[name] = options[name].current()
    peer = _peer(host, port, options)
    connection = Connection(host, port, **options)
    try:
        try:
            await connection.connect()
        except ssl.SSLError:  # a ValueError too
            raise
        except (AssertionError, ValueError) as error:  # of the broker's proof that it knows the password
            raise SaslAuthenticationFailed(f"the broker's answer is wrong: {error}") from error
    except (OSError, KafkaError, TimeoutError) as error:
        note(peer.address, refusal(error, peer))
        raise
    note(peer.address, None)
    return connection


aiokafka_client.create_conn = create_conn


class _Discreet(logging.Filter):
    """Of aiokafka's lines about connections, those with secrets are left out, which it logs at level debug.

    That a password goes over the network unencrypted is logged for every connection; once is enough.
    """

    warned = False

    def filter(self, record: logging.LogRecord) -> bool:
        arguments = record.args if isinstance(record.args, tuple) else ()
        if any(type(one).__name__.startswith("Sasl") for one in arguments):
            return False
        if not str(record.msg).startswith("Sending username and password in the clear"):
            return True
        first, self.warned = not self.warned, True
        return first


logging.getLogger("aiokafka.conn").addFilter(_Discreet())


async def attempt(addresses: Sequence[str], timeout_s: float, options: dict[str, Any]) -> str | None:
    """Connect to one of the addresses and ask something: None when that works, else why it does not.

    options: of the clients, without addresses. "": nobody answers.
    """
    why = ""
    shared = {name: value for name, value in options.items() if name in _OPTIONS}
    for address in addresses:
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        peer = _peer(host, int(port), options)
        try:
            async with asyncio.timeout(timeout_s):
                connection = await create_conn(
                    host, int(port), request_timeout_ms=int(timeout_s * 1000), **shared
                )
                try:
                    await connection.send(MetadataRequest([]))
                finally:
                    closed = connection.close()
                    if closed is not None:
                        await closed
            return None
        except (OSError, KafkaError, TimeoutError) as error:
            why = refusal(error, peer) or hung_up(error, peer) or why
    return why


_OPTIONS = (
    *("security_protocol", "ssl_context", "sasl_mechanism", "sasl_plain_username", "sasl_plain_password"),
    "sasl_oauth_token_provider",
)
