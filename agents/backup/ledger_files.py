"""The partitions' state from the files of a backup: as a worker restores it, and with nothing of Kafka."""

from pathlib import Path

from agents.backup.manifest import Manifest
from agents.backup.partition_file import rows
from agents.config.clock import zone
from agents.config.errors import UserError
from agents.config.settings import Settings
from pipeline.common.units import Day
from pipeline.rubric.model import Rubric
from pipeline.shard.recovery import Image, Unreadable, recover
from pipeline.shard.regroup import Old
from pipeline.shard.shard import Shard, ShardConfig


def load(settings: Settings, rubric: Rubric, folder: Path, *, manifest: Manifest) -> list[Old]:
    """All partitions, by number. Raises UserError."""
    found = []
    for file in manifest.of("ledger"):
        image = Image()
        for row in rows(folder / file.path):
            image.add(row.offset, row.key, row.value)
        try:
            stamp = image.close()
            if stamp is None or stamp.start is None:
                raise Unreadable("it has no state that can be restored")
            if stamp.zone != settings.zone:
                raise UserError(f"The backup counts days in {stamp.zone}: set PILLARSCORE_ZONE={stamp.zone}")
            horizon_ms = int(settings.dedupe_hours * 3_600_000)
            config = ShardConfig(rubric, settings.dedupe_events, horizon_ms, None, zone(stamp.zone))
            shard = Shard(config, Day(stamp.day))
            journal = recover(shard, image, stamp).journal
        except Unreadable as error:
            raise UserError(f"{folder / file.path}: {error}") from None
        found.append(Old(file.partition, shard, journal, stamp))
    return found
