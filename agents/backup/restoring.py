"""A backup into Kafka: so that workers go on from there, with nothing lost and nothing counted twice.

The stamps come last, all in one transaction. Until then a mark stands in their place, from which no worker starts; so
what was interrupted is done again by the same command, and never taken for a whole.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from agents.backup import ledger_files, quiet
from agents.backup.appending import Append, appender
from agents.backup.manifest import Manifest, check_files
from agents.backup.partition_file import Row, rows
from agents.backup.replacing import ALL_BUT_EVENTS, mark, marked, replace, transactions
from agents.backup.saving import KEPT, current_ids
from agents.backup.source_offsets import SourceOffsets, append_events, checked_copy
from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.kafka import clients
from agents.kafka.clients import admin
from agents.kafka.transactions import Transactions
from agents.topics.creation import ensure, existing
from pipeline.common.partitioner import partitions
from pipeline.rubric.model import Rubric
from pipeline.shard.digests import Digest
from pipeline.shard.regroup import Old, Regrouped, problem
from schemas.ledger import STAMP_KEY, Stamp, Transaction
from schemas.replays import Replay

CHUNK_BYTES = 4 << 20
"""Of the ledger's records in a transaction."""
OF_MEMBERS = ("bands", "history", "networks")
LOT = 20_000
NOT_THE_SCORES = "restored"
"""In place of the ids of the score topics, which are empty: so all scores are emitted again."""
Report = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Target:
    """What is restored where. settings: with the number of partitions that there will be.

    topics: those that are written again, beside the ledger; what is in them is deleted if `replaces`.
    same_offsets: the events topic is that of the backup, or a copy of it with the same offsets.
    """

    settings: Settings
    rubric: Rubric
    folder: Path
    topics: Sequence[str] = ALL_BUT_EVENTS
    replaces: bool = False
    same_offsets: bool = False


async def restore(target: Target, report: Report = lambda line: None) -> Manifest:
    """Restore. Raises UserError; nothing that was there before is changed unless the target says so."""
    settings, folder = target.settings, target.folder
    manifest = Manifest.complete_in(folder)
    check_files(folder, manifest)
    await quiet.require_no_workers(settings)
    old = ledger_files.load(settings, target.rubric, folder, manifest=manifest)
    _require_movable(old, settings.frame_partitions)
    report(f"{sum(one.shard.members for one in old):,} members in {len(old)} partitions are read")
    await _prepare(target, manifest)
    ids = await current_ids(settings, ("events", "frames", "ledger"))
    async with appender(settings) as producer:
        offsets = await _offsets(target, manifest, producer, events=ids["events"])
        await _copy(target, manifest, producer, report=report)
    scores = {"scores": NOT_THE_SCORES, "shadow": NOT_THE_SCORES}
    async with transactions(settings) as out:
        stamps = await _ledgers(settings, old, offsets, out=out, topics=ids | scores)
        await _commit_sources(settings, stamps)
        await quiet.require_no_workers(settings)
        for partition, stamp in stamps.items():
            await out.put_record(settings.topic("ledger"), partition, STAMP_KEY, value=stamp.dump())
        await out.commit()
    return manifest


def _require_movable(old: list[Old], count: int) -> None:
    """Raise UserError when the members can't be put into so many partitions."""
    why = problem({one.partition: one.stamp for one in old}, count)
    if why is None and count != len(old) and any(one.shard.rollover.under_way for one in old):
        why = "a rollover is under way"
    if why is not None:
        raise UserError(f"The backup can't be restored into {count} partitions: {why}")


async def _prepare(target: Target, manifest: Manifest) -> None:
    """Make the topics, all empty, and mark the ledgers. Raises UserError when there is anything in them."""
    settings = target.settings
    async with admin(settings) as client:
        there = await existing(client, settings)
    found = await marked(settings, there["ledger"]) if "ledger" in there else set()
    again = manifest.id in found
    if again or target.replaces:
        await _require_offsets(target, manifest)
        await quiet.fence(settings, there.get("ledger", 0))
        if "" in found and target.replaces and not again:
            await mark(settings, there["ledger"], manifest.id)
        await replace(settings, target.topics)
    else:
        if found - {None, ""}:
            raise UserError(
                f"A restore of another backup into {_where(settings)} did not finish: finish it first"
            )
        await _require_empty(settings, there)
        await ensure(settings)
    await mark(settings, settings.frame_partitions, manifest.id)


async def _require_offsets(target: Target, manifest: Manifest) -> None:
    """Raise UserError when topics would be deleted although the backup's offsets mean nothing here."""
    events = (await current_ids(target.settings, ("events",))).get("events")
    if target.replaces and not target.same_offsets and events != manifest.topics["events"].id:
        raise UserError(
            f"{target.settings.topic('events')} is not the topic that the backup was made with, so its offsets mean "
            "other events: restore without --replace into another PILLARSCORE_PREFIX, or use --same-offsets"
        )


def _where(settings: Settings) -> str:
    return f"prefix '{settings.prefix}'" if settings.prefix else "this Kafka"


async def _require_empty(settings: Settings, there: dict[str, int]) -> None:
    for short, count in there.items():
        if short == "events":
            continue
        if any(end > 0 for _, end in (await quiet.bounds(settings, short, count)).values()):
            raise UserError(
                f"{settings.topic(short)} has records: restore into another PILLARSCORE_PREFIX or an empty Kafka, or "
                "use --replace to delete what is there"
            )


async def _copy(target: Target, manifest: Manifest, producer: AIOKafkaProducer, *, report: Report) -> None:
    """The topics that are kept as they are."""
    settings, folder = target.settings, target.folder
    letters: dict[bytes, tuple[bytes, int]] = {}
    for short in KEPT:
        if short == "ledger" or short not in target.topics:
            continue
        into = Append(producer, settings.topic(short), [] if short == "dead-letters" else None)
        for places, read in _placed(settings, folder, manifest, short=short):
            for place, (_, row) in zip(places, read, strict=True):
                await into.add(place, _renamed(row, letters) if short == "replays" else row)
        await into.end()
        report(f"{settings.topic(short)}: {into.records:,} records")
        for (partition, row), (place, offset, timestamp) in zip(
            _rows(folder, manifest, short), into.placed or (), strict=False
        ):
            letters[b"%d:%d" % (partition, row.offset)] = b"%d:%d" % (place, offset), timestamp


def _placed(
    settings: Settings, folder: Path, manifest: Manifest, *, short: str
) -> Iterator[tuple[list[int], list[tuple[int, Row]]]]:
    """The records of a topic by lots, each with the partitions where they belong."""
    count = {"dead-letters": settings.letter_partitions, "replays": 1}.get(short, settings.frame_partitions)
    every = _rows(folder, manifest, short)
    while lot := list(islice(every, LOT)):
        if short in OF_MEMBERS:
            yield _by_member(short, [row for _, row in lot], count), lot
        else:
            yield [partition % count for partition, _ in lot], lot


def _rows(folder: Path, manifest: Manifest, short: str) -> Iterator[tuple[int, Row]]:
    for file in manifest.of(short):
        for row in rows(folder / file.path):
            yield file.partition, row


def _by_member(short: str, read: Sequence[Row], count: int) -> list[int]:
    """The partition of each record's member. Keys are members, those of the history after the day."""
    keys = [(row.key or b"").decode() for row in read]
    members = [key.partition(" ")[2] if short == "history" else key for key in keys]
    found: list[int] = partitions(pa.array(members, pa.string()), count).tolist()
    return found


def _renamed(row: Row, letters: dict[bytes, tuple[bytes, int]]) -> Row:
    """The note that a letter was sent again, by where the letter is now."""
    if row.key not in letters or row.value is None:
        return row
    key, timestamp = letters[row.key]
    note = Replay.model_validate_json(row.value).model_copy(update={"letter_timestamp": timestamp})
    return Row(row.offset, row.timestamp, key, note.model_dump_json().encode(), row.headers)


async def _offsets(
    target: Target, manifest: Manifest, producer: AIOKafkaProducer, *, events: str
) -> SourceOffsets:
    if events == manifest.topics["events"].id:
        return SourceOffsets()
    if target.same_offsets:
        return await checked_copy(target.settings, target.folder, manifest)
    return await append_events(target.settings, target.folder, manifest, producer=producer)


async def _ledgers(
    settings: Settings, old: list[Old], offsets: SourceOffsets, *, out: Transactions, topics: dict[str, str]
) -> dict[int, Stamp]:
    """Write all of the ledgers but the stamps, which are returned."""
    topic, count = settings.topic("ledger"), settings.frame_partitions
    pairs = [(one, offsets.sources(one.stamp)) for one in old]
    stamps = {}
    for number in range(count):
        made, digest, waiting = Regrouped(pairs, number, count), Digest(), 0
        for key, value in made.records():
            digest.put(key, value)
            await out.put_record(topic, number, key, value=value)
            waiting += len(value)
            if waiting > CHUNK_BYTES:
                await out.commit()
                waiting = 0
        await out.commit()
        stamp = made.stamp(topics)
        first = Transaction(
            number=1, previous="", records={}, members=0, revision=stamp.sequence, scores_from=0
        )
        stamps[number] = stamp.model_copy(update={"transaction": first, "digest": str(digest)})
    return stamps


async def _commit_sources(settings: Settings, stamps: dict[int, Stamp]) -> None:
    """Let ingest go on with the first event that not every partition has counted."""
    marks = [stamp.watermarks for stamp in stamps.values()]
    starts = {source: min(one.get(source, 0) for one in marks) for source in set().union(*marks)}
    if not starts:
        return
    topic = settings.topic("events")
    consumer: AIOKafkaConsumer = clients.consumer(settings, group_id=f"{settings.prefix}ingest")
    consumer.assign([TopicPartition(topic, source) for source in starts])
    try:
        await consumer.start()
        await consumer.commit({TopicPartition(topic, source): offset for source, offset in starts.items()})
    except KafkaError as error:
        raise UserError(
            f"Kafka refused the offsets of {settings.prefix}ingest: {error}; run this again"
        ) from error
    finally:
        await consumer.stop()
