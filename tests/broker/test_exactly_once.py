"""The promise itself: workers are killed at random moments, and every event counts exactly once.

Two workers share the partitions of a real Kafka while events come in; one of them is killed with SIGKILL
again and again, wherever it happens to be, and started again.
"""

import asyncio
import random
import secrets
from collections import Counter
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from agents.config.rubric_file import load
from agents.config.settings import Settings
from agents.files.ndjson import Lines
from agents.files.text_files import writer
from agents.kafka.range_reader import reader
from agents.offline.verification import differences
from agents.queries import published_scores
from agents.queries.commit_progress import counted, stamps
from perf.worker_process import Worker
from pipeline.common import days
from schemas.scores import Score
from tests.kit.events import BAD, DAY, TYPES, dumps, event, random_events

EVENTS = 60_000
KILLS = 6
WAIT_S = 120
ERASED = "activity.member.erased"


def _events(seed: int) -> tuple[list[bytes], list[bytes]]:
    """(values to publish: good ones, duplicates, a few erasures, bad ones; the bad ones)."""
    rng = random.Random(seed)
    types = [name for name in TYPES if name != ERASED]
    values = [dumps(made) for made in random_events(seed, EVENTS, members=3000, types=types, duplicates=0.03)]
    for number in range(20):
        erased = event(ERASED, id=f"erase-{number}", subject=f"m-{rng.randrange(3000):05d}")
        values.insert(rng.randrange(len(values)), dumps(erased))
    ways = [spoil for ways in BAD.values() for spoil in ways]
    bad = [spoil(event("activity.session.started")) for spoil in ways] * 3
    for value in bad:
        values.insert(rng.randrange(len(values)), value)
    return values, bad


async def _publish(settings: Settings, values: list[bytes], start: int, stop: int) -> None:
    """Values [start, stop), the n-th of all to partition n mod the number of partitions."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker, enable_idempotence=True, linger_ms=5)
    await producer.start()
    try:
        topic, partitions = settings.topic("events"), settings.event_partitions
        sent = [await producer.send(topic, values[n], partition=n % partitions) for n in range(start, stop)]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def _reach(settings: Settings, targets: dict[int, int], offsets: int) -> None:
    """Wait until so many source offsets are committed as counted."""
    async with asyncio.timeout(WAIT_S), stamps(settings) as seen:
        while seen.covered(targets)[0] < offsets:
            await asyncio.sleep(0.02)  # between looks, the condition is the wait
            await seen.look()


@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_killed_workers_lose_and_double_nothing(live: Settings, tmp_path: Path) -> None:
    seed = secrets.randbelow(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    values, bad = _events(seed)
    targets = {p: len(values[p :: live.event_partitions]) for p in range(live.event_partitions)}
    environment = {
        "PILLARSCORE_BROKER": live.broker,
        "PILLARSCORE_PREFIX": live.prefix,
        "PILLARSCORE_AS_OF": days.calendar(DAY).isoformat(),
        "PILLARSCORE_SESSION_TIMEOUT_S": "6",
        "PILLARSCORE_BLOCK_CYCLE_S": "2",
        "PILLARSCORE_BATCH_EVENTS": "250",  # many small frames: more moments at which to die
    }
    workers = [Worker(environment, tmp_path / f"worker-{n}.log", "--role", "all") for n in range(2)]
    try:
        for worker in workers:
            await asyncio.to_thread(worker.wait_ready)
        chunk = len(values) // KILLS
        for start in range(0, KILLS * chunk, chunk):
            publishing = asyncio.create_task(_publish(live, values, start, start + chunk))
            await _reach(live, targets, start + rng.randrange(chunk // 10, chunk * 8 // 10))
            victim = rng.randrange(2)
            workers[victim].stop(kill=True)
            workers[victim] = Worker(environment, tmp_path / f"worker-{victim}.log", "--role", "all")
            await publishing
        await _publish(live, values, KILLS * chunk, len(values))
        counters = await counted(live, targets, within_s=WAIT_S)
    finally:
        for worker in workers:
            worker.stop()
    assert counters is not None, f"not all is counted after {WAIT_S} s: {await _progress(live)} of {targets}"
    assert counters.read == len(values)
    assert counters.difference() == 0
    assert counters.dead_lettered == len(bad)
    assert counters.refused == counters.lost == 0
    assert await _dead_letters(live) == Counter(bad)
    await _check_revisions(live)
    file = tmp_path / "events.ndjson"
    with writer(file) as write:
        write(b"".join(value + b"\n" for value in values))
    rubric = load(None)
    scores = await published_scores.newest(live)
    found = list(differences(live, rubric, scores, read=lambda run: run.read(Lines([file])), today=DAY))
    assert found == []
    assert len(scores) > 2900


async def _progress(settings: Settings) -> str:
    async with stamps(settings) as seen:
        newest = await seen.look()
        return "; ".join(
            f"{p}: {stamp.frame} {stamp.watermarks} {stamp.counters}" for p, stamp in newest.items()
        )


async def _dead_letters(settings: Settings) -> Counter[bytes]:
    found: Counter[bytes] = Counter()
    async with reader(settings, settings.topic("dead-letters"), 0) as r:
        async for records in r.read(*await r.bounds()):
            found.update(record.value for record in records)
    return found


async def _check_revisions(settings: Settings) -> None:
    """No member has the same revision twice, and revisions rise."""
    for partition in range(settings.frame_partitions):
        last: dict[bytes, int] = {}
        async with reader(settings, settings.topic("scores"), partition) as r:
            async for records in r.read(*await r.bounds()):
                for record in records:
                    if record.value is not None:
                        revision = Score.model_validate_json(record.value).revision
                        assert revision > last.get(record.key, 0)
                        last[record.key] = revision
        assert last
