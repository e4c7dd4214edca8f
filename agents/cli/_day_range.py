"""The days of which scores are wanted: one, or each of several."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.cli._options import date_of
from agents.config.errors import UserError

if TYPE_CHECKING:
    from agents.config.settings import Settings

MOST = 366
"""Days at once: each has a state of its own in memory."""


@dataclass(frozen=True, slots=True)
class DayRange:
    """Days since 1970, `first` to `last`; several: whether a range was asked for, be it of one day."""

    first: int
    last: int
    several: bool


def day_range(settings: "Settings", as_of: str | None, since: str | None, until: str | None) -> DayRange:
    """What --as-of, or --from and --to, ask for; --to is today unless given. UserError when they make no range."""
    from agents.config.clock import clock

    if since is None:
        if until is not None:
            raise UserError("--to needs --from: give the first day too")
        day = clock(settings, date_of(as_of)).today()
        return DayRange(day, day, several=False)
    if as_of is not None:
        raise UserError("--as-of and --from exclude each other: give one day, or the first and the last")
    first = clock(settings, date_of(since, "--from")).today()
    last = clock(settings, date_of(until, "--to")).today()
    if first > last:
        raise UserError(f"--from {since} is after the last day: give --from and --to in this order")
    if last - first >= MOST:
        raise UserError(f"--from {since}: that is {last - first + 1:,} days; at most {MOST} at once")
    return DayRange(first, last, several=True)
