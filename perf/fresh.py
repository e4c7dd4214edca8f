"""Fresh events at an even pace, from a process of their own: what the latency of a score is measured with.

Members act in turn, so that no two events of a member are under way together and an answer can only
belong to the member's last event. Counterparts are other, idle members, whose ids begin with another
letter: their scores go out too, and nobody waits for them.
"""

import asyncio
import gc
import time
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any

import numpy as np
import uvloop
from aiokafka import AIOKafkaProducer

_HEAD = (
    b'{"specversion":"1.0","id":"%016x","source":"/web/feed","type":"activity.%b","subject":"m-%08d",'
    b'"time":"%b","datacontenttype":"application/json","data":{%b}}'
)
ALONE: tuple[tuple[bytes, bytes], ...] = (
    (b"session.started", b'"surface":"web"'),
    (b"search.made", b'"kind":"people"'),
    (b"post.published", b'"media":true'),
    (b"article.read", b""),
    (b"search.made", b'"kind":"advanced"'),
    (b"session.started", b'"surface":"app"'),
    (b"lead.saved", b'"kind":"person"'),
)
PAIRED: tuple[tuple[bytes, bytes], ...] = (
    (b"reaction.given", b'"author":"x-%08d","kind":"like"'),
    (b"profile.viewed", b'"viewed":"x-%08d","degree":2'),
    (b"comment.written", b'"author":"x-%08d","words":12'),
)
KINDS = ALONE + PAIRED
"""Type and data, in turn; those in PAIRED credit a counterpart."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be sent where. seconds: of sending, warming up included; tick: between two batches."""

    broker: str
    topic: str
    partitions: int
    rate: int
    members: int
    seconds: float
    tick: float = 0.002


@dataclass(slots=True)
class Sent:
    """When each event was sent (float64[n], by the clock of `time.monotonic`); cpu: share of a core."""

    at: np.ndarray
    cpu: float


def fresh(first: int, stop: int, members: int, *, now: bytes) -> list[tuple[bytes, bytes]]:
    """(key, value) of the events number first..stop-1, of the members number % members."""
    made = []
    for n in range(first, stop):
        who = n % members
        # each round another kind, whatever `members` is
        kind, data = KINDS[(n + n // members) % len(KINDS)]
        if b"%" in data:
            data %= who
        made.append((b"m-%08d" % who, _HEAD % (n, kind, who, now, data)))
    return made


def send(plan: Plan, pipe: Connection) -> None:
    """The process: sends None when it is ready, receives when to begin, and sends `Sent` at the end."""
    gc.disable()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        pipe.send(runner.run(_send(plan, pipe)))


async def _send(plan: Plan, pipe: Connection) -> Sent:
    producer = AIOKafkaProducer(
        bootstrap_servers=plan.broker,
        compression_type="zstd",
        enable_idempotence=True,
        max_batch_size=900_000,
    )
    await producer.start()
    try:
        pipe.send(None)
        begin: float = await asyncio.to_thread(pipe.recv)
        spent = time.process_time()
        at = await _pace(plan, producer, begin)
        return Sent(at, (time.process_time() - spent) / plan.seconds)
    finally:
        await producer.stop()


async def _pace(plan: Plan, producer: AIOKafkaProducer, begin: float) -> np.ndarray:
    """Send a batch a tick, to the partitions in turn; waits for an acknowledgement only when one is late."""
    last = int(plan.rate * plan.seconds)
    at = np.zeros(last)
    done, turn = 0, 0
    flying: deque[Any] = deque()
    while done < last:
        now = time.monotonic()
        due = min(last, int((now - begin) * plan.rate))
        if due > done:
            stamp = datetime.now(UTC).isoformat(timespec="milliseconds").encode()
            at[done:due] = now
            batch = producer.create_batch()
            for number, (key, value) in enumerate(fresh(done, due, plan.members, now=stamp), done):
                if batch.append(key=key, value=value, timestamp=None) is None:
                    due = number  # the rest comes next, as sent then
                    break
            flying.append(await producer.send_batch(batch, plan.topic, partition=turn % plan.partitions))
            while flying and flying[0].done():
                flying.popleft().result()
            done, turn = due, turn + 1
        await asyncio.sleep(max(0.0, now + plan.tick - time.monotonic()))
    await asyncio.gather(*flying)
    return at
