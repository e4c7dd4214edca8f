"""A shard: the state of one member partition, and the one way frames change it.

It is a deterministic function of the frames it is given and of the day: a shard restored from the ledger
and the frames since then is the shard that was lost. It does no I/O; `agents.score` feeds and drains it.
"""

import numpy as np
import orjson

from pipeline import days
from pipeline.directory import BLOCK, Directory
from pipeline.emission import Emission, score_records
from pipeline.pairs import RING, WINDOW, key_days
from pipeline.registers import Registers
from pipeline.rubric import Rubric
from pipeline.scoring import Points, Scorer
from pipeline.seen import Seen
from pipeline.tiles import Tiles
from pipeline.watermarks import Watermarks
from schemas.frames import Frame, Side
from schemas.ledger import Checkpoint, Counters
from schemas.signals import ERASE_BIT

_ERASE = np.uint64(1 << ERASE_BIT)
_NEVER = -(1 << 31)
_AHEAD = 2
"""Days after the as-of day that a tile may lie on; it counts when its day has come."""


class Shard:
    """State and counters of a partition.

    day: the as-of day of its scores. keep, horizon_ms: how many ids are remembered, and how long.
    """

    def __init__(self, rubric: Rubric, day: int, keep: int, horizon_ms: int) -> None:
        self.rubric = rubric
        self.day = day
        self.scorer = Scorer(rubric, day)
        self.directory = Directory()
        self.tiles = Tiles()
        self.registers = Registers()
        self.watermarks = Watermarks()
        self.seen = Seen(keep, horizon_ms)
        self.counters = Counters()
        self.checkpoints: list[Checkpoint] = []
        self.frame = -1
        self.sequence = 0
        self.rolled = 0
        # while restoring: frames change a member only behind its block, and nobody before `needed`
        self.durable = np.zeros(0, np.int64)
        self.needed = -1
        self.dirty: dict[int, int] = {}  # block -> first frame not in it yet
        self.erased = np.zeros(0, np.int64)
        self.emitted = np.zeros(0, np.int64)
        self._touched: list[np.ndarray] = []
        self._letters: list[bytes] = []

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
            self.erased = np.concatenate([self.erased, np.full(more, _NEVER)])
            self.emitted = np.concatenate([self.emitted, np.full(more, _NEVER)])
        self.tiles.resize(n)
        self.registers.resize(n)

    def apply(self, frame: Frame, offset: int, timestamp: int, replay: bool = False) -> int:
        """Count a frame that stands at `offset`; frames must come in order. Returns the rows counted.

        replay: its scores are out and its rows counted already, only the state is to be brought up.
        """
        if self.seen.turn(timestamp):
            self.checkpoints.append(Checkpoint(frame=offset, watermarks=dict(self.watermarks.next)))
        admission = self.watermarks.admit(frame)
        self.frame = offset
        dead = frame.side == Side.DEAD
        live = np.flatnonzero(admission.rows & ~dead)
        fresh = self.seen.first(frame.id[live])
        if offset < self.needed:
            return 0
        rows = live[fresh]
        actor = frame.side == Side.ACTOR
        day = days.of(frame.time)
        inside = (day[rows] > self.day - WINDOW) & (day[rows] <= self.day + _AHEAD)
        erases = rows[(frame.signals[rows] & _ERASE) != 0]
        known = rows[inside]
        member = self._members(frame, known)
        self._erase(frame, erases, day, offset, replay)
        gone = day[known] <= self.erased[member]
        rows, member = known[~gone], member[~gone]
        letters = np.flatnonzero(admission.rows & dead)
        if not replay:
            c = self.counters
            c.read += admission.read
            c.repeated += admission.repeated
            c.refused += admission.refused
            c.lost += admission.lost
            c.duplicate += int(actor[live[~fresh]].sum())
            scored = int(actor[rows].sum())
            c.scored += scored
            c.credits += len(rows) - scored
            c.erased += int(actor[known[gone]].sum())
            c.outside_window += int(actor[live[fresh]].sum()) - int(actor[known].sum())
            c.dead_lettered += len(letters)
            self._letters += [frame.letter[i].as_py() for i in letters.tolist()]
        self._count(frame, rows, member, day, offset, replay)
        return len(live)

    def _members(self, frame: Frame, rows: np.ndarray) -> np.ndarray:
        """int64[n]: the index of the member of each row; new members get one."""
        names = frame.member.to_numpy(zero_copy_only=False)[rows].tolist()
        member = np.fromiter(map(self.directory.__getitem__, names), np.int64, len(names))
        self.resize()
        return member

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
        bits = frame.signals[rows]
        spread = np.unpackbits(bits.view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
        spread[:, ERASE_BIT] = 0
        which, signal = np.nonzero(spread.view(bool))
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
            self.resize()
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
            self.registers.erase(index, days.end_ms(last))
            self._touch(one, offset, replay)

    def turn_day(self, day: int) -> None:
        """The as-of day is now `day`; members are brought to it by `roll`, and by any event of theirs."""
        if day != self.day:
            self.day = day
            self.scorer = Scorer(self.rubric, day)
            self.rolled = 0

    def roll(self, most: int) -> int:
        """Bring up to `most` members to the as-of day; returns how many are left. Call `drain` after."""
        stop = min(self.rolled + most, len(self.directory.names))
        if self.rolled < stop:
            members = np.arange(self.rolled, stop)
            self.resize()
            self.tiles.prune(members, self.day, WINDOW)
            late = members[self.emitted[members] < self.day]
            self._touched.append(late[self._has_state(late)])
            self.rolled = stop
        return len(self.directory.names) - self.rolled

    def _has_state(self, members: np.ndarray) -> np.ndarray:
        return (self.tiles.fill[members] > 0) | (self.registers.slot[members] > 0)

    def drain(self) -> Emission:
        """The scores of all members changed since the last call, under one new revision; and the letters."""
        emission = Emission(letters=self._letters)
        self._letters = []
        if not self._touched:
            return emission
        members = np.unique(np.concatenate(self._touched))
        self._touched = []
        if not len(members):
            return emission
        self.sequence += 1
        there = self._has_state(members)
        names = self.directory.names
        for index in members[~there].tolist():
            emission.scores.append((str(names[index]).encode(), None))
        members = members[there]
        if len(members):
            points = self.points(members)
            who = [str(names[i]) for i in members.tolist()]
            about = (self.rubric.name, str(self.rubric.version))
            emission.scores += score_records(who, points, self.day, self.sequence, about)
            self.emitted[members] = self.day
        return emission

    def forget_changes(self) -> None:
        """Drop what has gathered for `drain`: for a run over a file, where the state at the end is all."""
        self._touched, self._letters = [], []

    def scored(self) -> np.ndarray:
        """int64[n]: the members that have a score, because something is known of them."""
        self.resize()
        members = np.arange(len(self.directory.names))
        return members[self._has_state(members)]

    def points(self, members: np.ndarray) -> Points:
        """The points of `members` (int64[n]) as of the shard's day."""
        return self.scorer.points(len(members), self.tiles.read(members), self.registers.numbers(members))
