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
Points = Annotated[
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
    """The rubric a score was computed by."""

    model_config = ConfigDict(frozen=True)

    name: str
    version: str


class Change(BaseModel):
    """Points gained or lost since a day's end; null where there was no score."""

    model_config = ConfigDict(frozen=True)

    day: float | None = Field(description="Since yesterday's end.")
    week: float | None = Field(description="Since the end of the day a week ago.")


class Rank(BaseModel):
    """A place among the members of a cohort, as docs/explanation/ranks.md defines it."""

    model_config = ConfigDict(frozen=True)

    value: str | None = Field(None, description="Which cohort of its kind; absent for `everyone`.")
    place: float = Field(ge=1, description="1 is the best; who has the same score shares the mean place.")
    of: int = Field(ge=1, description="Members of the cohort.")
    top: float = Field(ge=0, le=100, description="Top percent, rounded up to two decimals.")


class Score(BaseModel):
    """The score of a member as of a day.

    The score is the sum of the pillars less what penalties take off. Fields may be added: ignore those
    you don't know.
    """

    model_config = ConfigDict(frozen=True)

    member: str = Field(description="The member's id, as in the events.")
    score: Points = Field(description="0 to 100, two decimals.")
    pillars: Pillars
    as_of: date = Field(description="The day the score is as of (UTC).")
    revision: int = Field(
        ge=0, description="Rises with every record of a member; 0 when computed from a file."
    )
    rubric: RubricName
    band: Literal["low", "middle", "high", "top"] | None = Field(
        None, description="With hysteresis over the daily history."
    )
    trend: Literal["not_enough_information", "declining", "steady", "improving"] | None = None
    change: Change | None = None
    weakest: Literal["brand", "find", "engage", "relate"] | None = Field(
        None, description="The pillar with the fewest points."
    )
    changed: dict[str, float] | None = Field(
        None,
        description="Components that moved since the record before, and by how many points; "
        "none of them is named in the record of the day's turn, when all decay.",
    )

    benchmark: int | None = Field(
        None,
        description="What the ranks are by: all scores in `score.distributions` up to this offset. Absent "
        "with the ranks, before there is any.",
    )
    ranks: dict[str, Rank] | None = Field(
        None, description="By kind of cohort, when the record was made; not in cohorts that are too small."
    )

    @model_validator(mode="after")
    def _adds_up(self) -> Self:
        if self.score > self.pillars.total:
            raise ValueError("the score should be at most the sum of its pillars")
        return self
