"""A partition's shard as the ledger has it, before the frames since then: the first step of a restore."""

from collections.abc import Callable
from dataclasses import dataclass

from agents.clock import Clock
from agents.errors import UserError
from agents.ledger import load
from agents.reader import reader
from agents.settings import Settings
from pipeline import blocks, days
from pipeline.cohorts import Cohorts
from pipeline.rubric import Rubric
from pipeline.shard import Shard
from schemas.ledger import Stamp


@dataclass(slots=True)
class Opened:
    """stamp: the last one committed, if any; links: records of networks; start: the first frame to read."""

    shard: Shard
    stamp: Stamp | None
    links: dict[bytes, bytes]
    start: int


async def opened(
    settings: Settings,
    rubrics: tuple[Rubric, Rubric | None],
    clock: Clock,
    partition: int,
    cohorts: Cohorts | None,
    told: Callable[[float], object],
) -> Opened:
    """Read the ledger of a partition; UserError when the settings do not fit what is in it.

    rubrics: the one served, and a shadow; told: of the share that is read, 0 to 1.
    """
    s = settings
    async with reader(s.broker, s.topic("ledger"), partition) as r:
        stamp, found, histories, links = await load(r, told)
    today = clock.today()
    if stamp and stamp.zone != clock.zone.name:
        raise UserError(
            f"partition {partition} counts days in {stamp.zone}, not {clock.zone.name}: "
            f"set PILLARSCORE_ZONE={stamp.zone}, or begin anew with another PILLARSCORE_PREFIX"
        )
    if stamp and clock.as_of and stamp.day > today:
        raise UserError(
            f"partition {partition} is already at {days.calendar(stamp.day)}: as-of cannot go back"
        )
    rubric, shadow = rubrics
    day = stamp.day if stamp else today
    horizon_ms = int(s.dedupe_hours * 3_600_000)
    shard = Shard(rubric, day, s.dedupe_events, horizon_ms, shadow, clock.zone, cohorts)
    if stamp is None:
        return Opened(shard, None, links, 0)
    blocks.load(shard, found, stamp, histories)
    return Opened(shard, stamp, links, blocks.start_of(stamp))
