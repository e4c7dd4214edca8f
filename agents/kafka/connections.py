"""Opening connections, with what aiokafka lacks for a secured Kafka; `agents.kafka.internals` has the rest of it.

- The cause of a failed attempt is kept (`refusals`); aiokafka only logs it.
- What came from files is read again for each new connection.
"""

import asyncio
import logging
import ssl
from collections.abc import Sequence
from typing import Any

from aiokafka.errors import KafkaError, SaslAuthenticationFailed
from aiokafka.protocol.metadata import MetadataRequest

from agents.connection.refusals import Peer, hung_up, note, refusal
from agents.connection.security import FileContext
from agents.kafka import internals
from agents.kafka.heard import HeardConnection


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


async def create_conn(host: str, port: int, **options: Any) -> HeardConnection:
    """Connect; takes the arguments of aiokafka's own function, and raises what that raises."""
    for name in ("ssl_context", "sasl_plain_password"):
        if hasattr(options.get(name), "current"):
            options[name] = options[name].current()
    peer = _peer(host, port, options)
    connection = HeardConnection(host, port, **options)
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


internals.open_connections_with(create_conn)


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
        first = not self.warned
        # before logging is set up nobody sees it
        self.warned = self.warned or bool(logging.getLogger().handlers)
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
