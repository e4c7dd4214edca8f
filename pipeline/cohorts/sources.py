"""A partition as merged, and what a publication makes of it.

What has come need not be all that its head stands for: compaction removes records that newer ones replace, also
while somebody reads and has not come to the newer ones. The head's digest says whether it is. If not, nothing is
taken over, and the publication waits for the next one of its partition.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.cohorts.publications import Publication
from pipeline.common.growable import grown
from schemas.distribution_digest import digest_of, name_hash, names_sum, rows_sum
from schemas.distributions import GONE, WIDTH, Head, Rows

Numbers = Callable[[Sequence[tuple[str, str]], np.ndarray], np.ndarray]
"""Gives the numbers of cohorts (kind, value) with the hashes of their names, int64[n]."""


class Incomplete(ValueError):
    """Records of a publication are missing, or others are among them; the message says what shows it."""


@dataclass(slots=True)
class Source:
    """By slot its numbers (score GONE for nobody), its own numbers of cohorts, and the hash of its row.

    By its own numbers of cohorts, known: int64, by which they are known in all partitions; cohort: int64, their
    places; names: uint64, the hashes of their names, 0 where that has not come. total: the sum of the rows' hashes.
    """

    head: Head
    numbers: np.ndarray
    codes: np.ndarray
    hashes: np.ndarray
    known: np.ndarray
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
    known: np.ndarray
    names: np.ndarray
    total: int
    head: Head
    was: np.ndarray
    was_codes: np.ndarray

    def install(self) -> Source:
        """The partition as it is now, but for the places of cohorts; one that is not replaced is changed in place."""
        source = self.source
        if self.replaces:
            source = Source.nobody(self.head, self.codes.shape[1])
        source.head, source.known, source.names = self.head, self.known, self.names
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


def updated(old: Source | None, made: Publication, kinds: int, *, number: Numbers) -> Update:
    """What `made` makes of a partition; nothing is changed yet. Raises Incomplete.

    number: by which numbers cohorts are known.
    """
    head = made.head
    assert head is not None
    replaces = old is None or old.head.epoch != head.epoch
    before = Source.nobody(head, kinds) if old is None else old
    base = Source.nobody(head, kinds) if replaces else before
    slots, numbers, codes, hashes = _newest(made.rows, head.places, kinds)
    total = base.total + rows_sum(hashes) - rows_sum(_padded(base.hashes, slots))
    known, names = _named(base, made, number)
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
        known=known,
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


def _named(base: Source, made: Publication, number: Numbers) -> tuple[np.ndarray, np.ndarray]:
    """By the partition's own numbers of cohorts, those by which they are known, and the hashes of their names."""
    known, names = base.known, base.names
    for first, named in sorted(made.names.items()):
        if first > len(names):
            break  # some before are missing
        hashes = np.array([name_hash(kind, value) for kind, value in named], np.uint64)
        rest = first + len(named)
        known = np.concatenate([known[:first], number(named, hashes), known[rest:]])
        names = np.concatenate([names[:first], hashes, names[rest:]])
    return known, names


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
