"""Another number of member partitions: a backup, and a restore of it into the same prefix with that number.

The backup comes first and is checked, and the topics are deleted only then. So it can be interrupted anywhere, and
the same command goes on.
"""

from collections.abc import Callable
from pathlib import Path

from agents.backup import quiet
from agents.backup.draining import drain
from agents.backup.manifest import Manifest
from agents.backup.replacing import BY_MEMBER, marked
from agents.backup.restoring import Target, restore
from agents.backup.saving import current_ids, save
from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.kafka.clients import admin
from agents.topics.creation import existing
from pipeline.rubric.model import Rubric

Report = Callable[[str], object]


async def repartition(
    settings: Settings, rubric: Rubric, count: int, *, folder: Path, report: Report = lambda line: None
) -> bool:
    """Make it `count` partitions; False when it is that already. Raises UserError.

    folder: for the backup, kept afterwards; the same one to go on after an interruption.
    """
    await quiet.require_no_workers(settings)
    manifest = Manifest.read(folder)
    async with admin(settings) as client:
        there = await existing(client, settings)
    found = await marked(settings, there["ledger"]) if "ledger" in there else {None}
    if found == {""}:
        if there["ledger"] == count:
            return False
        manifest = await _backup(
            settings, there["ledger"], count, folder=folder, manifest=manifest, report=report
        )
    elif manifest is None or not manifest.complete or found - {None, manifest.id}:
        raise UserError(
            f"{settings.topic('ledger')} is not complete, and {folder} is not the backup to complete it from: give "
            "the folder of the interrupted change"
        )
    if (await current_ids(settings, ("events",))).get("events") != manifest.topics["events"].id:
        raise UserError(f"{folder} is a backup of another Kafka or prefix: give another folder")
    report(f"The backup in {folder} is complete. Writing {count} partitions …")
    changed = settings.model_copy(update={"frame_partitions": count})
    await restore(Target(changed, rubric, folder, BY_MEMBER, replaces=True), report)
    return True


async def _backup(
    settings: Settings, before: int, count: int, *, folder: Path, manifest: Manifest | None, report: Report
) -> Manifest:
    """A complete backup of the partitions as they are, all at the same point."""
    settings = settings.model_copy(update={"frame_partitions": before})
    if manifest is not None and manifest.complete:
        ends = await quiet.bounds(settings, "ledger", before)
        ids = await current_ids(settings, ("ledger",))
        saved = {file.partition: file.end for file in manifest.of("ledger")}
        if ids.get("ledger") != manifest.topics["ledger"].id or saved != {
            p: end for p, (_, end) in ends.items()
        }:
            raise UserError(f"Workers have run since the backup in {folder} was made: give another folder")
        return manifest
    await drain(settings, count, settings.state_dir / "repartition.log", report=report)
    return await save(settings, folder)
