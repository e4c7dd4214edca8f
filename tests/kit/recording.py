"""Topics of a real Kafka kept in a file: what an earlier version has written, for tests of upgrades."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from agents.config.settings import Settings
from agents.kafka.range_reader import reader


@dataclass(frozen=True, slots=True)
class Recorded:
    """A committed record. topic: its short name; timestamp: ms since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


async def record(settings: Settings, topics: list[str], path: Path) -> int:
    """Write all committed records of topics (short names) to a file; how many there were."""
    rows: list[Recorded] = []
    for short in topics:
        for partition in range(settings.frame_partitions):
            async with reader(settings, settings.topic(short), partition) as r:
                async for records in r.read(*await r.bounds()):
                    rows += [
                        Recorded(short, partition, x.offset, x.timestamp, x.key, x.value) for x in records
                    ]
    columns = {
        "topic": pa.array([r.topic for r in rows], pa.string()),
        "partition": pa.array([r.partition for r in rows], pa.int32()),
        "offset": pa.array([r.offset for r in rows], pa.int64()),
        "timestamp": pa.array([r.timestamp for r in rows], pa.int64()),
        "key": pa.array([r.key for r in rows], pa.binary()),
        "value": pa.array([r.value for r in rows], pa.binary()),
    }
    pq.write_table(pa.table(columns), path, compression="zstd", compression_level=19)
    return len(rows)


def recorded(path: Path) -> Iterator[Recorded]:
    """The records of a file, in the order of topic, partition and offset."""
    for row in pq.read_table(path).to_pylist():
        yield Recorded(**row)
