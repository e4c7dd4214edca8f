"""All partitions' scores together: what benchmarks and ranks are made of.

It is a function of `score.distributions` up to an offset, and that offset is its name: two workers that have
read equally far hold the same. Records are taken as they come and count with their partition's next head;
`merge` then brings all in at once, in steps so short that it can share an event loop.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from pipeline.cohorts.histograms import CohortHistograms
from pipeline.cohorts.kinds import EVERYONE, name_of
from pipeline.cohorts.sorted_scores import SortedScores, empty, entries_of
from pipeline.common.growable import grown
from schemas.distributions import GONE, WIDTH, Head, Rows, load_names, parse_key

NONE, ALL = 0, 1
"""Numbers of cohorts: none, and everyone."""
_PIECE = 16_384
"""Changes that are brought into the totals in one step."""


@dataclass(slots=True)
class _Staged:
    """What came of one epoch of a partition and is not merged yet."""

    epoch: int
    names: dict[int, list[tuple[str, str]]] = field(default_factory=dict)
    rows: list[Rows] = field(default_factory=list)
    head: Head | None = None


@dataclass(slots=True)
class Source:
    """A partition as merged: by slot its numbers (score GONE for nobody) and its own numbers of cohorts.

    cohort: int64, the merged number of each of its own numbers.
    """

    head: Head
    numbers: np.ndarray
    codes: np.ndarray
    cohort: np.ndarray


@dataclass(slots=True)
class _Change:
    """Members before and after; cohort int64[n, 1 + K], 0 for none; numbers uint16[n, 6]."""

    before: np.ndarray
    was_in: np.ndarray
    after: np.ndarray
    is_in: np.ndarray


@dataclass(slots=True)
class _Update:
    """What a partition will be: its slots with new values; replaces: nothing of what it was stays."""

    partition: int
    head: Head
    replaces: bool
    cohort: np.ndarray
    slots: np.ndarray
    numbers: np.ndarray
    codes: np.ndarray
    change: _Change


class MergedScores:
    """The merged view. kinds: of cohorts, beside `everyone`; totals: whether benchmarks are made of it.

    active: int64[cohorts], how many members of each cohort are active.
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
        self.cohorts: list[tuple[str, str]] = [("", ""), (EVERYONE, "")]
        # everyone first, which has no others beside it
        self.sorted_scores: list[SortedScores] = [empty(ALL + 1) for _ in range(1 + len(self.kinds))]
        self.names = ["", EVERYONE]
        self.columns = [0, 0]  # of sorted_scores, where each cohort is
        self.totals = None
        self.changed = np.zeros(2, bool)
        self.active = np.zeros(2, np.int64)
        self._numbers = {cohort: number for number, cohort in enumerate(self.cohorts)}
        self._staged: dict[int, _Staged] = {}
        self._ready: dict[int, list[_Staged]] = {}

    @property
    def waiting(self) -> bool:
        """Whether anything complete has been taken that is not merged."""
        return bool(self._ready)

    @property
    def gathered(self) -> bool:
        """Whether every partition has something complete that is not merged."""
        return len(self._ready) == self.partitions

    @property
    def complete(self) -> bool:
        """Whether every partition has published."""
        return len(self.sources) == self.partitions

    def take(self, key: bytes, value: bytes, offset: int) -> None:
        """A committed record of the topic, in order; ValueError when it can't be read."""
        partition, what = parse_key(key)
        self.taken = offset
        if what == "head":
            head = Head.model_validate_json(value)
            staged = self._of(partition, head.epoch)
            staged.head = head
            self._ready.setdefault(partition, []).append(staged)
            del self._staged[partition]
        elif what == "cohorts":
            epoch, first, names = load_names(value)
            self._of(partition, epoch).names[first] = names
        else:
            rows = Rows.load(value, self.kinds)
            self._of(partition, rows.epoch).rows.append(rows)

    def _of(self, partition: int, epoch: int) -> _Staged:
        staged = self._staged.get(partition)
        if staged is None or staged.epoch != epoch:
            staged = self._staged[partition] = _Staged(epoch)
        return staged

    def merge(self) -> Iterator[None]:
        """Bring in all that is complete, in steps; the view changes in the last one, all at once."""
        ready, self._ready = self._ready, {}
        offset = self.taken
        updates = []
        for partition, lots in ready.items():
            updates.append(self._update(partition, lots))
            yield
        if not updates:
            return
        change = _joined([update.change for update in updates])
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
        for update in updates:
            self._install(update)

    def _update(self, partition: int, lots: list[_Staged]) -> _Update:
        """What was staged for a partition against what it is; nothing is changed yet."""
        old = self.sources.get(partition)
        epoch = lots[-1].epoch
        lots = [staged for staged in lots if staged.epoch == epoch]
        head = lots[-1].head
        assert head is not None
        replaces = old is None or old.head.epoch != epoch
        empty = self._nobody(head)
        was = old or self._nobody(head)
        cohort = empty.cohort if replaces else was.cohort
        for staged in lots:
            for first, names in sorted(staged.names.items()):
                numbered = np.array([self._number(name) for name in names], np.int64)
                cohort = np.concatenate([cohort[:first], numbered])
        slots, numbers, codes = self._newest([rows for staged in lots for rows in staged.rows], head.places)
        if replaces:
            empty.numbers[slots], empty.codes[slots] = numbers, codes
            slots = np.arange(max(len(was.numbers), head.places))
            numbers, codes = _padded(empty.numbers, len(slots), GONE), _padded(empty.codes, len(slots), 0)
        before = _padded(was.numbers, head.places, GONE)[slots]
        was_codes = _padded(was.codes, head.places, 0)[slots]
        change = _Change(before, _in(before, was_codes, was.cohort), numbers, _in(numbers, codes, cohort))
        return _Update(partition, head, replaces, cohort, slots, numbers, codes, change)

    def _newest(self, rows: list[Rows], size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(slots, their numbers, their codes), each slot once, as it was published last."""
        if not rows:
            return np.zeros(0, np.int64), np.zeros((0, WIDTH), np.uint16), self._codes(0)
        slots = np.concatenate([part.place for part in rows])
        last = np.zeros(size, np.int64)
        last[slots] = np.arange(len(slots))
        keep = last[slots] == np.arange(len(slots))
        numbers = np.concatenate([part.numbers for part in rows])[keep]
        return slots[keep], numbers, np.concatenate([part.cohort for part in rows])[keep]

    def _install(self, update: _Update) -> None:
        source = self.sources.get(update.partition)
        if source is None or update.replaces:
            source = self.sources[update.partition] = self._nobody(update.head)
        source.head, source.cohort = update.head, update.cohort
        size = update.head.places
        have = len(source.numbers)
        source.numbers = grown(source.numbers, size)
        source.numbers[have:, 0] = GONE
        source.codes = grown(source.codes, size)
        here = update.slots < len(source.numbers)
        source.numbers[update.slots[here]] = update.numbers[here]
        source.codes[update.slots[here]] = update.codes[here]

    def _nobody(self, head: Head) -> Source:
        numbers = np.zeros((head.places, WIDTH), np.uint16)
        numbers[:, 0] = GONE
        return Source(head, numbers, self._codes(head.places), np.zeros(1, np.int64))

    def _codes(self, n: int) -> np.ndarray:
        return np.zeros((n, len(self.kinds)), np.uint32)

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


def _padded(array: np.ndarray, rows: int, score: int) -> np.ndarray:
    """The array with at least so many rows, new ones with `score` first and zeros."""
    if len(array) >= rows:
        return array
    more = np.zeros((rows - len(array), *array.shape[1:]), array.dtype)
    if array.shape[1]:
        more[:, 0] = score
    return np.concatenate([array, more])


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
