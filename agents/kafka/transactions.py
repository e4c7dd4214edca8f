"""A transactional producer that knows what became of everything it has sent.

aiokafka commits a transaction over batches that Kafka refused, and repeats an end of transaction that was not
answered. Here a transaction is committed only when every record of it is acknowledged; and after an end without
an answer the producer is of no more use: `renew` starts another, with a new epoch, so that the late request can
end nothing, and `resend` gives it the same records in case they were not committed.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, ProducerFenced

from agents.config.settings import Settings
from agents.kafka import clients
from agents.kafka.errors import Fenced, ProduceFailed
from agents.kafka.internals import (
    batch_bytes,
    batch_of,
    cause_of,
    fencing_raised,
)
from agents.ports import LOG_APPEND_TIME, NO_HEADERS, Headers, KeyValue, ObserveSkew

log = structlog.get_logger()
BATCH_BYTES = 900_000
"""Of one produce batch, below the broker's usual limit of 1 MiB."""
CLOSE_S = 2.5
"""How long a producer may take to abort and close; what it leaves open its successor aborts."""
_closing: set[asyncio.Future[Any]] = set()
"""Producers that take longer to close than anybody waits: kept here, or Python would drop them half-way."""


@dataclass(slots=True)
class _Sent:
    """A batch or a record under way. at_ms: when it was sent, by our clock; future: of the acknowledgement."""

    topic: str
    partition: int
    records: int
    size_bytes: int
    at_ms: int
    future: Any


class Transactions:
    """Transactions of one id, one after the other; Fenced from any call: another has the id now.

    ends: after a commit, by partition the offset behind the records acknowledged last. skew: is given the
    broker's time of each acknowledgement, (broker's ms, our ms when sent, our ms when acknowledged).
    """

    def __init__(
        self,
        settings: Settings,
        transactional_id: str,
        compression: str | None = None,
        *,
        skew: ObserveSkew | None = None,
    ) -> None:
        self.id = transactional_id
        self.who = f"{transactional_id.removeprefix(settings.prefix).partition('-')[0]}-producer"
        self.open = False  # a transaction is under way
        self.ends: dict[tuple[str, int], int] = {}
        self.counts: Counter[str] = Counter()  # records of the transaction by topic
        self._settings = settings
        self._compression = compression
        self._skew = skew
        self._producer = self._new()
        self._sent: list[_Sent] = []
        self._calls: list[Callable[[], Awaitable[None]]] = []  # that the transaction consists of

    def _new(self) -> AIOKafkaProducer:
        return clients.producer(
            self._settings,
            self.who,
            transactional_id=self.id,
            compression_type=self._compression,
            max_batch_size=BATCH_BYTES,
            max_request_size=64 << 20,
            transaction_timeout_ms=60_000,
        )

    async def start(self) -> None:
        """Fence the producer that had the id, and abort what it left open."""
        with fencing_raised(self._producer):
            await self._producer.start()

    async def stop(self) -> None:
        """Abort what is open and close; raises nothing, since the next of the id aborts what is left."""
        for sent in self._sent:
            sent.future.add_done_callback(_retrieved)
        self.clear()
        await _closed(self._producer, abort=self.open)
        self.open = False

    async def begin(self) -> None:
        """Open a transaction unless one is open."""
        if not self.open:
            with fencing_raised(self._producer):
                await self._producer.begin_transaction()
            self.open = True

    async def put(
        self,
        topic: str,
        partition: int,
        records: Sequence[KeyValue],
        *,
        headers: Mapping[bytes, Headers] | None = None,
    ) -> None:
        """Queue records (key, value) of the open transaction; sent in as few batches as possible.

        headers: by key, of the few records that have any.
        """
        await self.begin()
        self._calls.append(lambda: self._put(topic, partition, records, headers=headers))
        self.counts[topic] += len(records)
        await self._put(topic, partition, records, headers=headers)

    async def _put(
        self,
        topic: str,
        partition: int,
        records: Sequence[KeyValue],
        *,
        headers: Mapping[bytes, Headers] | None,
    ) -> None:
        now = int(time.time() * 1000)
        left = 0
        while left < len(records):
            batch, count = batch_of(self._producer, records, first=left, timestamp_ms=now, headers=headers)
            left += count
            size = batch_bytes(batch)
            with fencing_raised(self._producer):
                future = await self._producer.send_batch(batch, topic, partition=partition)
            self._sent.append(_Sent(topic, partition, count, size, now, future))

    async def put_record(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        *,
        value: bytes | None,
        headers: Headers = NO_HEADERS,
    ) -> None:
        """Queue one record, with headers, of any size that the topic takes."""
        await self.begin()
        self._calls.append(lambda: self._put_record(topic, partition, key, value=value, headers=headers))
        self.counts[topic] += 1
        await self._put_record(topic, partition, key, value=value, headers=headers)

    async def _put_record(
        self, topic: str, partition: int, key: bytes | None, *, value: bytes | None, headers: Headers
    ) -> None:
        size = len(key or b"") + len(value or b"")
        now = int(time.time() * 1000)
        try:
            with fencing_raised(self._producer):
                future = await self._producer.send(
                    topic, value, key=key, partition=partition, headers=headers
                )
        except KafkaError as error:  # larger than a client may send
            raise ProduceFailed(topic, partition, records=1, size_bytes=size, cause=error) from error
        self._sent.append(_Sent(topic, partition, 1, size, now, future))

    async def acknowledged(self) -> None:
        """Wait until Kafka has acknowledged all that was sent; raises ProduceFailed or Fenced."""
        sent, self._sent = self._sent, []
        results = await asyncio.gather(*(one.future for one in sent), return_exceptions=True)
        now = int(time.time() * 1000)
        failed: ProduceFailed | None = None
        for one, result in zip(sent, results, strict=True):
            if isinstance(result, BaseException):
                cause = cause_of(self._producer, result)
                if isinstance(cause, ProducerFenced):
                    raise Fenced() from cause
                failed = failed or ProduceFailed(
                    one.topic,
                    one.partition,
                    records=one.records,
                    size_bytes=one.size_bytes,
                    cause=cause,
                )
            elif result is not None and result.offset >= 0:
                tp = (one.topic, one.partition)
                self.ends[tp] = max(self.ends.get(tp, 0), result.offset + one.records)
                if self._skew is not None and result.timestamp_type == LOG_APPEND_TIME:
                    self._skew(result.timestamp, one.at_ms, now)
        if failed is not None:
            raise failed

    async def commit(self) -> None:
        """Commit what was put, if anything was.

        Raises ProduceFailed when Kafka refused any of it (nothing is committed then, and the object is to be
        stopped), EndUnanswered when it is not known whether it is committed (see `renew`).
        """
        if self.open:
            await self.acknowledged()
            with fencing_raised(self._producer):
                await self._producer.commit_transaction()
            self.clear()
            self.open = False

    async def renew(self) -> None:
        """Another producer in the place of one whose commit was not answered: from here on it can't change.

        Returns when the transaction is settled, so a read_committed reader sees whether it was committed:
        then call `clear`, otherwise `resend`.
        """
        self.open = False
        await _closed(self._producer, abort=False)
        self._producer = self._new()
        self._sent.clear()
        with fencing_raised(self._producer):
            await self._producer.start()

    async def resend(self) -> None:
        """Put the same records once more, into a new transaction, and commit it; raises as `commit` does."""
        await self.begin()
        for call in self._calls:
            await call()
        await self.commit()

    def clear(self) -> None:
        """Drop what was sent: it is committed after all, or aborted."""
        self._sent.clear()
        self._calls.clear()
        self.counts.clear()


async def _closed(producer: AIOKafkaProducer, abort: bool) -> None:
    """Close a producer, for a while in order and then in the background."""
    closing = asyncio.ensure_future(_close(producer, abort))
    _closing.add(closing)
    closing.add_done_callback(_closing.discard)
    done, _ = await asyncio.wait([closing], timeout=CLOSE_S)
    if not done:
        log.info("Kafka does not answer; closing producers in the background", outage=True)


async def _close(producer: AIOKafkaProducer, abort: bool) -> None:
    try:
        if abort:
            with fencing_raised(producer):
                await producer.abort_transaction()
    except Exception as error:
        log.info("a transaction was not aborted; the next owner aborts it", error=repr(error), outage=True)
    try:
        await producer.stop()
    except Exception as error:
        log.info("a producer was not closed cleanly", error=repr(error), outage=True)


def _retrieved(future: Any) -> None:
    """Nobody waits for this acknowledgement any more: the transaction is aborted whatever became of it."""
    if not future.cancelled():
        future.exception()
