"""The quiet period after an erasure: others' events do not bring the erased member back, own activity does.

Nothing is dropped for it, since the member may return, and an event of another may come before the one that shows it.
All tiles after the erased day are kept, and which of them count follows from the tiles and that day alone. So it
does not depend on the order of events, and needs no state beyond what the ledger has always had.
"""

import numpy as np

from pipeline.common.tile_keys import WINDOW, Pairs, key_days, key_signals
from pipeline.common.units import Day
from schemas.signals import FROM_OTHERS, Signal

DAYS = 30
"""The length of the quiet period, unless a setting says otherwise."""
_NEVER = np.iinfo(np.int64).max
_OWN = np.isin(np.arange(64), sorted(set(Signal) - set(FROM_OTHERS)))


def counting(pairs: Pairs, erased: np.ndarray, as_of: Day, *, days: int) -> Pairs:
    """The tiles that count as of a day.

    Left out are those of the `days` days after the erased day, up to the member's first own activity since.

    Args:
        pairs: tiles of n members.
        erased: int64[n], the last erased day of each.
        as_of: the day.
        days: the length of the quiet period.
    """
    recent = erased > as_of - WINDOW - days
    if not days or not recent.any():
        return pairs
    day = key_days(as_of)[pairs.key]
    last = erased[pairs.row]
    own = recent[pairs.row] & _OWN[key_signals(pairs.key)]
    own &= (day > last) & (day > as_of - WINDOW) & (day <= as_of)
    returned = np.full(len(erased), _NEVER)
    np.minimum.at(returned, pairs.row[own], day[own])
    quiet = recent[pairs.row] & (day <= last + days) & (day < returned[pairs.row])
    return Pairs(pairs.row[~quiet], pairs.key[~quiet], pairs.count[~quiet]) if quiet.any() else pairs


def under_way(erased: np.ndarray, as_of: Day, *, days: int) -> np.ndarray:
    """bool[n]: of whom the quiet period is not over on a day; erased: int64[n], the last erased day of each."""
    return erased >= as_of - days
