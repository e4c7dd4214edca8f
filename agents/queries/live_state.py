"""The live state, read from outside: what the workers have counted, up to the newest frame.

Each partition's ledger is read, and the frames since its blocks are counted on top, as a worker does when it
restores; but nothing is emitted, and no worker notices.
"""

from collections.abc import Callable

import pyarrow as pa

from agents.adapters.kafka_log import KafkaLog
from agents.config.settings import Settings
from agents.kafka.range_reader import reader
from agents.worker.restore import restore
from pipeline.common.partitioner import partitions
from pipeline.common.units import Day, Offset
from pipeline.reports.population import Population
from pipeline.rubric.model import Rubric
from pipeline.shard.shard import Shard
from schemas.frames import decode


async def population(
    settings: Settings,
    rubric: Rubric,
    today: Day,
    *,
    report: Callable[[str], object],
    member: str | None = None,
    on_progress: Callable[[int, float, int], object] = lambda frames, done, total: None,
) -> Population:
    """All members, or those of the one partition that has `member`, as of `today` (or a worker's later day).

    report: takes lines about what is missing, and one if workers serve another rubric; on_progress: gets (frames
    read, partitions done, of how many).
    """
    chosen = range(settings.frame_partitions)
    if member is not None:
        [partition] = partitions(pa.array([member], pa.string()), settings.frame_partitions).tolist()
        chosen = range(partition, partition + 1)
    shards, frames, served = [], 0, set[str]()
    for done, partition in enumerate(chosen):
        on_progress(frames, done, len(chosen))
        shard, read, by = await _shard(settings, rubric, today=today, partition=partition, report=report)
        shards.append(shard)
        frames += read
        served |= by
    for other in sorted(served - {f"{rubric.name} {rubric.version} {rubric.fingerprint}"}):
        name = other.rpartition(" ")[0]
        mine = f"{rubric.name} {rubric.version}"
        report(f"This is by {mine}, but workers serve {name}{' with another content' * (name == mine)}")
    day = max(today, *(shard.day for shard in shards))
    for shard in shards:
        shard.start_day(day)
    return Population(shards, day)


async def _shard(
    settings: Settings, rubric: Rubric, *, today: Day, partition: int, report: Callable[[str], object]
) -> tuple[Shard, int, set[str]]:
    """A partition's state, how many frames were counted on top of its stamp, and the rubric served there."""
    s = settings
    found = await restore(KafkaLog(s), s, (rubric, None), partition=partition, today=today)
    shard, read = found.shard, 0
    async with reader(s, s.topic("frames"), partition) as r:
        first, end = await r.bounds()
        if first > found.next_frame:
            report(
                f"Partition {partition}: frames {found.next_frame:,} to {first - 1:,} were removed; "
                "scores may miss events"
            )
        async for records in r.read(max(found.next_frame, first), end):
            for record in records:
                read += 1
                try:
                    frame = decode(record.value)
                except ValueError as error:
                    report(f"Partition {partition}: frame {record.offset:,} can't be read: {error}")
                    continue
                shard.apply(frame, Offset(record.offset), record.timestamp, replay=True)
    return shard, read, set() if found.stamp is None else {found.stamp.rubric.partition(" + ")[0]}
