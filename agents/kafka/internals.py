"""All that reaches into aiokafka's private parts, for the version that is pinned.

aiokafka promises nothing about these parts, so the installed version is checked at the start of every client
that depends on them, and `tests/broker/test_internals.py` fails when an upgrade changes one.
"""

import math
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

from aiokafka import AIOKafkaProducer, errors
from aiokafka import client as aiokafka_client
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.consumer import fetcher
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.producer import sender
from aiokafka.protocol.admin import SaslAuthenticateRequest, SaslHandShakeRequest
from aiokafka.record import default_records, legacy_records

from agents.config.errors import UserError
from agents.kafka import decompression
from agents.kafka.brokers import any_node
from agents.kafka.errors import EndUnanswered, Fenced
from agents.kafka.outage import root
from agents.kafka.record_batch import UnreadableRecord
from agents.kafka.refused_batches import Position, refused
from agents.ports import NO_HEADERS, Headers

SUPPORTED = "0.14.0"


def check_version() -> None:
    """Raise UserError unless the aiokafka that is installed is the one this module was written for."""
    installed = version("aiokafka")
    if installed != SUPPORTED:
        raise UserError(
            f"aiokafka {installed} is installed, but Pillarscore's transactions need {SUPPORTED}: "
            "install the versions in requirements.txt"
        )


# --- connections --------------------------------------------------------------------------------------------

RENEW = 0.8
"""The share of a session after which its connection is replaced."""


class Connection(AIOKafkaConnection):
    """A connection that gives way to a new one before Kafka ends its session, and reports a refused token.

    Kafka closes a connection whose token has expired, or that is older than `connections.max.reauth.ms`, at its
    next request. aiokafka can't authenticate again on a connection (KIP-368), so it is replaced by a new one before
    that, when no request is under way: nothing is lost, and no request is left without an answer. A refused
    OAUTHBEARER token is an error; aiokafka takes it for success.
    """

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
        if answer.error_code == errors.UnsupportedSaslMechanismError.errno:
            raise errors.UnsupportedSaslMechanismError(answer.enabled_mechanisms)
        return answer

    async def _authenticated(self, sent: Any) -> Any:
        answer = await sent
        if answer.error_code == 0:
            if self._sasl_mechanism == "OAUTHBEARER" and answer.sasl_auth_bytes:
                raise errors.SaslAuthenticationFailed(answer.sasl_auth_bytes.decode("utf-8", "replace"))
            lifetime_ms = getattr(answer, "session_lifetime_ms", 0)
            if lifetime_ms > 0:
                self._renew_at = time.monotonic() + lifetime_ms / 1000 * RENEW
        return answer


def open_connections_with(create: Callable[..., Awaitable[Connection]]) -> None:
    """Let all clients, Faust's too, open their connections with this function."""
    aiokafka_client.create_conn = create


# --- the end of a transaction -------------------------------------------------------------------------------


class EndTxnOnce(sender.EndTxnHandler):
    """Sends an EndTxn once: without an answer the producer ends, where aiokafka would send it again.

    Answers that refuse (the coordinator moves, is loading, or still completes the transaction before) say that
    the request has changed nothing, so these are followed by another request, as in aiokafka.
    """

    async def do(self, node_id: int) -> bool:
        request = self.create_request()
        try:
            answer = await self._sender.client.send(node_id, request, group=self.group)
        except errors.NodeNotReadyError:
            # there was no connection, so nothing was sent
            await sender.asyncio.sleep(self.handle_error())
            return False
        except errors.KafkaError as error:
            unanswered = EndUnanswered(f"no answer to the end of a transaction: {error!r}")
            unanswered.__cause__ = error
            self._sender._message_accumulator.fail_all(unanswered)
            self._sender._txn_manager.fatal_error(unanswered)
            return False
        backoff = self.handle_response(answer)
        if backoff is not None:
            await sender.asyncio.sleep(backoff)
        return backoff is None


AS_SHIPPED = sender.EndTxnHandler
"""aiokafka's own handler, for the test that shows what happens without ours."""
sender.EndTxnHandler = EndTxnOnce


@contextmanager
def fencing_raised(producer: AIOKafkaProducer) -> Iterator[None]:
    """Raise what ended the producer's transactions (Fenced, mostly) instead of what aiokafka raises.

    It notices in a task of its own, and calls whatever is asked of it after that illegal.
    """
    try:
        yield
    except errors.ProducerFenced as error:
        raise Fenced() from error
    except (errors.IllegalOperation, AssertionError):  # the latter from its state machine, when committing
        manager = producer._txn_manager
        if manager is not None and manager.is_fatal_error() and manager._transaction_waiter.done():
            cause = manager._transaction_waiter.exception()
            if isinstance(cause, errors.ProducerFenced):
                raise Fenced() from cause
            if cause is not None:
                raise cause from None
        raise


def cause_of(producer: AIOKafkaProducer, error: BaseException) -> BaseException:
    """What lies behind the error of an acknowledgement: aiokafka hides what ended its sender in a general one."""
    task = producer._sender.sender_task
    if task is not None and task.done() and not task.cancelled() and (ended := task.exception()) is not None:
        return root(ended)
    return root(error)


# --- batches ------------------------------------------------------------------------------------------------


def batch_of(
    producer: AIOKafkaProducer,
    records: Sequence[tuple[bytes | None, bytes | None]],
    *,
    first: int,
    timestamp_ms: int,
    headers: Mapping[bytes, Headers] | None = None,
) -> tuple[Any, int]:
    """(a batch with the records from number `first` on, as many as fit, and how many these are).

    Appends to the batch's own builder, since the wrapper about it costs more than the append. At least one
    record is in the batch, however large. headers: by key, of the few records that have any.
    """
    batch = producer.create_batch()
    append: Callable[..., Any] = batch._builder.append
    count = 0
    for number in range(first, len(records)):
        key, value = records[number]
        with_ = NO_HEADERS if not headers else headers.get(key, NO_HEADERS)  # type: ignore[arg-type]
        if append(count, timestamp_ms, key, value, with_) is None:
            break
        count += 1
    batch._relative_offset = count
    return batch, count


def batch_bytes(batch: Any) -> int:
    """The size of a batch so far, uncompressed unless it was sent."""
    return int(batch.size())


# --- records as the parser makes them ---------------------------------------------------------------------

_copied = fetcher.PartitionRecords._consumer_record


def as_it_is(value: Any) -> Any:
    """The mark of a consumer that wants the parser's own records; as a deserializer it changes nothing.

    They have offset, timestamp, key, value and headers as attributes, but no topic and partition (`getmany` gives
    these). Copying each into a ConsumerRecord costs over 1 us per event, more than anything else that is not ours.
    All other consumers are untouched.
    """
    return value


def _consumer_record(self: Any, tp: Any, record: Any) -> Any:
    return record if self._value_deserializer is as_it_is else _copied(self, tp, record)


fetcher.PartitionRecords._consumer_record = _consumer_record


# --- batches that the parser refuses ------------------------------------------------------------------------

_unpack, _ParsedRecords = fetcher.PartitionRecords._unpack_records, fetcher.MemoryRecords


class _KeptRecords:
    """The batches of a fetch answer, whose bytes are at hand when one of them can't be read."""

    def __init__(self, data: Any) -> None:
        self.data = data
        parsed = _ParsedRecords(data)
        self.has_next = parsed.has_next
        self.size_in_bytes = parsed.size_in_bytes
        self.taken = 0  # batches
        self._next = parsed.next_batch

    def next_batch(self) -> Any:
        self.taken += 1
        return self._next()


def _unpack_records(self: Any) -> Iterator[Any]:
    """The records of a partition, and what can be had of those that aiokafka's parser refuses.

    Without it, one header name that is not UTF-8 stops the consumer for ever, and all partitions that it reads.
    """
    iterator = _unpack(self)
    while True:
        try:
            yield from iterator
            return
        except Exception as error:
            found = _salvaged(self, error)
            if found is None:
                raise
            records, next_ = found
            for record in records:
                if record.offset >= self.next_fetch_offset:
                    self.next_fetch_offset = record.offset + 1
                    yield record
            self.next_fetch_offset = max(self.next_fetch_offset, next_)
            iterator = _unpack(self)


def _salvaged(self: Any, error: Exception) -> "tuple[Iterator[UnreadableRecord], int] | None":
    """What `refused` says of the batch at which the parser has stopped."""
    place = Position(self._tp.topic, self._tp.partition, self.next_fetch_offset)
    wrong = isinstance(error, errors.CorruptRecordException) and "CRC" in str(error)
    data, number = bytes(self._records.data), self._records.taken - 1
    return refused(data, number, place, why=f"{type(error).__name__}: {error}", wrong_checksum=wrong)


# the compiled parser or the one in Python, whichever is in use: both look these names up when they are called
for _parsed in (default_records.DefaultRecordBatch, legacy_records.LegacyRecordBatch):
    for _number, _name in enumerate(("gzip_decode", "snappy_decode", "lz4_decode", "zstd_decode"), 1):
        setattr(sys.modules[_parsed.__module__], _name, decompression.BY_NUMBER[_number])
fetcher.MemoryRecords = _KeptRecords
fetcher.PartitionRecords._unpack_records = _unpack_records


# --- groups -------------------------------------------------------------------------------------------------


def assigned_partitions(assignment: bytes) -> list[tuple[str, int]]:
    """The (topic, partition) pairs of a group member's assignment, as the coordinator has it."""
    return [tuple(tp) for tp in ConsumerProtocolMemberAssignment.decode(assignment).partitions()]


# --- administration -----------------------------------------------------------------------------------------


class AdminClient(AIOKafkaAdminClient):
    """An admin client that asks a broker that is there; aiokafka takes any that it has heard of."""

    async def _send_request(self, request: Any, node_id: int | None = None) -> Any:
        node = await any_node(self._client) if node_id is None else node_id
        return await super()._send_request(request, node)


async def ask(client: AIOKafkaAdminClient, request: Any) -> Any:
    """The answer to a request that the admin client has no method for. Raises KafkaError."""
    return await client._send_request(request)
