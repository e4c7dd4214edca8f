"""A change of band: the records of `member.bands`, keyed by member, for alerting."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.scores import Points, RubricName

BandName = Literal["low", "middle", "high", "top"]


class BandChanged(BaseModel):
    """A member went from one band to another. Fields may be added."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    member: str = Field(description="The member's id, as in the events.")
    before: BandName = Field(alias="from", description="The band until now; low for a new member.")
    after: BandName = Field(alias="to", description="The band from now on.")
    score: Points = Field(description="The score that made it so.")
    as_of: date
    revision: int = Field(ge=0, description="Of the score record that was sent with it.")
    rubric: RubricName
