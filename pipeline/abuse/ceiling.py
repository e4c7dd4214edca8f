"""How many points actions can earn at most: the score without rounding, as a function that never underestimates it.

The score of a plan is computed by the scorer. To find plans, and to prove that there is none, another form of it is
used: real numbers instead of hundredths, and rates whose trials have all succeeded. So it is never less than the
score, never falls by an action, and each action gains less the more has been done before (it is submodular). Greedy
choices and the bounds of `pipeline.abuse.plans` rest on these three; tests hold them against the scorer.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import fsum

from pipeline.abuse.actions import Action
from pipeline.common.units import Day
from pipeline.intake.credit_rules import CREDITS, Rule
from pipeline.rubric.components import Penalty, Rate, Registers, Rhythm, Use, Volume
from pipeline.rubric.model import Rubric
from pipeline.scoring.component_shares import MONDAY
from pipeline.scoring.decay import ONE, weights
from pipeline.scoring.member import Member
from schemas.registers import Register
from schemas.signals import DISTINCT, Signal

_FULL = 65_535


@dataclass(frozen=True, slots=True)
class Unit:
    """An action on a day, days since 1970."""

    action: Action
    day: int


@dataclass(slots=True)
class _Effect:
    """What a unit adds to the sum of a component.

    parts: of each signal its place among the counts, how many are credited, the cap, and the worth of one.
    """

    component: int
    parts: list[tuple[int, int, int, float]]


@dataclass(slots=True)
class _Touched:
    """What a unit changes: counts (place, how many), sums, active periods (component, period), registers."""

    counts: list[tuple[int, int]]
    sums: list[_Effect] = field(default_factory=list)
    periods: list[tuple[int, int]] = field(default_factory=list)
    registers: dict[Register, int] = field(default_factory=dict)


class Ceiling:
    """What a rubric makes at most of actions on the `length` days up to `end`, with so many helpers.

    Starts with nothing done; `take` does something. A helper counts once a day for signals that count members.
    """

    def __init__(
        self,
        rubric: Rubric,
        end: Day,
        length: int,
        *,
        helpers: int = 0,
        table: Mapping[str, Rule] = CREDITS,
    ) -> None:
        self.rubric = rubric
        self.end = end
        self.length = length
        self.helpers = helpers
        self._table = table
        self._places: dict[tuple[Signal, int], int] = {}
        self._counts: list[int] = []
        self._sums = [0.0] * len(rubric.components)
        self._active: list[set[int]] = [set() for _ in rubric.components]
        self._registers: dict[Register, int] = {}
        self._left: dict[str, int] = {}
        self._touched: dict[tuple[str, int], _Touched] = {}
        self._credited: dict[str, tuple[dict[Signal, int], dict[Register, int]]] = {}
        self._sections = [part for part in rubric.components if isinstance(part, Registers)]
        self.points = fsum(self._earned(at, 0.0) for at in range(len(rubric.components)))

    def units(self, actions: tuple[Action, ...]) -> Iterator[Unit]:
        """Every action on every day; a lasting one on the first day."""
        for action in actions:
            days = (self.length - 1,) if action.lasting else range(self.length)
            for age in days:
                yield Unit(action, self.end - age)

    def gain(self, unit: Unit) -> float:
        """The points that a unit would add."""
        if unit.action.once and self._left.get(unit.action.once, self.helpers) == 0:
            return 0.0
        touched = self._of(unit)
        found = 0.0
        for effect in touched.sums:
            before = self._sums[effect.component]
            found += self._earned(effect.component, before + self._more(effect)) - self._earned(
                effect.component, before
            )
        for at, period in touched.periods:
            part = self.rubric.components[at]
            active = self._active[at]
            if period not in active and len(active) < part.target:  # type: ignore[union-attr,operator]
                found += part.max / 100 / part.target  # type: ignore[union-attr,operator]
        if touched.registers:
            now = self._registers
            after = now | {of: now.get(of, 0) + value for of, value in touched.registers.items()}
            found += self._profile(after) - self._profile(now)
        return found

    def copies(self, unit: Unit) -> int:
        """How often a unit can be taken on top of what has been done before it surely adds nothing."""
        touched = self._of(unit)
        left = [
            (cap - self._counts[place] + count - 1) // count
            for effect in touched.sums
            for place, count, cap, _ in effect.parts
            if cap > self._counts[place]
        ]
        left += [1] if touched.periods else []
        for part in self._sections:
            for register, section in part.registers.items():
                if value := touched.registers.get(register):
                    left.append(max(0, -(-(section.target - self._registers.get(register, 0)) // value)))
        most = max(left, default=0)
        return min(most, self._left.get(unit.action.once, self.helpers)) if unit.action.once else most

    def take(self, unit: Unit) -> None:
        """Do it."""
        gained = self.gain(unit)
        touched = self._of(unit)
        for effect in touched.sums:
            self._sums[effect.component] += self._more(effect)
        for at, period in touched.periods:
            self._active[at].add(period)
        for place, count in touched.counts:
            self._counts[place] += count
        for register, value in touched.registers.items():
            self._registers[register] = self._registers.get(register, 0) + value
        once = unit.action.once
        if once:
            self._left[once] = self._left.get(once, self.helpers) - 1
        self.points += gained

    def member(self, taken: "list[Unit]") -> Member:
        """Somebody who has done these units, for the scorer, with as large a network as suits them best."""
        tiles: dict[tuple[Signal, int], int] = {}
        registers: dict[Register, int] = {}
        for unit in taken:
            signals, changed = self._credits(unit.action)
            for signal, count in signals.items():
                most = self.helpers if signal in DISTINCT else _FULL
                tiles[signal, unit.day] = min(tiles.get((signal, unit.day), 0) + count, most)
            for register, value in changed.items():
                registers[register] = registers.get(register, 0) + value
        done = Member(tiles, registers)
        return Member(tiles, {Register.CONNECTIONS: self._connections(done), **registers})

    def _connections(self, member: Member) -> int:
        """The size of a network with which rates by it are worth most; 0 where it earns points by itself."""
        if any(Register.CONNECTIONS in part.registers for part in self._sections):
            return 0
        best = 0
        for part in self.rubric.components:
            if isinstance(part, Rate) and part.trials_register is Register.CONNECTIONS and part.needs_trial:
                done = sum(
                    min(member.tiles.get((signal, self.end - age), 0), use.cap)
                    * use.weight
                    * weights(part.half_life)[age]
                    for signal, use in part.successes.items()
                    for age in range(self.length)
                )
                best = max(best, done // ONE)
        return best

    def _credits(self, action: Action) -> tuple[dict[Signal, int], dict[Register, int]]:
        if action.name not in self._credited:
            self._credited[action.name] = action.credits(self._table)
        return self._credited[action.name]

    def _of(self, unit: Unit) -> _Touched:
        key = unit.action.name, unit.day
        if key not in self._touched:
            self._touched[key] = self._touch(unit)
        return self._touched[key]

    def _touch(self, unit: Unit) -> _Touched:
        signals, registers = self._credits(unit.action)
        place = {signal: self._place(signal, unit.day) for signal in signals}
        found = _Touched([(place[signal], count) for signal, count in signals.items()], registers=registers)
        age = self.end - unit.day
        for at, part in enumerate(self.rubric.components):
            if isinstance(part, Volume | Rate):
                uses = part.signals if isinstance(part, Volume) else part.successes
                decay = weights(part.half_life)[age] / ONE
                parts = [
                    (place[signal], count, self._cap(signal, uses[signal]), uses[signal].weight * decay)
                    for signal, count in signals.items()
                    if signal in uses
                ]
                if parts:
                    found.sums.append(_Effect(at, parts))
            elif isinstance(part, Rhythm) and any(signal in part.signals for signal in signals):
                period = age if part.period == "day" else (self.end + MONDAY) // 7 - (unit.day + MONDAY) // 7
                if period < part.over:
                    found.periods.append((at, period))
        return found

    def _place(self, signal: Signal, day: int) -> int:
        if (signal, day) not in self._places:
            self._places[signal, day] = len(self._counts)
            self._counts.append(0)
        return self._places[signal, day]

    def _cap(self, signal: Signal, use: Use) -> int:
        return min(use.cap, self.helpers) if signal in DISTINCT else use.cap

    def _more(self, effect: _Effect) -> float:
        counts = self._counts
        return fsum(
            worth * (min(counts[place] + count, cap) - min(counts[place], cap))
            for place, count, cap, worth in effect.parts
        )

    def _earned(self, at: int, done: float) -> float:
        """Points of a component that adds up, for a sum."""
        part = self.rubric.components[at]
        if isinstance(part, Volume):
            share = done / (done + part.half) if part.half else min(done / (part.target or 1), 1.0)
        elif isinstance(part, Rate):
            share = _rate(part, done)
        else:
            assert isinstance(part, Rhythm | Registers | Penalty)
            return 0.0
        return part.max / 100 * share

    def _profile(self, known: Mapping[Register, int]) -> float:
        found = 0.0
        for part in self._sections:
            reached = fsum(
                section.weight * min(known.get(register, 0), section.target) / section.target
                for register, section in part.registers.items()
            )
            found += part.max / 100 * reached / sum(section.weight for section in part.registers.values())
        return found


def _rate(part: Rate, successes: float) -> float:
    """The share of a rate of which every trial that counts has succeeded, or none counts if none is needed."""
    above, full = part.above / 100, part.full / 100
    trials = successes if part.needs_trial else 0.0
    reached = (successes + part.prior * above) / (trials + part.prior)
    return min(max((reached - above) / (full - above), 0.0), 1.0)
