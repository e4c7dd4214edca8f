"""A replay: the note that a dead letter was sent to `activity.events` again."""

from datetime import datetime

from pydantic import BaseModel, Field


class Replay(BaseModel):
    """Note that a dead letter was redriven; the newest note for a `partition:offset` is valid."""

    at: datetime = Field(description="When it was redriven, UTC.")
    letter_timestamp: int = Field(
        description="The letter's timestamp, ms since 1970; identifies it if the topic was recreated."
    )
    edited: bool = Field(description="Whether the event was changed.")
    forced: bool = Field(description="Whether it was sent although it was invalid.")
