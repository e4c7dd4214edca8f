"""A reader of member.scores in a process of its own, which records when it had whose score."""

import asyncio
import gc
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Literal

import numpy as np
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.kafka.internals import as_it_is

WAIT_MS = 5
KEY = len(b"m-00000000")
_DIGITS = 10 ** np.arange(KEY - 3, -1, -1)


@dataclass(slots=True)
class Seen:
    """The member of each record (int64[n]) and when it came (float64[n], `time.monotonic`); cpu: cores."""

    member: np.ndarray
    at: np.ndarray
    cpu: float


def observe(  # noqa: PLR0917
    broker: str,
    topic: str,
    partitions: int,
    isolation: Literal["read_uncommitted", "read_committed"],
    pipe: Connection,
) -> None:
    """The process: sends None when it is ready, reads until it receives something, and sends `Seen`."""
    gc.disable()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        pipe.send(
            runner.run(
                _observe(broker, [TopicPartition(topic, p) for p in range(partitions)], isolation, pipe=pipe)
            )
        )


async def _observe(
    broker: str,
    topics: list[TopicPartition],
    isolation: Literal["read_uncommitted", "read_committed"],
    *,
    pipe: Connection,
) -> Seen:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=broker,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level=isolation,
        fetch_max_wait_ms=WAIT_MS,
        value_deserializer=as_it_is,
    )
    consumer.assign(topics)
    await consumer.start()
    try:
        pipe.send(None)
        keys: list[bytes] = []
        counts: list[int] = []
        times: list[float] = []
        began, spent = time.monotonic(), time.process_time()
        while not pipe.poll():
            got = await consumer.getmany(timeout_ms=50)
            now = time.monotonic()
            some = [record.key for records in got.values() for record in records]
            keys += some
            counts.append(len(some))
            times.append(now)
        cpu = (time.process_time() - spent) / (time.monotonic() - began)
    finally:
        await consumer.stop()
    member = numbers(keys)
    at = np.repeat(times, counts)
    return Seen(member[member >= 0], at[member >= 0], cpu)


def numbers(keys: list[bytes]) -> np.ndarray:
    """int64[n]: the numbers of members by key, as 7 of m-00000007; -1 where the key begins otherwise."""
    text = np.frombuffer(b"".join(keys), np.uint8).reshape(-1, KEY)
    found = (text[:, 2:].astype(np.int64) - ord("0")) @ _DIGITS
    return np.where(text[:, 0] == ord("m"), found, -1)
