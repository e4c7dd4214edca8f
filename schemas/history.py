"""A member's day: the records of `member.history`, keyed by date and member ("2026-11-20 m-1").

Written once, at the day's turn, and not changed by late events or a new rubric. A record without a value
takes the day back, for an erased member.
"""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from schemas.scores import Pillars, PointsField, RubricName


class Day(BaseModel):
    """A member's score at the end of a day. Fields may be added."""

    model_config = ConfigDict(frozen=True)

    member: str = Field(description="The member's id, as in the events.")
    day: date = Field(description="The day, in `PILLARSCORE_ZONE`.")
    score: PointsField = Field(description="0 to 100, two decimals.")
    pillars: Pillars
    rubric: RubricName
