"""Everybody's score, once for all partitions of a worker that need it.

Of partitions that the worker has itself, it is taken from their shards; of the others it is read from
`member.scores`. In memory it is 14 bytes a member: the hash of the id, the score, and the day it is of.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
import structlog

from agents.config.settings import Settings
from agents.ports import Clock, Log
from agents.worker.background_budget import BackgroundBudget
from pipeline.common import days
from pipeline.common.units import Day
from pipeline.network.latest_scores import Columns, LatestScores
from pipeline.network.member_hash import member_hashes
from pipeline.network.peer_ranks import UNKNOWN
from pipeline.shard.distribution_feed import emitted_scores
from pipeline.shard.shard import Shard

log = structlog.get_logger()
AT_ONCE = 500
"""Records taken without letting others go on: some milliseconds of work, reading them included."""
_AND_READING = 2
"""Times what it takes to take a record: getting it from Kafka costs the same again."""
_NAMES = 4_000
_PATIENCE_S = 300.0
_AGAIN_S = 5.0
_KEEP_S = 600.0


@dataclass(slots=True)
class Census:
    """Members' hashes uint64[n], scores int16[n] in hundredths, days int32[n] these are as of; when read."""

    hash: np.ndarray
    score: np.ndarray
    day: np.ndarray
    began_ms: int


class CensusReader:
    """Everybody's score, taken at a pace; taken again, only what came since is read.

    own: the shard of a partition that this worker has, whose scores need not be read.
    """

    def __init__(
        self,
        topics: Log,
        clock: Clock,
        settings: Settings,
        *,
        budget: BackgroundBudget,
        own: Callable[[int], Shard | None],
    ) -> None:
        self.topics = topics
        self.clock = clock
        self.settings = settings
        self.budget = budget
        self.own = own
        self._hashes: WeakKeyDictionary[Shard, np.ndarray] = WeakKeyDictionary()
        self._published: dict[int, tuple[LatestScores, int]] = {}

    async def take(self) -> Census:
        """The scores as they are now."""
        began_ms = self.clock.now_ms()
        parts = []
        for partition in range(self.settings.frame_partitions):
            shard = self.own(partition)
            parts.append(await (self._read(partition) if shard is None else self._own(shard)))
        hashes, score, day = (np.concatenate(column) for column in zip(*parts, strict=True))
        return Census(hashes, score, day, began_ms)

    async def _own(self, shard: Shard) -> Columns:
        names = shard.state.index.names
        hashes = self._hashes.get(shard, np.zeros(0, np.uint64))
        more = [hashes]
        for at in range(len(hashes), len(names), _NAMES):
            began = self.clock.cpu()
            # a slot without a name has no score either
            more.append(member_hashes([name or "" for name in names[at : at + _NAMES]]))
            await self.budget.yield_after(self.clock.cpu() - began)
        hashes = self._hashes[shard] = np.concatenate(more)
        score, day = emitted_scores(shard, len(hashes))
        there = score > UNKNOWN
        return hashes[there], score[there], day[there]

    async def _read(self, partition: int) -> Columns:
        gathering, start = self._published.setdefault(partition, (LatestScores(), 0))
        async with self.topics.reader(self.settings.topic("scores"), partition) as r:
            first, stop = await r.bounds()
            async for records in r.read(max(first, start), stop, AT_ONCE):
                began = self.clock.cpu()
                gathering.add([(record.key, record.value) for record in records])
                await self.budget.yield_after((self.clock.cpu() - began) * _AND_READING)
            self._published[partition] = gathering, stop
        return gathering.columns()


class CensusCache:
    """The last census of a worker, taken again when it is too old. reader: makes one that has read nothing yet."""

    def __init__(self, clock: Clock, reader: Callable[[], CensusReader]) -> None:
        self.clock = clock
        self._reader = reader
        self._last: Census | None = None
        self._reading: CensusReader | None = None
        self._lock = asyncio.Lock()

    async def get(self, day: Day, since_ms: int) -> Census:
        """One taken after `since_ms`, with everybody's score as of `day`.

        Partitions that are late are waited for, but not longer than five minutes: then it is as things are.
        """
        deadline = None
        while True:
            async with self._lock:
                last = self._last
                if last is None or last.began_ms < since_ms or last.day.min(initial=day) < day:
                    last = self._last = await self._take()
            deadline = deadline or self.clock.monotonic() + _PATIENCE_S
            late = int((last.day < day).sum())
            if not late:
                return last
            if self.clock.monotonic() > deadline:
                log.warning(
                    "some scores are not rolled over to today yet", day=str(days.calendar(day)), members=late
                )
                return last
            await self.clock.sleep(_AGAIN_S)

    async def _take(self) -> Census:
        reading, self._reading = (
            self._reading or self._reader(),
            None,
        )
        census = await reading.take()
        self._reading = reading  # not if it was interrupted
        asyncio.get_running_loop().call_later(_KEEP_S, self._clear, census)
        return census

    def _clear(self, census: Census) -> None:
        if self._last is census:
            self._last = self._reading = None
