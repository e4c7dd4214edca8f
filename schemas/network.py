"""A member's place among their own connections: the records of `member.networks`, keyed by member.

Compacted, so the last record is the one that holds; a record without a value means that the member has no
connections any more.
"""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from schemas.scores import Rank, RubricName


class NetworkStanding(BaseModel):
    """A member's standing among their connections, as of the last refresh.

    Rank and average are null if too few connections have a score; the rank is also null if the member has no
    score. Fields may be added: ignore unknown ones.
    """

    model_config = ConfigDict(frozen=True)

    member: str = Field(description="The member's id, as in the events.")
    connections: int = Field(ge=0, description="Number of connections of the member.")
    scored: int = Field(ge=0, description="Number of connections with a score; the others are ignored below.")
    rank: Rank | None = Field(description="Rank among the member and the connections with a score.")
    average: float | None = Field(description="The mean score of the connections, two decimals.")
    engaging: float | None = Field(
        description="Percent of the scored connections who reacted to, commented on, shared or mentioned the "
        "member within 90 days; null if none has a score."
    )
    as_of: date = Field(description="The day of the scores.")
    revision: int = Field(
        ge=0, description="Increases with every record of a member; shared with `member.scores`."
    )
    rubric: RubricName
