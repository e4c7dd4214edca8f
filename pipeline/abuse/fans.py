"""Accounts that do little else than engage with one member, who never engages with them: a flood in one direction."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.abuse.exchanges import Table

DAYS = 5
"""Different days on which a fan has engaged with the member."""
DEVOTED = 0.8
"""Of all engagement that a fan gives, the share that goes to the member."""
FEWEST = 3
MOST_OF = 0.5
"""Of all engagement that the member gets, the share that comes from fans."""


@dataclass(frozen=True, slots=True)
class Fans:
    """member, fans: indices into the names of the table; received: engagement in all; of_fans: theirs."""

    member: int
    fans: tuple[int, ...]
    received: int
    of_fans: int


def fans(table: Table) -> Iterator[Fans]:
    """Whom fans have lifted."""
    engaged = table.engagement()
    members = len(engaged.names)
    if not len(engaged):
        return
    pair, at = np.unique(engaged.giver * members + engaged.receiver, return_inverse=True)
    count = np.bincount(at, engaged.count).astype(np.int64)
    days = np.bincount(at[_first_of_day(engaged)], minlength=len(pair))
    giver, receiver = pair // members, pair % members
    given = np.bincount(giver, count, members)
    got = np.bincount(receiver, count, members).astype(np.int64)
    devoted = (days >= DAYS) & (count >= DEVOTED * given[giver])
    devoted &= ~np.isin(receiver * members + giver, pair)
    giver, receiver, count = giver[devoted], receiver[devoted], count[devoted]
    for member, many in zip(*np.unique(receiver, return_counts=True), strict=True):
        if many < FEWEST:
            continue
        mine = receiver == member
        of_fans = int(count[mine].sum())
        if of_fans >= MOST_OF * got[member]:
            yield Fans(int(member), tuple(giver[mine].tolist()), int(got[member]), of_fans)


def _first_of_day(engaged: Table) -> np.ndarray:
    """int64[k]: one row of each pair and day, however many kinds there are."""
    columns = np.stack([engaged.giver, engaged.receiver, engaged.day], axis=1)
    return np.unique(columns, axis=0, return_index=True)[1]
