"""What a rubric must hold before it is served: every component can be earned, golden members get what is expected,
actions that must not lower a score don't, and a change moves members no further than allowed.

Validity is checked when a rubric is read. All points are hundredths.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from pipeline.common.points import as_points
from pipeline.common.tile_keys import WINDOW
from pipeline.common.units import Day
from pipeline.reports.golden import Golden
from pipeline.reports.population import People
from pipeline.reports.rubric_comparison import Comparison, compare, mean
from pipeline.rubric.components import Component, Rate, Registers, Rhythm
from pipeline.rubric.model import Rubric
from pipeline.scoring.member import Member, batch
from pipeline.scoring.scorer import Scorer
from schemas.registers import TEXTS, Register
from schemas.signals import Signal

_MOST = 65_535
_NUMBERS = tuple(register for register in Register if register not in TEXTS)
_MORE = (1, 5)
"""How many more of a signal are tried."""


class _Result(BaseModel):
    model_config = ConfigDict(frozen=True)


class Reach(_Result):
    """How much of a component can be earned, in hundredths of `max`, and the events it is earned by.

    A component is reachable if some event feeds it and at least half of it can be earned.
    """

    component: str
    most: int
    max: int
    events: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether it is reachable."""
        return bool(self.events) and 2 * self.most >= self.max


class GoldenScore(_Result):
    """A golden member: the lowest and highest score on seven days in a row, and what is expected; hundredths."""

    member: str
    about: str
    lowest: int
    highest: int
    expected: tuple[int, int]

    @property
    def holds(self) -> bool:
        """Whether all these scores are expected ones."""
        return self.expected[0] <= self.lowest and self.highest <= self.expected[1]


class Lowered(_Result):
    """A signal of which more lowers a score on its day: of whom, and by how much at most, in hundredths."""

    signal: str
    member: str
    by: int


class Limits(_Result):
    """How far a change may move members; None: any. mean, move: hundredths; bands: per cent of the members."""

    mean: int | None = None
    move: int | None = None
    bands: float | None = None


class RubricCheck(_Result):
    """All that was checked of a rubric without other members than the golden ones."""

    rubric: str
    version: int
    reach: tuple[Reach, ...]
    golden: tuple[GoldenScore, ...]
    never_lower: int
    lowered: tuple[Lowered, ...]

    def problems(self) -> Iterator[str]:
        """What does not hold, a line each."""
        for part in self.reach:
            if not part.events:
                yield f"component {part.component} can't be earned: no event feeds what it reads"
            elif not part.holds:
                yield (
                    f"component {part.component} can't be earned: at most {as_points(part.most)} of "
                    f"{as_points(part.max)} points, whatever a member does"
                )
        for one in self.golden:
            if not one.holds:
                low, high = map(as_points, one.expected)
                yield f"golden member {one.member} ({one.about}) has {_span(one)}, not {low} to {high}"
        for less in self.lowered:
            yield (
                f"more {less.signal} lowers the score on its day, of golden member {less.member} by "
                f"{as_points(less.by)}"
            )


def _span(one: GoldenScore) -> str:
    if one.lowest == one.highest:
        return as_points(one.lowest)
    return f"{as_points(one.lowest)} to {as_points(one.highest)}"


def check(rubric: Rubric, golden: Golden, day: Day, *, fed_by: Mapping[str, Sequence[str]]) -> RubricCheck:
    """Check a rubric.

    day: the first of the seven on which golden members are scored; fed_by: events by signals' and registers' names.
    """
    return RubricCheck(
        rubric=rubric.name,
        version=rubric.version,
        reach=tuple(_reach(rubric, day, fed_by)),
        golden=tuple(_golden(rubric, golden, day)),
        never_lower=len(golden.never_lower),
        lowered=tuple(_lowered(rubric, golden, day)),
    )


def _reach(rubric: Rubric, day: Day, fed_by: Mapping[str, Sequence[str]]) -> Iterator[Reach]:
    scorer = Scorer(rubric, day)
    for at, part in enumerate(rubric.components):
        points = scorer.points(*batch(day, list(_best(part, day))))
        earned = -points.penalties[:, rubric.penalties.index(at)] if at in rubric.penalties else None
        most = points.components[:, at].max() if earned is None else earned.max()
        events = dict.fromkeys(event for name in _earned_by(part) for event in fed_by.get(name, ()))
        yield Reach(component=part.name, most=int(most), max=part.max, events=tuple(events))


def _earned_by(part: Component) -> list[str]:
    """The names of what earns points: of a rate its successes."""
    match part:
        case Rhythm():
            return [signal.name.lower() for signal in part.signals]
        case Registers():
            return [register.name.lower() for register in part.registers]
        case Rate():
            return [signal.name.lower() for signal in part.successes]
        case _:
            return [signal.name.lower() for signal in part.signals]


def _best(part: Component, day: Day) -> Iterator[Member]:
    """Members of whom one earns as much of a component as anybody can."""

    def always(signals: Sequence[Signal], count: int = _MOST) -> dict[tuple[Signal, int], int]:
        return {(signal, day - age): count for signal in signals for age in range(WINDOW)}

    match part:
        case Registers():
            yield Member({}, dict.fromkeys(part.registers, 1_000_000))
        case Rhythm():
            yield Member(always(part.signals))
        case Rate():
            successes = always([*part.successes])
            for trials in (0, 1, 2, 3, 10, 100, 1_000, 10_000, _MOST):
                asked = always([*(part.trials or ())], trials)
                yield Member(asked | successes, dict.fromkeys(_NUMBERS, trials))
        case _:
            yield Member(always([*part.signals]))


def _golden(rubric: Rubric, golden: Golden, day: Day) -> Iterator[GoldenScore]:
    scores = np.array(
        [
            Scorer(rubric, on).points(*batch(on, [one.member(on) for one in golden.members])).score
            for on in (Day(day + later) for later in range(7))
        ]
    )
    for one, low, high in zip(golden.members, scores.min(axis=0), scores.max(axis=0), strict=True):
        yield GoldenScore(
            member=one.name, about=one.about, lowest=int(low), highest=int(high), expected=one.score
        )


def _lowered(rubric: Rubric, golden: Golden, day: Day) -> Iterator[Lowered]:
    """For each signal that must not lower a score and does, the golden member who loses most."""
    scorer = Scorer(rubric, day)
    members = [one.member(day) for one in golden.members]
    now = scorer.points(*batch(day, members)).before_floor()
    for signal in golden.never_lower:
        lost = np.zeros(len(members), np.int64)
        for more in _MORE:
            after = [member.plus({(signal, day): more}) for member in members]
            lost = np.maximum(lost, now - scorer.points(*batch(day, after)).before_floor())
        worst = int(lost.argmax())
        if lost[worst] > 0:
            yield Lowered(signal=signal.name.lower(), member=golden.members[worst].name, by=int(lost[worst]))


def compare_golden(before: Rubric, after: Rubric, golden: Golden, *, day: Day) -> Comparison:
    """The comparison of two rubrics over the golden members; all of them are named."""
    n, pairs, numbers = batch(day, [one.member(day) for one in golden.members])
    people = People([one.name for one in golden.members], pairs, numbers)
    return compare(before, after, day=day, people=[people], max_movers=n)


def exceeded(comparison: Comparison, limits: Limits) -> Iterator[str]:
    """Which limits a comparison exceeds, a line each."""
    members = comparison.members
    moved = mean(comparison.after.total - comparison.before.total, members)
    if limits.mean is not None and abs(moved) > limits.mean:
        yield f"the mean score changes by {as_points(moved)}, more than {as_points(limits.mean)}"
    if limits.move is not None:
        further = sum(count for change, count in comparison.changes.items() if abs(change) > limits.move)
        if further:
            furthest = max(comparison.changes, key=abs)
            yield (
                f"{further:,} of {members:,} members move by more than {as_points(limits.move)}, "
                f"the furthest by {as_points(furthest)}"
            )
    if limits.bands is not None and 100 * comparison.moved() > limits.bands * members:
        share = f"{comparison.moved():,} of {members:,} members ({100 * comparison.moved() / members:.1f} %)"
        yield f"{share} change band, more than {limits.bands:g} %"
