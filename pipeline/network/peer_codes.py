"""Hashes of members as small integers, in the order in which they came: 4 bytes in an entry instead of 8.

An open-addressing table in two arrays, read and written for whole batches, since a dictionary of a million
Python integers takes ten times the memory.
"""

import numpy as np

from pipeline.common.growable import grown

NONE = np.uint32(0xFFFF_FFFF)
_ROOM = 1024


class PeerCodes:
    """hash -> code, and back. hashes: uint64[room], of which the first `len()` are known."""

    def __init__(self) -> None:
        self.hashes = np.zeros(_ROOM, np.uint64)
        self._used = 0
        self._table = np.full(4 * _ROOM, NONE, np.uint32)

    def __len__(self) -> int:
        return self._used

    def find(self, hashes: np.ndarray) -> np.ndarray:
        """uint32[n]: the codes of `hashes` uint64[n], NONE where unknown."""
        mask = len(self._table) - 1
        slot = (hashes & np.uint64(mask)).astype(np.int64)
        found = self._table[slot]
        todo = self._others(found, hashes)
        slot = slot[todo]
        while len(todo):
            slot = slot + 1 & mask
            there = self._table[slot]
            found[todo] = there
            left = self._others(there, hashes[todo])
            todo, slot = todo[left], slot[left]
        return found

    def _others(self, codes: np.ndarray, hashes: np.ndarray) -> np.ndarray:
        """int64: where there is another than the one looked for."""
        taken = np.flatnonzero(codes != NONE)
        return taken[self.hashes[codes[taken]] != hashes[taken]]

    def add(self, hashes: np.ndarray) -> np.ndarray:
        """uint32[n]: the codes of `hashes` uint64[n]; unknown ones get the next."""
        found = self.find(hashes)
        new = np.flatnonzero(found == NONE)
        if len(new):
            self.extend(np.unique(hashes[new]))
            found[new] = self.find(hashes[new])
        return found

    def extend(self, hashes: np.ndarray) -> None:
        """Give the next codes to `hashes`, none of which is known or there twice."""
        count = self._used + len(hashes)
        self.hashes = grown(self.hashes, count)
        self.hashes[self._used : count] = hashes
        first, self._used = self._used, count
        if 3 * count > 2 * len(self._table):
            self._table = np.full(1 << (2 * count).bit_length(), NONE, np.uint32)
            first = 0
        self._put(np.arange(first, count, dtype=np.uint32))

    def _put(self, codes: np.ndarray) -> None:
        mask = len(self._table) - 1
        slot = (self.hashes[codes] & np.uint64(mask)).astype(np.int64)
        while len(codes):
            free = self._table[slot] == NONE
            self._table[slot[free]] = codes[free]
            # of several for the same slot one has got it
            left = self._table[slot] != codes
            codes, slot = codes[left], slot[left] + 1 & mask

    def nbytes(self) -> int:
        """Bytes allocated."""
        return self.hashes.nbytes + self._table.nbytes
