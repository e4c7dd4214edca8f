"""What a member could do next and what it would gain, and what to stop.

The gain of a step is the difference that `Scorer` makes of it, before the floor: so there is advice for members too
whose penalties are larger than their points.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import lru_cache

from pydantic import BaseModel, ConfigDict

from pipeline.common.units import Day
from pipeline.rubric.components import PILLARS, Penalty
from pipeline.rubric.model import Rubric, Step
from pipeline.scoring.member import Member, batch
from pipeline.scoring.scorer import Scorer
from schemas.signals import Signal

TOP = 5
"""Next steps whose gain together is reported."""


class Gain(BaseModel):
    """Something to do next and what it would add to the score before its floor, in hundredths."""

    model_config = ConfigDict(frozen=True)

    text: str
    gain: int
    pillars: dict[str, int]


class Stop(BaseModel):
    """Something to stop doing, and what it takes off the score now, before its floor; in hundredths."""

    model_config = ConfigDict(frozen=True)

    text: str
    costs: int


def next_steps(rubric: Rubric, day: Day, member: Member, *, scorer: Scorer | None = None) -> tuple[Gain, ...]:
    """What each of the rubric's steps would gain, the most first; what gains nothing is left out.

    Gains are those before the floor: otherwise a member with more penalties than points would see none at all.
    A step that is repeated is scored as if it had been kept up for its weeks until today, on top of what the
    member did; one on the profile as if it had been done.
    """
    if not rubric.steps:
        return ()
    scorer = scorer or Scorer(rubric, day)
    points = scorer.points(*batch(day, [member, *(with_step(step, day, member) for step in rubric.steps)]))
    before = points.before_floor()
    gains = (before[1:] - before[0]).tolist()
    pillars = (points.pillars[1:] - points.pillars[0]).tolist()
    found = [
        Gain(
            text=step.text,
            gain=gain,
            pillars={str(pillar): change for pillar, change in zip(PILLARS, changes, strict=True) if change},
        )
        for step, gain, changes in zip(rubric.steps, gains, pillars, strict=True)
        if gain > 0
    ]
    return tuple(sorted(found, key=lambda gain: -gain.gain))


def gain_together(
    rubric: Rubric, day: Day, member: Member, *, gains: Sequence[Gain], scorer: Scorer | None = None
) -> int:
    """What the steps of these gains would gain if all of them were taken."""
    chosen = {gain.text for gain in gains}
    after = member
    for step in rubric.steps:
        if step.text in chosen:
            after = with_step(step, day, after)
    before = (scorer or Scorer(rubric, day)).points(*batch(day, [member, after])).before_floor()
    return int(before[1] - before[0])


def stops(rubric: Rubric, full: Sequence[int]) -> Iterator[Stop]:
    """What to stop: every penalty that takes something off, the most first."""
    for at in sorted(rubric.penalties, key=lambda at: full[at]):
        penalty = rubric.components[at]
        if full[at] and isinstance(penalty, Penalty):
            yield Stop(text=penalty.advice or f"stop what is reported: {penalty.factor}", costs=-full[at])


def with_step(step: Step, day: Day, member: Member) -> Member:
    """The member as if the step had been kept up for its weeks until `day`."""
    return member.plus(kept_up(step, day, member), step.registers)


def kept_up(step: Step, day: Day, member: Member) -> dict[tuple[Signal, int], int]:
    """What a step that is kept up for its weeks until `day` adds on which days.

    What is done weekly is put on days of the week on which the member did least of it: on a day that is at its cap
    already it would gain nothing, so what it gains would depend on today's weekday.
    """
    more: dict[tuple[Signal, int], int] = {}
    for week in range(step.weeks):
        newest = day - 7 * week
        if step.every == "week":
            shift = min(range(7), key=lambda shift: _done(step, newest, shift, member=member))
        for signal, amount in step.signals.items():
            if step.every == "day":
                more |= {(signal, newest - age): amount for age in range(7)}
                continue
            for age, count in _spread(amount, shift):
                more[signal, newest - age] = count
    return more


@lru_cache(maxsize=512)
def _spread(amount: int, shift: int) -> tuple[tuple[int, int], ...]:
    """(days back in a week, how many of `amount` are on it), spread evenly: 2 on days 0 and 3."""
    return tuple(Counter((at * 7 // amount + shift) % 7 for at in range(amount)).items())


def _done(step: Step, newest: int, shift: int, *, member: Member) -> int:
    """How much of a step a member has done on the days that it would fall on in the week up to `newest`."""
    return sum(
        member.tiles.get((signal, newest - age), 0)
        for signal, amount in step.signals.items()
        for age, _ in _spread(amount, shift)
    )
