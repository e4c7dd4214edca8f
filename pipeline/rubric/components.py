"""The kinds of component a rubric is made of, and what each may say.

Each kind turns tiles or registers into points with whole numbers only. The formulae are in
`docs/explanation/score.md`; `scoring.py` is the fast form of them and `reference.py` the readable one.

Bounds, so that int64 (and `bincount` in float64) stays exact. With weights of at most 2**20 and 90 days, a
component's sum is at most `load` * 90 * 2**20, where load is the sum of weight * cap over its signals.
    volume, penalty: load <= 9_000_000, so the sum is below 2**50 and, times 10,000 points, below 2**63;
    rate:            load <=   390_000, so the sum is below 2**46 and, times 100 %, times 2,500, below 2**63;
    rate's divisor:  (31-bit register or sum >> 20, plus prior) << 20, times 1,000 %, is below 2**62;
    register:        lcm(targets) * weights <= 2**40, times 2,500 is below 2**52.
"""

from enum import StrEnum
from math import lcm
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, StringConstraints, model_validator

from pipeline.common.tile_keys import WINDOW
from pipeline.rubric.field_types import Line, PointsField, RegisterName, SignalName, Slug

VOLUME_LOAD = 9_000_000
RATE_LOAD = 390_000
REGISTER_LOAD = 1 << 40

WEEKS = WINDOW // 7
"""Whole calendar weeks, the current one included, that always lie inside the window: 12."""


class Pillar(StrEnum):
    """A quarter of the score, 0 to 25 points."""

    BRAND = "brand"
    FIND = "find"
    ENGAGE = "engage"
    RELATE = "relate"


PILLARS = tuple(Pillar)


class RubricPart(BaseModel):
    """Base of everything in a rubric: immutable, and a key it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


Count: TypeAlias = Annotated[StrictInt, Field(ge=1, le=65_535)]
HalfLife: TypeAlias = Annotated[StrictInt, Field(ge=1, le=365)]
ArticleLetter: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[A-Z]$")]


def _unused(value: Any) -> bool:
    return not value


class Use(RubricPart):
    """How a component counts a signal: at most `cap` a day and `week` a calendar week, each worth `weight`."""

    cap: Count
    weight: Annotated[StrictInt, Field(ge=1, le=10_000)] = 1
    # left out of the fingerprint where it is not used, so that older rubrics keep theirs
    week: Count | None = Field(default=None, exclude_if=_unused)

    @model_validator(mode="after")
    def _week_is_more(self) -> Self:
        if self.week is not None and not self.cap <= self.week < 7 * self.cap:
            raise ValueError(
                f"'week' ({self.week}) must be at least 'cap' ({self.cap}), and less than seven times as much: "
                "otherwise one of the two says nothing"
            )
        return self


Uses: TypeAlias = Annotated[dict[SignalName, Use], Field(min_length=1, max_length=63)]


class Section(RubricPart):
    """How a component reads a register: in full from `target` on, in proportion below it."""

    weight: Annotated[StrictInt, Field(ge=1, le=10_000)] = 1
    target: Annotated[StrictInt, Field(ge=1, le=1_000_000)] = 1


class _Component(RubricPart):
    name: Slug
    max: PointsField = Field(gt=0)
    factor: Line
    articles: Annotated[tuple[ArticleLetter, ...], Field(max_length=26)] = ()


class _Scoring(_Component):
    """A component that gives points to a pillar."""

    pillar: Pillar
    max: PointsField = Field(gt=0, le=2_500)


def _load(uses: dict[SignalName, Use]) -> int:
    return sum(use.weight * use.cap for use in uses.values())


def _check_load(uses: dict[SignalName, Use], most: int, what: str) -> None:
    load = _load(uses)
    if load > most:
        raise ValueError(
            f"weight x cap of the {what} adds up to {load:,}, which could overflow: make it at most {most:,}"
        )


class _Curve(_Component):
    """Signals added up (cap a day, weight, half-life), then bent by `half` or straight to `target`."""

    signals: Uses
    half_life: HalfLife | None = None
    half: Annotated[StrictInt, Field(ge=1, le=1_000_000_000)] | None = None
    target: Annotated[StrictInt, Field(ge=1, le=1_000_000_000)] | None = None

    @model_validator(mode="after")
    def _one_curve(self) -> Self:
        if (self.half is None) == (self.target is None):
            raise ValueError(
                "give either 'half' (the sum that earns half the points) or 'target' (the sum that earns all)"
            )
        _check_load(self.signals, VOLUME_LOAD, "signals")
        return self


class Volume(_Curve, _Scoring):
    """How much was done: v / (v + half), or v / target up to 1."""

    kind: Literal["volume"]


class Penalty(_Curve):
    """Points off the whole score, which never falls below 0. advice: what to stop, for who loses points by it."""

    kind: Literal["penalty"]
    advice: Line | None = Field(default=None, exclude_if=_unused)


class Rhythm(_Scoring):
    """On how many days or calendar weeks (from Monday) of the last `over` anything of `signals` was done.

    The current day or week is one of them. Calendar weeks, since the number of distinct weeks counted
    back from today would rise and fall from day to day with nothing done.
    """

    kind: Literal["rhythm"]
    signals: Annotated[tuple[SignalName, ...], Field(min_length=1, max_length=63)]
    period: Literal["day", "week"]
    over: Annotated[StrictInt, Field(ge=1, le=WINDOW)]
    target: Annotated[StrictInt, Field(ge=1, le=WINDOW)]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.period == "week" and self.over > WEEKS:
            raise ValueError(f"'over' is at most {WEEKS} weeks, as only {WINDOW} days are kept")
        if self.target > self.over:
            raise ValueError(
                f"'target' {self.target} can't be reached in 'over' {self.over}: make it smaller"
            )
        if len(set(self.signals)) < len(self.signals):
            raise ValueError("'signals' names a signal twice: remove one")
        return self


class Rate(_Scoring):
    """Successes by trials, smoothed with `prior` trials at `above` per cent.

    No points up to `above` per cent, all of them from `full` per cent on. The prior keeps 1 of 1 from
    being 100 %. Trials are signals, or a register such as the size of the network.

    grace: a trial counts from this many days on, or once it has succeeded; so nobody loses points by the trial
    itself. needs_trial: successes beyond the trials count for nothing.
    """

    kind: Literal["rate"]
    successes: Uses
    trials: Uses | None = None
    trials_register: RegisterName | None = None
    above: Annotated[StrictInt, Field(ge=0, le=99)]
    full: Annotated[StrictInt, Field(ge=1, le=1_000)]
    prior: Annotated[StrictInt, Field(ge=1, le=1_000_000)]
    half_life: HalfLife | None = None
    # left out of the fingerprint where it is not used, so that older rubrics keep theirs
    grace: Annotated[StrictInt, Field(ge=1, lt=WINDOW)] | None = Field(default=None, exclude_if=_unused)
    needs_trial: StrictBool = Field(default=False, exclude_if=_unused)

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.full <= self.above:
            raise ValueError(f"'full' ({self.full} %) must be more than 'above' ({self.above} %)")
        if (self.trials is None) == (self.trials_register is None):
            raise ValueError(
                "give either 'trials' (signals) or 'trials_register' (a number such as 'connections')"
            )
        if self.grace is not None and self.trials is None:
            raise ValueError("'grace' is for trials that are signals: leave it out, or give 'trials'")
        _check_load(self.successes, RATE_LOAD, "successes")
        if self.trials is not None:
            _check_load(self.trials, RATE_LOAD, "trials")
        return self


class Registers(_Scoring):
    """Profile sections and other numbers of the member, weighted."""

    kind: Literal["register"]
    registers: Annotated[dict[RegisterName, Section], Field(min_length=1, max_length=19)]

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.total > REGISTER_LOAD:
            raise ValueError(
                "the targets have too large a common multiple: choose targets that divide each other"
            )
        return self

    @property
    def common(self) -> int:
        """The least number that all targets divide."""
        return lcm(*(section.target for section in self.registers.values()))

    @property
    def total(self) -> int:
        """What a member with every target reached adds up to."""
        return self.common * sum(section.weight for section in self.registers.values())


Component: TypeAlias = Annotated[Volume | Rhythm | Rate | Registers | Penalty, Field(discriminator="kind")]
