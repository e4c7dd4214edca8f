"""The cohorts of a partition's members: who is in which, and what of it is still to be published.

A member is in `everyone` and in one cohort of each kind, by the text of that register, or in none when it is
empty. What is counted is what was emitted: the shard gives each score it emits, and `publish` hands out
what changed since, for `score.distributions`. None of it is durable: after a restore it follows from the
state as of the stamp, and is published again as another epoch.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from pipeline.cohorts.kinds import registers_of
from pipeline.common.growable import grown
from pipeline.common.json_columns import Piece
from pipeline.common.rubric_id import RubricId
from pipeline.common.units import Day
from schemas.distribution_digest import digest_of, name_hash, names_sum, rows_sum
from schemas.distributions import (
    CHUNK,
    GONE,
    LAPS,
    NAMES,
    Head,
    Rows,
    changes_key,
    dump_names,
    head_key,
    names_key,
    rows_key,
)

_PIECE = 8192
_HEAVY = 3
"""A chunk of which one slot in so many has changed is written whole."""


class Ranker(Protocol):
    """Knows the ranks of members: `pipeline.cohorts.rank_records.RankWriter`."""

    def pieces(
        self, partition: int, epoch: int, *, members: np.ndarray, score: np.ndarray, cohort: np.ndarray
    ) -> Piece | None: ...


class CohortMembership:
    """By slot, which is the member's index in the shard.

    kinds: registers beside `everyone`; epoch: distinguishes this life of the partition from all others; ranker: for
    the ranks in records, None for none. held: nothing is published until the rollover is over, since what was
    emitted of some members last is not known.
    """

    def __init__(
        self, partition: int, epoch: int, kinds: Sequence[str], *, ranker: Ranker | None = None
    ) -> None:
        self.partition = partition
        self.epoch = epoch
        self.kinds = tuple(kinds)
        self.ranker = ranker
        self.number = 0
        self._values = [""]  # by number of the cohort
        self._kinds = bytearray(1)
        self._registers = registers_of(self.kinds)
        self._columns = np.arange(len(self.kinds))
        self._codes = np.zeros((1, len(self.kinds)), np.uint32)  # by number of the text and kind
        self._cohort = np.zeros((0, len(self.kinds)), np.uint32)
        self._marked = np.zeros(0, bool)
        self._waiting: np.ndarray | None = None  # by chunk, the first publication with changes it has not
        self._written = 1  # names already published
        self._names = np.zeros(1, np.uint64)  # hashes
        self._hashes = np.zeros(0, np.uint64)  # of what was published, by slot
        self._total = 0
        self._as_of: int | None = None
        self.dirty = False
        self.held = False

    def resize(self, members: int) -> None:
        """Make room for members 0..members-1."""
        self._cohort = grown(self._cohort, members)
        self._marked = grown(self._marked, members)
        self._hashes = grown(self._hashes, members)

    def update(
        self, members: np.ndarray, score: np.ndarray, registers: np.ndarray, *, texts: Sequence[str]
    ) -> Piece | None:
        """The scores of distinct `members` are emitted now.

        Args:
            members: int64[n].
            score: int64[n], hundredths.
            registers: int32[n, len(Register)], of these members.
            texts: what the numbers of text registers stand for.

        Returns:
            The members' ranks as pieces of JSON, None when there are none yet.
        """
        cohort = self._cohorts_of(registers, texts)
        self._cohort[members] = cohort
        self._marked[members] = True
        self.dirty = True
        if self.ranker is None:
            return None
        return self.ranker.pieces(self.partition, self.epoch, members=members, score=score, cohort=cohort)

    def remove(self, members: np.ndarray) -> None:
        """The records of `members` are withdrawn."""
        self._cohort[members] = 0
        self._marked[members] = True
        self.dirty = True

    def _cohorts_of(self, registers: np.ndarray, texts: Sequence[str]) -> np.ndarray:
        """uint32[n, K]: the cohorts of members by their registers; new ones get a number."""
        self._codes = grown(self._codes, len(texts))
        code = registers[:, self._registers]
        cohort = self._codes[code, self._columns]
        missing = (cohort == 0) & (code > 0)
        if missing.any():
            for row, column in zip(*(at.tolist() for at in np.nonzero(missing)), strict=True):
                text = int(code[row, column])
                if not self._codes[text, column]:
                    self._codes[text, column] = len(self._values)
                    self._values.append(texts[text])
                    self._kinds.append(column)
            cohort = self._codes[code, self._columns]
        return cohort

    def start_over(self, epoch: int) -> None:
        """Publish everything again, as of a new epoch: what readers have is not what was published."""
        self.epoch = max(epoch, self.epoch + 1)
        self._waiting, self._written, self.dirty = None, 1, True
        self._names, self._hashes, self._total = self._names[:1], np.zeros(len(self._hashes), np.uint64), 0

    def due(self, as_of: Day) -> bool:
        """Whether there is something to publish: changes, another day, or nothing was published yet."""
        return self.dirty or self._as_of != as_of

    def publish(
        self, numbers: np.ndarray, *, day: Day, as_of: Day, revision: int, rubric: RubricId
    ) -> list[tuple[bytes, bytes]]:
        """Records (key, value) of what changed since the last call; to be sent in one transaction, in order.

        The first call publishes everything.

        Args:
            numbers: int16[members, WIDTH], what was emitted last of all members: score and pillars in
                hundredths and the index of the band in BANDS; negative for a member without a score.
            day: the as-of day, days since 1970.
            as_of: the day of the oldest scores.
            revision: of the newest scores.
            rubric: that of the scores.
        """
        slots = len(numbers)
        self.number += 1
        self.resize(slots)
        self._as_of, self.dirty = as_of, False
        records = self._new_names()
        chunks = -(-slots // CHUNK)
        if self._waiting is None:
            self._waiting = np.full(chunks, -1)
            whole = np.arange(chunks)
        else:
            whole = np.zeros(0, np.int64)
        self._waiting = np.concatenate([self._waiting, np.full(chunks - len(self._waiting), -1)])
        changed = np.flatnonzero(self._marked[:slots])
        self._marked[changed] = False
        chunk = changed // CHUNK
        many = np.bincount(chunk, minlength=chunks)
        size = np.minimum(CHUNK, slots - np.arange(chunks) * CHUNK)
        whole = np.union1d(whole, np.flatnonzero(many * _HEAVY > size))
        fresh = (many > 0) & (self._waiting < 0)
        self._waiting[fresh] = self.number
        whole = np.union1d(whole, self._overdue())
        self._waiting[whole] = -1
        rest = changed[~np.isin(chunk, whole)]
        for piece, start in enumerate(range(0, len(rest), _PIECE)):
            data = self._rows(numbers, rest[start : start + _PIECE])
            records.append((changes_key(self.partition, self.number, piece), data))
        for number in whole.tolist():
            data = self._rows(numbers, np.arange(number * CHUNK, min(slots, (number + 1) * CHUNK)))
            records.append((rows_key(self.partition, number), data))
        head = Head(
            partition=self.partition,
            epoch=self.epoch,
            number=self.number,
            sequence=revision,
            day=day,
            as_of=as_of,
            rubric=rubric.name,
            rubric_version=rubric.version,
            kinds=list(self.kinds),
            places=slots,
            names=len(self._values),
            digest=digest_of(self._total, names_sum(self._names)),
        )
        records.append((head_key(self.partition), head.model_dump_json().encode()))
        return records

    def _overdue(self) -> np.ndarray:
        """The chunks to write whole now, a few a time, each before the keys of its changes come round."""
        assert self._waiting is not None
        waiting = np.flatnonzero(self._waiting >= 0)
        oldest = waiting[np.argsort(self._waiting[waiting], kind="stable")]
        few = oldest[: len(oldest) * 2 // LAPS]
        return np.concatenate([few, waiting[self._waiting[waiting] <= self.number - LAPS + 2]])

    def _rows(self, numbers: np.ndarray, slots: np.ndarray) -> bytes:
        emitted = numbers[slots].astype(np.uint16)
        gone = numbers[slots, 0] < 0
        emitted[gone, 0], emitted[gone, 1:] = GONE, 0
        rows = Rows.of(self.epoch, slots, emitted, cohort=self._cohort[slots], kinds=self.kinds)
        self._total += rows_sum(rows.hashes) - rows_sum(self._hashes[slots])
        self._hashes[slots] = rows.hashes
        return rows.dump(self.kinds)

    def _new_names(self) -> list[tuple[bytes, bytes]]:
        count = len(self._values)
        new = [name_hash(kind, value) for kind, value in self._named(self._written, count)]
        self._names = np.concatenate([self._names, np.array(new, np.uint64)])
        first = self._written // NAMES if self._written < count else count
        self._written = count
        return [
            (
                names_key(self.partition, start // NAMES),
                dump_names(self.epoch, start, self._named(start, min(start + NAMES, count))),
            )
            for start in range(first * NAMES, count, NAMES)
        ]

    def _named(self, start: int, stop: int) -> list[tuple[str, str]]:
        """(kind, value) of the cohorts start..stop-1; both empty of number 0, which is none."""
        kinds = ["" if number == 0 else self.kinds[self._kinds[number]] for number in range(start, stop)]
        return list(zip(kinds, self._values[start:stop], strict=True))

    def nbytes(self) -> int:
        """Bytes allocated in arrays."""
        parts = (self._cohort, self._marked, self._codes, self._hashes, self._names)
        return sum(part.nbytes for part in parts)
