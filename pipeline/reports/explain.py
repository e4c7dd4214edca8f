"""Why a member has this score: score, pillar, component, signal, to the last hundredth; and what to do next.

The points are those of `Scorer`, and the gain of a step is the difference that `Scorer` makes of it, so an
explanation can't disagree with the score. All points are hundredths; the models serialise to JSON.
"""

from collections.abc import Iterator, Mapping

from pydantic import BaseModel, ConfigDict

from pipeline.common.tile_keys import WINDOW
from pipeline.common.units import Day
from pipeline.reports.advice import TOP, Gain, Stop, gain_together, next_steps, stops
from pipeline.reports.apportion import apportion
from pipeline.rubric.components import PILLARS, Component, Penalty, Rate, Registers, Rhythm, Use, Volume
from pipeline.rubric.model import Rubric
from pipeline.scoring.component_shares import MONDAY
from pipeline.scoring.decay import BITS, weights
from pipeline.scoring.member import Member, batch
from pipeline.scoring.scorer import Scorer
from pipeline.scoring.weekly_caps import kept
from schemas.network import NetworkStanding
from schemas.registers import Register
from schemas.scores import Rank
from schemas.signals import Signal

_MILLION = 1_000_000


class _Explained(BaseModel):
    model_config = ConfigDict(frozen=True)


class Source(_Explained):
    """One signal or register of a component.

    count: how often in the window, or the register's value; counted: what the daily caps (or the target)
    left of it, or the active periods of a rhythm; decayed: what then enters the component's formula after
    weight and half-life, in millionths; points: its part of the component's, in hundredths; role: what it
    is to the component.
    """

    name: str
    role: str
    count: int
    counted: int
    cap: int | None = None
    days_capped: int = 0
    week_cap: int | None = None
    weeks_capped: int = 0
    weight: int = 1
    decayed: int
    points: int


class ComponentReport(_Explained):
    """One component: its points of `max`, in hundredths, and where they come from.

    full: the points; of a penalty those that it would take off if the score could fall below 0.
    """

    name: str
    kind: str
    factor: str
    articles: tuple[str, ...]
    points: int
    full: int
    max: int
    rule: str
    measured: str
    sources: tuple[Source, ...]


class PillarReport(_Explained):
    """One pillar; points is the sum of its components'."""

    name: str
    points: int
    max: int
    components: tuple[ComponentReport, ...]


class TargetReport(_Explained):
    """What the score should be for somebody of this role, in hundredths.

    role: as stated for the member, None when not known; name: of the rubric's target that fits it; missing:
    what the score is short of `low`, 0 when it is reached.
    """

    role: str | None
    name: str
    low: int
    high: int
    missing: int


class Explanation(_Explained):
    """A member's score as of `day`; score = pillars + penalties (which are 0 or negative).

    before_floor: the same with penalties in full, which may be below 0. together: what the first TOP next steps gain
    if all are taken, which is not the sum of their gains; before the floor too.
    """

    rubric: str
    version: int
    day: Day
    score: int
    before_floor: int
    pillars: tuple[PillarReport, ...]
    penalties: tuple[ComponentReport, ...]
    stop: tuple[Stop, ...]
    next_steps: tuple[Gain, ...]
    together: int
    weakest: str
    target: TargetReport | None
    ranks: dict[str, Rank | None] | None = None
    """By cohort, None in one that is too small; None: not asked for."""
    network: NetworkStanding | None = None
    """Among the member's connections; None: without any, or not asked for."""


def explain(
    rubric: Rubric, day: Day, member: Member, *, scorer: Scorer | None = None, role: str | None = None
) -> Explanation:
    """Explain a member's score as of `day`; `scorer` may be given when there is one for it.

    role: as stated for the member; by it the target is chosen, and nothing else.
    """
    scorer = scorer or Scorer(rubric, day)
    points = scorer.points(*batch(day, [member]))
    earned, full = points.components[0].tolist(), points.components[0].tolist()
    for at, loss in zip(rubric.penalties, points.penalties[0].tolist(), strict=True):
        full[at] = loss
    reports = [
        _component(*one, day=day, member=member) for one in zip(rubric.components, earned, full, strict=True)
    ]
    steps = next_steps(rubric, day, member, scorer=scorer)
    pillars = tuple(
        PillarReport(
            name=pillar,
            points=earned,
            max=sum(rubric.components[at].max for at in rubric.of_pillar(pillar)),
            components=tuple(reports[at] for at in rubric.of_pillar(pillar)),
        )
        for pillar, earned in zip(PILLARS, points.pillars[0].tolist(), strict=True)
    )
    return Explanation(
        rubric=rubric.name,
        version=rubric.version,
        day=day,
        score=int(points.score[0]),
        pillars=pillars,
        penalties=tuple(reports[at] for at in rubric.penalties),
        before_floor=int(points.before_floor()[0]),
        stop=tuple(stops(rubric, full)),
        next_steps=steps,
        together=gain_together(rubric, day, member, gains=steps[:TOP], scorer=scorer),
        weakest=min(pillars, key=lambda pillar: pillar.points).name,
        target=_target(rubric, role, int(points.score[0])),
    )


def _target(rubric: Rubric, role: str | None, score: int) -> TargetReport | None:
    found = rubric.target(role)
    if found is None:
        return None
    name, target = found
    return TargetReport(
        role=role, name=name, low=target.low, high=target.high, missing=max(target.low - score, 0)
    )


def _component(component: Component, points: int, full: int, *, day: Day, member: Member) -> ComponentReport:
    sources = list(_sources(component, day, member))
    # What earned the points: a rate's trials earn nothing, they only set what its successes are worth.
    earning = [source.decayed if source.role != "trials" else 0 for source in sources]
    shares = apportion(points, earning)
    return ComponentReport(
        name=component.name,
        kind=component.kind,
        factor=component.factor,
        articles=component.articles,
        points=points,
        full=full,
        max=component.max,
        rule=rule(component),
        measured=_measured(component, day, member, sources=sources),
        sources=tuple(
            source.model_copy(update={"points": share}) for source, share in zip(sources, shares, strict=True)
        ),
    )


def _sources(component: Component, day: Day, member: Member) -> Iterator[Source]:
    match component:
        case Volume() | Penalty():
            yield from _uses(
                component.signals, "signal", half_life=component.half_life, day=day, member=member
            )
        case Rate():
            yield from _uses(
                component.successes, "successes", half_life=component.half_life, day=day, member=member
            )
            if component.trials is not None:
                yield from _uses(
                    component.trials, "trials", half_life=component.half_life, day=day, member=member
                )
            elif component.trials_register is not None:
                yield _register(component.trials_register, "trials", target=None, weight=1, member=member)
        case Rhythm():
            yield from _active(component, day, member)
        case Registers():
            for register, section in component.registers.items():
                yield _register(
                    register, "register", target=section.target, weight=section.weight, member=member
                )


def _window(member: Member, signal: Signal, day: Day) -> dict[int, int]:
    """The counts of a signal by age, in the window."""
    return {
        day - of: count
        for (counted, of), count in member.tiles.items()
        if counted == signal and 0 <= day - of < WINDOW and count > 0
    }


def _before(member: Member, last: int) -> Member:
    """The member with nothing that was counted after the day `last`."""
    return Member({tile: count for tile, count in member.tiles.items() if tile[1] <= last}, member.numbers)


def _uses(
    uses: Mapping[Signal, Use], role: str, *, half_life: int | None, day: Day, member: Member
) -> Iterator[Source]:
    decay = weights(half_life)
    for signal, use in uses.items():
        counts = _window(member, signal, day)
        capped, weeks = kept(counts, use, day)
        exact = use.weight * sum(count * decay[age] for age, count in capped.items())
        yield Source(
            name=signal.name.lower(),
            role=role,
            count=sum(counts.values()),
            counted=sum(capped.values()),
            cap=use.cap,
            days_capped=sum(count > use.cap for count in counts.values()),
            week_cap=use.week,
            weeks_capped=weeks,
            weight=use.weight,
            decayed=exact * _MILLION >> BITS,
            points=0,
        )


def _active(rhythm: Rhythm, day: Day, member: Member) -> Iterator[Source]:
    """The active periods that each signal alone would make: several of them may share one."""
    for signal in rhythm.signals:
        counts = {
            age: count
            for age, count in _window(member, signal, day).items()
            if _ago(rhythm, day, age) < rhythm.over
        }
        periods = len({_ago(rhythm, day, age) for age in counts})
        yield Source(
            name=signal.name.lower(),
            role=f"active {rhythm.period}s",
            count=sum(counts.values()),
            counted=periods,
            decayed=periods * _MILLION,
            points=0,
        )


def _ago(rhythm: Rhythm, day: Day, age: int) -> int:
    """How many days or calendar weeks before the current one a day of this age lies."""
    return age if rhythm.period == "day" else (day + MONDAY) // 7 - (day - age + MONDAY) // 7


def _measured(component: Component, day: Day, member: Member, *, sources: list[Source]) -> str:
    """What the component's curve is applied to: a sum, a number of periods, a rate, or a share filled."""
    total = sum(source.decayed for source in sources if source.role != "trials")
    match component:
        case Rhythm():
            periods = {
                _ago(component, day, age)
                for signal in component.signals
                for age in _window(member, signal, day)
            }
            active = sum(period < component.over for period in periods)
            return f"{active} active {component.period}{'' if active == 1 else 's'}"
        case Rate():
            trials = sum(source.decayed for source in sources if source.role == "trials")
            if component.needs_trial:
                total = min(total, trials)
            if component.grace is not None and component.trials is not None:
                judged = _uses(
                    component.trials,
                    "trials",
                    half_life=component.half_life,
                    day=day,
                    member=_before(member, day - component.grace),
                )
                trials = max(sum(source.decayed for source in judged), min(total, trials))
            prior = component.prior * _MILLION
            rate = (100 * total + prior * component.above) * 10 // (trials + prior)
            # successes may come without trials in sight, as where upstream publishes no invitations sent
            rate = min(rate, 1000)
            return f"{rate // 10}.{rate % 10} %"
        case Registers():
            weight = sum(section.weight for section in component.registers.values())
            return f"{100 * total // (weight * _MILLION)} % filled in"
        case _:
            return f"sum {total // _MILLION}.{total % _MILLION // 10_000:02d}"


def _register(register: Register, role: str, *, target: int | None, weight: int, member: Member) -> Source:
    value = max(member.numbers.get(register, 0), 0)
    counted = value if target is None else min(value, target)
    return Source(
        name=register.name.lower(),
        role=role,
        count=value,
        counted=counted,
        cap=target,
        weight=weight,
        decayed=counted * weight * _MILLION // (target or 1),
        points=0,
    )


def rule(component: Component) -> str:
    """A component's rule in words, without its signals: 'half of the points at 24, half-life 14 days'."""
    match component:
        case Volume() | Penalty():
            what = "points" if isinstance(component, Volume) else "penalty"
            if component.half is not None:
                curve = f"half of the {what} at {component.half:,}"
            else:
                curve = f"full {what} from {component.target:,} on"
            return f"{curve}, {_fading(component.half_life)}"
        case Rhythm():
            return (
                f"full points when active {'on' if component.period == 'day' else 'in'} {component.target} of the "
                f"last {component.over} {'days' if component.period == 'day' else 'weeks (Monday to Sunday)'}"
            )
        case Rate():
            return (
                f"no points up to {component.above} %, full points from {component.full} % on, "
                f"smoothed with {component.prior:,} trials at {component.above} %, "
                f"{_fading(component.half_life)}{_judged(component)}"
            )
        case Registers():
            return "proportional to what is filled in"


def _judged(rate: Rate) -> str:
    """What is said of the trials of a rate that are young or missing."""
    said = ""
    if rate.grace is not None:
        said += f"; a trial counts after {rate.grace} days, or once it succeeds"
    if rate.needs_trial:
        said += "; no more successes than trials count"
    return said


def _fading(half_life: int | None) -> str:
    return f"half-life {half_life} days" if half_life is not None else "no decay"
