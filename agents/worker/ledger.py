"""The ledger of one partition at work: its transactions, each with a stamp that accounts for all that is in it.

Everything the partition puts out goes through here, so that it becomes visible together with the stamp. Kafka
fences an older owner of the partition by the transactional id.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import ProducerFenced

from agents.config.settings import TOPICS, Settings
from agents.kafka.internals import EndUnanswered, Headers
from agents.kafka.range_reader import reader
from agents.kafka.transactions import Record, Transactions
from pipeline.shard.recovery import Image
from schemas.ledger import STAMP_KEY, Stamp, Transaction, readable_stamp, stamp_hash

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Committed:
    """The last transaction, for whoever compares it with what readers see.

    scores: records of member.scores as they were sent; they lie at offsets [scores_from, scores_to).
    """

    stamp: bytes
    stamp_offset: int
    scores: list[Sequence[Record]]
    scores_from: int
    scores_to: int


class Ledger(Transactions):
    """The transactions of one partition, each with a stamp.

    `resume` has to be called after `start`, with what the ledger holds.
    """

    def __init__(
        self, settings: Settings, partition: int, skew: Callable[[int, int, int], object] | None = None
    ) -> None:
        super().__init__(settings.broker, f"{settings.prefix}score-{partition}", skew=skew)
        self.partition = partition
        self._settled = [0, 0]
        self.last: Committed | None = None
        self._broker = settings.broker
        self._names = {settings.topic(short): short for short in TOPICS}
        self._ledger = TopicPartition(settings.topic("ledger"), partition)
        self._scores = TopicPartition(settings.topic("scores"), partition)
        self._batches: list[Sequence[Record]] = []
        self.resume(None, Image(), 0)

    def resume(self, stamp: Stamp | None, image: Image, scores_end: int) -> None:
        """Go on from the newest stamp and the image it is of.

        scores_end: an offset of member.scores behind all that is committed.
        """
        known = stamp.transaction if stamp else None
        self._stamp = image.stamp_bytes
        self._stamp_offset = image.stamp_offset
        self._number = known.number if known else 0
        self._sequence = stamp.sequence if stamp else 0
        self._digest = image.digest()
        self._scores_from = scores_end

    async def put(
        self,
        topic: str,
        partition: int,
        records: Sequence[Record],
        headers: Mapping[bytes, Headers] | None = None,
    ) -> None:
        """Queue records, as `Transactions.put` does."""
        if topic == self._scores.topic:
            self._batches.append(records)
        await super().put(topic, partition, records, headers)

    async def write(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Queue records of the ledger itself, each of any size; None takes the key back."""
        for key, value in records:
            self._digest.put(key, value)
            await self.put_record(self._ledger.topic, self.partition, key, value)

    async def commit_with(self, stamp: Stamp) -> Stamp:
        """Commit all that was put, with the stamp; returns the stamp as it is in the ledger.

        Raises ProduceFailed when Kafka refused any of it, ProducerFenced when another owns the partition.
        """
        said = stamp.model_copy(
            update={
                "transaction": Transaction(
                    number=self._number + 1,
                    previous="" if self._stamp is None else stamp_hash(self._stamp),
                    records={self._names[topic]: count for topic, count in self.counts.items() if count},
                    members=self._members(),
                    revision=self._sequence,
                    scores_from=self._scores_from,
                ),
                "digest": str(self._digest),
            }
        )
        data = said.dump()
        await self.put_record(self._ledger.topic, self.partition, STAMP_KEY, data)
        try:
            await self.commit()
        except EndUnanswered as error:
            await self._settle(data, error)
        self._stamp_offset = max(self._stamp_offset, self.ends.get(self._ledger, 0) - 1)
        scores_to = self.ends.get(self._scores, self._scores_from)
        self.last = Committed(data, self._stamp_offset, self._batches, self._scores_from, scores_to)
        self._stamp, self._sequence, self._scores_from = data, said.sequence, scores_to
        self._number += 1
        self._batches = []
        return said

    def _members(self) -> int:
        """Members with a score in the transaction."""
        newest: dict[bytes | None, bytes | None] = {}
        for records in self._batches:
            newest.update(records)
        return len(newest) - [*newest.values()].count(None)

    def take_settled(self) -> tuple[int, int]:
        """How often since the last call a commit without an answer was (committed, not committed)."""
        (committed, sent_again), self._settled = self._settled, [0, 0]
        return committed, sent_again

    async def _settle(self, stamp: bytes, error: EndUnanswered) -> None:
        """See which of the two outcomes a commit without an answer had, and commit it now if it was not."""
        while True:
            log.warning(
                "no answer to a commit; checking the ledger for its outcome",
                partition=self.partition,
                error=str(error),
            )
            await self.renew()
            newest = await self._newest()
            if newest == stamp:
                self._settled[0] += 1
                self.forget()
                return
            if newest != self._stamp:
                raise ProducerFenced()  # somebody else had the partition in between
            self._settled[1] += 1
            try:
                await self.resend()
                return
            except EndUnanswered as again:
                error = again

    async def _newest(self) -> bytes | None:
        """The newest stamp there is."""
        newest: bytes | None = None
        async with reader(self._broker, self._ledger.topic, self.partition) as r:
            first, end = await r.bounds()
            async for records in r.read(max(first, self._stamp_offset), end):
                for record in records:
                    if record.key == STAMP_KEY and readable_stamp(record.value) is not None:
                        newest = record.value
        return newest
