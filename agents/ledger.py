"""The ledger of one partition: its transactional producer, and the stamp and blocks to restore from.

Everything the partition puts out goes through here, so that it becomes visible together with the stamp
that accounts for it. Kafka fences an older owner of the partition by the transactional id.
"""

import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer

from agents import fencing
from agents.reader import Reader
from schemas.ledger import HISTORY, STAMP_KEY, Block, BlockHistory, Stamp, block_key
from schemas.links import PREFIX

BATCH_BYTES = 900_000
"""Of one produce batch, below the broker's usual limit of 1 MiB."""

Headers = list[tuple[str, bytes]]
_NO_HEADERS: Headers = []

Record = tuple[bytes | None, bytes | None]


class Transactions:
    """A transactional producer; ProducerFenced from any call means somebody else has its id now."""

    def __init__(self, broker: str, transactional_id: str, compression: str | None = None) -> None:
        self.open = False  # a transaction is under way
        self._producer = AIOKafkaProducer(
            bootstrap_servers=broker,
            transactional_id=transactional_id,
            compression_type=compression,
            max_batch_size=BATCH_BYTES,
            max_request_size=16 << 20,
            transaction_timeout_ms=60_000,
        )

    async def start(self) -> None:
        """Fence whoever had the partition, and abort what they left open."""
        await self._producer.start()

    async def stop(self) -> None:
        """Abort what is open and close."""
        try:
            if self.open:
                await self._producer.abort_transaction()
        finally:
            self.open = False
            await self._producer.stop()

    async def begin(self) -> None:
        """Open a transaction unless one is open."""
        if not self.open:
            with fencing.told(self._producer):
                await self._producer.begin_transaction()
            self.open = True

    async def put(
        self,
        topic: str,
        partition: int,
        records: Sequence[Record],
        headers: Mapping[bytes, Headers] | None = None,
    ) -> None:
        """Queue records (key, value) of the open transaction; sent in as few batches as possible.

        headers: by key, of the few records that have any.
        Appends to the batch's own builder, since the wrapper about it costs more than the append.
        """
        await self.begin()
        now = int(time.time() * 1000)
        left = 0
        while left < len(records):
            batch = self._producer.create_batch()
            append = batch._builder.append if not headers else _with(batch._builder.append, headers)
            count = 0
            for key, value in itertools.islice(records, left, None):
                if append(count, now, key, value, _NO_HEADERS) is None:
                    break
                count += 1
            batch._relative_offset = count
            left += count
            with fencing.told(self._producer):
                await self._producer.send_batch(batch, topic, partition=partition)

    async def send(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: list[tuple[str, bytes]],
    ) -> None:
        """Queue one record with headers, of any size that the topic takes."""
        await self.begin()
        with fencing.told(self._producer):
            await self._producer.send(topic, value, key=key, partition=partition, headers=headers)

    async def end(self) -> None:
        """Commit what was put, if anything was."""
        if self.open:
            with fencing.told(self._producer):
                await self._producer.commit_transaction()
            self.open = False


class Ledger(Transactions):
    """The transactions of one partition, each with a stamp."""

    def __init__(self, broker: str, topic: str, partition: int, transactional_id: str) -> None:
        super().__init__(broker, transactional_id)
        self.topic = topic
        self.partition = partition

    async def put_history(self, history: BlockHistory) -> None:
        """Queue the history of a block, or a day of it, in the open transaction."""
        await self.send(self.topic, self.partition, history.key, history.dump(), _NO_HEADERS)

    async def put_links(self, records: Sequence[Record]) -> None:
        """Queue records of networks, each of any size, in the open transaction."""
        for key, value in records:
            await self.send(self.topic, self.partition, key, value, _NO_HEADERS)

    async def commit(self, stamp: Stamp, blocks: Sequence[Block]) -> int:
        """Write stamp and blocks and commit all that was put; returns the bytes of the blocks."""
        written = 0
        for block in blocks:
            data = block.dump()
            written += len(data)
            await self.send(self.topic, self.partition, block_key(block.number), data, _NO_HEADERS)
        await self.put(self.topic, self.partition, [(STAMP_KEY, stamp.dump())])
        await self.end()
        return written


def _with(append: Callable[..., Any], headers: Mapping[bytes, Headers]) -> Callable[..., Any]:
    """The same `append`, that gives the keys in `headers` theirs."""
    return lambda count, now, key, value, none: append(count, now, key, value, headers.get(key, none))


async def load(
    reader: Reader, told: Callable[[float], object] = lambda done: None
) -> tuple[Stamp | None, list[Block], list[BlockHistory], dict[bytes, bytes]]:
    """The newest committed stamp, blocks and histories of a ledger partition; no stamp when it never ran.

    Last the records of networks by key, as `pipeline.journal` takes them. told: of the share that is read,
    0 to 1.
    """
    first, end = await reader.bounds()
    newest: dict[bytes, bytes] = {}
    async for records in reader.read(first, end):
        for record in records:
            if record.value is None:
                newest.pop(record.key, None)
            else:
                newest[record.key] = record.value
        told((records[-1].offset + 1 - first) / (end - first))
    stamp = newest.pop(STAMP_KEY, None)
    if stamp is None:
        return None, [], [], {}
    links = {key: newest.pop(key) for key in [*newest] if key.startswith(PREFIX)}
    histories = [BlockHistory.load(data) for key, data in newest.items() if key.startswith(HISTORY)]
    found = [Block.load(data) for key, data in newest.items() if not key.startswith(HISTORY)]
    return Stamp.model_validate_json(stamp), found, histories, links
