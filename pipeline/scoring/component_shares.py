"""One class for each kind of component: sums, marks and registers of many members into shares.

A share is two whole numbers, earned and worth, with 0 <= earned <= worth and worth > 0; the points of a
component are max * earned // worth. Arrays are int64[components, members]: a row is contiguous, which
makes every step here a plain run over memory. `components.py` explains why nothing overflows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.common.tile_keys import KEYS, RING, WINDOW
from pipeline.common.units import Day
from pipeline.rubric.components import Penalty, Rate, Registers, Rhythm, Volume
from pipeline.scoring.decay import BITS
from schemas.registers import Register

MONDAY = 3
"""1970-01-01 was a Thursday: (day + 3) // 7 counts weeks that begin on Monday."""

_NONE = np.iinfo(np.int64).max


def _column(values: Iterable[int]) -> np.ndarray:
    """int64[k, 1], to go with arrays of k rows."""
    return np.array(list(values), np.int64).reshape(-1, 1)


@dataclass(slots=True)
class Curves:
    """Volumes and penalties: v / (v + half), or min(v, target) / target."""

    limit: np.ndarray
    base: np.ndarray
    bent: np.ndarray

    @classmethod
    def of(cls, parts: Sequence[Volume | Penalty]) -> "Curves":
        return cls(
            limit=_column(part.target << BITS if part.target else _NONE for part in parts),
            base=_column((part.half or part.target or 0) << BITS for part in parts),
            bent=_column(int(part.half is not None) for part in parts),
        )

    def __len__(self) -> int:
        return len(self.base)

    def shares(self, sums: np.ndarray, earned: np.ndarray, worth: np.ndarray) -> None:
        """`sums`: int64[>= curves, n], in units of 2**-20."""
        sums = sums[: len(self)]
        np.minimum(sums, self.limit, out=earned)
        np.multiply(sums, self.bent, out=worth)
        worth += self.base


@dataclass(slots=True)
class Rates:
    """(100 successes - above * trials) / ((full - above) * (trials + prior)), within 0 and 1.

    It is (rate - above) / (full - above) with rate = (successes + prior * above) / (trials + prior). Successes are at
    most the trials where these are needed; with a grace the trials are those beyond it, or the successes of all
    trials where that is more. bounded: int64, which need trials; graced: int64, which have a grace.
    """

    above: np.ndarray
    span: np.ndarray
    prior: np.ndarray
    registers: list[tuple[int, Register]]
    bounded: np.ndarray
    graced: np.ndarray

    @classmethod
    def of(cls, parts: Sequence[Rate]) -> "Rates":
        return cls(
            above=_column(part.above for part in parts),
            span=_column(part.full - part.above for part in parts),
            prior=_column(part.prior << BITS for part in parts),
            registers=[
                (at, part.trials_register)
                for at, part in enumerate(parts)
                if part.trials_register is not None
            ],
            bounded=np.flatnonzero([part.needs_trial for part in parts]),
            graced=np.flatnonzero([part.grace is not None for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.above)

    def shares(
        self, sums: np.ndarray, registers: np.ndarray, earned: np.ndarray, *, worth: np.ndarray
    ) -> None:
        """`sums`: int64[2 * rates + graced, n]: successes, trials, trials beyond the grace.

        `registers`: int32[registers, n].
        """
        successes, trials, old = np.split(sums, [len(self), 2 * len(self)])
        for at, register in self.registers:
            trials[at] = np.maximum(registers[register], 0).astype(np.int64) << BITS
        if len(self.bounded):
            successes[self.bounded] = np.minimum(successes[self.bounded], trials[self.bounded])
        if len(self.graced):
            trials[self.graced] = np.maximum(old, np.minimum(successes[self.graced], trials[self.graced]))
        np.multiply(trials + self.prior, self.span, out=worth)
        np.clip(100 * successes - self.above * trials, 0, worth, out=earned)


@dataclass(slots=True)
class Rhythms:
    """Distinct active days or weeks: a mark for each period, counted and held against the target."""

    layers: list[np.ndarray]
    starts: np.ndarray
    width: int
    target: np.ndarray

    @classmethod
    def of(cls, parts: Sequence[Rhythm], day: Day, ring: np.ndarray) -> "Rhythms":
        """`ring`: int64[90], the ring position of each age on `day`."""
        ages = np.arange(WINDOW)
        weeks = (day + MONDAY) // 7 - (day - ages + MONDAY) // 7
        layers: list[np.ndarray] = []
        starts = []
        width = 1  # row 0 takes the marks of what counts for nothing
        for part in parts:
            period = ages if part.period == "day" else weeks
            inside = period < part.over
            for signal in part.signals:
                mine = slice(signal * RING, (signal + 1) * RING)
                layer = next((layer for layer in layers if not layer[mine].any()), None)
                if layer is None:
                    layer = np.zeros(KEYS, np.int64)
                    layers.append(layer)
                layer[signal * RING + ring[inside]] = width + period[inside]
            starts.append(width)
            width += part.over
        return cls(layers, np.array(starts, np.int64), width, _column(part.target for part in parts))

    def __len__(self) -> int:
        return len(self.target)

    def shares(self, marks: np.ndarray, earned: np.ndarray, worth: np.ndarray) -> None:
        """`marks`: uint8[width, n], 1 for an active period; at most 90 of them, so uint8 can add them."""
        active = np.add.reduceat(marks, self.starts, axis=0, dtype=np.uint8)
        np.minimum(active, self.target, out=earned)
        worth[:] = self.target


@dataclass(slots=True)
class Sections:
    """Registers up to their targets, weighted; several registers to a component."""

    columns: np.ndarray
    target: np.ndarray
    weight: np.ndarray
    starts: np.ndarray
    total: np.ndarray

    @classmethod
    def of(cls, parts: Sequence[Registers]) -> "Sections":
        rows = [
            (register, section.target, section.weight * (part.common // section.target))
            for part in parts
            for register, section in part.registers.items()
        ]
        sizes = [len(part.registers) for part in parts]
        return cls(
            columns=np.array([register for register, _, _ in rows], np.int64),
            target=_column(target for _, target, _ in rows),
            weight=_column(weight for _, _, weight in rows),
            starts=np.cumsum([0, *sizes])[:-1],
            total=_column(part.total for part in parts),
        )

    def __len__(self) -> int:
        return len(self.total)

    def shares(self, registers: np.ndarray, earned: np.ndarray, worth: np.ndarray) -> None:
        """`registers`: int32[registers, n]."""
        values = np.clip(registers.take(self.columns, axis=0), 0, self.target) * self.weight
        np.add.reduceat(values, self.starts, axis=0, out=earned)
        worth[:] = self.total
