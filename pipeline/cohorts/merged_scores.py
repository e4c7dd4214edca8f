"""All partitions' scores together: what benchmarks and ranks are made of.

It is a function of `score.distributions` up to an offset, and that offset is its name: two workers that have
read equally far hold the same. Records are taken as they come and count with their partition's next head;
`merge` then brings all in at once, in steps so short that it can share an event loop; or nothing, when records
are missing.
"""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.cohorts.cohort_table import ALL, NONE, CohortTable
from pipeline.cohorts.histograms import CohortHistograms
from pipeline.cohorts.kinds import name_of
from pipeline.cohorts.publications import Publications
from pipeline.cohorts.sorted_scores import SortedScores, empty, entries_of
from pipeline.cohorts.sources import Incomplete, Source, Update, updated
from schemas.distributions import GONE

LIMIT = 20_000
"""Cohorts of a kind with a place of their own, unless something else is set."""
_PIECE = 16_384
"""Changes that are brought into the totals in one step."""


@dataclass(slots=True)
class _Change:
    """Members before and after; cohort int64[n, 1 + K], 0 for none; numbers uint16[n, 6]."""

    before: np.ndarray
    was_in: np.ndarray
    after: np.ndarray
    is_in: np.ndarray


class MergedScores:
    """The merged view. kinds: of cohorts, beside `everyone`; totals: whether benchmarks are made of it.

    limit: cohorts of a kind that have figures of their own; minimum: members that a cohort must have to be shown.
    What is kept by cohort is kept by place, see `CohortTable`. active: int64[cohorts], how many members of each
    are active. incomplete: why the last merge changed nothing, by partition.
    """

    def __init__(
        self,
        partitions: int,
        kinds: Sequence[str],
        totals: bool = False,
        *,
        limit: int = LIMIT,
        minimum: int = 1,
    ) -> None:
        self.partitions = partitions
        self.kinds = tuple(kinds)
        self._limit, self._minimum = limit, minimum
        self.totals: CohortHistograms | None = None
        self.clear()
        if totals:
            self.totals = CohortHistograms(len(self.cohorts))

    def clear(self) -> None:
        """Drop everything: the topic will be read from its beginning."""
        self.offset = -1
        self.taken = -1
        self.sources: dict[int, Source] = {}
        self.incomplete: dict[int, str] = {}
        self.table = CohortTable(self.kinds, self._limit, self._minimum)
        # everyone first, which has no others beside it
        self.sorted_scores: list[SortedScores] = [empty(ALL + 1) for _ in range(1 + len(self.kinds))]
        self.totals = None
        self.changed = np.zeros(2, bool)
        self.active = np.zeros(2, np.int64)
        self._publications = Publications(self.partitions, self.kinds)

    @property
    def cohorts(self) -> list[tuple[str, str]]:
        """(kind, value) of each cohort that has a place."""
        return self.table.cohorts

    @property
    def waiting(self) -> bool:
        """Whether there is anything to merge."""
        return self._publications.fresh

    @property
    def gathered(self) -> bool:
        """Whether every partition has something complete that is not merged."""
        return len(self._publications.ready) == self.partitions

    @property
    def complete(self) -> bool:
        """Whether every partition has published."""
        return len(self.sources) == self.partitions

    def take(self, key: bytes | None, value: bytes, offset: int) -> None:
        """A committed record of the topic, in order; ValueError when it is none of ours, or can't be read."""
        self.taken = offset
        self._publications.take(key, value)

    def merge(self) -> Iterator[None]:
        """Bring in all that is complete, in steps; the view changes in the last one, all at once.

        Nothing of it changes while records of a partition are missing: `incomplete` says why. What has come waits
        for the partition's next publication.
        """
        ready = self._publications.get()
        offset = self.taken
        updates, missing = [], {}
        for partition, made in ready.items():
            try:
                updates.append(
                    updated(self.sources.get(partition), made, len(self.kinds), number=self.table.known)
                )
            except Incomplete as error:
                missing[partition] = str(error)
            yield
        self.incomplete = missing
        if missing:
            self._publications.put_back(ready)
            return
        if not updates:
            return
        change = yield from self._placed(updates)
        size = len(self.cohorts)
        moved_scores = []
        before, after = (part[:, 0].astype(np.int64) for part in (change.before, change.after))
        for at, scores in enumerate(self.sorted_scores):
            was, now = change.was_in[:, at], change.is_in[:, at]
            moved = (was != now) | (before != after)
            gone, come = entries_of(was[moved], before[moved]), entries_of(now[moved], after[moved])
            moved_scores.append(scores.moved(gone, come, size if at else ALL + 1))
            yield
        if self.totals is not None:
            self.totals.resize(size)
            yield from _counted(self.totals, change)
        changed = np.zeros(size, bool)
        changed[: len(self.changed)] = self.changed
        changed[change.was_in] = changed[change.is_in] = True
        active = np.zeros(size, np.int64)
        active[: len(self.active)] = self.active
        active += _active(change.after, change.is_in, size) - _active(change.before, change.was_in, size)
        self.active = active
        self.changed, self.sorted_scores, self.offset = changed, moved_scores, offset
        for partition, update in zip(ready, updates, strict=True):
            self.sources[partition] = update.install()
        for source in self.sources.values():
            source.cohort = self.table.places[source.known]
        if any(update.replaces for update in updates):
            self._forget()

    def _placed(self, updates: list[Update]) -> Generator[None, None, _Change]:
        """The changes of members, in steps, with the places of their cohorts as they were and as they will be."""
        table = self.table
        changes = [_change(update) for update in updates]
        change = _joined(changes)
        yield
        had, before = _longer(table.sizes, len(table)), _longer(table.places, len(table))
        sizes = had + _counts(change.is_in[:, 1:], len(table)) - _counts(change.was_in[:, 1:], len(table))
        places = table.placed(sizes, self.changed)
        moved = (before != places) & (had > 0)
        if moved.any():
            by_source = {id(update.source): update for update in updates}
            for source in self.sources.values():
                changes.append(_staying(source, by_source.get(id(source)), moved))
                yield
            change = _all(changes)
        table.places, table.sizes = places, sizes
        return _Change(
            change.before, _in_places(change.was_in, before), change.after, _in_places(change.is_in, places)
        )

    def _forget(self) -> None:
        """Drop cohorts that no partition speaks of any more, when they are many."""
        used = np.unique(np.concatenate([np.zeros(1, np.int64), *(s.known for s in self.sources.values())]))
        if self.table.crowded(len(used)):
            renumbered = self.table.forget(used)
            for source in self.sources.values():
                source.known = renumbered[source.known]

    def size(self) -> int:
        """How many cohorts have members."""
        return sum(int(np.count_nonzero(np.diff(scores.edges))) for scores in self.sorted_scores)

    def number(self, kind: str, value: str) -> int:
        """A cohort's place, 0 when it has none of its own."""
        return self.table.place(kind, value)

    def name(self, number: int) -> str:
        """A cohort's name, as `industry:software`."""
        return name_of(*self.cohorts[number])

    def count(self) -> Iterator[None]:
        """Begin to keep totals, in steps, with all that is merged; all cohorts count as changed then."""
        totals = CohortHistograms(len(self.cohorts))
        for source in self.sources.values():
            is_in = _in(source.numbers, source.codes, source.cohort)
            yield from _counted(totals, _Change(source.numbers, np.zeros_like(is_in), source.numbers, is_in))
        self.totals = totals
        self.changed = np.ones(len(self.cohorts), bool)

    def nbytes(self) -> int:
        """Bytes allocated in arrays."""
        members = sum(s.numbers.nbytes + s.codes.nbytes for s in self.sources.values())
        scores = sum(one.nbytes() for one in self.sorted_scores)
        return members + scores + (self.totals.nbytes() if self.totals else 0)


def _change(update: Update) -> _Change:
    """What the members of a partition were and will be, with the numbers by which cohorts are known."""
    was_in = _in(update.was, update.was_codes, update.source.known)
    return _Change(update.was, was_in, update.numbers, _in(update.numbers, update.codes, update.known))


def _counts(cohorts: np.ndarray, size: int) -> np.ndarray:
    """int64[size]: how often each number is among the cohorts int64[n, K]; of 0 none."""
    found = np.zeros(size, np.int64)
    for column in cohorts.T:
        found += np.bincount(column, minlength=size)
    found[NONE] = 0
    return found


def _in_places(known: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The places int64[n, 1 + K] of known cohorts; `everyone`, the first column, is what it is."""
    found = np.empty_like(known, order="F")
    found[:, 0] = known[:, 0]
    for column in range(1, known.shape[1]):
        found[:, column] = places[known[:, column]]
    return found


def _staying(source: Source, update: Update | None, moved: np.ndarray) -> _Change:
    """The members of a partition who do not change themselves, but one of whose cohorts has `moved`, bool[known]."""
    concerned = moved[source.known][source.codes].any(axis=1) & (source.numbers[:, 0] != GONE)
    if update is not None:
        concerned[update.slots[update.slots < len(concerned)]] = False
    numbers = source.numbers[concerned]
    is_in = _in(numbers, source.codes[concerned], source.known)
    return _Change(numbers, is_in, numbers, is_in)


def _in(numbers: np.ndarray, codes: np.ndarray, cohort: np.ndarray) -> np.ndarray:
    """int64[n, 1 + K]: the cohorts of members, `everyone` first; 0 where there is none."""
    found = np.empty((len(numbers), 1 + codes.shape[1]), np.int64, order="F")  # it is read by column
    there = numbers[:, 0] != GONE
    found[:, 0] = there * ALL
    for column, code in enumerate(codes.T, 1):
        np.multiply(cohort[code], there, out=found[:, column])
    return found


def is_active(pillars: np.ndarray) -> np.ndarray:
    """bool[n]: which of members with these pillars int[n, 4] are active: with points beside those of brand.

    A profile alone gives points in brand, so whoever has others has done something in the window, or got something.
    """
    return np.asarray((pillars[:, 1:] > 0).any(axis=1))


def _active(numbers: np.ndarray, cohorts: np.ndarray, size: int) -> np.ndarray:
    """int64[size]: how many of these members are active, by cohort."""
    active = is_active(numbers[:, 1:5])
    found = np.zeros(size, np.int64)
    for column in cohorts.T:
        found += np.bincount(column[active], minlength=size)
    return found


def _counted(totals: CohortHistograms, change: _Change) -> Iterator[None]:
    """Bring the change into the totals, in steps."""
    for start in range(0, len(change.before), _PIECE):
        part = slice(start, start + _PIECE)
        totals.move(change.was_in[part], change.before[part], change.is_in[part], after=change.after[part])
        yield


def _joined(changes: list[_Change]) -> _Change:
    """The changes of several partitions as one, without those that change nothing."""
    together = _all(changes)
    before, was_in, after, is_in = together.before, together.was_in, together.after, together.is_in
    differs = np.zeros(len(before), bool)
    for one, other in ((before, after), (was_in, is_in)):
        for column in range(one.shape[1]):  # a fraction of what any(axis=1) takes of rows so short
            differs |= one[:, column] != other[:, column]
    return _Change(before[differs], was_in[differs], after[differs], is_in[differs])


def _all(changes: list[_Change]) -> _Change:
    """Several as one."""
    if len(changes) == 1:
        return changes[0]
    parts = [(c.before, c.was_in, c.after, c.is_in) for c in changes]
    return _Change(*(np.concatenate(part) for part in zip(*parts, strict=True)))


def _longer(array: np.ndarray, length: int) -> np.ndarray:
    """The array with zeros behind it."""
    return np.concatenate([array, np.zeros(length - len(array), array.dtype)])
