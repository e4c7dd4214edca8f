"""The one way a partition comes back from Kafka: for the worker, for queries on the live state, and for tests."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from agents.config.clock import zone
from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.ports import Log
from pipeline.cohorts.membership import CohortMembership
from pipeline.common.units import Day, Offset
from pipeline.network.journal import Journal
from pipeline.rubric.model import Rubric
from pipeline.shard.recovery import Image, Recovered, Unreadable, recover
from pipeline.shard.shard import Shard, ShardConfig
from schemas.frames import decode
from schemas.ledger import Stamp

log = structlog.get_logger()
START_OVER = "start over under another PILLARSCORE_PREFIX and publish the events there"


@dataclass(slots=True)
class Restored:
    """A partition as of its newest stamp; stamp: None when it never ran.

    image: of the ledger; replayed: frames that were in no block yet; gone: frames that a ledger of version 1 needed
    and that are not there any more.
    """

    shard: Shard
    stamp: Stamp | None
    image: Image
    journal: Journal
    replayed: int = 0
    gone: int = 0

    @property
    def next_frame(self) -> Offset:
        """The first frame to count."""
        return Offset(self.shard.frame + 1)


async def restore(
    topics: Log,
    settings: Settings,
    rubrics: tuple[Rubric, Rubric | None],
    *,
    partition: int,
    today: Day,
    cohorts: CohortMembership | None = None,
    on_progress: Callable[[float], object] = lambda done: None,
) -> Restored:
    """Read a partition's ledger and make the shard it describes, as of the stamp's day.

    rubrics: the one served, and a shadow. today: the day of a partition that never ran. on_progress: gets the
    share that is done, 0 to 1. Raises UserError when the settings do not fit the ledger, or it can't be read.
    """
    s = settings
    image = Image()
    async with topics.reader(s.topic("ledger"), partition) as r:
        first, end = await r.bounds()
        async for records in r.read(first, end):
            for record in records:
                image.add(record.offset, record.key, record.value)
            on_progress((records[-1].offset + 1 - first) / (end - first))
    try:
        stamp = image.close()
        if stamp is not None and stamp.zone != s.zone:
            raise UserError(
                f"partition {partition} counts days in {stamp.zone}, not {s.zone}: "
                f"set PILLARSCORE_ZONE={stamp.zone}, or start over under another PILLARSCORE_PREFIX"
            )
        rubric, shadow = rubrics
        day, horizon_ms = (today if stamp is None else Day(stamp.day)), int(s.dedupe_hours * 3_600_000)
        config = ShardConfig(
            rubric, s.dedupe_events, horizon_ms, shadow, zone(s.zone), quiet_days=s.erasure_quiet_days
        )
        shard = Shard(config, day, cohorts)
        found = recover(shard, image, stamp)
    except Unreadable as error:
        raise UserError(
            f"{s.topic('ledger')} partition {partition}: {error} (see the runbook, PartitionRefused)"
        ) from None
    made = Restored(shard, stamp, image, found.journal, found.replayed)
    if found.old:
        assert stamp is not None
        made.gone = await _replay_frames(topics, s, shard, partition=partition, found=found, stamp=stamp)
        shard.replayed(stamp)
    return made


async def _replay_frames(
    topics: Log, settings: Settings, shard: Shard, *, partition: int, found: Recovered, stamp: Stamp
) -> int:
    """Bring a shard from a ledger of version 1 up to its stamp; how many of the frames were gone."""
    async with topics.reader(settings.topic("frames"), partition) as r:
        first, _ = await r.bounds()
        async for records in r.read(max(found.start, first), stamp.frame + 1):
            for record in records:
                try:
                    frame, offset = decode(record.value), Offset(record.offset)
                    shard.apply(frame, offset, record.timestamp, replay=True)
                except ValueError as error:
                    log.error("a frame can't be read and is skipped", offset=record.offset, error=str(error))
    return max(0, min(first, stamp.frame + 1) - found.start)
