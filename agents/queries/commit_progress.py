"""How far the workers have come, by the stamps in the ledger: what is committed, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from agents.config.settings import Settings
from agents.kafka.range_reader import RangeReader, reader
from agents.worker.newest_stamp import last_readable
from schemas.ledger import STAMP_KEY, Counters, Stamp


class Stamps:
    """The newest committed stamp of each partition; `look` reads on from where the last look ended."""

    def __init__(self, readers: list[RangeReader]) -> None:
        self._readers = readers
        self._next: list[int | None] = [None] * len(readers)
        self.newest: dict[int, Stamp] = {}

    async def look(self) -> dict[int, Stamp]:
        """The stamps by partition, of those that ever ran."""
        for partition, r in enumerate(self._readers):
            first, end = await r.bounds()
            start = max(first, self._next[partition] or 0)
            found: list[bytes | None] = []
            async for records in r.read(start, end):
                found += [record.value for record in records if record.key == STAMP_KEY]
            self._next[partition] = end
            stamp = last_readable(found)
            if stamp is not None:
                self.newest[partition] = stamp
        return self.newest

    def covered(self, targets: Mapping[int, int]) -> tuple[int, int]:
        """(counted, all) of the source offsets below `targets`, by source partition.

        An offset is counted when every member partition is past it.
        """
        counted = 0
        for source, target in targets.items():
            marks = [
                self.newest[p].watermarks.get(source, 0) if p in self.newest else 0
                for p in range(len(self._readers))
            ]
            counted += min(*marks, target)
        return counted, sum(targets.values())

    def counters(self) -> Counters:
        """What became of the events, over all partitions."""
        total = Counters()
        for stamp in self.newest.values():
            for name, value in stamp.counters:
                setattr(total, name, getattr(total, name) + value)
        return total


@asynccontextmanager
async def stamps(settings: Settings) -> AsyncIterator[Stamps]:
    """Stamps of all member partitions of the settings' broker."""
    async with AsyncExitStack() as stack:
        topic = settings.topic("ledger")
        readers = [
            await stack.enter_async_context(reader(settings, topic, partition))
            for partition in range(settings.frame_partitions)
        ]
        yield Stamps(readers)


async def counted(
    settings: Settings,
    targets: Mapping[int, int],
    within_s: float | None = None,
    *,
    on_progress: Callable[[int, float, int], object] = lambda events, done, total: None,
) -> Counters | None:
    """Wait until the workers have committed all source offsets below `targets`; None when not in time.

    Returns what became of all events so far.
    on_progress: gets (offsets counted, the same, of how many) after each look.
    """
    clock = asyncio.get_running_loop().time
    deadline = None if within_s is None else clock() + within_s
    async with stamps(settings) as seen:
        while True:
            await seen.look()
            done, total = seen.covered(targets)
            on_progress(done, done, total)
            if done >= total:
                return seen.counters()
            if deadline is not None and clock() >= deadline:
                return None
            await asyncio.sleep(0.1)
