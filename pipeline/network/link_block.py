"""The links of up to 1,000 members, packed: whom they are connected with, and who engaged with them.

A link is 9 bytes: the peer, when its connection last changed and how, and the last day on which the peer
engaged, counted from a base that moves on with the block. Both are only ever raised to the greater of two, so
links can be merged in any order and as often as one likes.
"""

from dataclasses import dataclass, field

import numpy as np

OWNERS = 1000
"""Members of a block."""
_EPOCH_S = 946_684_800
"""2000-01-01: 31 bits of seconds last until 2068. A time before that counts as its first second."""
_LAST = (1 << 31) - 1
_KEPT = 180
"""Days of engagement kept when the base moves; twice the window."""


def seconds(time: np.ndarray | int) -> np.ndarray:
    """int64[n]: seconds since 2000-01-01, 1 .. 2^31-1, of times in ms since 1970 UTC."""
    return np.clip(np.asarray(time) // 1000 - _EPOCH_S, 1, _LAST)


def states(time: np.ndarray, removed: np.ndarray) -> np.ndarray:
    """uint32[n]: what a connection made or removed (bool[n]) at `time` (ms since 1970) makes of a link.

    The greater of two is the one that holds: the later second, and within a second the removal, since
    nothing can be removed before it is there.
    """
    return (seconds(time) << 1 | removed).astype(np.uint32)


def connected(state: np.ndarray) -> np.ndarray:
    """bool[n]: which of the states mean that there is a connection now."""
    return (state > 0) & (state & np.uint32(1) == 0)


class Gaps:
    """Where in sorted columns of `size` new entries go: before those at `at`, int64[m] ascending."""

    def __init__(self, at: np.ndarray, size: int) -> None:
        self._at = at + np.arange(len(at))
        self._rest = np.ones(size + len(at), np.bool_)
        self._rest[self._at] = False

    def fill(self, column: np.ndarray, new: np.ndarray | bool) -> np.ndarray:
        """The column with the new entries in it."""
        out = np.empty(len(self._rest), column.dtype)
        out[self._rest] = column
        out[self._at] = new
        return out


def _none(kind: type) -> np.ndarray:
    return np.zeros(0, kind)


@dataclass(slots=True)
class LinkColumns:
    """k links of n owners, by owner and then by peer.

    start: int64[n + 1], the links of owner i are [start[i], start[i + 1]); peer: uint32[k] codes; state:
    uint32[k], 0: never connected; since: uint8[k], last engaged so many days after the day `base`, 0: not.
    """

    start: np.ndarray = field(default_factory=lambda: np.zeros(1, np.int64))
    peer: np.ndarray = field(default_factory=lambda: _none(np.uint32))
    state: np.ndarray = field(default_factory=lambda: _none(np.uint32))
    since: np.ndarray = field(default_factory=lambda: _none(np.uint8))
    base: int = 0

    @classmethod
    def of_days(
        cls, start: np.ndarray, peer: np.ndarray, state: np.ndarray, *, day: np.ndarray
    ) -> "LinkColumns":
        """The same from days uint16[k] since 1970, 0: never engaged."""
        links = cls(start, peer, state, np.zeros(len(day), np.uint8))
        links._reach(day)
        links.since = links._after(day)
        return links

    def days(self, part: slice = slice(None)) -> np.ndarray:
        """uint16[k]: the days last engaged since 1970, 0: not within the days kept."""
        since = self.since[part].astype(np.uint16)
        since[since > 0] += np.uint16(self.base)
        return since

    def engaged(self, floor: int) -> np.ndarray:
        """bool[k]: who engaged after the day `floor`."""
        return self.since > max(floor - self.base, 0)

    def _after(self, day: np.ndarray) -> np.ndarray:
        return np.maximum(day.astype(np.int32) - self.base, 0).astype(np.uint8)

    def _reach(self, day: np.ndarray) -> None:
        """Move the base so that all of `day` can be represented."""
        last = int(day.max(initial=0))
        if last - self.base > 255:
            moved = last - _KEPT - self.base
            self.since = np.maximum(self.since.astype(np.int64) - moved, 0).astype(np.uint8)
            self.base += moved

    def __len__(self) -> int:
        return len(self.peer)

    @property
    def owners(self) -> int:
        return len(self.start) - 1

    def of(self) -> np.ndarray:
        """int64[k]: the owner of each link."""
        return np.repeat(np.arange(self.owners), np.diff(self.start))

    def part(self, owner: int) -> slice:
        """Where the links of an owner are."""
        return slice(int(self.start[owner]), int(self.start[owner + 1]))

    def of_owners(self, first: int, stop: int) -> "LinkColumns":
        """A view of the links of the owners [first, stop)."""
        start = self.start[first : stop + 1]
        part = slice(int(start[0]), int(start[-1]))
        columns = self.peer[part], self.state[part], self.since[part]
        return LinkColumns(start - start[0], *columns, self.base)

    def widen(self, owners: int) -> None:
        """Make it the block of at least so many owners."""
        more = owners - self.owners
        if more > 0:
            self.start = np.concatenate([self.start, np.full(more, len(self.peer))])

    def merge(self, key: np.ndarray, state: np.ndarray, day: np.ndarray) -> None:
        """Take in links, sorted and unique by key uint64[m] = owner << 32 | peer; day: uint16[m]."""
        if not len(key):
            return
        self._reach(day)
        since = self._after(day)
        self.widen(int(key[-1] >> np.uint64(32)) + 1)
        mine = self.of().astype(np.uint64) << np.uint64(32) | self.peer
        at = np.searchsorted(mine, key)
        known = np.zeros(len(key), bool)
        inside = at < len(mine)
        known[inside] = mine[at[inside]] == key[inside]
        hit = at[known]
        self.state[hit] = np.maximum(self.state[hit], state[known])
        self.since[hit] = np.maximum(self.since[hit], since[known])
        new = ~known
        if not new.any():
            return
        at, key = at[new], key[new]
        gaps = Gaps(at, len(self.peer))
        self.peer = gaps.fill(self.peer, key.astype(np.uint32))
        self.state = gaps.fill(self.state, state[new])
        self.since = gaps.fill(self.since, since[new])
        more = np.bincount((key >> np.uint64(32)).astype(np.int64), minlength=self.owners)
        self.start[1:] += np.cumsum(more)

    def prune(self, floor: int) -> None:
        """Drop what has no effect any more: never a connection, and engagement up to day `floor`."""
        stays = (self.state > 0) | self.engaged(floor)
        if not stays.all():
            counts = np.concatenate([[0], np.cumsum(stays)])
            self.start = counts[self.start]
            self.peer, self.state, self.since = self.peer[stays], self.state[stays], self.since[stays]

    def nbytes(self) -> int:
        """Bytes of the arrays."""
        return self.start.nbytes + self.peer.nbytes + self.state.nbytes + self.since.nbytes


def clear_until(state: np.ndarray, day: np.ndarray, last: int, *, end_ms: int) -> None:
    """Clear in the arrays of links what happened up to the day `last`, which ends at `end_ms`."""
    state[state <= np.uint32((int(seconds(end_ms - 1)) << 1) | 1)] = 0
    day[day <= last] = 0
