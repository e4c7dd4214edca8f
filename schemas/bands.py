"""A change of band: the records of `member.bands`, keyed by member, for alerting."""

from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.scores import PointsField, RubricName

BandName = Literal["low", "middle", "high", "top"]


class BandChanged(BaseModel):
    """A member moved from one band to another. Fields may be added."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    member: str = Field(description="The member's id, as in the events.")
    before: BandName = Field(alias="from", description="The previous band; low for a new member.")
    after: BandName = Field(alias="to", description="The new band.")
    score: PointsField = Field(description="The score that caused the change.")
    as_of: date
    revision: int = Field(ge=0, description="Revision of the score record sent in the same transaction.")
    rubric: RubricName
