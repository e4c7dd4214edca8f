"""Looking at ledger partitions that have foreign records, and writing what makes them whole again."""

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from agents.adapters.kafka_log import KafkaLog
from agents.config.clock import zone
from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.ports import Log
from pipeline.rubric.model import Rubric
from pipeline.shard.ledger_repair import Examined, LedgerRecord, examine, proposed, rewritten
from pipeline.shard.shard import ShardConfig


@dataclass(frozen=True, slots=True)
class Repair:
    """A partition of the ledger. found: what a restore makes of it, without the records at `skipped`.

    proposal: offsets without which a restore would work, None when it works or nothing was found. changes: how many
    records a repair writes.
    """

    partition: int
    records: list[LedgerRecord]
    found: Examined
    skipped: frozenset[int]
    proposal: frozenset[int] | None
    changes: int

    @property
    def removed(self) -> list[LedgerRecord]:
        """The records that a repair takes out of the ledger."""
        offsets = self.skipped | {one.offset for one in self.found.foreign}
        return [record for record in self.records if record.offset in offsets]


async def run(
    settings: Settings,
    rubric: Rubric,
    chosen: Iterable[int],
    *,
    skipped: frozenset[int],
    quarantine: Path | None,
    say: Callable[[str], object],
) -> bool:
    """Explain the partitions `chosen`, and repair them when there is a file for what is taken out.

    Returns whether there is nothing to repair any more. Raises UserError.
    """
    log, well = KafkaLog(settings), True
    for partition in chosen:
        found = await look(log, settings, rubric, partition=partition, skipped=skipped)
        for line in lines(settings, found):
            say(line)
        if quarantine is not None and found.changes:
            await write(log, settings, found, quarantine=quarantine)
            say(
                f"partition {partition}: {found.changes} records written; {quarantine} has what was taken out"
            )
        else:
            well = well and not found.changes and found.found.problem is None
    if well and quarantine is None:
        say("Nothing to repair")
    return well


async def look(
    log: Log, settings: Settings, rubric: Rubric, *, partition: int, skipped: frozenset[int] = frozenset()
) -> Repair:
    """What there is to repair in a partition, when the records at `skipped` are left out. Raises UserError."""
    topic = settings.topic("ledger")
    records: list[LedgerRecord] = []
    async with log.reader(topic, partition) as r:
        async for some in r.read(*await r.bounds()):
            records += [LedgerRecord(one.offset, one.key, one.value) for one in some]
    unknown = skipped - {record.offset for record in records}
    if unknown:
        raise UserError(f"{topic} partition {partition} has no record at offset {min(unknown)}")
    config = ShardConfig(
        rubric, settings.dedupe_events, int(settings.dedupe_hours * 3_600_000), None, zone(settings.zone)
    )
    found = examine(records, config, skipped)
    proposal = proposed(records, config) if found.problem is not None and not skipped else None
    changes = 0 if found.problem is not None else len(rewritten(records, found))
    return Repair(partition, records, found, skipped, proposal, changes)


async def write(log: Log, settings: Settings, repair: Repair, *, quarantine: Path) -> None:
    """Keep the foreign records in a file, and write what makes the ledger whole in one transaction.

    A worker that has the partition is fenced and restores. Raises UserError when the ledger would still be refused.
    """
    if repair.found.problem is not None:
        raise UserError(f"partition {repair.partition} can't be repaired like this: {repair.found.problem}")
    changes = rewritten(repair.records, repair.found)
    if not changes:
        return
    _keep(quarantine, settings.topic("ledger"), repair)
    out = log.transactions(f"{settings.prefix}score-{repair.partition}")
    try:
        await out.start()
        await _unchanged(log, settings, repair)
        await out.put(settings.topic("ledger"), repair.partition, changes)
        await out.commit()
    finally:
        await out.stop()


async def _unchanged(log: Log, settings: Settings, repair: Repair) -> None:
    """Raise UserError when somebody has written since. From here on no worker can, since it is fenced."""
    async with log.reader(settings.topic("ledger"), repair.partition) as r:
        _, end = await r.bounds()
        async for some in r.read(repair.records[-1].offset + 1 if repair.records else 0, end):
            raise UserError(
                f"partition {repair.partition} has been written to meanwhile (offset {some[0].offset}): stop its "
                "worker, and look again"
            )


def _keep(path: Path, topic: str, repair: Repair) -> None:
    """Append the records that are taken out to a file, one JSON object a line, keys and values in base64."""
    with path.open("ab") as file:
        for record in repair.removed:
            line = {
                "topic": topic,
                "partition": repair.partition,
                "offset": record.offset,
                "key": _text(record.key),
                "value": _text(record.value),
            }
            file.write(orjson.dumps(line) + b"\n")


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


def lines(settings: Settings, repair: Repair) -> Sequence[str]:
    """What a person needs to know of it, a line each; none when all is well."""
    where = f"{settings.topic('ledger')} partition {repair.partition}"
    found = [
        f"{where}: the record at offset {one.offset}, key {one.key!r}, is left out by every restore: {one.why}"
        for one in repair.found.foreign
    ]
    found += [f"{where}: the record at offset {offset} is to be skipped" for offset in sorted(repair.skipped)]
    if repair.found.problem is None:
        if repair.changes:
            found.append(
                f"{where}: a repair writes {repair.changes} records, then a restore leaves out nothing"
            )
        return found
    found.append(f"{where}: a restore refuses it: {repair.found.problem}")
    if repair.proposal is not None:
        options = " ".join(f"--skip {offset}" for offset in sorted(repair.proposal))
        found.append(
            f"{where}: it would be read without {len(repair.proposal)} of its records. Look at them, and if no "
            f"worker wrote them: pillarscore ledger repair --partition {repair.partition} {options} --rewrite"
        )
    elif not repair.skipped:
        found.append(
            f"{where}: no records were found without which it would be read: restore it from a backup"
        )
    return found
