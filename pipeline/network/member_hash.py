"""Which rows name the member on the other side: those of ties, and those that count members.

A tie is a connection made or removed, or engagement received; members are counted by the signals that count each
counterpart once a day. Such a row names its peer by a hash of 64 bits: that is enough to find the peer's score, is 8
bytes in a frame whatever the id is, and leaves no names of others in anybody's state.
"""

from collections.abc import Sequence
from itertools import repeat

import numpy as np
import xxhash

from schemas.signals import DISTINCT, Signal, mask

CONNECTED = np.uint64(mask(Signal.CONNECTION))
REMOVED = np.uint64(mask(Signal.CONNECTION_REMOVED))
ENGAGED = np.uint64(
    mask(Signal.REACTION_RECEIVED, Signal.COMMENT_RECEIVED, Signal.SHARE_RECEIVED, Signal.MENTION_RECEIVED)
)
LINKS = CONNECTED | REMOVED
"""Credits that both sides have; those of ENGAGED are the counterpart's alone."""
TIES = LINKS | ENGAGED
COUNTED = np.uint64(mask(*DISTINCT))
"""Credits that count members once a day."""
_COUNTED_BOTH = np.uint64(mask(Signal.DIALOGUE_PARTNER))
"""Those of them that both sides have."""
_SEED = 0x70_65_65_72
"""Of the hash of members; it is in frames and ledger, so never change it."""


def member_hashes(names: Sequence[str]) -> np.ndarray:
    """uint64[n]: the hash of each member's id, never 0.

    That two of n members share one has a probability of n² / 2^65: 3e-8 for a million.
    """
    return key_hashes([*map(str.encode, names)])


def key_hashes(keys: Sequence[bytes]) -> np.ndarray:
    """The same of ids as the bytes that a record has as its key."""
    hashes = np.fromiter(map(xxhash.xxh3_64_intdigest, keys, repeat(_SEED)), np.uint64, len(keys))
    hashes[hashes == 0] = 1
    return hashes


def tied(counterparts: np.ndarray, ties: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Of the masks of counterparts, uint64[k]: int64, whose actor names them; int64, who name their actor.

    ties: also for the ties, not only to count members.
    """
    both, one = _COUNTED_BOTH, COUNTED
    if ties:
        both, one = both | LINKS, one | TIES
    return np.flatnonzero(counterparts & both), np.flatnonzero(counterparts & one)
