"""Old activity as if it ended now: all times of a file moved by one and the same span.

Scores look back 90 days, so a recording is worth nothing until its end lies in the present. Ids and
all differences of time stay.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError
from pydantic_core import from_json, to_json

from agents.config.errors import UserError
from schemas.cloudevents import BOM
from schemas.events import parse
from schemas.times import is_time, microseconds

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
        moved = _moment(time + self.move // timedelta(microseconds=1))
        # as it was read: NaN, for one, stays NaN
        event["time"] = moved.isoformat().replace("+00:00", "Z")
        return to_json(event, inf_nan_mode="constants")

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
    return Shift(_moment(last), (end - _moment(last)) // step * step)


def _moment(time: int) -> datetime:
    """The moment that is so many microseconds after 1970, in UTC."""
    try:
        return _EPOCH + timedelta(microseconds=time)
    except OverflowError:
        raise UserError("--until: an event would fall outside the years 1 to 9999") from None


def _event(raw: bytes) -> tuple[dict[str, Any], int | None]:
    """The event with all its fields, and its time in microseconds since 1970; no time when it isn't valid.

    It is read by the parser that ingest reads it with, so both agree on what is an event.
    """
    try:
        text = parse(raw)["time"]
        return from_json(raw.removeprefix(BOM)), microseconds(text) if is_time(text) else None
    except (ValidationError, ValueError):
        return {}, None
