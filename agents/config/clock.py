"""The clock: the worker reads time only through it, so that tests can set it (`agents.ports.Clock`).

With `as_of` the day stands still, and times are judged against the end of that day.
"""

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from agents.config.clock_skew import Skew
from agents.config.settings import Settings
from pipeline.common import days
from pipeline.common.units import Day

_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    """Now and today; as_of: the day that is to be today, for replays; zone: where days begin and end.

    `as_of` may change to a later day, or to None, while a worker runs (`agents.local.orders`).

    skew: what is known of how wrong this machine's clock is; one that is far off is corrected by it.
    """

    as_of: date | None = None
    zone: days.Zone = days.UTC
    skew: Skew | None = None

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        return int(time.time() * 1000) - (self.skew.correction_ms if self.skew is not None else 0)

    def today(self) -> Day:
        """The as-of day of scores, days since 1970."""
        return days.number(self.as_of) if self.as_of else Day(int(self.zone.of(np.array(self.now_ms()))))

    def horizon_ms(self) -> int | None:
        """What event times are judged against; None: each against its record's own timestamp."""
        return self.zone.end_ms(self.today()) if self.as_of else None

    def latest_ms(self, day: int) -> int:
        """What event times in files are judged against, for scores as of a day: its end, or now while it is not over.

        So a time that is refused live because it is ahead is refused in a file too, as long as it is ahead.
        """
        end = self.zone.end_ms(day)
        return end if self.as_of or day > self.today() else min(end, self.now_ms())

    def now_ns(self) -> int:
        """Nanoseconds since 1970 by this machine's clock, for spans and epochs."""
        return time.time_ns()

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""
        return time.monotonic()

    def cpu(self) -> float:
        """Seconds of CPU that this thread has used."""
        return time.thread_time()

    def process_cpu(self) -> float:
        """Seconds of CPU that the process has used."""
        return time.process_time()

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds; after 0, others have run."""
        await asyncio.sleep(seconds)


def clock(settings: Settings, as_of: date | None = None) -> Clock:
    """The clock of the settings; as_of: instead of theirs."""
    return Clock(as_of or settings.as_of, zone(settings.zone))


def zone(name: str) -> days.Zone:
    """The zone of an IANA name, exact from 2000 to 2100; ZoneInfoNotFoundError for an unknown one."""
    if name == "UTC":
        return days.UTC
    info = ZoneInfo(name)
    since: list[int] = []
    offset: list[int] = []
    day = _FIRST
    while day < _LAST:
        if not offset or offset[-1] != _offset(day, info):
            start = day if not offset else _change(day - timedelta(1), day, info)
            since.append(int(start.timestamp() * 1000))
            offset.append(_offset(day, info))
        day += timedelta(1)
    return days.Zone(name, since, offset)


def _offset(moment: datetime, info: ZoneInfo) -> int:
    found = moment.astimezone(info).utcoffset()
    assert found is not None
    return int(found.total_seconds() * 1000)


def _change(before: datetime, after: datetime, info: ZoneInfo) -> datetime:
    """When between the two the offset becomes that of `after`, to the second."""
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if _offset(middle, info) == _offset(after, info):
            after = middle
        else:
            before = middle
    return after
