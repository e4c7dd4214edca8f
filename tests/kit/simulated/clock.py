"""A clock that stands still until it is moved."""

import asyncio
import heapq
import itertools
from datetime import date
from typing import Any

import numpy as np

from pipeline.common import days
from pipeline.common.units import Day


class SimClock:
    """Begins at `start_ms`; `advance` lets sleepers go on, one moment after the other."""

    as_of: date | None = None

    def __init__(self, start_ms: int) -> None:
        self._start_ms = start_ms
        self._now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def now_ms(self) -> int:
        return self._start_ms + int(self._now * 1000)

    def now_ns(self) -> int:
        return self.now_ms() * 1_000_000

    def today(self) -> Day:
        return Day(int(days.UTC.of(np.array(self.now_ms()))))

    def horizon_ms(self) -> int | None:
        return None

    def monotonic(self) -> float:
        return self._now

    def cpu(self) -> float:
        return self._now / 100

    process_cpu = cpu

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._numbers), future))
        await future

    def jump(self, seconds: float) -> None:
        """Nobody ran for so long, as when a machine was asleep."""
        self._now += seconds

    async def advance(self) -> None:
        """Let everybody run who can, then go to the moment at which the next sleeper wakes."""
        ready: Any = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
        await asyncio.sleep(0)
        while ready:
            await asyncio.sleep(0)
        while self._sleepers:
            at, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                self._now = max(self._now, at)
                future.set_result(None)
                return
