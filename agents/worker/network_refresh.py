"""A partition's networks at work: saved with the scores, and everybody's rank refreshed every day.

A *sweep* goes through the blocks a few milliseconds at a time, between frames: see `pipeline.network.sweep`. Each
block and the records of its members are in the same transaction, so a worker that takes over goes on with the
blocks that are not done.
"""

import asyncio

import numpy as np
import structlog

from agents.worker.context import Context
from agents.worker.ledger import Ledger
from pipeline.common.keyed_record import KeyedRecord
from pipeline.network.journal import Journal
from pipeline.network.link_block import OWNERS
from pipeline.network.peer_ranks import UNKNOWN
from pipeline.network.sweep import RecordContext, Sweep, sweep_block
from pipeline.shard.shard import Shard

log = structlog.get_logger()
_AGAIN_MS = 60_000
"""At the soonest after a sweep another one may begin, for networks that have grown since."""
_LATE_MS = 600_000
"""The same for members that came since."""
_LOOK_MS = 1_000
_AT_ONCE = 4_000
_MAX_CHANGES = 2_000
"""Records of changes in the ledger after which blocks are written, refreshed or not."""


class NetworkRefresh:
    """What a runner does about networks: `run_slice` once a round, `write_changes` before each commit."""

    def __init__(self, context: Context, partition: int) -> None:
        self.settings = context.settings
        self.clock = context.clock
        self.censuses = context.censuses
        self.budget = context.budget
        self.partition = partition
        self.interval_ms = int(context.settings.network_hours * 3_600_000)
        self.log = log.bind(partition=partition)
        self._preparing: asyncio.Task[Sweep] | None = None
        self._sweep: Sweep | None = None

    def begin(self, shard: Shard, journal: Journal) -> None:
        """Begin with a restored shard, and the journal of what its ledger has of networks."""
        self.close()
        self.shard = shard
        self.journal = journal
        self._saved_at = self.clock.monotonic()
        self._ended_ms = self._looked_ms = 0
        self._links = len(shard.state.network)

    def close(self) -> None:
        """Stop what is under way; nothing is lost that is not done again."""
        if self._preparing is not None:
            self._preparing.cancel()
        self._preparing = self._sweep = None

    def unrefreshed(self) -> int:
        """Members of the blocks that the refresh under way, or the last one, has not emitted yet."""
        sweep = self._sweep
        left = sweep.left if sweep and sweep.round is not None else self.journal.left(self.journal.round)
        return min(len(left) * OWNERS, self.shard.state.network.owners)

    def age(self) -> float | None:
        """Seconds since the refresh that the oldest records are of; None when there was none."""
        rounds = [moment for moment in self.journal.refreshed if moment]
        return (self.clock.now_ms() - min(rounds)) / 1000 if rounds and self.interval_ms else None

    async def write_changes(self, ledger: Ledger) -> None:
        """Write the changes with the commit that follows, when they are due."""
        if self.shard.state.network.oldest is not None and self._due():
            self._saved_at = self.clock.monotonic()
            await ledger.write(self.journal.save())

    def _due(self) -> bool:
        return self.clock.monotonic() - self._saved_at >= self.settings.block_cycle_s

    async def run_slice(self, ledger: Ledger) -> None:
        """A few milliseconds of what there is to do."""
        network = self.shard.state.network
        if network.erased:
            gone: list[KeyedRecord] = [(name.encode(), None) for name in network.erased]
            network.erased.clear()
            await ledger.put(self.settings.topic("networks"), self.partition, gone)
        if network.oldest is not None and self._due():
            await ledger.begin()
        if self._sweep is not None:
            await self._sweep_some(self._sweep, ledger)
        elif self._preparing is None:
            self._look()
        elif self._preparing.done():
            task, self._preparing = self._preparing, None
            try:
                self._sweep = task.result()
            except Exception:
                self.log.exception("reading the scores for networks failed; retrying")
                self._ended_ms = self.clock.now_ms()

    def _look(self) -> None:
        """Begin a sweep if one is due."""
        shard, network, entries = self.shard, self.shard.state.network, self.journal
        now = self.clock.now_ms()
        if now - self._looked_ms < _LOOK_MS or shard.rollover.under_way or not network.blocks:
            return
        self._looked_ms = now
        idle = now - self._ended_ms
        if self.interval_ms:
            begins = max(now // self.interval_ms * self.interval_ms, shard.state.zone.end_ms(shard.day - 1))
            newest = entries.round
            if newest < begins:
                self._prepare(begins, begins, whole=True)
            elif len(network) > 2 * self._links and idle >= _AGAIN_MS:
                self._prepare(now, now, whole=True)
            elif idle >= _LATE_MS and len(entries.left(newest)):
                self._prepare(newest, now, whole=False)
        crowded = network.crowded() or entries.changes - entries.first > _MAX_CHANGES
        if crowded and self._preparing is None and idle >= _AGAIN_MS:
            entries.begin()
            self._sweep = Sweep([*range(len(network.blocks))], shard.day, whole=True)

    def _prepare(self, round_: int, since_ms: int, whole: bool) -> None:
        self._links = len(self.shard.state.network)
        preparing = self._gather_scores(round_, since_ms, whole)
        self._preparing = asyncio.create_task(preparing, name=f"networks-{self.partition}")

    async def _gather_scores(self, round_: int, since_ms: int, whole: bool) -> Sweep:
        """The scores by code, and who is who; in small pieces, since frames come in meanwhile."""
        shard, network = self.shard, self.shard.state.network
        day = shard.day
        census = await self.censuses.get(day, since_ms)
        scores = np.full(len(network.codes), UNKNOWN, np.int16)
        for at in range(0, len(census.hash), _AT_ONCE):
            began = self.clock.cpu()
            part = slice(at, at + _AT_ONCE)
            codes = network.codes.find(census.hash[part])
            known = codes < len(scores)
            scores[codes[known]] = census.score[part][known]
            await self.budget.yield_after(self.clock.cpu() - began)
        names = shard.state.index.names
        for at in range(0, len(names), _AT_ONCE):
            began = self.clock.cpu()
            network.look_up(names, at, min(at + _AT_ONCE, len(names)))
            await self.budget.yield_after(self.clock.cpu() - began)
        if whole:
            self.journal.begin()
        left = range(len(network.blocks)) if whole else self.journal.left(round_)
        return Sweep([*left], day, whole, round_, scores)

    async def _sweep_some(self, sweep: Sweep, ledger: Ledger) -> None:
        """The next blocks of a sweep: one while events come in, otherwise as many as fit in a slice."""
        if sweep.day != self.shard.day:
            self._sweep = None  # the next one is of the new day
            return
        until = self.budget.slice_end()
        while sweep.left and self.budget.due():
            spent, began = 0.0, self.clock.cpu()
            for records, kept in sweep_block(
                sweep, self.journal, sweep.left.pop(0), context=self._record_context()
            ):
                spent += self.clock.cpu() - began
                if records:
                    await ledger.put(self.settings.topic("networks"), self.partition, records)
                await ledger.write(kept)
                await self.clock.sleep(0)  # others go on; not this partition, whose networks are as they are
                began = self.clock.cpu()
            self.budget.spent(spent + self.clock.cpu() - began)
            if self.clock.monotonic() > until:
                break
        if not sweep.left:
            if sweep.whole:
                await ledger.write(self.journal.finish())
            self._sweep = None
            self._ended_ms = self.clock.now_ms()
            if sweep.round is not None:
                self.log.info(
                    "networks refreshed", members=sweep.members, links=len(self.shard.state.network)
                )

    def _record_context(self) -> RecordContext:
        shard = self.shard
        emitter, names = shard.emitter, shard.state.index.names
        hidden = shard.state.hidden(shard.day)
        return RecordContext(
            names, self.settings.cohort_minimum, emitter.next_revision(), emitter.rubric_id, hidden
        )
