"""The clock, the only place that reads it: a value is passed on from here.

With `as_of` the day stands still, and times are judged against the end of that day.
"""

import time
from dataclasses import dataclass
from datetime import date

from pipeline import days


@dataclass(frozen=True, slots=True)
class Clock:
    """Now and today; as_of: the day that is to be today, for replays."""

    as_of: date | None = None

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        return int(time.time() * 1000)

    def today(self) -> int:
        """The as-of day of scores, days since 1970."""
        return days.number(self.as_of) if self.as_of else self.now_ms() // days.DAY_MS

    def horizon_ms(self) -> int | None:
        """What event times are judged against; None: each against its record's own timestamp."""
        return days.end_ms(self.today()) if self.as_of else None
