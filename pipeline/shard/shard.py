"""A shard: the state of one member partition, and the one way frames change it.

It is a deterministic function of the frames it is given and of the day: a shard restored from the ledger
and the frames since then is the shard that was lost. It does no I/O; `agents.worker.score_role` feeds and drains it.
"""

import numpy as np
import orjson

from pipeline.cohorts.membership import CohortMembership
from pipeline.common.days import UTC, Zone
from pipeline.common.json_columns import Piece, Record
from pipeline.common.tile_keys import RING, WINDOW, Pairs, key_days
from pipeline.network.graph import NetworkGraph
from pipeline.rubric.model import Rubric
from pipeline.scoring.bands import BANDS
from pipeline.scoring.scorer import Points, Scorer
from pipeline.shard import erasures
from pipeline.shard.accounting import count_dispositions
from pipeline.shard.day_recorder import DayRecorder
from pipeline.shard.dedupe import RecentIds
from pipeline.shard.member_index import BLOCK, MemberIndex
from pipeline.shard.redo import Redo
from pipeline.shard.registers import Registers
from pipeline.shard.score_distribution import ScoreDistribution
from pipeline.shard.score_extras import LastEmitted
from pipeline.shard.score_records import Emission, band_records, score_records
from pipeline.shard.source_counts import SourceCounts
from pipeline.shard.tiles import Tiles
from pipeline.shard.watermarks import Watermarks
from schemas.frames import Frame, Side
from schemas.ledger import Counters, Turn
from schemas.signals import ERASE_BIT, Signal

_ERASE = np.uint64(1 << ERASE_BIT)
_SIGNALS = ~_ERASE
_BYTES = max(Signal) // 8 + 1
"""Bytes of a mask that have signals."""
NEVER = -(1 << 31)
"""In place of the day up to which a member is erased."""
_GONE = 1 << 31
"""In place of the day of a member's last record: it was withdrawn."""
SLACK = 14
"""Days between two prunings of a block; with the window and `_AHEAD` well within the ring."""
_AHEAD = 2
"""Days after the as-of day that a tile may lie on; it counts when its day has come."""


class Shard:
    """State and counters of a partition.

    day: the as-of day of its scores. keep, horizon_ms: how many ids are remembered, and how long.
    shadow: a second rubric, served from the same state beside the first. zone: where days begin and end.
    cohorts: is told what is said of whom.
    """

    def __init__(
        self,
        rubric: Rubric,
        day: int,
        keep: int,
        horizon_ms: int,
        shadow: Rubric | None = None,
        zone: Zone = UTC,
        cohorts: CohortMembership | None = None,
    ) -> None:
        self.rubric = rubric
        self.zone = zone
        self.day = day
        self.scorer = Scorer(rubric, day)
        self.shadow = Scorer(shadow, day) if shadow else None
        self.directory = MemberIndex()
        self.tiles = Tiles()
        self.registers = Registers()
        self.network = NetworkGraph()
        self.watermarks = Watermarks()
        self.seen = RecentIds(keep, horizon_ms)
        self.counters = Counters()
        self.frame = -1
        self.sequence = 0
        self.redo: Redo | None = None  # of a shard that is kept in a ledger
        self.recorder = DayRecorder(rubric, zone, self.directory, self.tiles, self.registers)
        self.history = self.recorder.history
        self.standing = LastEmitted(rubric, self.history)
        self.spread = ScoreDistribution()
        self.arrivals = SourceCounts()
        self.cohorts = cohorts
        self.traced: set[int] = set()  # of the last frame the traced rows that were counted
        self.rolled = 0  # blocks already brought to the day
        self.turned_from = day  # the day before the last turn
        self.turns: list[Turn] = []  # those that a replay goes through
        # while restoring: frames change a member only behind its block, and nobody before `needed`
        self.durable = np.zeros(0, np.int64)
        self.needed = -1
        self.dirty: dict[int, int] = {}  # block -> first frame not in it yet
        self.erased = np.zeros(0, np.int64)
        self.emitted = np.zeros(0, np.int64)
        self._touched: list[np.ndarray] = []
        self.turned: list[np.ndarray] = []  # touched by the day's turn
        self._letters: list[bytes] = []
        self._enlisted = 0
        self._about = (rubric.name, str(rubric.version))

    @property
    def members(self) -> int:
        """How many members the partition has."""
        return len(self.directory)

    def resize(self) -> None:
        """Make room for all members of the directory."""
        n = len(self.directory.names)
        have = len(self.erased)
        if n > have:
            more = max(n, have * 3 // 2, 1024) - have
            self.erased = np.concatenate([self.erased, np.full(more, NEVER)])
            self.emitted = np.concatenate([self.emitted, np.full(more, NEVER)])
        self.tiles.resize(n)
        self.registers.resize(n)
        self.history.resize(n)
        self.standing.resize(n)
        self.spread.resize(n)
        if self.cohorts is not None:
            self.cohorts.resize(n)

    def apply(self, frame: Frame, offset: int, timestamp: int, replay: bool = False) -> int:
        """Count a frame that stands at `offset`; frames must come in order. Returns the rows counted.

        replay: its scores are out and its rows counted already, only the state is to be brought up.
        """
        self.seen.turn(timestamp)
        admission = self.watermarks.admit(frame)
        self.frame = offset
        dead = frame.side == Side.DEAD
        live = np.flatnonzero(admission.rows & ~dead)
        fresh = self.seen.first(frame.id[live])
        if self.redo is not None:
            self.redo.note(offset, self.watermarks, self.seen)
        if offset < self.needed:
            return 0
        rows = live[fresh]
        actor = frame.side == Side.ACTOR
        day = self.zone.of(frame.time)
        erasing = (frame.signals[rows] & _ERASE) != 0
        erases = rows[erasing]
        # what is known of a member does not age as what they did does
        today = self._counted_on(offset) if replay else self.day
        inside = (day[rows] > today - WINDOW) | erasing | frame.updating()[rows]
        inside &= day[rows] <= today + _AHEAD
        known = rows[inside]
        member = self._members(frame, known, replay)
        before = self.erased[member]
        self._erase(frame, erases, day, offset, replay)
        gone = day[known] <= self.erased[member]
        late = erasures.late(frame, erases, known, member, day, before, self.directory)
        rows, member = known[~gone], member[~gone]
        letters = np.flatnonzero(admission.rows & dead)
        if not replay:
            again, acted = count_dispositions(
                self.counters, admission, actor, live, fresh, known, late, len(letters)
            )
            self._letters += [frame.letter[i].as_py() for i in letters.tolist()]
            if frame.traces:
                self.traced = {trace.row for trace in frame.traces} & set(known[~late].tolist())
            self.arrivals.add(frame, acted[day[acted] < self.day], again, letters)
        self._count(frame, rows, member, day, offset, replay)
        self.network.note(frame, rows, member, day, self.directory.names, offset)
        old = live[fresh][day[live[fresh]] <= today - WINDOW]
        if len(old):
            self.network.note_old(frame, old, day, offset, self._erased_up_to)
        return len(live)

    def _counted_on(self, offset: int) -> int:
        """The day it was when the frame at `offset` was counted, so that a replay comes to the same state.

        What has left the window since weighs nothing, but a day not yet on record still counts it, and whose
        all it was is still to be withdrawn.
        """
        day = next((turn.day for turn in self.turns if offset <= turn.frame), self.day)
        return max(day, self.day - SLACK)

    def _erased_up_to(self, name: str) -> int:
        return int(self.erased[self.directory[name]]) if name in self.directory else NEVER

    def _members(self, frame: Frame, rows: np.ndarray, replay: bool) -> np.ndarray:
        """int64[n]: the index of the member of each row; new members get one."""
        names = frame.member.to_numpy(zero_copy_only=False)[rows].tolist()
        member = np.fromiter(map(self.directory.__getitem__, names), np.int64, len(names))
        self._enlist(replay)
        return member

    def _enlist(self, replay: bool) -> None:
        """Make room for new members; a block that is new today has no days that are over."""
        self.resize()
        for number in range(self._enlisted, self.blocks):
            if not replay:
                self.recorder.last.setdefault(number, self.day - 1)
                self.rolled += self.rolled == number
        self._enlisted = self.blocks

    def _count(
        self, frame: Frame, rows: np.ndarray, member: np.ndarray, day: np.ndarray, offset: int, replay: bool
    ) -> None:
        """Add the rows to the state of their members (int64[n], parallel to rows)."""
        if replay and len(self.durable):
            behind = np.zeros(len(member), bool)
            old = member < len(self.durable)
            behind[old] = self.durable[member[old]] >= offset
            rows, member = rows[~behind], member[~behind]
        if not len(rows):
            return
        masks = (frame.signals[rows] & _SIGNALS).view(np.uint8).reshape(-1, 8)[:, :_BYTES]
        spread = np.flatnonzero(np.unpackbits(masks, bitorder="little").view(bool))
        which, signal = np.divmod(spread, 8 * _BYTES)
        keys = (signal << 7 | (day[rows[which]] & (RING - 1))).astype(np.uint16)
        self.tiles.add(member[which], keys)
        if frame.registers.null_count < len(frame):
            for i, who in zip(rows.tolist(), member.tolist(), strict=True):
                update = frame.registers[i].as_py()
                if update is not None:
                    self.registers.apply(who, orjson.loads(update), int(frame.time[i]), int(frame.id[i]))
        self._touch(member, offset, replay)

    def _touch(self, member: np.ndarray, offset: int, replay: bool) -> None:
        for block in np.unique(member // BLOCK).tolist():
            self.dirty.setdefault(block, offset)
        if not replay:
            self._touched.append(member)

    def _erase(self, frame: Frame, rows: np.ndarray, day: np.ndarray, offset: int, replay: bool) -> None:
        """Forget what the members of these rows did up to the day of the row, whatever came first."""
        for i in rows.tolist():
            index = self.directory[frame.member[i].as_py()]
            self._enlist(replay)
            if index < len(self.durable) and self.durable[index] >= offset:
                continue
            last = max(int(day[i]), int(self.erased[index]))
            self.erased[index] = last
            one = np.array([index])
            pairs = self.tiles.read(one)
            stays = key_days(self.day)[pairs.key] > last
            self.tiles.clear(one)
            self.tiles.add(
                np.zeros(int(stays.sum()), np.int64) + index,
                pairs.key[stays],
                pairs.count[stays].astype(np.int64),
            )
            self.registers.erase(index, self.zone.end_ms(last))
            self.network.erase(str(frame.member[i].as_py()), last, self.zone.end_ms(last))
            self._touch(one, offset, replay)
            if not replay:
                self._take_back(index, last)

    def _take_back(self, index: int, last: int) -> None:
        """Erase the history of a member up to the day `last`."""
        self.recorder.erase(index, last, self.day)

    def turn_day(self, day: int) -> None:
        """The as-of day is now `day`; members are brought to it by `roll`, and by any event of theirs."""
        if day != self.day:
            if day - self.day > SLACK:
                # so far ahead that the ring would take stale days for new ones: drop these before any comes
                members = np.arange(len(self.directory.names))
                self.tiles.prune(members, self.day, day - WINDOW + 1)
            # while the turn before is under way, its days are still due
            if self.rolled >= self.blocks:
                self.turned_from = self.day
            self.turns.append(Turn(frame=self.frame, day=self.day))
            self.day = day
            self.scorer = Scorer(self.rubric, day)
            if self.shadow is not None:
                self.shadow = Scorer(self.shadow.rubric, day)
            self.rolled = 0

    @property
    def blocks(self) -> int:
        """How many blocks of members there are."""
        return -(-len(self.directory.names) // BLOCK)

    def roll(self) -> int | None:
        """Bring the next block to the as-of day: record the days that are over, score its members anew.

        Returns the number of the block, None when all are done. Call `drain` after, and write the histories
        that the recorder has `outdated` before the next stamp.
        """
        if self.rolled >= self.blocks:
            return None
        number = self.rolled
        self.rolled += 1
        self.resize()
        start = number * BLOCK
        members = np.arange(start, min(start + BLOCK, len(self.directory.names)))
        self.recorder.record(number, members, self.turned_from - 1, self.day)
        late = members[self.emitted[members] < self.day]
        names = self.directory.names
        # those of whom nothing is left too: they are withdrawn, if they are not yet
        late = late[[names[index] is not None for index in late.tolist()]]
        if (number + self.day) % SLACK == 0 or self.day - self.turned_from >= SLACK:
            self.tiles.prune(members, self.day, self.day - WINDOW + 1)
        self._touched.append(late)
        self.turned.append(late)
        return number

    def drain(self) -> Emission:
        """The scores of all members changed since the last call, under one new revision; and the letters."""
        emission = Emission(letters=self._letters, history=self.recorder.drain())
        self._letters = []
        if not self._touched:
            return emission
        members = np.unique(np.concatenate(self._touched))
        self._touched = []
        if not len(members):
            return emission
        self.sequence += 1
        pairs = self.tiles.read(members)
        there = self._has_score(members, pairs)
        if not there.all():
            self._withdraw(members[~there], emission)
            members = members[there]
            pairs = self.tiles.read(members)
        if len(members):
            self._emit(members, pairs, emission)
        return emission

    def _has_score(self, members: np.ndarray, pairs: Pairs) -> np.ndarray:
        """bool[n]: of whom something counts: a tile in the window, or a register."""
        there = self.registers.slot[members] > 0
        there[pairs.row[key_days(self.day)[pairs.key] > self.day - WINDOW]] = True
        return there

    def _emit(self, members: np.ndarray, pairs: Pairs, emission: Emission) -> None:
        names = self.directory.of(members)
        numbers = self.registers.numbers(members)
        points = self.scorer.points(len(members), pairs, numbers)
        # at the day's turn everything has decayed a little, which is no news of any component
        turned = np.isin(members, np.concatenate(self.turned)) if self.turned else None
        self.turned = []
        due = None
        if self.rolled < self.blocks:
            due = self.day - 1 - self.recorder.through(members, self.turned_from - 1)
        extras, moved = self.standing.extras(members, points, self.day, turned, due)
        ranks = self._tell(members, points, numbers)
        more = [extras] if ranks is None else [extras, ranks]
        head = (self.day, self.sequence, self._about)
        emission.scores += score_records(names, points, *head, more)
        emission.bands += band_records(names, points, *head, moved)
        emission.entered += [BANDS[change.after] for change in moved]
        self.spread.say(members, points, self.standing.band[members])
        # whose last days are not recorded yet gets another record when they are, with these in it
        self.emitted[members] = self.day if due is None else np.where(due > 0, self.day - 1, self.day)
        if self.shadow is not None:
            rubric = self.shadow.rubric
            points = self.shadow.points(len(members), pairs, numbers)
            about = (rubric.name, str(rubric.version))
            emission.shadow += score_records(names, points, self.day, self.sequence, about)

    def _tell(self, members: np.ndarray, points: Points, numbers: np.ndarray) -> Piece | None:
        """Let the cohorts know what is said of `members`; their ranks, as pieces of JSON."""
        if self.cohorts is None:
            return None
        band, texts = self.standing.band[members], self.registers.texts.names
        return self.cohorts.say(members, points, numbers, band, texts)

    def _withdraw(self, members: np.ndarray, emission: Emission) -> None:
        """Take back all that was ever said of `members`, of whom nothing is known any more."""
        for index in members.tolist():
            name = str(self.directory.names[index])
            gone: Record = (name.encode(), None)
            emission.scores.append(gone)
            self.emitted[index] = _GONE
            if self.shadow is not None:
                emission.shadow.append(gone)
        self.standing.forget(members)
        self.spread.forget(members)
        if self.cohorts is not None:
            self.cohorts.withdraw(members)

    def settle(self) -> None:
        """After a restore: what was said last of each member follows from the state as of the stamp."""
        if self.cohorts is not None:
            self.cohorts.held = self.rolled < self.blocks
        members = self.scored()
        for at in range(0, len(members), BLOCK):
            some = members[at : at + BLOCK]
            points = self.points(some)
            self.standing.settle(some, points)
            self.spread.say(some, points, self.standing.band[some])
            self._tell(some, points, self.registers.numbers(some))

    def forget_changes(self) -> None:
        """Drop what has gathered for `drain`: for a run over a file, where the state at the end is all."""
        self._touched, self._letters = [], []
        self.recorder.drain()

    def scored(self) -> np.ndarray:
        """int64[n]: the members that have a score, because something is known of them."""
        self.resize()
        members = np.arange(len(self.directory.names))
        parts = [members[at : at + BLOCK] for at in range(0, len(members), BLOCK)]
        there = [part[self._has_score(part, self.tiles.read(part))] for part in parts]
        return np.concatenate([members[:0], *there])

    def points(self, members: np.ndarray) -> Points:
        """The points of `members` (int64[n]) as of the shard's day."""
        return self.scorer.points(len(members), self.tiles.read(members), self.registers.numbers(members))
