"""Old activity as if it ended now: all times of a file moved by one and the same span.

Scores look back 90 days, so a recording is worth nothing until its end lies in the present. Ids and
all differences of time stay.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from pydantic import ValidationError

from agents.config.errors import UserError
from schemas.events import parse


@dataclass(frozen=True, slots=True)
class Shift:
    """A move of all times; last: the time of the last event, before the move."""

    last: datetime
    move: timedelta

    def line(self, raw: bytes) -> bytes:
        """The event with its time moved, in UTC; a line that is no valid event stays as it is."""
        event, time = _event(raw)
        if time is None:
            return raw
        try:
            moved = (time + self.move).astimezone(UTC)
        except OverflowError:
            raise UserError("--until: an event would fall outside the years 1 to 9999") from None
        return orjson.dumps(event | {"time": moved.isoformat().replace("+00:00", "Z")})

    def __str__(self) -> str:
        days, seconds = divmod(int(self.move.total_seconds()), 86_400)
        clock = f" {seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d} h" if seconds else ""
        ends = self.last + self.move
        return f"All times shifted by {days:+,} days{clock}: the last event is now at {ends:%Y-%m-%d %H:%M:%S} UTC"


def to_end_at(lines: Iterable[bytes], end: datetime, whole_days: bool = False) -> Shift | None:
    """The move, in whole seconds or days, that takes the last event to `end` or just before.

    None when there is no valid event.
    """
    last = max((time for _, time in map(_event, lines) if time is not None), default=None)
    if last is None:
        return None
    step = timedelta(days=1) if whole_days else timedelta(seconds=1)
    return Shift(last.astimezone(UTC), (end - last) // step * step)


def _event(raw: bytes) -> tuple[dict[str, Any], datetime | None]:
    """The event with all its fields, and its time; no time when it isn't valid."""
    try:
        time = datetime.fromisoformat(parse(raw)["time"])
        return orjson.loads(raw), time if time.tzinfo is not None else None
    except (ValidationError, ValueError):
        return {}, None
