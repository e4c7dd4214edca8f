"""Which events a partition has seen: two generations of hashed ids in open-addressing tables.

An id is remembered for at least one whole generation. Generations change at frames only, and where
they began is kept in the ledger, so a restored shard takes every decision again as it was taken.
"""

import numpy as np

_FREE = np.uint64(0)
_MIX = np.uint64(0x9E3779B97F4A7C15)
"""Odd, so that multiplying by it mixes the ids without making any two the same; 2^64 by the golden ratio."""


class HashSet:
    """A set of uint64 with batch lookup and insert; 0 is taken for 1.

    The slot of an id is the upper bits of the mixed id, so a batch in the order of mixed ids goes through the
    table from one end to the other, which is several times as fast as jumping about in it.
    """

    def __init__(self, room: int = 1024) -> None:
        self.table = np.zeros(room, np.uint64)
        self.size = 0

    def _find(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(slot, there) of each id: where it stands or where it would go."""
        mask = len(self.table) - 1
        slot = (ids * _MIX >> np.uint64(64 - mask.bit_length())).astype(np.int64)
        found = self.table[slot]
        there = found == ids
        open_ = np.flatnonzero(~there & (found != _FREE))
        while len(open_):
            slot[open_] = (slot[open_] + 1) & mask
            found = self.table[slot[open_]]
            same = found == ids[open_]
            there[open_[same]] = True
            open_ = open_[~same & (found != _FREE)]
        return slot, there

    def contains(self, ids: np.ndarray) -> np.ndarray:
        """bool[n]: which of ids uint64[n] are in the set."""
        return self._find(np.maximum(ids, np.uint64(1)))[1]

    def values(self) -> np.ndarray:
        """uint64[size]: all ids, in no order."""
        return self.table[self.table != _FREE]

    def insert(self, ids: np.ndarray) -> None:
        """Add distinct ids uint64[n], none of them in the set."""
        ids = np.maximum(ids, np.uint64(1))
        if (self.size + len(ids)) * 5 > len(self.table) * 3:
            old = self.values()
            room = 1 << ((self.size + len(ids)) * 2 - 1).bit_length()
            self.table = np.zeros(room, np.uint64)
            self._put(old)
        self._put(ids)
        self.size += len(ids)

    def _put(self, ids: np.ndarray) -> None:
        left = ids
        while len(left):
            slot, _ = self._find(left)
            # two new ids may want the same free slot: one of them gets it, the others look again
            self.table[slot] = left
            left = left[self.table[slot] != left]


class RecentIds:
    """The ids of at least the last `keep` rows, or of the last `horizon_ms`, whichever is less.

    A generation holds every id of its frames, those known from the one before too: so its content follows
    from its own frames alone, and a shard restored from two generations of frames decides as it did.
    """

    def __init__(self, keep: int, horizon_ms: int) -> None:
        self.keep = keep
        self.horizon_ms = horizon_ms
        self.young, self.old = HashSet(), HashSet()
        self.generation = 0
        self.began = 0
        self.rows = 0
        self.added = np.zeros(0, np.uint64)  # since the frame began: the ids that the generation did not have

    def start_frame(self, timestamp: int) -> bool:
        """To be called before each frame with its timestamp (ms): True when a new generation begins here."""
        self.added = self.added[:0]
        if self.began and self.rows < self.keep and timestamp - self.began < self.horizon_ms:
            return False
        self.old, self.young, self.began, self.rows = self.young, HashSet(), max(1, timestamp), 0
        self.generation += 1
        return True

    def first(self, ids: np.ndarray) -> np.ndarray:
        """bool[n]: which of ids uint64[n] are seen for the first time; all are remembered."""
        self.rows += len(ids)
        return self._first(ids)

    def first_of_day(self, ids: np.ndarray) -> np.ndarray:
        """The same for the ids of what counts once a day, which are no rows: generations get no shorter by them."""
        return self._first(ids)

    def _first(self, ids: np.ndarray) -> np.ndarray:
        order = np.argsort(ids * _MIX)
        sorted_ = ids[order]
        start = np.flatnonzero(np.concatenate([[True], sorted_[1:] != sorted_[:-1]])[: len(ids)])
        distinct, index = sorted_[start], order[start]
        if len(start) < len(ids):
            index = np.minimum.reduceat(order, start)
        young = self.young.contains(distinct)
        added = distinct[~young]
        self.added = np.concatenate([self.added, added])
        self.young.insert(added)
        known = young | self.old.contains(distinct)
        fresh = np.zeros(len(ids), bool)
        fresh[index[~known]] = True
        return fresh

    def restore(self, generation: int, began: int, rows: int, *, young: np.ndarray, old: np.ndarray) -> None:
        """Go on from a generation with these distinct ids (uint64[n]), and those of the one before."""
        self.generation, self.began, self.rows = generation, began, rows
        self.young, self.old = HashSet(), HashSet()
        self.young.insert(young)
        self.old.insert(old)

    def nbytes(self) -> int:
        """Bytes allocated."""
        return self.young.table.nbytes + self.old.table.nbytes
