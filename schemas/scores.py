"""A member's score as published: the records of `member.scores`, keyed by member.

Compacted, so the last record of a member is the score, and a record without a value means that there is
none any more. Points have two decimals; in Python they are whole hundredths, so that nothing gets lost.
"""

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)


def _hundredths(value: Any) -> int:
    """The hundredths of a JSON number of points: exact, since a double has 15 digits, and these need 5."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
        raise ValueError("points should be a number from 0 to 100")
    hundredths = round(value * 100)
    if hundredths / 100 != value:
        raise ValueError("points should have at most two decimals")
    return hundredths


def _quarter(hundredths: int) -> int:
    if hundredths > 2500:
        raise ValueError("a pillar should have at most 25 points")
    return hundredths


def _points(hundredths: int) -> float:
    return hundredths / 100


# Hundredths in Python, points with two decimals in JSON.
PointsField = Annotated[
    int,
    BeforeValidator(_hundredths),
    PlainSerializer(_points, return_type=Annotated[float, Field(ge=0, le=100)]),
]
PillarPoints = Annotated[
    int,
    BeforeValidator(_hundredths),
    AfterValidator(_quarter),
    PlainSerializer(_points, return_type=Annotated[float, Field(ge=0, le=25)]),
]


class Pillars(BaseModel):
    """Points of the four pillars, 0 to 25 each, two decimals."""

    model_config = ConfigDict(frozen=True)

    brand: PillarPoints = Field(description="Establish your professional brand.")
    find: PillarPoints = Field(description="Find the right people.")
    engage: PillarPoints = Field(description="Engage with insights.")
    relate: PillarPoints = Field(description="Build relationships.")

    @property
    def total(self) -> int:
        """Their sum, in hundredths."""
        return self.brand + self.find + self.engage + self.relate


class RubricName(BaseModel):
    """The rubric that a score was computed by."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str


class Change(BaseModel):
    """Points gained or lost since the end of a day; null if there was no score then."""

    model_config = ConfigDict(frozen=True)

    day: float | None = Field(description="Since the end of yesterday.")
    week: float | None = Field(description="Since the end of the day a week ago.")


class Rank(BaseModel):
    """A rank among the members of a cohort, as defined in docs/explanation/ranks.md."""

    model_config = ConfigDict(frozen=True)

    value: str | None = Field(None, description="The cohort's value; absent for `everyone`.")
    place: float = Field(
        ge=1, description="The rank; 1 is the best. Members with the same score share the mean rank."
    )
    of: int = Field(ge=1, description="Members of the cohort.")
    active: int | None = Field(
        None,
        ge=0,
        description="How many of them are active: with points in find, engage or relate, as merged last.",
    )
    top: float = Field(ge=0, le=100, description="Top percent, rounded up to two decimals.")


class Score(BaseModel):
    """The score of a member as of a day.

    The score is the sum of the pillars minus penalties. Fields may be added: ignore unknown ones.
    """

    model_config = ConfigDict(frozen=True)

    member: str = Field(description="The member's id, as in the events.")
    score: PointsField = Field(description="0 to 100, two decimals.")
    pillars: Pillars
    as_of: date = Field(description="The day of the score, in `PILLARSCORE_ZONE`.")
    revision: int = Field(
        ge=0, description="Increases with every record of a member; 0 if computed from a file."
    )
    rubric: RubricName
    band: Literal["low", "middle", "high", "top"] | None = Field(
        None, description="Band, with hysteresis over the daily history."
    )
    trend: Literal["not_enough_information", "declining", "steady", "improving"] | None = None
    change: Change | None = None
    weakest: Literal["brand", "find", "engage", "relate"] | None = Field(
        None, description="The pillar with the fewest points."
    )
    changed: dict[str, float] | None = Field(
        None,
        description="Components that changed since the previous record, and by how many points; empty in the "
        "record of a rollover, when all components decay.",
    )

    benchmark: int | None = Field(
        None,
        description="Basis of the ranks: all scores in `score.distributions` up to this offset. Absent if "
        "there are no ranks yet.",
    )
    ranks: dict[str, Rank] | None = Field(
        None, description="Ranks by kind of cohort as of this record; without cohorts that are too small."
    )

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.score > self.pillars.total:
            raise ValueError("the score should be at most the sum of its pillars")
        return self
