"""A partition as merged, and what a publication makes of it.

What has come need not be all that its head stands for: compaction removes records that newer ones replace, also
while somebody reads and has not come to the newer ones. The head's digest says whether it is. If not, nothing is
taken over, and the publication waits for the next one of its partition.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipeline.cohorts.publications import Publication
from pipeline.common.growable import grown
from schemas.distribution_digest import digest_of, name_hash, names_sum, rows_sum
from schemas.distributions import GONE, WIDTH, Head, Rows


class Incomplete(ValueError):
    """Records of a publication are missing, or others are among them; the message says what shows it."""


@dataclass(slots=True)
class Source:
    """By slot its numbers (score GONE for nobody), its own numbers of cohorts, and the hash of its row.

    cohort: int64, the merged number of each of its own numbers; names: uint64, the hash of each, 0 where unknown.
    total: the sum of the hashes of all rows.
    """

    head: Head
    numbers: np.ndarray
    codes: np.ndarray
    hashes: np.ndarray
    cohort: np.ndarray
    names: np.ndarray
    total: int = 0

    @classmethod
    def nobody(cls, head: Head, kinds: int) -> "Source":
        """Without members."""
        return cls(
            head,
            np.zeros((0, WIDTH), np.uint16),
            np.zeros((0, kinds), np.uint32),
            np.zeros(0, np.uint64),
            np.zeros(1, np.int64),
            np.zeros(1, np.uint64),
        )


@dataclass(slots=True)
class Update:
    """What a partition will be: its slots with new values; replaces: nothing of what it was stays.

    was, was_codes: numbers and codes of the slots before.
    """

    source: Source
    replaces: bool
    slots: np.ndarray
    numbers: np.ndarray
    codes: np.ndarray
    hashes: np.ndarray
    cohort: np.ndarray
    names: np.ndarray
    total: int
    head: Head
    was: np.ndarray
    was_codes: np.ndarray

    def install(self) -> Source:
        """The partition as it is now; one that is not replaced is changed in place."""
        source = self.source
        if self.replaces:
            source = Source.nobody(self.head, self.codes.shape[1])
        source.head, source.cohort, source.names = self.head, self.cohort, self.names
        source.total = self.total
        there = self.hashes != 0 if self.replaces else np.ones(len(self.slots), bool)
        slots = self.slots[there]
        size, have = int(slots.max(initial=-1)) + 1, len(source.numbers)
        source.numbers = grown(source.numbers, size)
        source.numbers[have:, 0] = GONE
        source.codes = grown(source.codes, size)
        source.hashes = grown(source.hashes, size)
        source.numbers[slots] = self.numbers[there]
        source.codes[slots] = self.codes[there]
        source.hashes[slots] = self.hashes[there]
        return source


def updated(
    old: Source | None, made: Publication, kinds: int, *, number: Callable[[tuple[str, str]], int]
) -> Update:
    """What `made` makes of a partition; nothing is changed yet. Raises Incomplete.

    number: gives the merged number of a cohort (kind, value).
    """
    head = made.head
    assert head is not None
    replaces = old is None or old.head.epoch != head.epoch
    before = Source.nobody(head, kinds) if old is None else old
    base = Source.nobody(head, kinds) if replaces else before
    slots, numbers, codes, hashes = _newest(made.rows, head.places, kinds)
    total = base.total + rows_sum(hashes) - rows_sum(_padded(base.hashes, slots))
    cohort, names = _named(base, made, number)
    if not replaces and before.head.digest is not None and head.digest is None:
        raise Incomplete("its head has no digest, although earlier ones of its epoch have")
    _check(head, names, total, codes=codes)
    if replaces:
        slots, numbers, codes, hashes = _all(slots, numbers, codes, hashes=hashes, size=len(before.numbers))
    was = _padded(before.numbers, slots, GONE)
    return Update(
        source=before,
        replaces=replaces,
        slots=slots,
        numbers=numbers,
        codes=codes,
        hashes=hashes,
        cohort=cohort,
        names=names,
        total=total,
        head=head,
        was=was,
        was_codes=_padded(before.codes, slots),
    )


def _check(head: Head, names: np.ndarray, total: int, *, codes: np.ndarray) -> None:
    """Raise Incomplete unless these are the rows and names that the head stands for."""
    if head.names is not None and len(names) < head.names:
        raise Incomplete(f"the names of {head.names - len(names)} cohorts are missing")
    if len(codes) and (int(codes.max(initial=0)) >= len(names) or not names[1:].all()):
        raise Incomplete("members are in cohorts whose names are missing")
    if head.digest is not None and digest_of(total, names_sum(names[: head.names])) != head.digest:
        raise Incomplete("the rows are not those of the head's digest")


def _named(
    base: Source, made: Publication, number: Callable[[tuple[str, str]], int]
) -> tuple[np.ndarray, np.ndarray]:
    """The merged numbers of the partition's own cohorts, and the hashes of their names."""
    cohort, names = base.cohort, base.names
    for first, named in sorted(made.names.items()):
        if first > len(names):
            break  # some before are missing
        hashes = [name_hash(kind, value) for kind, value in named]
        numbers = [number(name) for name in named]
        rest = first + len(named)
        cohort = np.concatenate([cohort[:first], np.array(numbers, np.int64), cohort[rest:]])
        names = np.concatenate([names[:first], np.array(hashes, np.uint64), names[rest:]])
    return cohort, names


def _newest(rows: list[Rows], places: int, kinds: int) -> tuple[np.ndarray, ...]:
    """(slots, their numbers, their codes, their hashes), each slot once, as it was published last."""
    if not rows:
        return (
            np.zeros(0, np.int64),
            np.zeros((0, WIDTH), np.uint16),
            np.zeros((0, kinds), np.uint32),
            np.zeros(0, np.uint64),
        )
    slots = np.concatenate([part.place for part in rows])
    last = np.zeros(min(places, int(slots.max(initial=-1)) + 1), np.int64)
    within = slots < places
    position = np.arange(len(slots))
    last[slots[within]] = position[within]
    keep = within.copy()
    keep[within] = last[slots[within]] == position[within]
    numbers = np.concatenate([part.numbers for part in rows])[keep]
    codes = np.concatenate([part.cohort for part in rows])[keep]
    return slots[keep], numbers, codes, np.concatenate([part.hashes for part in rows])[keep]


def _all(
    slots: np.ndarray, numbers: np.ndarray, codes: np.ndarray, *, hashes: np.ndarray, size: int
) -> tuple[np.ndarray, ...]:
    """The same for all slots 0..size-1 at least, with nobody in those that have not come."""
    size = max(size, int(slots.max(initial=-1)) + 1)
    made = [np.zeros((size, *values.shape[1:]), values.dtype) for values in (numbers, codes, hashes)]
    made[0][:, 0] = GONE
    for array, values in zip(made, (numbers, codes, hashes), strict=True):
        array[slots] = values
    return np.arange(size), *made


def _padded(array: np.ndarray, slots: np.ndarray, score: int = 0) -> np.ndarray:
    """The rows of `slots`; beyond the array's end rows with `score` first and zeros."""
    beyond = slots >= len(array)
    if not beyond.any():
        return array[slots]
    found = np.zeros((len(slots), *array.shape[1:]), array.dtype)
    found[~beyond] = array[slots[~beyond]]
    if score:
        found[beyond, 0] = score
    return found
