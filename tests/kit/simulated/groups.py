"""Groups that share the partitions of topics in memory."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from agents import ports
from tests.kit.simulated.topics import SimTopics


class SimSource:
    """A member of the ingest group, which has all partitions when it is the newest member."""

    def __init__(self, log: SimTopics) -> None:
        self._log = log
        self._topic = log.settings.topic("events")
        self._group = f"{log.settings.prefix}ingest"
        self._positions: dict[int, int] = {}
        self._listener: ports.SourceListener | None = None

    async def start(self, listener: ports.SourceListener) -> None:
        self._listener = listener
        before, self._log.sources = self._log.sources, [self]
        for other in before:
            await other.leave()
        numbers = set(range(self._log.settings.event_partitions))
        self._positions = dict.fromkeys(numbers, 0)
        await listener.assigned(numbers)

    async def leave(self) -> None:
        """Lose all partitions, as in a rebalance."""
        if self._listener is not None and self._positions:
            await self._listener.revoked()
        self._positions = {}

    async def stop(self) -> None:
        if self in self._log.sources:
            self._log.sources.remove(self)
        self._positions = {}

    async def fetch(self, seconds: float, max_records: int) -> dict[int, list[Any]]:
        found = {}
        for number, start in self._positions.items() if not self._log.away else ():
            records = [r for r in self._log.parts[self._topic, number].records if r.offset >= start]
            if records := records[:max_records]:
                found[number] = records
                self._positions[number] = records[-1].offset + 1
        if found:
            await asyncio.sleep(0)
        else:
            await self._log.clock.sleep(seconds)
        return found

    async def committed(self, partition: int) -> int | None:
        return self._log.committed.get((self._group, self._topic, partition))

    async def commit(self, offsets: Mapping[int, int]) -> bool:
        await asyncio.sleep(0)
        self._log.ask()
        if not self._positions or self not in self._log.sources:
            return False
        for partition, offset in offsets.items():
            self._log.committed[self._group, self._topic, partition] = offset
        return True

    async def bounds(self, partitions: Iterable[int]) -> dict[int, tuple[int, int]]:
        parts = {number: self._log.parts[self._topic, number] for number in partitions}
        return {number: (part.first, part.end) for number, part in parts.items()}

    def seek(self, partition: int, offset: int) -> None:
        if partition in self._positions:
            self._positions[partition] = offset

    async def position(self, partition: int) -> int | None:
        return self._positions.get(partition)

    def end(self, partition: int) -> int:
        return self._log.parts[self._topic, partition].end

    def pause(self) -> None: ...
    def resume(self) -> None: ...


class SimGroup:
    """The group of the score workers: whoever is assigned last has its partitions, and frames are delivered."""

    def __init__(self, log: SimTopics, owners: dict[int, str], member: str) -> None:
        self._log, self._owners, self.member = log, owners, member
        self._mine: dict[int, int] = {}
        self.lossy = False  # whether deliveries are left out

    def subscribe(
        self,
        deliver: Callable[[int, int, int, bytes | None], Awaitable[None]],
        assigned: Callable[[set[int]], Awaitable[None]],
    ) -> None:
        self._deliver, self._assigned = deliver, assigned

    async def owner(self, partition: int) -> str | None:
        return self._owners.get(partition)

    async def assign(self, partitions: Iterable[int]) -> None:
        topic = self._log.settings.topic("frames")
        self._mine = {p: self._mine.get(p, self._log.parts[topic, p].end) for p in partitions}
        self._owners.update(dict.fromkeys(self._mine, self.member))
        await self._assigned(set(self._mine))

    async def pump(self) -> None:
        """Deliver frames, for ever."""
        topic = self._log.settings.topic("frames")
        while True:
            for partition, start in list(self._mine.items()):
                for record in self._log.parts[topic, partition].records[:]:
                    if record.offset >= start and not (self.lossy and record.offset % 3 == 1):
                        await self._deliver(partition, record.offset, record.timestamp, record.value)
                    self._mine[partition] = max(self._mine.get(partition, 0), record.offset + 1)
            await self._log.clock.sleep(0.02)
