"""The score of many members at once: f(rubric, tiles, registers, day), in whole numbers.

This is the hot path. All that depends on the rubric and the day alone is put into tables over the tile
keys once, so that a tile costs a few table look-ups and one addition. `reference.py` does the same for
one member in plain Python, and tests hold the two together to the last integer.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.common.tile_keys import KEYS, RING, WINDOW, Pairs
from pipeline.common.units import Day
from pipeline.rubric.components import PILLARS, Penalty, Rate, Registers, Rhythm, Use, Volume
from pipeline.rubric.model import Rubric
from pipeline.scoring.component_shares import Curves, Rates, Rhythms, Sections
from pipeline.scoring.decay import weights
from pipeline.scoring.weekly_caps import WeeklyUse
from schemas.signals import Signal

_PIECE = 16_000
"""Tiles at a time: temporaries stay in the cache, and below the size that malloc gives back to the system."""


@dataclass(slots=True)
class Points:
    """What n members earned, in hundredths of a point.

    score: int64[n], 0..10000; pillars: int64[n, 4] in the order of PILLARS, 0..2500;
    components: int64[n, C] in the order of the rubric. A penalty's column is what it took off, 0 or
    negative, and belongs to no pillar. score = components.sum(axis=1); a pillar is the sum of its components.
    penalties: int64[n, P], what each penalty would take off if scores had no floor, 0 or negative.
    The arrays of two dimensions are stored by column.
    """

    score: np.ndarray
    pillars: np.ndarray
    components: np.ndarray
    penalties: np.ndarray

    def __len__(self) -> int:
        return len(self.score)

    def before_floor(self) -> np.ndarray:
        """int64[n]: the scores if they could fall below 0."""
        return np.asarray(self.pillars.sum(axis=1) + self.penalties.sum(axis=1))


@dataclass(slots=True)
class _Layer:
    """One use of each signal, by key: the slot it adds to, at most what count a day, each worth what."""

    slot: np.ndarray
    cap: np.ndarray
    weight: np.ndarray
    used: np.ndarray


class Scorer:
    """A rubric on a day, ready to score batches of members.

    `day` is the as-of day in days since 1970-01-01. Tiles of the days [day - 89, day] count; keys of
    other days (late, or ahead of `day`) weigh nothing. Making one takes about a millisecond.
    """

    def __init__(self, rubric: Rubric, day: Day) -> None:
        self.rubric = rubric
        self.day = day
        self._ring = (day - np.arange(WINDOW)) & (RING - 1)
        parts = list(enumerate(rubric.components))
        curves = [(at, part) for at, part in parts if isinstance(part, (Volume, Penalty))]
        rates = [(at, part) for at, part in parts if isinstance(part, Rate)]
        rhythms = [(at, part) for at, part in parts if isinstance(part, Rhythm)]
        registers = [(at, part) for at, part in parts if isinstance(part, Registers)]
        self._curves = Curves.of([part for _, part in curves])
        self._rates = Rates.of([part for _, part in rates])
        self._rhythms = Rhythms.of([part for _, part in rhythms], day, self._ring)
        self._sections = Sections.of([part for _, part in registers])
        graced = [rate for _, rate in rates if rate.grace is not None]
        # Slot 0 takes what counts for nothing; then one for each curve, two for each rate, one for each grace.
        self._layers: list[_Layer] = []
        self._weekly: list[WeeklyUse] = []
        self._slots = 1 + len(curves) + 2 * len(rates) + len(graced)
        for slot, (_, curve) in enumerate(curves, 1):
            self._use(slot, curve.signals, curve.half_life)
        for slot, (_, rate) in enumerate(rates, 1 + len(curves)):
            self._use(slot, rate.successes, rate.half_life)
            self._use(slot + len(rates), rate.trials or {}, rate.half_life)
        for slot, rate in enumerate(graced, 1 + len(curves) + 2 * len(rates)):
            self._use(slot, rate.trials or {}, rate.half_life, youngest=rate.grace or 0)
        # The kinds are computed one after the other; then the rows are put into the order of the rubric.
        by_kind = [at for group in (curves, rates, rhythms, registers) for at, _ in group]
        self._order = np.argsort(by_kind)
        self._max = np.array([[rubric.components[at].max] for at in by_kind], np.int64)
        members = [rubric.of_pillar(pillar) for pillar in PILLARS]
        self._by_pillar = np.array([at for components in members for at in components], np.int64)
        self._pillar_starts = np.cumsum([0, *map(len, members)])[:-1]
        self._index, self._value = np.empty(0, np.int64), np.empty(0)
        self._earned, self._worth = np.empty(0, np.int64), np.empty(0, np.int64)

    def _use(self, slot: int, uses: dict[Signal, Use], half_life: int | None, *, youngest: int = 0) -> None:
        """Let each signal add to `slot` from the age `youngest` on, in the first layer where it is still free."""
        decay = np.array(weights(half_life), np.float64)
        decay[:youngest] = 0
        for signal, use in uses.items():
            if use.week is not None:
                self._weekly.append(WeeklyUse(slot, signal, use, decay * use.weight, youngest))
                continue
            keys = signal * RING + self._ring
            layer = next((layer for layer in self._layers if not layer.used[keys[0]]), None)
            if layer is None:
                layer = _Layer(
                    np.zeros(KEYS, np.int64),
                    np.zeros(KEYS, np.uint16),
                    np.zeros(KEYS),
                    np.zeros(KEYS, np.bool_),
                )
                self._layers.append(layer)
            layer.slot[keys] = slot
            layer.cap[keys] = use.cap
            layer.weight[keys] = decay * use.weight
            layer.used[keys] = True

    def points(self, n: int, pairs: Pairs, numbers: np.ndarray) -> Points:
        """The points of n members, from their tiles and `numbers`, int32[n, len(Register)].

        Reuses buffers between calls, so a Scorer belongs to one thread.
        """
        sums, marks = self._gather(n, pairs)
        # Each component earns a share of its maximum: earned / worth, a row of each.
        shape = len(self._max), n
        self._earned, self._worth = _grown(self._earned, shape[0] * n), _grown(self._worth, shape[0] * n)
        earned = self._earned[: shape[0] * n].reshape(shape)
        worth = self._worth[: shape[0] * n].reshape(shape)
        registers = numbers.T
        a, b, c = np.cumsum([len(self._curves), len(self._rates), len(self._rhythms)])
        if a:
            self._curves.shares(sums[1 : 1 + a], earned[:a], worth[:a])
        if b > a:
            self._rates.shares(sums[1 + a :], registers, earned[a:b], worth=worth[a:b])
        if c > b:
            self._rhythms.shares(marks, earned[b:c], worth[b:c])
        if len(self._max) > c:
            self._sections.shares(registers, earned[c:], worth[c:])
        earned *= self._max
        # Neither is negative, and unsigned division is the faster.
        unsigned = earned.view(np.uint64)
        np.floor_divide(unsigned, worth.view(np.uint64), out=unsigned)
        components = earned.take(self._order, axis=0)
        pillars = np.add.reduceat(components.take(self._by_pillar, axis=0), self._pillar_starts, axis=0)
        score = pillars.sum(axis=0)
        full = -components.take(self.rubric.penalties, axis=0)
        for at in self.rubric.penalties:
            components[at] = -np.minimum(components[at], score)
            score += components[at]
        return Points(score, pillars.T, components.T, full.T)

    def _gather(self, n: int, pairs: Pairs) -> tuple[np.ndarray, np.ndarray]:
        """int64[slots, n] sums of capped, weighted, decayed counts; uint8[width, n] marks of active periods.

        The sums are whole numbers below 2**53 (see `components.py`), so float64 adds them up exactly.
        """
        marks = np.zeros((self._rhythms.width, n), np.uint8)
        flat = marks.reshape(-1)
        self._index = _grown(self._index, len(pairs) * len(self._layers))
        self._value = _grown(self._value, len(self._index))
        filled = 0
        for start in range(0, len(pairs), _PIECE):
            piece = slice(start, start + _PIECE)
            row, count = pairs.row[piece], pairs.count[piece]
            key = pairs.key[piece].astype(np.int64)
            for period in self._rhythms.layers:
                flat[period.take(key) * n + row] = 1
            for number, layer in enumerate(self._layers):
                if number:
                    chosen = np.flatnonzero(layer.used.take(key))
                    key, row, count = key.take(chosen), row.take(chosen), count.take(chosen)
                room = slice(filled, filled + len(key))
                np.add(layer.slot.take(key) * n, row, out=self._index[room])
                capped = np.minimum(count, layer.cap.take(key))
                np.multiply(capped, layer.weight.take(key), out=self._value[room])
                filled += len(key)
        sums = np.bincount(self._index[:filled], self._value[:filled], n * self._slots)
        whole = sums.astype(np.int64).reshape(self._slots, n)
        for weekly in self._weekly:
            weekly.add_to(whole, pairs, self.day)
        return whole, marks


def _grown(buffer: np.ndarray, size: int) -> np.ndarray:
    """The buffer, or a larger one of `size`; its content is not kept."""
    return buffer if len(buffer) >= size else np.empty(size, buffer.dtype)
