"""The log of the ports on topics in memory."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from agents import ports
from tests.kit.simulated.groups import SimSource
from tests.kit.simulated.topics import Part, SimRecord, SimTopics
from tests.kit.simulated.transactions import SimTransactions

LOG_APPEND_TIME = 1


class _Reader:
    def __init__(self, log: SimTopics, part: Part) -> None:
        self._log, self._part = log, part

    async def bounds(self) -> tuple[int, int]:
        return self._part.first, self._part.end

    async def read(
        self, start: int, stop: int, max_records: int | None = None
    ) -> AsyncIterator[list[SimRecord]]:
        found = [record for record in self._part.records if start <= record.offset < stop]
        size = max_records or 500
        for at in range(0, len(found), size):
            await self._log.clock.sleep(self._log.latency_s)
            yield found[at : at + size]


class _Tail:
    def __init__(self, log: SimTopics, part: Part) -> None:
        self._log, self._part = log, part
        self.end = part.end
        self._next = 0

    def silent_s(self) -> float:
        return self._log.clock.monotonic() - self._log.answered_at

    async def poll(self, seconds: float) -> list[SimRecord]:
        if self._log.away:
            await self._log.clock.sleep(seconds)
            return []
        self._log.ask()
        found = [record for record in self._part.records if record.offset >= self._next]
        self._next = self._part.end  # before sleeping: what comes meanwhile is found next time
        if not found:
            await self._log.clock.sleep(seconds)
        return found

    async def position(self) -> int:
        return self._next


class _Appender:
    def __init__(self, log: SimTopics) -> None:
        self._log = log

    async def append(self, topic: str, partition: int, value: bytes) -> Awaitable[Any]:
        future = asyncio.get_running_loop().create_future()
        if topic in self._log.refusing or self._log.away:
            future.set_exception(OSError(f"{topic} takes nothing"))
        else:
            record = self._log.append(topic, partition, value)
            future.set_result(
                SimpleNamespace(
                    offset=record.offset, timestamp=record.timestamp, timestamp_type=LOG_APPEND_TIME
                )
            )
        await asyncio.sleep(0)
        return future


class _Offsets:
    def __init__(self, log: SimTopics) -> None:
        self._log = log

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        self._log.ask()
        return {p: at for (name, of, p), at in self._log.committed.items() if (name, of) == (group, topic)}

    async def ends(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        self._log.ask()
        return {number: self._log.parts[topic, number].end for number in partitions}


class SimLog(SimTopics):
    """`agents.ports.Log` on these topics."""

    @asynccontextmanager
    async def reader(self, topic: str, partition: int) -> AsyncIterator[Any]:
        await asyncio.sleep(0)
        self.ask()
        yield _Reader(self, self.parts[topic, partition])

    @asynccontextmanager
    async def tail(self, topic: str, partition: int) -> AsyncIterator[Any]:
        yield _Tail(self, self.parts[topic, partition])

    @asynccontextmanager
    async def appender(self) -> AsyncIterator[Any]:
        yield _Appender(self)

    @asynccontextmanager
    async def offsets(self, committed: bool = False) -> AsyncIterator[Any]:
        yield _Offsets(self)

    def transactions(
        self, transactional_id: str, compression: str | None = None, skew: ports.ObserveSkew | None = None
    ) -> SimTransactions:
        return SimTransactions(self, transactional_id, skew)

    def source(self) -> SimSource:
        return SimSource(self)
