"""Making a backup: the topics that can't be computed again, and the events that are not counted yet.

Workers must not run meanwhile: a topic read a moment later than the ledger would hold what the ledger does not know,
and a restore would write it a second time.
"""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from agents.backup import quiet
from agents.backup.manifest import Manifest, SavedFile, SavedTopic, check_files, checksum
from agents.backup.partition_file import Writer, row
from agents.backup.reading import records
from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.kafka.clients import admin, kafka_client
from agents.kafka.range_reader import reader
from agents.topics.creation import existing
from agents.topics.ids import topic_ids
from agents.worker.newest_stamp import newest_stamp
from schemas.ledger import Stamp

KEPT = ("ledger", "history", "bands", "networks", "dead-letters", "replays")
"""Beside these, the events from the first that is not counted on. All else can be made from them."""
Progress = Callable[[int, float, int], object]


async def save(
    settings: Settings, folder: Path, on_progress: Progress = lambda records, done, total: None
) -> Manifest:
    """Make a backup in a folder, or go on with one. Raises UserError.

    on_progress: gets (records so far, files done, of how many).
    """
    manifest = Manifest.read(folder)
    if manifest is None and folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty, and not a backup: give another folder")
    topics = await saved_topics(settings)
    await quiet.require_no_workers(settings)
    await quiet.fence(settings, topics["ledger"].partitions)
    stamps = await newest_stamps(settings, topics["ledger"].partitions)
    if manifest is None or manifest.complete or manifest.topics != topics:
        if manifest is not None:
            raise UserError(f"{folder} has a {_kind(manifest)}: give another folder")
        manifest = Manifest(
            id=uuid.uuid4().hex,
            created=datetime.now(UTC),
            program=version("pillarscore"),
            prefix=settings.prefix,
            topics=topics,
        )
        folder.mkdir(parents=True, exist_ok=True)
        manifest.write(folder)
    wanted = await _wanted(settings, topics, stamps)
    copied = 0
    for done, (short, partition, first, end) in enumerate(wanted):
        on_progress(copied, done, len(wanted))
        there = manifest.file(short, partition)
        if there is None or (there.first, there.end) != (first, end) or _changed(folder, there):
            new = await _copy(settings, folder, short, partition=partition, first=first, end=end)
            manifest.files = [file for file in manifest.files if file is not there] + [new]
            manifest.write(folder)
            copied += new.records
    await quiet.require_no_workers(settings)
    after = await _wanted(settings, topics, stamps)
    if [one for one in after if one[0] != "events"] != [one for one in wanted if one[0] != "events"]:
        raise UserError("A worker was running meanwhile: stop all workers and run this again")
    check_files(folder, manifest)
    manifest.complete = True
    manifest.write(folder)
    return manifest


def _kind(manifest: Manifest) -> str:
    return "complete backup" if manifest.complete else "backup of other topics"


def _changed(folder: Path, there: SavedFile) -> bool:
    return checksum(folder / there.path) != there.sha256


async def saved_topics(settings: Settings) -> dict[str, SavedTopic]:
    """The topics of a backup as they are now. Raises UserError when one is missing."""
    async with admin(settings) as client:
        counts = await existing(client, settings)
    wanted = (*KEPT, "events")
    if missing := [settings.topic(short) for short in wanted if short not in counts]:
        raise UserError(
            f"Kafka at {settings.broker} has no topic {missing[0]}: correct PILLARSCORE_BROKER and "
            "PILLARSCORE_PREFIX"
        )
    ids = await current_ids(settings, wanted)
    return {short: SavedTopic(id=ids[short], partitions=counts[short]) for short in wanted}


async def current_ids(settings: Settings, shorts: tuple[str, ...]) -> dict[str, str]:
    """The ids of topics, by short names, of those that are there."""
    names = {settings.topic(short): short for short in shorts}
    async with kafka_client(settings) as client:
        return {names[name]: id_ for name, id_ in (await topic_ids(client, list(names))).items()}


async def newest_stamps(settings: Settings, count: int) -> dict[int, Stamp]:
    """The newest stamp of every partition. Raises UserError when one has none that a backup can use."""
    found = {}
    for partition in range(count):
        async with reader(settings, settings.topic("ledger"), partition) as r:
            stamp = await newest_stamp(r)
        if stamp is None or stamp.start is None:
            what = "has no state yet" if stamp is None else "was written by an older version"
            raise UserError(
                f"Partition {partition} of {settings.topic('ledger')} {what}: start a worker, wait until it is "
                "ready, and stop it"
            )
        found[partition] = stamp
    return found


def uncounted_from(stamps: dict[int, Stamp], source: int) -> int | None:
    """The first offset of a source that not every partition has counted; None when nothing was ever read of it."""
    firsts = [ranges[0][0] for stamp in stamps.values() if (ranges := stamp.missing.get(source))]
    marks = [stamp.watermarks[source] for stamp in stamps.values() if source in stamp.watermarks]
    if len(marks) < len(stamps):
        firsts += [0] if marks else []
    return min([*firsts, *marks], default=None)


async def _wanted(
    settings: Settings, topics: dict[str, SavedTopic], stamps: dict[int, Stamp]
) -> list[tuple[str, int, int, int]]:
    """(topic, partition, first, end) of each file."""
    found = []
    for short in KEPT:
        ends = await quiet.bounds(settings, short, topics[short].partitions)
        found += [(short, partition, *bounds) for partition, bounds in ends.items()]
    for source, (first, end) in (await quiet.bounds(settings, "events", topics["events"].partitions)).items():
        start = uncounted_from(stamps, source)
        if start is not None and start < first and start < end:
            raise UserError(
                f"{settings.topic('events')} partition {source} begins at offset {first:,}, but is counted up to "
                f"{start:,} only: start a worker, which counts what is gone as lost, and stop it"
            )
        found.append(("events", source, first if start is None else start, end))
    return found


async def _copy(
    settings: Settings, folder: Path, short: str, *, partition: int, first: int, end: int
) -> SavedFile:
    path = f"{short}/{partition}.parquet"
    with Writer(folder / path) as out:
        async for record in records(settings, short, partition, first=first, end=end):
            if getattr(record, "problem", ""):
                raise UserError(
                    f"The record at offset {record.offset} of {settings.topic(short)} partition {partition} "
                    "can't be copied as it is: start a worker, which makes a dead letter of it, and stop it"
                )
            out.add(row(record))
    return SavedFile(
        topic=short,
        partition=partition,
        path=path,
        first=first,
        end=end,
        records=out.records,
        sha256=checksum(folder / path),
    )
