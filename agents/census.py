"""Everybody's score, read from `member.scores` once for all partitions of a worker that need it.

In memory it is 10 bytes a member: the hash of the id, and the score.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson
import structlog

from agents.reader import reader
from agents.settings import Settings
from pipeline import days
from pipeline.places import UNKNOWN
from pipeline.ties import key_hashes

log = structlog.get_logger()
AT_ONCE = 500
"""Records taken without letting others go on: about a millisecond of work."""
_MOST = 2_000_000
_PATIENCE_S = 300.0
_AGAIN_S = 5.0
_KEEP_S = 600.0


@dataclass(slots=True)
class Census:
    """Members' hashes uint64[n], scores int16[n] in hundredths, days int32[n] these are as of; when read."""

    hash: np.ndarray
    score: np.ndarray
    day: np.ndarray
    began_ms: int


class Gathering:
    """Takes records of `member.scores` in the order of their partition; the last one of a member holds."""

    def __init__(self) -> None:
        self._parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._rows = 0
        self._days: dict[str, int] = {}

    def add(self, records: Sequence[tuple[bytes, bytes | None]]) -> None:
        """Take (key, value) records."""
        n = len(records)
        score, day = np.full(n, UNKNOWN, np.int16), np.zeros(n, np.int32)
        for at, (_, value) in enumerate(records):
            if value is not None:
                told = orjson.loads(value)
                score[at] = round(told["score"] * 100)
                as_of = told["as_of"]
                number = self._days.get(as_of)
                if number is None:
                    number = self._days[as_of] = int(np.datetime64(as_of).astype(np.int64))
                day[at] = number
        self._parts.append((key_hashes([key for key, _ in records]), score, day))
        self._rows += n
        if self._rows > _MOST and self._rows > 2 * len(self._parts[0][0]):
            self._newest()

    def _newest(self) -> None:
        """Keep the last record of each member."""
        if self._parts:
            hashes, score, day = (np.concatenate(column)[::-1] for column in zip(*self._parts, strict=True))
            _, first = np.unique(hashes, return_index=True)
            self._parts = [(hashes[first], score[first], day[first])]
            self._rows = len(first)

    def census(self, began_ms: int) -> Census:
        """Those who have a score."""
        self._newest()
        if not self._parts:
            return Census(np.zeros(0, np.uint64), np.zeros(0, np.int16), np.zeros(0, np.int32), began_ms)
        hashes, score, day = self._parts[0]
        there = score > UNKNOWN
        return Census(hashes[there], score[there], day[there], began_ms)


async def take(settings: Settings) -> Census:
    """The committed scores as they are now."""
    began_ms = int(time.time() * 1000)
    gathering = Gathering()
    for partition in range(settings.frame_partitions):
        async with reader(settings.broker, settings.topic("scores"), partition) as r:
            async for records in r.read(*await r.bounds(), AT_ONCE):
                gathering.add([(record.key, record.value) for record in records])
                await asyncio.sleep(0)
    return gathering.census(began_ms)


class Censuses:
    """The last census of a worker, taken anew when it is too old."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._last: Census | None = None
        self._lock = asyncio.Lock()

    async def get(self, day: int, since_ms: int) -> Census:
        """One taken after `since_ms`, with everybody's score as of `day`.

        Partitions that are late are waited for, but not longer than five minutes: then it is as things are.
        """
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            async with self._lock:
                last = self._last
                if last is None or last.began_ms < since_ms or last.day.min(initial=day) < day:
                    last = self._last = await take(self.settings)
                    asyncio.get_running_loop().call_later(_KEEP_S, self._forget, last)
            late = int((last.day < day).sum())
            if not late:
                return last
            if time.monotonic() > deadline:
                log.warning("scores are not all of today yet", day=str(days.calendar(day)), members=late)
                return last
            await asyncio.sleep(_AGAIN_S)

    def _forget(self, census: Census) -> None:
        if self._last is census:
            self._last = None
