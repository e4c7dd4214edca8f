"""How wrong the clock of this machine is, by what others write meanwhile: nothing is written for it.

Kafka gives each record the time at which it came. One that comes between two looks of ours came between the times
of these looks, as in `agents.config.clock_skew`; one that was there already is not from the future.
"""

import asyncio
import ctypes
import time
from collections.abc import Sequence

from aiokafka import TopicPartition

from agents.config.clock_skew import LIMIT_S, Skew
from agents.config.settings import Settings
from agents.kafka.clients import admin
from agents.kafka.multi_reader import MultiReader, partitions
from agents.queries.doctor.finding import Finding
from agents.topics.access import access
from agents.topics.creation import existing

STAMPED = ("frames", "ledger", "distributions")
"""Topics in which the times are those of the brokers."""
BETWEEN_S = 1.5
_TAIL = 16
_UNSYNCHRONISED = 5


async def clock(settings: Settings, user: str) -> Finding:
    """user: whose access we have, of `agents.topics.access.USERS`. Raises UserError, KafkaError."""
    readable = {one.name for one in access(settings, user) if "Read" in one.operations}
    async with admin(settings) as client:
        counts = await existing(client, settings)
    tps = [
        TopicPartition(settings.topic(short), p)
        for short in STAMPED
        if settings.topic(short) in readable
        for p in range(counts.get(short, 0))
    ]
    if not tps:
        return judged(None, synchronised())
    async with partitions(settings, tps) as reading:
        first = await _seen(reading, tps)
        await asyncio.sleep(BETWEEN_S)
        compared = await _compared(reading, tps, first)
    return judged(compared, synchronised())


async def _seen(reading: MultiReader, tps: Sequence[TopicPartition]) -> tuple[int, dict[TopicPartition, int]]:
    """(now, ms; where each partition ends)."""
    now = _now_ms()
    return now, {tp: end for tp, (_, end) in (await reading.bounds(tps)).items()}


async def _compared(
    reading: MultiReader, tps: Sequence[TopicPartition], first: tuple[int, dict[TopicPartition, int]]
) -> tuple[Skew, bool] | None:
    """(the difference; whether a record came between the looks, so that it is known in both directions)."""
    before, ends = first
    bounds = await reading.bounds(tps)
    after = _now_ms()
    came, newest = Skew(), 0
    fresh = False
    for tp, (start, end) in bounds.items():
        async for record in reading.read(tp, max(start, end - _TAIL), end):
            newest = max(newest, record.timestamp)
            if record.offset >= ends[tp]:
                came.observe(record.timestamp, before, after)
                fresh = True
    if fresh:
        return came, True
    if not newest:
        return None
    came.observe(newest, 0, after)
    return came, False


def judged(compared: tuple[Skew, bool] | None, synced: bool | None) -> Finding:
    """compared: None without any record; synced: what the system says of its clock, None when it says nothing."""
    todo = "synchronise it, such as with chrony or systemd-timesyncd (runbook, PillarscoreClockSkew)"
    if compared is not None and compared[0].wrong:
        seconds = compared[0].seconds
        said = f"{abs(seconds):,.0f} s {'ahead of' if seconds > 0 else 'behind'} Kafka's"
        return Finding("clock", "problem", said, todo)
    if compared is not None and compared[1]:
        return Finding("clock", "ok", f"within {LIMIT_S:.0f} s of Kafka's")
    said = "not behind Kafka's" if compared is not None else "not compared, there are no records yet"
    said += "; whether it is ahead shows while workers have something to do"
    if synced is False:
        return Finding("clock", "warning", f"the system does not synchronise it; {said}", todo)
    return Finding("clock", "ok", said)


def synchronised() -> bool | None:
    """Whether the kernel says that something keeps its clock right; None where it says nothing."""
    try:
        # asked with nothing to set (adjtimex(2)); the structure has 208 bytes, less on 32 bits
        return int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512))) != _UNSYNCHRONISED
    except (AttributeError, OSError):
        return None


def _now_ms() -> int:
    return int(time.time() * 1000)
