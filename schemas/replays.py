"""A replay: the note that a dead letter was sent to `activity.events` again."""

from datetime import datetime

from pydantic import BaseModel, Field


class Replay(BaseModel):
    """That a dead letter was sent again; the newest note of a place counts."""

    at: datetime = Field(description="When it was sent again, UTC.")
    letter_timestamp: int = Field(
        description="The letter's own time, ms since 1970: another letter at this place has another one."
    )
    edited: bool = Field(description="Whether the event was changed.")
    forced: bool = Field(description="Whether it was sent although it was not valid.")
