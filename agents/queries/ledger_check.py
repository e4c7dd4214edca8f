"""Every score that readers have against what the ledger says was emitted: complete, and without any file of events.

The scores are computed again from the state as of the stamp, and share nothing with how they were sent.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from aiokafka import TopicPartition

from agents.adapters.kafka_log import KafkaLog
from agents.config.settings import Settings
from agents.kafka.multi_reader import partitions
from agents.offline.verification import Difference
from agents.worker.restore import Restored, restore
from pipeline.common import days
from pipeline.common.points import as_points
from pipeline.common.units import Day
from pipeline.rubric.components import PILLARS
from pipeline.rubric.model import Rubric
from schemas.scores import Score


@dataclass(slots=True)
class Checked:
    """What came of it. newer: members scored again since the stamps were read; problems: a line each."""

    members: int = 0
    newer: int = 0
    differences: list[Difference] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


async def check(
    settings: Settings,
    rubric: Rubric,
    today: Day,
    *,
    scores: Callable[[], Awaitable[Mapping[str, Score]]],
    on_progress: Callable[[int, float, int], object] = lambda members, done, total: None,
) -> Checked:
    """Compare; scores: reads the newest scores (`published.newest`), called when all stamps are read."""
    found = Checked()
    restored: list[Restored] = []
    for partition in range(settings.frame_partitions):
        on_progress(found.members, partition, settings.frame_partitions)
        one = await restore(KafkaLog(settings), settings, (rubric, None), partition=partition, today=today)
        restored.append(one)
        found.problems += _problems(settings, partition, one)
    await _letters(settings, restored, found)
    newest = dict(await scores())
    for one in restored:
        _compare(one, newest, found)
    found.differences += [
        Difference(name, "ledger", as_points(s.score), "none") for name, s in newest.items()
    ]
    return found


def _problems(settings: Settings, partition: int, one: Restored) -> list[str]:
    where = f"{settings.topic('ledger')} partition {partition}"
    lines = [
        f"{where}: the record at offset {f.offset}, key {f.key!r}, is ignored: {f.why}"
        for f in one.image.foreign
    ]
    lines += [
        f"{where}: the stamp at offset {at} does not follow the one before" for at in one.image.breaks()
    ]
    stamp = one.stamp
    if stamp is not None:
        if stamp.counters.unaccounted():
            lines.append(f"{where}: {stamp.counters.unaccounted():,} events are not accounted for")
        lines += [
            f"{where}: source offsets {ranges} of {source} are lost" for source, ranges in stamp.lost.items()
        ]
    return lines


def _compare(one: Restored, newest: dict[str, Score], found: Checked) -> None:
    """The members of a partition; what is left of `newest` after all of them has no member."""
    shard, stamp = one.shard, one.stamp
    if stamp is None:
        return
    members = shard.scored()
    points = shard.points(members)
    names = [str(shard.state.index.names[index]) for index in members.tolist()]
    columns = zip(names, points.score.tolist(), points.pillars.tolist(), strict=True)
    for name, score, pillars in columns:
        published = newest.pop(name, None)
        found.members += 1
        if published is None:
            found.differences.append(Difference(name, "ledger", "none", as_points(score)))
        elif published.revision > stamp.sequence or days.number(published.as_of) != stamp.day:
            found.newer += 1  # or not brought to the stamp's day yet
        else:
            fields = [("score", published.score, score)]
            fields += [
                (str(p), getattr(published.pillars, p), n) for p, n in zip(PILLARS, pillars, strict=True)
            ]
            for field_, there, here in fields:
                if there != here:
                    found.differences.append(
                        Difference(name, f"ledger {field_}", as_points(there), as_points(here))
                    )
    for name in [name for name in newest if name in shard.state.index]:
        if newest[name].revision > stamp.sequence:
            found.newer += 1
            del newest[name]


async def _letters(settings: Settings, restored: list[Restored], found: Checked) -> None:
    """As many dead letters as the stamps say, unless retention has removed some."""
    topic = settings.topic("dead-letters")
    tps = [TopicPartition(topic, partition) for partition in range(settings.letter_partitions)]
    stamps = [one.stamp for one in restored if one.stamp is not None]
    count = 0
    async with partitions(settings, tps) as reading:
        for tp, (first, end) in (await reading.bounds(tps)).items():
            if first:
                return
            async for _ in reading.read(tp, first, end):
                count += 1
    wanted = sum(stamp.counters.letters() for stamp in stamps)
    if count < wanted:
        found.problems.append(f"{topic} has {count:,} letters, but the stamps count {wanted:,}")
