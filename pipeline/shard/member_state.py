"""What is known of the members of a partition, and the one way frames change it.

It is a deterministic function of the frames it is given and of the days on which they are: nothing else enters, and
it does no I/O. It knows nothing of scores: `pipeline.shard.emitter` makes these from it.
"""

from dataclasses import dataclass
from typing import cast

import numpy as np
import orjson
import pyarrow as pa

from pipeline.common.days import UTC, Zone
from pipeline.common.growable import grown
from pipeline.common.tile_keys import WINDOW, Pairs, key_days, key_signals, tile_key
from pipeline.common.units import Day, MemberSlot, Offset
from pipeline.network.graph import NetworkGraph
from pipeline.shard import erasures, quiet_period
from pipeline.shard.daily_history import DailyHistory
from pipeline.shard.member_index import BLOCK_SIZE, MemberIndex
from pipeline.shard.registers import Registers
from pipeline.shard.tiles import Tiles
from schemas.frames import Frame
from schemas.ledger import Block
from schemas.signals import ERASE_BIT, Signal

_ERASE = np.uint64(1 << ERASE_BIT)
_SIGNALS = ~_ERASE
_BYTES = max(Signal) // 8 + 1
"""Bytes of a mask that have signals."""
NO_DAY = Day(-(1 << 31))
"""Before every day: nothing of a member is erased, or no record emitted."""
AHEAD = 2
"""Days after the as-of day that a tile may lie on; it counts when its day has come."""
_NONE = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of the rows of a frame.

    day: int64[rows of the frame]. known: int64[k], the rows within the window; late: bool[k], which of these came
    when their day had been erased. changed: int64[m], the members whose state is another now, some several times.
    erased: (member, last erased day) of each erasure. came: int64[j], the rows with which new members came.
    """

    day: np.ndarray
    known: np.ndarray
    late: np.ndarray
    changed: np.ndarray
    erased: list[tuple[MemberSlot, Day]]
    came: np.ndarray


class MemberState:
    """Tiles, registers, networks and histories by member.

    zone: where days begin and end. quiet_days: see `pipeline.shard.quiet_period`.
    """

    def __init__(
        self, zone: Zone = UTC, block_size: int = BLOCK_SIZE, quiet_days: int = quiet_period.DAYS
    ) -> None:
        self.zone = zone
        self.quiet_days = quiet_days
        self.index = MemberIndex(block_size)
        self.tiles = Tiles()
        self.registers = Registers()
        self.network = NetworkGraph()
        self.history = DailyHistory()
        self.erased = np.zeros(0, np.int64)

    def resize(self) -> None:
        """Make room for all members of the index. The history is left to who keeps one."""
        n = len(self.index.names)
        self.erased = grown(self.erased, n, NO_DAY)
        self.tiles.resize(n)
        self.registers.resize(n)

    def apply(
        self,
        frame: Frame,
        rows: np.ndarray,
        *,
        as_of: Day,
        counted_on: Day,
        offset: Offset,
        durable: np.ndarray = _NONE,
    ) -> Applied:
        """Count rows of the frame at `offset`.

        Args:
            frame: whose rows are to be counted, in order.
            rows: int64[n], ascending: those that are no dead letters and were not seen before.
            as_of: the as-of day of the state.
            counted_on: the as-of day on which the frame was counted first; `as_of`, unless this is a replay.
            offset: where the frame is in the log.
            durable: int64[members], in a replay for each member the last frame that its state has in it already.

        Returns:
            What became of the rows.
        """
        day = self.zone.of(frame.time)
        erasing = (frame.signals[rows] & _ERASE) != 0
        # what is known of a member does not age as what they did does
        inside = (day[rows] > counted_on - WINDOW) | erasing | frame.updating()[rows]
        inside &= day[rows] <= counted_on + AHEAD
        known = rows[inside]
        there = len(self.index.names)
        member = self._members(frame, known)
        came = known[self._first_rows(member, there)] if len(self.index.names) > there else _NONE
        before = self.erased[member]
        erases = rows[erasing]
        erased = self._erase_all(frame, erases, day=day, as_of=as_of, offset=offset, durable=durable)
        gone = day[known] <= self.erased[member]
        late = erasures.late(
            frame, erases, known=known, member=member, day=day, before=before, directory=self.index
        )
        changed = self._count(
            frame, known[~gone], member=member[~gone], day=day, offset=offset, durable=durable
        )
        self.network.add(
            frame, known[~gone], member=member[~gone], day=day, names=self.index.names, offset=offset
        )
        old = rows[day[rows] <= counted_on - WINDOW]
        if len(old):
            self.network.add_old(frame, old, day=day, offset=offset, erased=self.erased_up_to)
        if erased:
            changed = np.concatenate([np.array([index for index, _ in erased]), changed])
        return Applied(day, known, late, changed, erased, came)

    @staticmethod
    def _first_rows(member: np.ndarray, there: int) -> np.ndarray:
        """int64[k]: the position of the first row of each member who is new, which are those from `there` on."""
        new = np.flatnonzero(member >= there)
        return new[np.unique(member[new], return_index=True)[1]]

    def erased_up_to(self, name: str) -> Day:
        """The last day of a member that is erased; NO_DAY when none is."""
        index = self.index.get(name)
        return NO_DAY if index is None else Day(int(self.erased[index]))

    def counting(self, members: np.ndarray, as_of: Day) -> Pairs:
        """The tiles of `members` int64[n] that count as of a day, but for the window."""
        return quiet_period.counting(
            self.tiles.read(members), self.erased[members], as_of, days=self.quiet_days
        )

    def quiet(self, members: np.ndarray, as_of: Day) -> np.ndarray:
        """bool[n]: of whom registers alone make no score on a day, since they were erased not long ago."""
        return quiet_period.under_way(self.erased[members], as_of, days=self.quiet_days)

    def hidden(self, as_of: Day) -> np.ndarray:
        """int64[n]: the members erased not long ago, and not back: nothing of them is to be published."""
        self.resize()
        members = np.flatnonzero(quiet_period.under_way(self.erased, as_of, days=self.quiet_days))
        return members[~self.has_score(members, as_of, self.counting(members, as_of))]

    def has_score(self, members: np.ndarray, as_of: Day, pairs: Pairs) -> np.ndarray:
        """bool[n]: of whom of `members` int64[n], with these tiles, something counts: a tile, or a register."""
        there = (self.registers.slot[members] > 0) & ~self.quiet(members, as_of)
        there[pairs.row[key_days(as_of)[pairs.key] > as_of - WINDOW]] = True
        return there

    def scored(self, as_of: Day) -> np.ndarray:
        """int64[n]: the members that have a score, because something is known of them."""
        self.resize()
        parts = (self.index.block(number) for number in range(self.index.blocks))
        there = [part[self.has_score(part, as_of, self.counting(part, as_of))] for part in parts]
        return np.concatenate([_NONE, *there])

    def load(self, block: Block, before: Day) -> None:
        """Take a block from the ledger, but for the tiles of `before` and of earlier days.

        The names of all blocks must be in the index.
        """
        start = block.number * self.index.block_size
        members = np.arange(start, start + len(block.names))
        self.erased[members] = block.erased
        row = np.repeat(members, block.fill.to_numpy())
        key = block.keys.to_numpy()
        on = key_days(block.day)[key]
        # a block written long ago holds days that the ring would take for others today
        stays = on > before
        key = tile_key(key_signals(key).astype(np.int64), on)
        self.tiles.add(row[stays], key[stays], block.counts.to_numpy()[stays].astype(np.int64))
        slots = cast(list[MemberSlot], members.tolist())
        for index, data in zip(slots, block.registers, strict=True):
            if data is not None:
                self.registers.load(index, data)

    def _members(self, frame: Frame, rows: np.ndarray) -> np.ndarray:
        """int64[n]: the index of the member of each row; new members get one."""
        names = frame.member
        if pa.types.is_dictionary(names.type):
            codes = names.indices.to_numpy()[rows]
            index = np.zeros(len(names.dictionary), np.int64)
            index[codes] = 1
            used = np.flatnonzero(index)
            index[used] = self.index.get_or_add_all(names.dictionary.take(pa.array(used)).to_pylist())
            member = index[codes]
        else:
            member = self.index.get_or_add_all(names.to_numpy(zero_copy_only=False)[rows].tolist())
        self.resize()
        return member

    def _count(
        self,
        frame: Frame,
        rows: np.ndarray,
        *,
        member: np.ndarray,
        day: np.ndarray,
        offset: Offset,
        durable: np.ndarray,
    ) -> np.ndarray:
        """Add the rows to the state of their members (int64[n], parallel to rows); returns those it changes."""
        if len(durable):
            behind = np.zeros(len(member), bool)
            old = member < len(durable)
            behind[old] = durable[member[old]] >= offset
            rows, member = rows[~behind], member[~behind]
        if not len(rows):
            return member
        masks = (frame.signals[rows] & _SIGNALS).view(np.uint8).reshape(-1, 8)[:, :_BYTES]
        bits = np.flatnonzero(np.unpackbits(masks, bitorder="little").view(bool))
        which, signal = np.divmod(bits, 8 * _BYTES)
        self.tiles.add(member[which], tile_key(signal, day[rows[which]]))
        if frame.registers.null_count < len(frame):
            updating = np.flatnonzero(frame.registers.is_valid().to_numpy(zero_copy_only=False)[rows])
            for i, who in zip(rows[updating].tolist(), member[updating].tolist(), strict=True):
                update = orjson.loads(frame.registers[i].as_py())
                self.registers.apply(who, update, int(frame.time[i]), int(frame.id[i]))
        return member

    def _erase_all(
        self,
        frame: Frame,
        rows: np.ndarray,
        *,
        day: np.ndarray,
        as_of: Day,
        offset: Offset,
        durable: np.ndarray,
    ) -> list[tuple[MemberSlot, Day]]:
        """Erase what the members of these rows did up to the day of the row, whatever came first."""
        erased = []
        for i in rows.tolist():
            name = str(frame.member[i].as_py())
            index = self.index.get_or_add(name)
            self.resize()
            if index < len(durable) and durable[index] >= offset:
                continue
            last = Day(max(int(day[i]), int(self.erased[index])))
            self._erase(index, name, last, as_of=as_of)
            erased.append((index, last))
        return erased

    def _erase(self, index: MemberSlot, name: str, last: Day, *, as_of: Day) -> None:
        self.erased[index] = last
        one = np.array([index])
        pairs = self.tiles.read(one)
        stays = key_days(as_of)[pairs.key] > last
        self.tiles.clear(one)
        self.tiles.add(
            np.zeros(int(stays.sum()), np.int64) + index,
            pairs.key[stays],
            pairs.count[stays].astype(np.int64),
        )
        self.registers.erase(index, self.zone.end_ms(last))
        self.network.erase(name, last, self.zone.end_ms(last))
