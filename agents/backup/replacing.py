"""Topics emptied by making them again, and the mark in a ledger that says that its state is not there yet."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from agents.config.errors import UserError
from agents.config.settings import TOPICS, Settings
from agents.kafka.clients import admin
from agents.kafka.errors import EndUnanswered, Fenced, ProduceFailed
from agents.kafka.range_reader import reader
from agents.kafka.transactions import Transactions
from agents.topics.creation import ensure, existing
from schemas.ledger import STAMP_KEY, incomplete_backup, incomplete_stamp, readable_stamp

WAIT_S = 30.0
BY_MEMBER = ("frames", "scores", "shadow", "bands", "history", "networks", "distributions", "benchmarks")
"""Topics, beside the ledger, in which a member's partition matters, or which are made of such."""
ALL_BUT_EVENTS = tuple(short for short in TOPICS if short not in ("events", "ledger"))


@asynccontextmanager
async def transactions(settings: Settings) -> AsyncIterator[Transactions]:
    """Those of a restore: of two at the same time, the later fences the other."""
    out = Transactions(settings, f"{settings.prefix}restore")
    try:
        await out.start()
        yield out
    except (ProduceFailed, EndUnanswered) as error:
        raise UserError(f"{error}: run the same command again") from None
    except Fenced:
        raise UserError("Another restore was started: let only one of them run") from None
    finally:
        await out.stop()


async def mark(settings: Settings, count: int, backup: str) -> None:
    """From here on no worker starts from these ledgers."""
    async with transactions(settings) as out:
        await _mark(settings, out, count, backup=backup)


async def _mark(settings: Settings, out: Transactions, count: int, *, backup: str) -> None:
    for partition in range(count):
        await out.put_record(settings.topic("ledger"), partition, STAMP_KEY, value=incomplete_stamp(backup))
    await out.commit()


async def marked(settings: Settings, count: int) -> set[str | None]:
    """What the ledgers' newest stamps say: the ids of backups whose restore did not finish; "" for other state.

    None for a ledger without a stamp.
    """
    found: set[str | None] = set()
    for partition in range(count):
        newest: str | None = None
        async with reader(settings, settings.topic("ledger"), partition) as r:
            async for records in r.read(*await r.bounds()):
                for record in records:
                    if record.key == STAMP_KEY:
                        backup = incomplete_backup(record.value)
                        readable = readable_stamp(record.value) is not None
                        newest = backup if backup is not None else "" if readable else newest
        found.add(newest)
    return found


async def replace(settings: Settings, shorts: Sequence[str]) -> None:
    """Delete topics, the ledger last, and make all that are missing by the settings."""
    for part in (shorts, ("ledger",)):
        await _delete(settings, part)
    await ensure(settings)


async def _delete(settings: Settings, shorts: Sequence[str]) -> None:
    async with admin(settings) as client:
        there = [settings.topic(short) for short in shorts if short in await existing(client, settings)]
        if not there:
            return
        answer = await client.delete_topics(there)
        for name, code in answer.topic_error_codes:
            if code:
                raise UserError(f"Kafka does not delete {name} (error {code}): allow it, and run this again")
        deadline = time.monotonic() + WAIT_S
        while set(there) & set(await client.list_topics()):
            if time.monotonic() > deadline:
                raise UserError(f"Kafka has not deleted {', '.join(there)} yet: run this again in a minute")
            await asyncio.sleep(0.05)
