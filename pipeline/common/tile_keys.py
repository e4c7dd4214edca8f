"""Tiles on their way out of the state: counts per member, signal and day, flat."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

WINDOW = 90
"""Days that count: [day - 89, day]."""
RING = 128
"""Days a key can distinguish; more than the window so that early and stale days do not clash."""
KEYS = 64 * RING


@dataclass(slots=True)
class Pairs:
    """k non-empty tiles of n members.

    row: int64[k], which of the n members; key: uint16[k] = signal << 7 | (day & 127); count: uint16[k].
    """

    row: np.ndarray
    key: np.ndarray
    count: np.ndarray

    def __len__(self) -> int:
        return len(self.row)


def tile_key(signal: np.ndarray, day: np.ndarray) -> np.ndarray:
    """uint16[n]: the keys of tiles, by signal and day (days since 1970), int64[n] each."""
    return (signal << 7 | (day & (RING - 1))).astype(np.uint16)


def key_signals(key: np.ndarray) -> np.ndarray:
    """The signals of keys, in the type of these."""
    return key >> 7


@lru_cache(8)
def key_days(day: int) -> np.ndarray:
    """int64[KEYS]: the absolute day each key stands for when today is `day`.

    Days from `day` - 89 - 36 to `day` + 2 are distinguished; what is outside the window weighs nothing.
    """
    ahead = day + 2
    ring = np.arange(KEYS) & (RING - 1)
    days = ahead - ((ahead - ring) & (RING - 1))
    days.flags.writeable = False
    return days
