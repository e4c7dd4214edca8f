"""The networks of a partition's members: who is connected with whom, and who engaged with them recently.

A set with the last writer winning, from the events alone: any order, and any repetition, of the same events
ends in the same networks. So what is in the ledger and what comes again from frames are simply put together.
Ties gather, become links of the overlay (sorted, for all members), and are folded into the packed
blocks now and then, since that means moving a whole block.
"""

from collections.abc import Callable, Sequence

import numpy as np

from pipeline.common.growable import grown
from pipeline.common.units import Offset, OwnerSlot
from pipeline.network.link_block import OWNERS, LinkColumns, clear_until, connected, states
from pipeline.network.member_hash import LINKS, REMOVED, TIES, member_hashes
from pipeline.network.overlay import _SHIFT, Overlay
from pipeline.network.peer_codes import NONE, PeerCodes
from schemas.frames import Frame

GATHER = 50_000
"""Ties that are put into the overlay at once."""
FOLD = 500_000
"""Links from which on the overlay is folded, if that is also a sixteenth of those in blocks."""


class NetworkGraph:
    """Links of members to peers. An owner is a member with links, known by its slot among them.

    owner: uint32[room], the code of each owner; member: int32[room], their indices in the shard, -1 unknown;
    has_record: bool[room], of whom there is a record in `member.networks`. oldest: the first frame whose ties are
    not all in the ledger yet. erased: who had a record and was erased.
    """

    def __init__(self) -> None:
        self.codes = PeerCodes()
        self.owner = np.zeros(0, np.uint32)
        self.member = np.zeros(0, np.int32)
        self.has_record = np.zeros(0, np.bool_)
        self.owners = 0
        self.blocks: list[LinkColumns] = []
        self.overlay = Overlay()
        self.oldest: Offset | None = None
        self.erased: list[str] = []
        self._slot = np.zeros(0, np.int32)  # by code; -1: no owner
        self._slot_of_member = np.zeros(0, np.int32)  # by the shard's index; -1: not known to be one
        self._ties: list[tuple[np.ndarray, ...]] = []
        self._waiting = 0
        self._names: Sequence[str | None] = ()
        self._sizes: list[tuple[int, int]] = []

    def add(
        self,
        frame: Frame,
        rows: np.ndarray,
        *,
        member: np.ndarray,
        day: np.ndarray,
        names: Sequence[str | None],
        offset: Offset,
    ) -> None:
        """Take in the ties of rows int64[n] of the frame at `offset`.

        member: int64[n], their members as indices of names; day: of all rows of the frame.
        """
        if frame.peer is None:
            return
        peer = frame.peer[rows]
        at = np.flatnonzero((peer > 0) & (frame.signals[rows] & TIES > 0))
        if len(at):
            self._names = names
            rows = rows[at]
            self._add(offset, member[at], peer[at], frame.signals[rows], frame.time[rows], day[rows])

    def add_old(
        self,
        frame: Frame,
        rows: np.ndarray,
        *,
        day: np.ndarray,
        offset: Offset,
        erased: Callable[[str], int],
    ) -> None:
        """Take in the connections of rows too old for the window: being connected does not age.

        Their members may have no state otherwise; erased: up to which day one is.
        """
        if frame.peer is None:
            return
        rows = rows[(frame.peer[rows] > 0) & (frame.signals[rows] & LINKS > 0)]
        if len(rows):
            names = frame.member.take(rows).to_pylist()
            stays = day[rows] > np.array([erased(name) for name in names])
            # as a negative number a slot is no member's
            owner, rows = ~self._slots_of_names(names)[stays], rows[stays]
            if len(rows):
                self._add(offset, owner, frame.peer[rows], frame.signals[rows], frame.time[rows], day[rows])

    def _add(self, offset: Offset, *columns: np.ndarray) -> None:
        if self.oldest is None:
            self.oldest = offset
        self._ties.append(columns)
        self._waiting += len(columns[0])
        if self._waiting >= GATHER:
            self.gather()

    def _owners(self, member: np.ndarray) -> np.ndarray:
        """int64[n]: the slots of members by the shard's index, of ~slot by itself."""
        self._resize(len(self._names))
        if member.min() < 0:
            slot, mine = ~member, np.flatnonzero(member >= 0)
            if len(mine):
                slot[mine] = self._owners(member[mine])
            return slot
        slot = self._slot_of_member[member]
        if slot.min() < 0:
            new = np.unique(member[slot < 0])
            found = self._slots_of_names([str(self._names[i]) for i in new.tolist()])
            self._slot_of_member[new], self.member[found] = found, new
            slot = self._slot_of_member[member]
        return slot

    def _resize(self, members: int) -> None:
        self._slot_of_member = grown(self._slot_of_member, members, -1)

    def _slots_of_names(self, names: Sequence[str]) -> np.ndarray:
        """int32[n]: the slots of members by name; new owners get one."""
        return self.owner_slots(self.codes.add(member_hashes(names)))

    def owner_slots(self, codes: np.ndarray) -> np.ndarray:
        """int32[n]: the slots of members by code; new owners get one."""
        self._know_codes()
        slot = self._slot[codes]
        if (slot < 0).any():
            new = np.unique(codes[slot < 0])
            self.enlist(self.owners, new)
            slot = self._slot[codes]
        return slot

    def _know_codes(self) -> None:
        self._slot = grown(self._slot, len(self.codes), -1)

    def enlist(self, first: int, codes: np.ndarray) -> None:
        """Make the members with these codes owners, at slots from `first` on; NONE leaves a slot empty."""
        self._know_codes()
        stop = first + len(codes)
        self.owner = grown(self.owner, stop, int(NONE))
        self.member = grown(self.member, stop, -1)
        self.has_record = grown(self.has_record, stop)
        self.owner[first:stop] = codes
        there = codes != NONE
        self._slot[codes[there]] = np.arange(first, stop)[there]
        self.owners = max(self.owners, stop)
        while len(self.blocks) * OWNERS < self.owners:
            self.blocks.append(LinkColumns())
            self._sizes.append((0, 0))

    def gather(self) -> None:
        """Put all gathered ties into the overlay."""
        if not self._ties:
            return
        member, peer, signals, time, day = map(np.concatenate, zip(*self._ties, strict=True))
        self._ties, self._waiting = [], 0
        key = self._owners(member).astype(np.uint64) << _SHIFT | self.codes.add(peer)
        link = signals & LINKS > 0
        state = np.where(link, states(time, signals & REMOVED > 0), np.uint32(0))
        self.overlay.take(key, state, np.where(link, 0, day).astype(np.uint16), fresh=True)

    def crowded(self) -> bool:
        """Whether the overlay should be folded into the blocks."""
        return len(self.overlay) > max(FOLD, sum(map(len, self.blocks)) // 16)

    def fold(self, number: int, floor: int) -> LinkColumns:
        """Bring block `number` up to date, and drop engagement of strangers up to day `floor`."""
        self.gather()
        links = self.blocks[number]
        part = self.overlay.fold(number * OWNERS, (number + 1) * OWNERS)
        base = np.uint64(number * OWNERS) << _SHIFT
        links.merge(self.overlay.key[part] - base, self.overlay.state[part], self.overlay.day[part])
        links.widen(min(OWNERS, self.owners - number * OWNERS))
        links.prune(floor)
        self.measure(number)
        return links

    def measure(self, number: int) -> None:
        """Take the size of a block."""
        links = self.blocks[number]
        many = np.diff(np.concatenate([[0], np.cumsum(connected(links.state))])[links.start])
        self._sizes[number] = int(np.count_nonzero(many)), int(many.sum())

    def look_up(self, names: Sequence[str | None], first: int, stop: int) -> None:
        """See which of the shard's members [first, stop) are owners, where that is not known yet."""
        self._resize(len(names))
        self._know_codes()
        member = first + np.flatnonzero(self._slot_of_member[first:stop] < 0)
        member = np.array([i for i in member.tolist() if names[i] is not None], np.int64)
        codes = self.codes.find(member_hashes([str(names[i]) for i in member.tolist()]))
        known = codes != NONE
        member, slot = member[known], self._slot[codes[known]]
        member, slot = member[slot >= 0], slot[slot >= 0]
        self._slot_of_member[member], self.member[slot] = slot, member

    def find(self, name: str) -> OwnerSlot | None:
        """The slot of a member; None when it has no links."""
        self.gather()
        [code] = self.codes.find(member_hashes([name]))
        self._know_codes()
        return None if code == NONE or self._slot[code] < 0 else OwnerSlot(int(self._slot[code]))

    def links(self, slot: OwnerSlot) -> LinkColumns:
        """The links of one owner, as a block of one."""
        self.gather()
        number, at = divmod(slot, OWNERS)
        packed = self.blocks[number]
        mine = packed.part(at) if at < packed.owners else slice(0, 0)
        peer, state, since = (column[mine].copy() for column in (packed.peer, packed.state, packed.since))
        one = LinkColumns(np.array([0, mine.stop - mine.start]), peer, state, since, packed.base)
        part = self.overlay.part(slot, slot + 1)
        base = np.uint64(slot) << _SHIFT
        one.merge(self.overlay.key[part] - base, self.overlay.state[part], self.overlay.day[part])
        return one

    def erase(self, name: str, last: int, end_ms: int) -> None:
        """Clear the links of a member up to the day `last`, which ends at `end_ms`."""
        self.gather()
        slot = self.find(name)
        if slot is None:
            return
        number, at = divmod(slot, OWNERS)
        packed = self.blocks[number]
        if at < packed.owners:
            mine = packed.part(at)
            clear_until(packed.state[mine], packed.since[mine], last - packed.base, end_ms=end_ms)
        part = self.overlay.part(slot, slot + 1)
        clear_until(self.overlay.state[part], self.overlay.day[part], last, end_ms=end_ms)
        if self.has_record[slot]:
            self.has_record[slot] = False
            self.erased.append(name)

    def size(self) -> tuple[int, int]:
        """(members with a connection, connections), as of when each block was last folded."""
        return sum(size[0] for size in self._sizes), sum(size[1] for size in self._sizes)

    def __len__(self) -> int:
        """How many links there are, perhaps some twice, and those of strangers too."""
        return sum(map(len, self.blocks)) + len(self.overlay) + self._waiting

    def nbytes(self) -> int:
        """Bytes allocated."""
        slots = (
            self._slot.nbytes + self._slot_of_member.nbytes + self.owner.nbytes + 5 * self.has_record.nbytes
        )
        return (
            sum(links.nbytes() for links in self.blocks) + self.overlay.nbytes() + self.codes.nbytes() + slots
        )
