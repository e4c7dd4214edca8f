"""What the partitions keep in the ledger, to be looked at: stamps, records by kind, and the state of one member.

All of it is as of the newest stamp. Frames that came after it are not counted, and nothing is written.
"""

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, date, datetime

import numpy as np
import orjson
import pyarrow as pa
from pydantic import BaseModel

from agents.adapters.kafka_log import KafkaLog
from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.kafka.clients import admin
from agents.topics.creation import existing
from agents.topics.watch import require_allowed
from agents.worker.restore import restore
from pipeline.common.days import calendar
from pipeline.common.partitioner import partitions
from pipeline.common.tile_keys import RING, key_days
from pipeline.common.units import Day
from pipeline.reports.population import PastDay, Population
from pipeline.rubric.components import PILLARS
from pipeline.rubric.model import Rubric
from pipeline.shard import checkpoint
from pipeline.shard.daily_history import DAYS
from pipeline.shard.member_state import NO_DAY
from pipeline.shard.recovery import Image, Unreadable
from pipeline.shard.shard import Shard
from schemas.ledger import HISTORY, Block, Stamp
from schemas.links import PREFIX as NETWORK
from schemas.signals import Signal


class Records(BaseModel):
    """The newest records of a kind of key, and the bytes of their values."""

    records: int = 0
    bytes: int = 0


class LeftOut(BaseModel):
    """A record that a restore leaves out, and why."""

    offset: int
    key: str
    why: str


class PartitionLedger(BaseModel):
    """A partition's ledger. stamp: None when it never ran; problem: why a restore would refuse it."""

    partition: int
    as_of: date | None
    stamp: Stamp | None
    stamp_offset: int | None
    kinds: dict[str, Records]
    left_out: list[LeftOut]
    problem: str | None = None


class Score(BaseModel):
    """Points in hundredths, by the rubric named."""

    rubric: str
    score: int
    pillars: dict[str, int]
    components: dict[str, int]


class RegisterValue(BaseModel):
    """What a register holds, and the time of the event that wrote it."""

    value: int | str
    time: datetime


class MemberState(BaseModel):
    """A member as of the partition's newest stamp.

    rolled_over: whether the member was brought to `as_of` already; if not, the last score emitted is of the day
    before. score: None when nothing counts. tiles: counts by signal and day, those outside the window too.
    history: the last days on record, oldest first.
    """

    member: str
    partition: int
    as_of: date
    rolled_over: bool
    score: Score | None
    tiles: dict[str, dict[date, int]]
    registers: dict[str, RegisterValue]
    erased_through: date | None
    history: list[PastDay]


class LedgerView(BaseModel):
    """What was asked for; member: None when no member was."""

    partitions: list[PartitionLedger]
    member: MemberState | None = None


def partition_ledger(partition: int, image: Image) -> PartitionLedger:
    """What an image that has all records holds."""
    stamp, problem = None, None
    try:
        stamp = image.stamp()
        image.close()
    except Unreadable as error:
        problem = str(error)
    kinds: dict[str, Records] = defaultdict(Records)
    for key, data in image.starting(b"").items():
        kinds[_kind(key)].records += 1
        kinds[_kind(key)].bytes += len(data)
    return PartitionLedger(
        partition=partition,
        as_of=None if stamp is None else calendar(Day(stamp.day)),
        stamp=stamp,
        stamp_offset=None if image.stamp_offset < 0 else image.stamp_offset,
        kinds=dict(sorted(kinds.items())),
        left_out=[
            LeftOut(offset=f.offset, key=(f.key or b"").decode("utf-8", "replace"), why=f.why)
            for f in image.foreign
        ],
        problem=problem,
    )


def _kind(key: bytes) -> str:
    parts = key.decode().split("/")
    if key.startswith(NETWORK):
        return f"network_{parts[1]}"
    return "history_day" if key.startswith(HISTORY) and len(parts) > 2 else parts[0]


def member_state(shard: Shard, partition: int, name: str) -> MemberState | None:
    """A member of a restored shard, which must not be written to a ledger afterwards; None if there is none."""
    index = shard.state.index.get(name)
    if index is None:
        return None
    number, row = divmod(index, shard.state.index.block_size)
    # the member's block as the ledger would have it: everything that is kept of a member, in one form
    block = checkpoint.dump(shard, number)
    erased = block.erased[row]
    unrecorded = shard.rollover.unrecorded(np.array([index]))
    return MemberState(
        member=name,
        partition=partition,
        as_of=calendar(shard.day),
        rolled_over=unrecorded is None or not unrecorded[0],
        score=_score(shard, index) if Population([shard], shard.day).find(name) else None,
        tiles=_tiles(block, row),
        registers={
            register: RegisterValue(value=value, time=datetime.fromtimestamp(time / 1000, UTC))
            for register, (value, time, _) in orjson.loads(block.registers[row] or b"{}").items()
        },
        erased_through=None if erased == NO_DAY else calendar(Day(erased)),
        history=Population([shard], shard.day).past(name, DAYS) or [],
    )


def _score(shard: Shard, index: int) -> Score:
    points = shard.points(np.array([index]))
    parts = [part.name for part in shard.rubric.components]
    return Score(
        rubric=f"{shard.rubric.name} {shard.rubric.version}",
        score=int(points.score[0]),
        pillars=dict(zip(map(str, PILLARS), points.pillars[0].tolist(), strict=True)),
        components=dict(zip(parts, points.components[0].tolist(), strict=True)),
    )


def _tiles(block: Block, row: int) -> dict[str, dict[date, int]]:
    start = sum(block.fill[:row].to_pylist())
    stop = start + block.fill[row].as_py()
    keys, counts = block.keys[start:stop].to_numpy(), block.counts[start:stop].to_pylist()
    found: dict[str, dict[date, int]] = {}
    rows = sorted(zip((keys // RING).tolist(), key_days(block.day)[keys].tolist(), counts, strict=True))
    for signal, day, count in rows:
        found.setdefault(Signal(signal).name.lower(), {})[calendar(day)] = count
    return found


async def view(
    settings: Settings,
    rubric: Rubric,
    today: Day,
    *,
    partition: int | None = None,
    member: str | None = None,
    on_progress: Callable[[int, float, int], object] = lambda records, done, total: None,
) -> LedgerView:
    """All partitions, or one; with `member` that member's one. Raises UserError for what does not exist.

    today: the day of a partition that never ran. on_progress: (records read, partitions done, of how many).
    """
    count = await _partitions(settings)
    if partition is not None and partition >= count:
        raise UserError(
            f"{settings.topic('ledger')} has no partition {partition}: give one from 0 to {count - 1}"
        )
    if member is not None:
        return await _member_view(settings, rubric, today, count=count, partition=partition, member=member)
    chosen = range(count) if partition is None else range(partition, partition + 1)
    found, records = [], 0
    for done, one in enumerate(chosen):
        on_progress(records, done, len(chosen))
        image, more = await _image(settings, one)
        found.append(partition_ledger(one, image))
        records += more
    return LedgerView(partitions=found)


async def _partitions(settings: Settings) -> int:
    async with admin(settings) as client:
        count = (await existing(client, settings)).get("ledger")
    if count is None:
        await require_allowed(settings, [settings.topic("ledger")])
        raise UserError(
            f"Kafka at {settings.broker} has no topic {settings.topic('ledger')}: 'pillarscore worker' makes it, "
            "or set PILLARSCORE_PREFIX to the one your workers have"
        )
    return count


async def _member_view(
    settings: Settings, rubric: Rubric, today: Day, *, count: int, partition: int | None, member: str
) -> LedgerView:
    [home] = partitions(pa.array([member], pa.string()), count).tolist()
    if partition not in (None, home):
        raise UserError(
            f"Member {_shown(member)} belongs to partition {home}: leave --partition {partition} out"
        )
    restored = await restore(KafkaLog(settings), settings, (rubric, None), partition=home, today=today)
    kept = partition_ledger(home, restored.image)
    state = member_state(restored.shard, home, member)
    if state is None:
        near = Population([restored.shard], restored.shard.day).like(member)
        hint = f": did you mean {' or '.join(map(_shown, near))}?" if near else ": correct --member"
        raise UserError(f"Partition {home} of the ledger has no member {_shown(member)}{hint}")
    return LedgerView(partitions=[kept], member=state)


def _shown(name: str) -> str:
    return orjson.dumps(name).decode()


async def _image(settings: Settings, partition: int) -> tuple[Image, int]:
    """All of a ledger partition, and how many records that were."""
    image, count = Image(), 0
    async with KafkaLog(settings).reader(settings.topic("ledger"), partition) as r:
        async for records in r.read(*await r.bounds()):
            count += len(records)
            for record in records:
                image.add(record.offset, record.key, record.value)
    return image, count
