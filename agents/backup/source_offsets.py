"""What the offsets of a ledger mean in the events topic where it is restored.

Offsets are of one topic. Where that topic itself is still there, or was copied with the same offsets, they stay;
otherwise the events of the backup are appended, and every offset becomes that of the same event.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from aiokafka import AIOKafkaProducer

from agents.backup import quiet
from agents.backup.appending import Append
from agents.backup.manifest import Manifest, SavedFile
from agents.backup.partition_file import Row, row, rows
from agents.backup.reading import records
from agents.config.errors import UserError
from agents.config.settings import Settings
from pipeline.common.ranges import Range
from pipeline.shard.regroup import Sources
from schemas.ledger import Stamp


@dataclass(frozen=True, slots=True)
class SourceOffsets:
    """begin: by source partition the offset of the first event of the backup in the target; old: the offsets that
    the events had, ascending. Both empty: offsets stay as they are."""

    begin: Mapping[int, int] = field(default_factory=dict)
    old: Mapping[int, np.ndarray] = field(default_factory=dict)

    def sources(self, stamp: Stamp) -> Sources:
        """What a stamp says of its sources, in the offsets of the target."""
        if not self.begin:
            return Sources.of(stamp)
        marks = {s: self._of(s, stamp.watermarks.get(s, 0)) for s in self.begin}
        missing = {
            s: moved
            for s, ranges in stamp.missing.items()
            if (moved := [r for r in self._ranges(s, ranges) if r[0] < r[1]])
        }
        return Sources(marks, missing, {})

    def _of(self, source: int, offset: int) -> int:
        return self.begin[source] + int(np.searchsorted(self.old[source], offset))

    def _ranges(self, source: int, ranges: list[Range]) -> Iterator[Range]:
        for start, stop in ranges:
            yield self._of(source, start), self._of(source, stop)


async def checked_copy(settings: Settings, folder: Path, manifest: Manifest) -> SourceOffsets:
    """For an events topic with the same offsets. Raises UserError when it differs from the backup."""
    topic = settings.topic("events")
    there = await quiet.bounds(settings, "events", _partitions(settings, manifest))
    for file in manifest.of("events"):
        first, end = there[file.partition]
        if end < file.end or (first > file.first and file.records):
            raise UserError(
                f"{topic} partition {file.partition} has offsets {first:,} to {end:,}, but the backup needs "
                f"{file.first:,} to {file.end:,}: wait until all is copied, or let restore write the events"
            )
        left = rows(folder / file.path)
        async for record in records(settings, "events", file.partition, first=file.first, end=file.end):
            _require_same(topic, file, next(left, None), got=row(record))
        _require_same(topic, file, next(left, None), got=None)
    return SourceOffsets()


def _require_same(topic: str, file: SavedFile, wanted: Row | None, *, got: Row | None) -> None:
    """Raise UserError unless both are the same event, or none."""
    if wanted is None and got is None:
        return
    if wanted is None or got is None or wanted.offset != got.offset or not wanted.same(got):
        at = min(one.offset for one in (wanted, got) if one is not None)
        raise UserError(
            f"{topic} partition {file.partition} is not a copy with the same offsets: at {at:,} it differs from the "
            "backup; use a topic without records, and restore writes the events"
        )


async def append_events(
    settings: Settings, folder: Path, manifest: Manifest, *, producer: AIOKafkaProducer
) -> SourceOffsets:
    """Append the events of the backup to a topic without others; goes on where it was interrupted."""
    topic = settings.topic("events")
    there = await quiet.bounds(settings, "events", _partitions(settings, manifest))
    begin, old = {}, {}
    for file in manifest.of("events"):
        first, end = there[file.partition]
        begin[file.partition] = first
        left = rows(folder / file.path)
        old[file.partition] = np.array([one.offset for one in rows(folder / file.path)], np.int64)
        count = await _skip_what_is_there(settings, file, left, first=first, end=end)
        into = Append(producer, topic, [])
        for one in left:
            await into.add(file.partition, one)
        await into.end()
        if [offset for _, offset, _ in into.placed or ()] != [*range(first + count, first + file.records)]:
            raise UserError(
                f"Another program wrote to {topic} meanwhile: stop it, and restore into another PILLARSCORE_PREFIX"
            )
    return SourceOffsets(begin, old)


async def _skip_what_is_there(
    settings: Settings, file: SavedFile, left: Iterator[Row], *, first: int, end: int
) -> int:
    """Go through those of the events that an earlier attempt has written already; how many these are."""
    count, topic = 0, settings.topic("events")
    async for record in records(settings, "events", file.partition, first=first, end=end):
        wanted = next(left, None)
        if wanted is None or not wanted.same(row(record)):
            raise UserError(
                f"{topic} partition {file.partition} has other records than the backup: restore into a Kafka where "
                "it has none, and let producers write there afterwards; for a copy with the same offsets use "
                "--same-offsets"
            )
        count += 1
    if end - first != count:
        raise UserError(
            f"{topic} partition {file.partition} was used before: restore into another PILLARSCORE_PREFIX"
        )
    return count


def _partitions(settings: Settings, manifest: Manifest) -> int:
    return manifest.topics["events"].partitions
