"""A member's place among their own connections: the records of `member.networks`, keyed by member.

Compacted, so the last record is the one that holds; a record without a value means that the member has no
connections any more.
"""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from schemas.scores import Rank, RubricName


class NetworkStanding(BaseModel):
    """How a member stands among their connections, as of when it was last put out.

    Rank and average are null where too few connections have a score, and the rank where the member has
    none. Fields may be added: ignore those you don't know.
    """

    model_config = ConfigDict(frozen=True)

    member: str = Field(description="The member's id, as in the events.")
    connections: int = Field(ge=0, description="How many connections the member has.")
    scored: int = Field(ge=0, description="How many of them have a score; the others don't count below.")
    rank: Rank | None = Field(description="Among the member and the connections that have a score.")
    average: float | None = Field(description="The mean score of the connections, two decimals.")
    engaging: float | None = Field(
        description="Percent of the scored who reacted to, commented, shared or mentioned the member within "
        "90 days; null when none has a score."
    )
    as_of: date = Field(description="The day the scores are as of.")
    revision: int = Field(
        ge=0, description="Rises with every record of a member; shared with `member.scores`."
    )
    rubric: RubricName
