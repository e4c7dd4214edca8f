"""All cohorts that partitions speak of, and which of them have a place of their own.

Anybody who may publish can invent teams, so a kind has at most `limit` cohorts with figures of their own. While it
has no more, each has a place. With more, those with fewer members than the minimum, which nobody is shown anyway, are
put together as `other`; and if there are still more, the largest keep their places, of equally large ones those whose
names have the lowest hash. So which ones do depends on how many members cohorts have now, and neither on the order
in which they came nor on what was before: every worker comes to the same.
"""

from collections.abc import Sequence

import numpy as np

from pipeline.cohorts.kinds import EVERYONE

NONE, ALL = 0, 1
"""Numbers of cohorts: none, and everyone."""
OTHER = "other"
"""The value of the cohort of all that have no place of their own; one that is really called so is among them."""

FEW = 1 << 16
"""Up to so many cohorts are known without asking what for."""


class CohortTable:
    """Cohorts have two numbers: one by which they are known, and that of their place, which several may share.

    places: int64[known], by known number; sizes: int64[known], members; cohorts: (kind, value) by place; columns: 1
    and the number of its kind, by place. others: the place of `other` by kind, NONE while nobody is in it; outside:
    how many cohorts are in it.
    """

    def __init__(self, kinds: Sequence[str], limit: int, minimum: int) -> None:
        self.kinds = tuple(kinds)
        self.limit = limit
        self.minimum = minimum
        self.places = np.zeros(1, np.int64)
        self.sizes = np.zeros(1, np.int64)
        self.cohorts: list[tuple[str, str]] = [("", ""), (EVERYONE, "")]
        self.columns = [0, 0]
        self.others = [NONE] * len(self.kinds)
        self.outside = [0] * len(self.kinds)
        self._by_name = {cohort: place for place, cohort in enumerate(self.cohorts)}
        self._values = [""]
        self._kind = np.full(1, -1, np.int8)
        self._hashes = np.zeros(1, np.uint64)
        self._order = np.zeros(1, np.int64)  # known numbers by ascending hash
        self._sorted = np.zeros(1, np.uint64)
        self._leaving: list[int] = []  # places whose cohorts have lost them
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._values)

    def place(self, kind: str, value: str) -> int:
        """The place of a cohort, NONE when it has none of its own."""
        return self._by_name.get((kind, value), NONE)

    def known(self, named: Sequence[tuple[str, str]], hashes: np.ndarray) -> np.ndarray:
        """int64[n]: the numbers of cohorts (kind, value), new ones for new ones, 0 for kinds that are not followed.

        hashes: uint64[n], of their names.
        """
        at = np.minimum(np.searchsorted(self._sorted, hashes), len(self._sorted) - 1)
        found = np.where(self._sorted[at] == hashes, self._order[at], NONE)
        new: dict[int, int] = {}
        kinds = []
        for row in np.flatnonzero(found == NONE).tolist():
            kind, value = named[row]
            if kind not in self.kinds:
                continue
            code = int(hashes[row])
            if code not in new:
                new[code] = len(self._values)
                self._values.append(value)
                kinds.append(self.kinds.index(kind))
            found[row] = new[code]
        if new:
            self._add(np.fromiter(new, np.uint64, len(new)), np.array(kinds, np.int8))
        return found

    def _add(self, hashes: np.ndarray, kinds: np.ndarray) -> None:
        first = len(self._hashes)
        self._hashes = np.concatenate([self._hashes, hashes])
        self._kind = np.concatenate([self._kind, kinds])
        order = np.argsort(hashes, kind="stable")
        at = np.searchsorted(self._sorted, hashes[order])
        self._sorted = np.insert(self._sorted, at, hashes[order])
        self._order = np.insert(self._order, at, first + order)

    def placed(self, sizes: np.ndarray, changed: np.ndarray) -> np.ndarray:
        """int64[known]: the places when cohorts have these sizes, int64[known]; new ones are given where needed.

        changed: bool[places], those whose benchmarks are still to be made; they are not given again yet.
        """
        places = np.zeros(len(self), np.int64)
        places[: len(self.places)] = self.places
        self._free += [place for place in self._leaving if not changed[place]]
        self._leaving = [place for place in self._leaving if changed[place]]
        for column, kind in enumerate(self.kinds):
            mine = np.flatnonzero(self._kind == column)
            own = self._own(mine, sizes[mine])
            inside, outside = mine[own], mine[~own]
            self.outside[column] = int(np.count_nonzero(sizes[outside]))
            for number in outside[places[outside] != NONE].tolist():
                self._leave(kind, self._values[number])
            other = self._give(column, OTHER) if self.outside[column] else NONE
            places[outside] = np.where(sizes[outside] > 0, other, NONE)
            shared = (places[inside] == NONE) | (places[inside] == self.others[column])
            for number in inside[shared].tolist():
                places[number] = self._give(column, self._values[number])
            self.others[column] = other
        return places

    def _own(self, mine: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        """bool[n]: which cohorts of a kind have a place of their own."""
        if len(mine) <= self.limit:
            return np.ones(len(mine), bool)
        own = sizes > 0
        if np.count_nonzero(own) > self.limit:
            own = sizes >= self.minimum
        if np.count_nonzero(own) > self.limit:
            own = np.zeros(len(mine), bool)
            own[np.lexsort((self._hashes[mine], -sizes))[: self.limit]] = True
        return own

    def _give(self, column: int, value: str) -> int:
        """The place of a cohort, a new one when it has none."""
        cohort = self.kinds[column], value
        place = self._by_name.get(cohort)
        if place is None:
            if self._free:
                place = self._free.pop()
                self.cohorts[place], self.columns[place] = cohort, 1 + column
            else:
                place = len(self.cohorts)
                self.cohorts.append(cohort)
                self.columns.append(1 + column)
            self._by_name[cohort] = place
        return place

    def _leave(self, kind: str, value: str) -> None:
        place = None if value == OTHER else self._by_name.pop((kind, value), None)
        if place is not None:
            self._leaving.append(place)

    def crowded(self, used: int) -> bool:
        """Whether most cohorts are known for nothing; used: how many partitions still speak of."""
        return len(self) > max(FEW, 2 * used)

    def forget(self, used: np.ndarray) -> np.ndarray:
        """Drop all cohorts but `used`, int64[n] ascending with 0 first; int64[known], the new numbers of the old."""
        renumbered = np.zeros(len(self), np.int64)
        renumbered[used] = np.arange(len(used))
        gone = np.setdiff1d(np.flatnonzero(self.places), used)
        for number in gone.tolist():
            self._leave(self.kinds[self._kind[number]], self._values[number])
        self._values = [self._values[number] for number in used.tolist()]
        self._kind, self._hashes = self._kind[used], self._hashes[used]
        self.places, self.sizes = self.places[used], self.sizes[used]
        self._order = np.argsort(self._hashes, kind="stable")
        self._sorted = self._hashes[self._order]
        return renumbered

    def nbytes(self) -> int:
        """Bytes allocated in arrays; names, a text each, are not counted."""
        arrays = (self.places, self.sizes, self._kind, self._hashes, self._order, self._sorted)
        return sum(array.nbytes for array in arrays)
