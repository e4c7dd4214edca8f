"""All partitions' scores together: what benchmarks and ranks are made of.

It is a function of `score.distributions` up to an offset, and that offset is its name: two workers that have
read equally far hold the same. Records are taken as they come and count with their partition's next head;
`merge` then brings all in at once, in steps so short that it can share an event loop; or nothing, when records
are missing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.cohorts.histograms import CohortHistograms
from pipeline.cohorts.kinds import EVERYONE, name_of
from pipeline.cohorts.publications import Publications
from pipeline.cohorts.sorted_scores import SortedScores, empty, entries_of
from pipeline.cohorts.sources import Incomplete, Source, Update, updated
from schemas.distributions import GONE

NONE, ALL = 0, 1
"""Numbers of cohorts: none, and everyone."""
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

    active: int64[cohorts], how many members of each cohort are active. incomplete: why the last merge changed
    nothing, by partition.
    """

    def __init__(self, partitions: int, kinds: Sequence[str], totals: bool = False) -> None:
        self.partitions = partitions
        self.kinds = tuple(kinds)
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
        self.cohorts: list[tuple[str, str]] = [("", ""), (EVERYONE, "")]
        # everyone first, which has no others beside it
        self.sorted_scores: list[SortedScores] = [empty(ALL + 1) for _ in range(1 + len(self.kinds))]
        self.names = ["", EVERYONE]
        self.columns = [0, 0]  # of sorted_scores, where each cohort is
        self.totals = None
        self.changed = np.zeros(2, bool)
        self.active = np.zeros(2, np.int64)
        self._numbers = {cohort: number for number, cohort in enumerate(self.cohorts)}
        self._publications = Publications(self.partitions, self.kinds)

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
                    updated(self.sources.get(partition), made, len(self.kinds), number=self._number)
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
        change = _joined([_change(update) for update in updates])
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

    def _number(self, cohort: tuple[str, str]) -> int:
        if cohort[0] not in self.kinds:
            return NONE
        number = self._numbers.get(cohort)
        if number is None:
            number = self._numbers[cohort] = len(self.cohorts)
            self.cohorts.append(cohort)
            self.names.append(name_of(*cohort))
            self.columns.append(1 + self.kinds.index(cohort[0]))
        return number

    def size(self) -> int:
        """How many cohorts have members."""
        return sum(int(np.count_nonzero(np.diff(scores.edges))) for scores in self.sorted_scores)

    def number(self, kind: str, value: str) -> int:
        """A cohort's number, 0 when it is not known."""
        return self._numbers.get((kind, value), NONE)

    def name(self, number: int) -> str:
        """A cohort's name, as `industry:software`."""
        return self.names[number]

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
    """What the members of a partition were and will be; all of its old cohorts still have their numbers."""
    was_in = _in(update.was, update.was_codes, update.source.cohort)
    return _Change(update.was, was_in, update.numbers, _in(update.numbers, update.codes, update.cohort))


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
    parts = [(c.before, c.was_in, c.after, c.is_in) for c in changes]
    before, was_in, after, is_in = (np.concatenate(part) for part in zip(*parts, strict=True))
    differs = np.zeros(len(before), bool)
    for one, other in ((before, after), (was_in, is_in)):
        for column in range(one.shape[1]):  # a fraction of what any(axis=1) takes of rows so short
            differs |= one[:, column] != other[:, column]
    return _Change(before[differs], was_in[differs], after[differs], is_in[differs])
