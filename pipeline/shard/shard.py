"""A shard: a member partition, and the one way frames change it and scores come out of it.

It is a deterministic function of the frames it is given and of the day: a shard restored from the ledger
and the frames since then is the shard that was lost. It does no I/O; `agents.worker.partition_runner` feeds and
drains it.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.cohorts.membership import CohortMembership
from pipeline.common.days import UTC, Zone
from pipeline.common.units import NO_OFFSET, Day, MemberSlot, Offset
from pipeline.rubric.model import Rubric
from pipeline.scoring.scorer import Points
from pipeline.shard import quiet_period
from pipeline.shard.accounting import count_dispositions
from pipeline.shard.dedupe import RecentIds
from pipeline.shard.distinct import once_a_day
from pipeline.shard.emitter import Emitter
from pipeline.shard.member_index import BLOCK_SIZE
from pipeline.shard.member_state import MemberState
from pipeline.shard.redo import Redo
from pipeline.shard.rollover import Rollover
from pipeline.shard.score_records import Emission
from pipeline.shard.source_counts import SourceCounts
from pipeline.shard.watermarks import Watermarks
from schemas.frames import Frame, Side
from schemas.ledger import Counters, ReplayStart, Stamp


@dataclass(frozen=True, slots=True)
class ShardConfig:
    """How a shard counts.

    keep, horizon_ms: how many ids are remembered, and how long. shadow: a second rubric, served from the same state
    beside the first. zone: where days begin and end. block_size: members of a block of the ledger.
    quiet_days: see `pipeline.shard.quiet_period`.
    """

    rubric: Rubric
    keep: int
    horizon_ms: int
    shadow: Rubric | None = None
    zone: Zone = UTC
    block_size: int = BLOCK_SIZE
    quiet_days: int = quiet_period.DAYS


@dataclass(frozen=True, slots=True)
class ReplayGuard:
    """What a replay must not count again.

    durable: int64[members], for each member the last frame that its block in the ledger has in it, -1 for none.
    needed: the first frame that may change a member; what came before is in blocks.
    """

    durable: np.ndarray
    needed: Offset = NO_OFFSET


class Shard:
    """State and counters of a partition, of which the as-of day is `day` (days since 1970).

    cohorts: gets every score that is emitted. redo: None as long as the shard is not kept in a ledger. dirty: by
    block the first frame that is not in the ledger's block yet. traced: of the last frame the traced rows that were
    counted.
    """

    def __init__(self, config: ShardConfig, day: Day, cohorts: CohortMembership | None = None) -> None:
        self.state = MemberState(config.zone, config.block_size, config.quiet_days)
        self.rollover = Rollover(config.rubric, day, self.state)
        self.emitter = Emitter(config.rubric, day, self.state, shadow=config.shadow, cohorts=cohorts)
        self.watermarks = Watermarks()
        self.recent_ids = RecentIds(config.keep, config.horizon_ms)
        self.counters = Counters()
        self.source_counts = SourceCounts()
        self.frame = NO_OFFSET
        self.redo: Redo | None = None
        self.dirty: dict[int, Offset] = {}
        self.traced: set[int] = set()
        self._guard = ReplayGuard(np.zeros(0, np.int64))
        self._letters: list[bytes] = []

    @property
    def day(self) -> Day:
        """The as-of day of the scores, days since 1970."""
        return self.rollover.day

    @property
    def rubric(self) -> Rubric:
        """That of the scores."""
        return self.emitter.rubric

    @property
    def members(self) -> int:
        """How many members the partition has."""
        return len(self.state.index)

    def resize(self) -> None:
        """Make room for all members of the index."""
        self.state.resize()
        self.state.history.resize(len(self.state.index.names))
        self.emitter.resize()

    def apply(self, frame: Frame, offset: Offset, timestamp: int, *, replay: bool = False) -> int:
        """Count a frame; frames must come in order.

        Args:
            frame: what is to be counted.
            offset: where it is in the log.
            timestamp: its time there, ms since 1970.
            replay: its scores are out and its rows counted already, only the state is to be brought up.

        Returns:
            How many rows are counted.
        """
        self.recent_ids.start_frame(timestamp)
        admission = self.watermarks.admit(frame)
        self.frame = offset
        live = np.flatnonzero(admission.rows & (frame.side != Side.DEAD))
        fresh = self.recent_ids.first(frame.id[live])
        frame = once_a_day(frame, live[fresh], self.state.zone, seen=self.recent_ids)
        if self.redo is not None:
            self.redo.add(offset, self.watermarks, self.recent_ids)
        if offset < self._guard.needed:
            return 0
        applied = self.state.apply(
            frame,
            live[fresh],
            as_of=self.day,
            counted_on=self.rollover.counted_on(offset) if replay else self.day,
            offset=offset,
            **({"durable": self._guard.durable} if replay else {}),
        )
        self.resize()
        for block in np.unique(applied.changed // self.state.index.block_size).tolist():
            self.dirty.setdefault(block, offset)
        if replay:
            self.rollover.skip_blocks()
            return len(live)
        self.rollover.add_blocks()
        for index, last in applied.erased:
            self.rollover.recorder.erase(index, last, self.day)
        if len(applied.changed):
            self.emitter.add(applied.changed)
        again, acted, letters = count_dispositions(
            self.counters, frame, admission, live=live, fresh=fresh, applied=applied
        )
        self._letters += [frame.letter[i].as_py() for i in letters.tolist()]
        if frame.traces:
            self.traced = {trace.row for trace in frame.traces} & set(applied.known[~applied.late].tolist())
        late = acted[applied.day[acted] < self.day]
        self.source_counts.add(frame, late, again, dead=letters, new=applied.came)
        return len(live)

    def start_day(self, day: Day) -> None:
        """The as-of day is now `day`; members are brought to it by `roll_block`, and by any event of theirs."""
        if self.rollover.start(day, self.frame):
            self.emitter.start_day(day)

    def roll_block(self) -> bool:
        """Bring the next block to the as-of day: record the days that are over, score its members again.

        False when all are done. Call `drain` after it.
        """
        self.resize()
        members = self.rollover.next_block()
        if members is None:
            return False
        self.emitter.add_rolled(members)
        return True

    def drain(self) -> Emission:
        """The scores of all members changed since the last call, under one new revision; and the dead letters."""
        emission = Emission(letters=self._letters, history=self.rollover.recorder.drain())
        self._letters = []
        self.emitter.drain(emission, self.rollover.unrecorded)
        return emission

    def scored(self) -> np.ndarray:
        """int64[n]: the members that have a score, because something is known of them."""
        self.resize()
        return self.state.scored(self.day)

    def points(self, members: np.ndarray) -> Points:
        """The points of `members` (int64[n]) as of the shard's day."""
        pairs, registers = self.state.counting(members, self.day), self.state.registers.numbers(members)
        return self.emitter.scorer.points(len(members), pairs, registers)

    def in_ledger(self, member: MemberSlot) -> bool:
        """After a restore: whether a member was in a block of the ledger."""
        return member < len(self._guard.durable) and bool(self._guard.durable[member] >= 0)

    def restore(
        self, stamp: Stamp, watermarks: Watermarks, guard: ReplayGuard, *, frame: Offset = NO_OFFSET
    ) -> None:
        """Continue from a stamp, whose blocks are in the state already; frames from `frame` + 1 on are to follow."""
        self.watermarks = watermarks
        self._guard = guard
        self.frame = frame
        self.counters = stamp.counters.model_copy()
        self.emitter.continue_after(stamp.sequence)
        self.rollover.restore(stamp)

    def keep_redo(self, start: ReplayStart, chunks: dict[int, int] | None = None) -> None:
        """From now on the shard is kept in a ledger, which gives the state from `start` on; see `Redo`."""
        self.redo = Redo(start, chunks)

    def skip_to(self, frame: Offset) -> None:
        """Frames up to this one are not there, or no frames: the next is the one after it."""
        self.frame = frame

    def replayed(self, stamp: Stamp) -> None:
        """All that the stamp accounts for was replayed, or can't be: the watermarks are the stamp's in any case."""
        self.frame = Offset(stamp.frame)
        self.watermarks = Watermarks(stamp.watermarks, stamp.missing, stamp.lost)
        self.watermarks.from_zero = stamp.from_zero

    def settle(self) -> None:
        """After a restore: work out again what was emitted last of each member."""
        self.resize()
        self.emitter.settle(self.rollover.under_way)
