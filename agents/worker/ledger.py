"""The ledger of one partition at work: its transactions, each with a stamp that accounts for all that is in it.

Everything the partition emits goes through here, so that it becomes visible together with the stamp. Kafka
fences an older owner of the partition by the transactional id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import structlog

from agents.config.settings import TOPICS, Settings
from agents.kafka.errors import EndUnanswered, Fenced, ProduceFailed
from agents.kafka.outage import away
from agents.kafka.outage import report as report_outage
from agents.ports import NO_HEADERS, Clock, Headers, KeyValue, Log, ObserveSkew, TopicPartition
from pipeline.common.keyed_record import KeyedRecord
from pipeline.shard.recovery import Image
from schemas.ledger import STAMP_KEY, Stamp, Transaction, readable_stamp, stamp_hash

log = structlog.get_logger()
MAX_PAUSE_S = 30.0


@dataclass(frozen=True, slots=True)
class Committed:
    """The last transaction, to be compared with what readers see.

    scores: records of member.scores as they were sent; they lie at offsets [scores_from, scores_to).
    """

    stamp: bytes
    stamp_offset: int
    scores: list[Sequence[KeyValue]]
    scores_from: int
    scores_to: int


class Ledger:
    """The transactions of one partition, each with a stamp.

    `resume` has to be called after `start`, with what the ledger holds. Any call raises Fenced when another worker
    has the partition. last: the last transaction.
    """

    def __init__(
        self,
        settings: Settings,
        topics: Log,
        clock: Clock,
        *,
        partition: int,
        skew: ObserveSkew | None = None,
    ) -> None:
        self.partition = partition
        self._clock = clock
        self.last: Committed | None = None
        self._topics = topics
        self._out = topics.transactions(f"{settings.prefix}score-{partition}", skew=skew)
        self._settled = [0, 0]
        self._names = {settings.topic(short): short for short in TOPICS}
        self._ledger = TopicPartition(settings.topic("ledger"), partition)
        self._scores = TopicPartition(settings.topic("scores"), partition)
        self._batches: list[Sequence[KeyValue]] = []
        self.resume(None, Image(), 0)

    @property
    def open(self) -> bool:
        """Whether a transaction is under way."""
        return self._out.open

    async def start(self) -> None:
        """Fence the owner before, and abort what it left open."""
        await self._out.start()

    async def stop(self) -> None:
        """Abort what is open and close."""
        await self._out.stop()

    async def begin(self) -> None:
        """Open a transaction unless one is open."""
        await self._out.begin()

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
        records: Sequence[KeyValue],
        *,
        headers: Mapping[bytes, Headers] | None = None,
    ) -> None:
        """Queue records (key, value) of the transaction; headers by key."""
        if topic == self._scores.topic:
            self._batches.append(records)
        await self._out.put(topic, partition, records, headers=headers)

    async def put_record(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        *,
        value: bytes | None,
        headers: Headers = NO_HEADERS,
    ) -> None:
        """Queue one record of any size."""
        await self._out.put_record(topic, partition, key, value=value, headers=headers)

    async def write(self, records: Sequence[KeyedRecord]) -> None:
        """Queue records of the ledger itself, each of any size; None takes the key back."""
        for key, value in records:
            self._digest.put(key, value)
            await self.put_record(self._ledger.topic, self.partition, key, value=value)

    async def commit_with(self, stamp: Stamp) -> Stamp:
        """Commit all that was put, with the stamp; returns the stamp as it is in the ledger.

        Raises ProduceFailed when Kafka refused any of it, Fenced when another owns the partition.
        """
        final = stamp.model_copy(
            update={
                "transaction": Transaction(
                    number=self._number + 1,
                    previous="" if self._stamp is None else stamp_hash(self._stamp),
                    records={self._names[topic]: count for topic, count in self._out.counts.items() if count},
                    members=self._members(),
                    revision=self._sequence,
                    scores_from=self._scores_from,
                ),
                "digest": str(self._digest),
            }
        )
        data = final.dump()
        await self.put_record(self._ledger.topic, self.partition, STAMP_KEY, value=data)
        try:
            await self._out.commit()
        except EndUnanswered as error:
            await self._settle(data, error)
        except ProduceFailed as error:
            if not away(error):
                raise
            await self._settle(data, error)
        self._stamp_offset = max(self._stamp_offset, self._out.ends.get(self._ledger, 0) - 1)
        scores_to = self._out.ends.get(self._scores, self._scores_from)
        self.last = Committed(data, self._stamp_offset, self._batches, self._scores_from, scores_to)
        self._stamp, self._sequence, self._scores_from = data, final.sequence, scores_to
        self._number += 1
        self._batches = []
        return final

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

    async def _settle(self, stamp: bytes, error: Exception) -> None:
        """See which of the two outcomes a commit without an answer had, and commit it now if it was not.

        While Kafka does not answer at all this waits: what was counted is kept, and nothing else can be done with it.
        """
        failures = 0
        while True:
            try:
                if failures == 0:
                    log.warning(
                        "no answer to a commit; checking the ledger for its outcome",
                        partition=self.partition,
                        error=str(error),
                    )
                if failures or not isinstance(error, EndUnanswered):
                    # the group may have moved on meanwhile: so as not to fence its present owner in vain
                    self._check_newest(await self._newest(), stamp)
                await self._settled_now(stamp)
                return
            except (EndUnanswered, ProduceFailed) as again:
                if not (isinstance(again, EndUnanswered) or away(again)):
                    raise
                error, failures = again, 0
                if isinstance(again, ProduceFailed):
                    await self._clock.sleep(1.0)
            except Exception as again:
                if not away(again):
                    raise
                report_outage(f"partition {self.partition}", again)
                failures += 1
                await self._clock.sleep(min(MAX_PAUSE_S, float(2 ** min(failures - 1, 5))))

    async def _settled_now(self, stamp: bytes) -> None:
        """Returns when the transaction is committed; raises Fenced when somebody else had the partition."""
        await self._out.renew()
        newest = await self._newest()
        self._check_newest(newest, stamp)
        if newest == stamp:
            self._settled[0] += 1
            self._out.clear()
            return
        await self._out.resend()
        self._settled[1] += 1

    def _check_newest(self, newest: bytes | None, stamp: bytes) -> None:
        if newest not in (stamp, self._stamp):
            raise Fenced()

    async def _newest(self) -> bytes | None:
        """The newest stamp there is."""
        newest: bytes | None = None
        async with self._topics.reader(*self._ledger) as r:
            first, end = await r.bounds()
            async for records in r.read(max(first, self._stamp_offset), end):
                for record in records:
                    if record.key == STAMP_KEY and readable_stamp(record.value) is not None:
                        newest = record.value
        return newest
