"""The cheapest plans to a score, and bounds: what no plan can reach, and how many events every plan needs at least.

A plan is found greedily, by the points for each event, and is scored by the scorer: it works, but a cheaper one may
exist. How cheap one can be is bounded from below. With f the ceiling (`pipeline.abuse.ceiling`), S what has been done
and d_S(u) what a further unit u gains, everything that any other plan O reaches is at most f(S) plus the sum of d_S
over the units of O, as f is submodular. So O needs the events at which the best of these sums reach the target. That
holds for every S on the way of the greedy choice; the largest of the bounds is taken. What f makes of all units
together is a bound for all plans: beyond it a score is out of reach.
"""

import heapq
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from pydantic import BaseModel, ConfigDict

from pipeline.abuse.actions import possible
from pipeline.abuse.ceiling import Ceiling, Unit
from pipeline.common.units import Day
from pipeline.intake.credit_rules import CREDITS, Rule
from pipeline.rubric.model import Rubric
from pipeline.scoring.member import batch
from pipeline.scoring.scorer import Scorer

TARGETS = (40, 70, 90)
LENGTHS = (1, 7, 30)
_MONDAY = 20_412 - 3  # 2025-11-17
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_NEGLIGIBLE = 1e-9
_AT_ONCE = 32
_PLACES = 24
"""On the way of the greedy choice at which the bound is computed."""


class Line(BaseModel):
    """An action of a plan: how often in all, and how often on which day, as days before the last one."""

    model_config = ConfigDict(frozen=True)

    action: str
    times: int
    days_before: dict[int, int]


class Plan(BaseModel):
    """How to get a score within so many days. Scores are hundredths.

    events: of the plan, all accounts together; at_least: no plan needs fewer. last: the weekday on which it ends.
    at_least is None where no plan reaches the target, and the others are where none is known.
    """

    model_config = ConfigDict(frozen=True)

    target: int
    at_least: int | None
    events: int | None = None
    score: int | None = None
    last: str | None = None
    lines: tuple[Line, ...] = ()


class Price(BaseModel):
    """What scores cost within `length` days with so many helpers.

    most: the score of the best plan that is known, hundredths; bound: no plan reaches more.
    """

    model_config = ConfigDict(frozen=True)

    length: int
    helpers: int
    most: int
    bound: int
    plans: tuple[Plan, ...]


@dataclass(slots=True)
class _Way:
    """The greedy choice from nothing to everything that gains, on one weekday.

    taken: in order; events: so far, after each; points: the ceiling after each. bounds: by target the events that
    every plan needs, None where it is out of reach.
    """

    ceiling: Ceiling
    scorer: Scorer
    taken: list[Unit]
    events: list[int]
    points: list[float]
    bounds: dict[int, int | None]

    def scores(self, plans: Sequence[list[Unit]]) -> list[int]:
        """The scores of plans, hundredths, by the scorer."""
        people = [self.ceiling.member(plan) for plan in plans]
        return [int(score) for score in self.scorer.points(*batch(Day(self.ceiling.end), people)).score]

    def reaching(self, target: int) -> list[Unit] | None:
        """The shortest beginning of the way that has the score; None when none has."""
        first = next((at for at, points in enumerate(self.points) if points >= target), None)
        if first is None:
            return None
        last = len(self.taken) - 1
        for start in range(first, last + 1, _AT_ONCE):
            stop = min(start + _AT_ONCE, last + 1)
            if self.scores([self.taken[:stop]])[0] < target * 100:
                continue
            ends = range(start, stop)
            scores = self.scores([self.taken[: end + 1] for end in ends])
            end = next(end for end, score in zip(ends, scores, strict=True) if score >= target * 100)
            return self.taken[: end + 1]
        return None

    def pruned(self, plan: list[Unit], target: int) -> list[Unit]:
        """The plan without units that are not needed: of those that cost least points, one after the other."""
        spare = sorted(set(plan), key=lambda unit: (-unit.action.cost, unit.action.name, unit.day))
        while spare:
            shorter = [_without(plan, unit) for unit in spare]
            kept = [
                (score, unit)
                for score, unit in zip(self.scores(shorter), spare, strict=True)
                if score >= target * 100
            ]
            if not kept:
                break
            _, out = max(kept, key=lambda one: one[0])
            plan = _without(plan, out)
            # what could not be spared before can't be spared with less
            spare = [unit for _, unit in kept if unit in plan]
        return plan


def _without(plan: Sequence[Unit], unit: Unit) -> list[Unit]:
    less = [*plan]
    less.remove(unit)
    return less


def prices(
    rubric: Rubric,
    *,
    helpers: Sequence[int] = (0,),
    lengths: Sequence[int] = LENGTHS,
    targets: Sequence[int] = TARGETS,
    table: Mapping[str, Rule] = CREDITS,
) -> Iterator[Price]:
    """What the targets, in points, cost, alone and with helpers; the last day is the weekday that suits best."""
    for length in lengths:
        for number in helpers:
            ways = [
                _way(Ceiling(rubric, Day(_MONDAY + weekday), length, helpers=number, table=table), targets)
                for weekday in range(7)
            ]
            plans = tuple(_cheapest(ways, target) for target in targets)
            most = max(way.scores([way.taken])[0] for way in ways)
            bound = max(int(way.points[-1] * 100 + _NEGLIGIBLE) for way in ways)
            yield Price(length=length, helpers=number, most=most, bound=bound, plans=plans)


def _cheapest(ways: Sequence[_Way], target: int) -> Plan:
    least = [bound for way in ways if (bound := way.bounds[target]) is not None]
    if not least:
        return Plan(target=target, at_least=None)
    found = [(plan, way) for way in ways if (plan := way.reaching(target)) is not None]
    if not found:
        return Plan(target=target, at_least=min(least))
    plan, way = min(found, key=lambda one: _events(one[0]))
    plan = way.pruned(plan, target)
    return Plan(
        target=target,
        at_least=min(least),
        events=_events(plan),
        score=way.scores([plan])[0],
        last=_WEEKDAYS[way.ceiling.end - _MONDAY],
        lines=_lines(plan, way.ceiling.end),
    )


def _events(plan: Sequence[Unit]) -> int:
    return sum(unit.action.cost for unit in plan)


def _lines(plan: Sequence[Unit], end: int) -> tuple[Line, ...]:
    found: dict[str, Counter[int]] = {}
    for unit in plan:
        found.setdefault(unit.action.name, Counter())[end - unit.day] += 1
    return tuple(
        Line(action=name, times=ages.total(), days_before=dict(sorted(ages.items())))
        for name, ages in found.items()
    )


def _way(ceiling: Ceiling, targets: Sequence[int]) -> _Way:
    """Take the unit that gains most for each event, again and again. Gains only fall, so old ones are bounds."""
    units = list(ceiling.units(possible(ceiling.helpers)))
    order = count()
    heap = [(-ceiling.gain(unit) / unit.action.cost, next(order), unit) for unit in units]
    heapq.heapify(heap)
    bounds = {target: _bound(ceiling, units, target) for target in targets}
    way = _Way(ceiling, Scorer(ceiling.rubric, Day(ceiling.end)), [], [], [], {})
    next_look = ceiling.points
    while heap:
        _, _, unit = heapq.heappop(heap)
        worth = ceiling.gain(unit) / unit.action.cost
        if worth <= _NEGLIGIBLE:
            continue
        if heap and worth < -heap[0][0]:
            heapq.heappush(heap, (-worth, next(order), unit))
            continue
        ceiling.take(unit)
        way.taken.append(unit)
        way.events.append((way.events[-1] if way.events else 0) + unit.action.cost)
        way.points.append(ceiling.points)
        heapq.heappush(heap, (-worth, next(order), unit))
        if ceiling.points >= next_look:
            next_look = ceiling.points + 100 / _PLACES
            for target in targets:
                if (known := bounds[target]) is not None and ceiling.points < target:
                    further = _bound(ceiling, units, target)
                    bounds[target] = None if further is None else max(known, further)
    way.bounds = {target: bounds[target] if ceiling.points >= target else None for target in targets}
    return way


def _bound(ceiling: Ceiling, units: Sequence[Unit], target: int) -> int | None:
    """How many events every plan to the target has at least, by what units gain now; None: none reaches it."""
    missing = target - ceiling.points - _NEGLIGIBLE
    worths = []
    for unit in units:
        if (gain := ceiling.gain(unit)) > _NEGLIGIBLE:
            worths.append((gain / unit.action.cost, ceiling.copies(unit) * unit.action.cost))
    events = 0
    for worth, most in sorted(worths, reverse=True):
        if worth * most >= missing:
            return events + int(-(-missing // worth))
        events += most
        missing -= worth * most
    return None
