"""The tiles: how often each member did what on which day, in rows of small integers.

A member's tiles are pairs (key, count) in one row; rows live in pools by width, and a member moves to
the next wider pool when its row is full. Adding and reading are vectorised over a batch of members.
A tile is only ever added to, and saturates at 65,535, so the order of the input can't matter.
"""

import numpy as np

from pipeline.common.growable import grown
from pipeline.common.tile_keys import Pairs, key_days

WIDTHS = (16, 64, 256, 1024, 8192)
_LIMITS = np.array(WIDTHS)
FULL = np.uint16(0xFFFF)


class _Pool:
    """Rows of one width, with a free list; grows by half."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.keys = np.zeros((0, width), np.uint16)
        self.counts = np.zeros((0, width), np.uint16)
        self.used = 0
        self.free: list[int] = []

    def take(self, n: int) -> np.ndarray:
        """int64[n]: rows to write to."""
        again, self.free = self.free[:n], self.free[n:]
        more = n - len(again)
        floor = 64 if self.width < 1024 else 4
        self.keys = grown(self.keys, self.used + more, floor=floor)
        self.counts = grown(self.counts, self.used + more, floor=floor)
        rows = np.array(again + list(range(self.used, self.used + more)), np.int64)
        self.used += more
        return rows


def ragged(lengths: np.ndarray) -> np.ndarray:
    """0..l-1 for each length l, one after the other: ragged([2, 3]) = [0, 1, 0, 1, 2]."""
    ends = np.cumsum(lengths)
    return np.arange(int(ends[-1]) if len(ends) else 0) - np.repeat(ends - lengths, lengths)


class Tiles:
    """Counts per (member, key); a member is a small integer given by the caller."""

    def __init__(self) -> None:
        self.pools = [_Pool(width) for width in WIDTHS]
        self.pool = np.full(0, -1, np.int8)
        self.slot = np.zeros(0, np.int64)
        self.fill = np.zeros(0, np.int64)

    def resize(self, members: int) -> None:
        """Make room for members 0..members-1."""
        self.pool = grown(self.pool, members, -1)
        self.slot = grown(self.slot, members)
        self.fill = grown(self.fill, members)

    def add(self, members: np.ndarray, keys: np.ndarray, counts: np.ndarray | None = None) -> None:
        """Add to the tiles (members int64[k], keys uint16[k]) 1 each, or counts int64[k]; repeats add up."""
        if not len(members):
            return
        if counts is None:
            code, plus = np.unique(members << 16 | keys, return_counts=True)
        else:
            code, back = np.unique(members << 16 | keys, return_inverse=True)
            plus = np.bincount(back, counts).astype(np.int64)
        who, key = code >> 16, (code & 0xFFFF).astype(np.uint16)
        self.resize(int(who[-1]) + 1)
        fresh = np.ones(len(code), bool)
        pool_of = self.pool[who]
        for number, pool in enumerate(self.pools):
            at = np.flatnonzero(pool_of == number)
            if not len(at):
                continue
            rows = self.slot[who[at]]
            same = pool.keys[rows] == key[at, None]
            same &= np.arange(pool.width) < self.fill[who[at], None]
            position = same.argmax(axis=1)
            hit = same[np.arange(len(at)), position]
            rows, position, known = rows[hit], position[hit], at[hit]
            total = pool.counts[rows, position] + plus[known]
            pool.counts[rows, position] = np.minimum(total, FULL)
            fresh[known] = False
        self._append(who[fresh], key[fresh], np.minimum(plus[fresh], FULL).astype(np.uint16))

    def _append(self, who: np.ndarray, key: np.ndarray, count: np.ndarray) -> None:
        """New pairs, sorted by member, none of them there yet."""
        if not len(who):
            return
        first = np.flatnonzero(np.concatenate([[True], who[1:] != who[:-1]]))
        many = np.diff(np.concatenate([first, [len(who)]]))
        members = who[first]
        start = self.fill[members]
        self._widen(members, start + many)
        column = np.repeat(start, many) + ragged(many)
        self.fill[members] = start + many
        pool_of, rows = self.pool[who], self.slot[who]
        for number in np.unique(pool_of):
            at = pool_of == number
            self.pools[number].keys[rows[at], column[at]] = key[at]
            self.pools[number].counts[rows[at], column[at]] = count[at]

    def _widen(self, members: np.ndarray, need: np.ndarray) -> None:
        """Move those of distinct `members` whose row is too narrow for `need` pairs."""
        want = np.searchsorted(_LIMITS, need)
        have = self.pool[members]
        for number in np.unique(want[want > have]):
            pool = self.pools[number]
            moving = members[(want == number) & (have < number)]
            rows = pool.take(len(moving))
            for old in np.unique(self.pool[moving]):
                if old < 0:
                    continue
                source, at = self.pools[old], self.pool[moving] == old
                left = self.slot[moving[at]]
                pool.keys[rows[at], : source.width] = source.keys[left]
                pool.counts[rows[at], : source.width] = source.counts[left]
                source.free += left.tolist()
            self.pool[moving], self.slot[moving] = number, rows

    def read(self, members: np.ndarray) -> Pairs:
        """The non-empty tiles of `members` (int64[n]), grouped by pool; `row` is an index into it."""
        self.resize(int(members.max(initial=-1)) + 1)
        parts = []
        pool_of = self.pool[members]
        for number, pool in enumerate(self.pools):
            at = np.flatnonzero(pool_of == number)
            if not len(at):
                continue
            rows, fill = self.slot[members[at]], self.fill[members[at]]
            wide = int(fill.max())
            there = np.arange(wide) < fill[:, None]
            parts.append(
                (np.repeat(at, fill), pool.keys[rows, :wide][there], pool.counts[rows, :wide][there])
            )
        if not parts:
            return Pairs(np.zeros(0, np.int64), np.zeros(0, np.uint16), np.zeros(0, np.uint16))
        row, key, count = (np.concatenate(column) for column in zip(*parts, strict=True))
        return Pairs(row, key, count)

    def clear(self, members: np.ndarray) -> None:
        """Clear all tiles of distinct `members`."""
        self.resize(int(members.max(initial=-1)) + 1)
        for number, pool in enumerate(self.pools):
            pool.free += self.slot[members[self.pool[members] == number]].tolist()
        self.pool[members], self.fill[members] = -1, 0

    def prune(self, members: np.ndarray, was: int, first: int) -> None:
        """Drop tiles of distinct `members` before the day `first`; `was`: the day they are relative to."""
        pairs = self.read(members)
        keep = key_days(was)[pairs.key] >= first
        if keep.all():
            return
        late = np.unique(pairs.row[~keep])
        stays = keep & np.isin(pairs.row, late)
        self.clear(members[late])
        self.add(members[pairs.row[stays]], pairs.key[stays], pairs.count[stays].astype(np.int64))

    def nbytes(self) -> int:
        """Bytes allocated."""
        rows = sum(p.keys.nbytes + p.counts.nbytes for p in self.pools)
        return rows + self.pool.nbytes + self.slot.nbytes + self.fill.nbytes
