"""The score of one member in plain Python: what `scorer.py` computes fast, written to be read.

Exact fractions, no numpy, nothing shared with the fast form but the rubric. Slow, and meant to be: it is
what the fast form is tested against.

>>> from schemas.signals import Signal
>>> tiles = {(Signal.POST, 20_000): 3, (Signal.POST, 19_993): 1}
>>> float(decayed(tiles, Signal.POST, 20_000, cap=2, half_life=7))
2.5
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import floor
from typing import TypeAlias

from pipeline.common.units import Day
from pipeline.rubric.components import (
    PILLARS,
    Component,
    Penalty,
    Pillar,
    Rate,
    Registers,
    Rhythm,
    Use,
    Volume,
)
from pipeline.rubric.model import Rubric
from schemas.registers import Register
from schemas.signals import Signal

Tiles: TypeAlias = Mapping[tuple[Signal, int], int]
"""How often a member did what on which day (days since 1970-01-01)."""
Numbers: TypeAlias = Mapping[Register, int]
"""What is known of a member; a register that is not there is 0."""

WINDOW = 90
FIRST_MONDAY = 4  # 1970-01-05
FINE = 2**20


@dataclass(frozen=True, slots=True)
class Score:
    """What a member earned, in hundredths of a point; a penalty is among the components, 0 or negative."""

    score: int
    pillars: dict[Pillar, int]
    components: dict[str, int]


def score(rubric: Rubric, day: Day, tiles: Tiles, *, numbers: Numbers) -> Score:
    """The score of a member as of `day`."""
    components: dict[str, int] = {}
    pillars = dict.fromkeys(PILLARS, 0)
    for component in rubric.components:
        points = floor(component.max * share(component, day, tiles, numbers=numbers))
        components[component.name] = points
        if not isinstance(component, Penalty):
            pillars[component.pillar] += points
    total = sum(pillars.values())
    for component in rubric.components:
        if isinstance(component, Penalty):
            lost = min(components[component.name], total)
            components[component.name] = -lost
            total -= lost
    return Score(total, pillars, components)


def share(component: Component, day: Day, tiles: Tiles, *, numbers: Numbers) -> Fraction:
    """How much of its maximum a component gives (or a penalty takes): 0 to 1."""
    match component:
        case Volume() | Penalty():
            done = added(component.signals, day, tiles, half_life=component.half_life)
            if component.half is not None:
                return done / (done + component.half)
            assert component.target is not None
            return min(done / component.target, Fraction(1))
        case Rate():
            successes = added(component.successes, day, tiles, half_life=component.half_life)
            if component.trials is not None:
                trials = added(component.trials, day, tiles, half_life=component.half_life)
            else:
                assert component.trials_register is not None
                trials = Fraction(max(numbers.get(component.trials_register, 0), 0))
            if component.needs_trial:
                successes = min(successes, trials)
            if component.grace is not None:
                # the trials of the last days count as far as they have succeeded
                last = day - component.grace
                older = {(signal, on): count for (signal, on), count in tiles.items() if on <= last}
                judged = added(component.trials or {}, day, older, half_life=component.half_life)
                trials = max(judged, min(successes, trials))
            above, full = Fraction(component.above, 100), Fraction(component.full, 100)
            rate = (successes + component.prior * above) / (trials + component.prior)
            return min(max((rate - above) / (full - above), Fraction(0)), Fraction(1))
        case Rhythm():
            return min(Fraction(len(active(component, day, tiles)), component.target), Fraction(1))
        case Registers():
            weights = sum(section.weight for section in component.registers.values())
            reached = sum(
                section.weight
                * Fraction(min(max(numbers.get(register, 0), 0), section.target), section.target)
                for register, section in component.registers.items()
            )
            return Fraction(reached) / weights


def added(uses: Mapping[Signal, Use], day: Day, tiles: Tiles, *, half_life: int | None) -> Fraction:
    """The weighted sum of some signals, each capped by the day, then decayed."""
    return sum(
        (
            use.weight * decayed(tiles, signal, day, cap=use.cap, half_life=half_life, week=use.week)
            for signal, use in uses.items()
        ),
        Fraction(0),
    )


def decayed(
    tiles: Tiles, signal: Signal, day: Day, *, cap: int, half_life: int | None, week: int | None = None
) -> Fraction:
    """One signal's counts, at most `cap` of a day, each day weighing less the older it is.

    week: at most so many of a calendar week, from Monday; the newest days count first.
    """
    total, left = Fraction(0), dict[int, int]()
    for age in range(WINDOW):
        count = min(tiles.get((signal, day - age), 0), cap)
        if week is not None:
            monday = day - age - (day - age - FIRST_MONDAY) % 7
            count = min(count, left.get(monday, week))
            left[monday] = left.get(monday, week) - count
        total += count * weight(age, half_life)
    return total


@cache
def weight(age: int, half_life: int | None) -> Fraction:
    """1/2 to the power of age / half-life, rounded down to a whole number of 2**-20.

    >>> float(weight(7, 7)), weight(0, None)
    (0.5, Fraction(1, 1))
    """
    if half_life is None:
        return Fraction(1)
    low, high = 0, FINE + 1
    while high - low > 1:
        middle = (low + high) // 2
        # middle / FINE <= 2 ** (-age / half_life), with both sides to the power of half_life
        if Fraction(middle, FINE) ** half_life <= Fraction(1, 2**age):
            low = middle
        else:
            high = middle
    return Fraction(low, FINE)


def active(rhythm: Rhythm, day: Day, tiles: Tiles) -> set[int]:
    """The days, or the weeks from Monday, of the last `over` on which any of its signals was counted."""

    def period(of: int) -> int:
        return of if rhythm.period == "day" else (of - FIRST_MONDAY) // 7

    days = {of for (signal, of), count in tiles.items() if signal in rhythm.signals and count and of <= day}
    return {period(of) for of in days if period(of) > period(day) - rhythm.over}
