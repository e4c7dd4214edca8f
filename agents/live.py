"""The live state, read from outside: what the workers have counted, up to the newest frame.

Each partition's ledger is read, and the frames since its blocks are counted on top, as a worker does when it
restores; but nothing is put out, and no worker notices.
"""

from collections.abc import Callable

import pyarrow as pa

from agents.clock import zone
from agents.ledger import load
from agents.reader import reader
from agents.settings import Settings
from pipeline import blocks, journal
from pipeline.partitioning import partitions
from pipeline.population import Population
from pipeline.rubric import Rubric
from pipeline.shard import Shard
from schemas.frames import decode


async def population(
    settings: Settings,
    rubric: Rubric,
    today: int,
    say: Callable[[str], object],
    member: str | None = None,
    told: Callable[[int, float, int], object] = lambda frames, done, total: None,
) -> Population:
    """All members, or those of the one partition that has `member`, as of `today` (or a worker's later day).

    say: takes lines about what is missing; told: (frames read, partitions done, of how many) as it goes on.
    """
    chosen = range(settings.frame_partitions)
    if member is not None:
        [partition] = partitions(pa.array([member], pa.string()), settings.frame_partitions).tolist()
        chosen = range(partition, partition + 1)
    shards, frames = [], 0
    for done, partition in enumerate(chosen):
        told(frames, done, len(chosen))
        shard, read = await _shard(settings, rubric, today, partition, say)
        shards.append(shard)
        frames += read
    day = max(shard.day for shard in shards)
    for shard in shards:
        shard.turn_day(day)
    return Population(shards, day)


async def _shard(
    settings: Settings, rubric: Rubric, today: int, partition: int, say: Callable[[str], object]
) -> tuple[Shard, int]:
    """A partition's state, and how many frames were counted on top of its blocks."""
    s = settings
    async with reader(s.broker, s.topic("ledger"), partition) as r:
        stamp, found, histories, links = await load(r)
    day = max(today, stamp.day) if stamp else today
    shard = Shard(rubric, day, s.dedupe_events, int(s.dedupe_hours * 3_600_000), zone=zone(s.zone))
    start = 0
    if stamp is not None:
        # of what is in the blocks only the window of our day is wanted
        blocks.load(shard, found, stamp.model_copy(update={"day": day}), histories)
        journal.restored(shard, links)
        start = blocks.start_of(stamp)
    read = 0
    async with reader(s.broker, s.topic("frames"), partition) as r:
        first, end = await r.bounds()
        if stamp is not None and first > start:
            say(f"Partition {partition}: frames {start:,} to {first - 1:,} are gone; scores may miss events")
        async for records in r.read(max(start, first), end):
            for record in records:
                read += 1
                try:
                    frame = decode(record.value)
                except ValueError as error:
                    say(f"Partition {partition}: frame {record.offset:,} can't be read: {error}")
                    continue
                shard.apply(frame, record.offset, record.timestamp, replay=True)
    return shard, read
