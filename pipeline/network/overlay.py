"""Changes to links that are not in blocks yet, laid over these."""

import numpy as np

from pipeline.network.link_block import Gaps

_SHIFT = np.uint64(32)


class Overlay:
    """Links not yet in their blocks, sorted by key = slot of the owner << 32 | code of the peer.

    fresh: bool[k], not in the ledger; folded: bool[k], in the block too.
    """

    def __init__(self) -> None:
        self.key = np.zeros(0, np.uint64)
        self.state = np.zeros(0, np.uint32)
        self.day = np.zeros(0, np.uint16)
        self.fresh = np.zeros(0, np.bool_)
        self.folded = np.zeros(0, np.bool_)

    def __len__(self) -> int:
        return len(self.key)

    def take(self, key: np.ndarray, state: np.ndarray, day: np.ndarray, *, fresh: bool) -> None:
        """Take in links in any order, perhaps several for a key."""
        order = np.argsort(key)
        key = key[order]
        first = np.flatnonzero(np.append(True, key[1:] != key[:-1])) if len(key) else order
        if not len(first):
            return
        state, day = np.maximum.reduceat(state[order], first), np.maximum.reduceat(day[order], first)
        key = key[first]
        at = np.searchsorted(self.key, key)
        known = np.zeros(len(key), bool)
        inside = at < len(self.key)
        known[inside] = self.key[at[inside]] == key[inside]
        rises = np.flatnonzero(known)
        hit = at[rises]
        up = (state[rises] > self.state[hit]) | (day[rises] > self.day[hit])
        rises, hit = rises[up], hit[up]
        self.state[hit] = np.maximum(self.state[hit], state[rises])
        self.day[hit] = np.maximum(self.day[hit], day[rises])
        self.fresh[hit] |= fresh
        self.folded[hit] = False
        new = ~known
        gaps = Gaps(at[new], len(self.key))
        self.key = gaps.fill(self.key, key[new])
        self.state = gaps.fill(self.state, state[new])
        self.day = gaps.fill(self.day, day[new])
        self.fresh = gaps.fill(self.fresh, fresh)
        self.folded = gaps.fill(self.folded, False)

    def part(self, first: int, stop: int) -> slice:
        """Where the links of the owners at slots [first, stop) are."""
        low, high = np.searchsorted(self.key, np.array([first, stop], np.uint64) << _SHIFT)
        return slice(int(low), int(high))

    def fold(self, first: int, stop: int) -> slice:
        """The same, and they count as folded."""
        part = self.part(first, stop)
        self.folded[part] = True
        return part

    def drop(self) -> None:
        """Drop what is both in its block and in the ledger."""
        stays = self.fresh | ~self.folded
        for name in ("key", "state", "day", "fresh", "folded"):
            setattr(self, name, getattr(self, name)[stays])

    def nbytes(self) -> int:
        return sum(a.nbytes for a in (self.key, self.state, self.day, self.fresh, self.folded))
