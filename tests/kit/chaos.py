"""What tests that break things publish, and how they compare the outcome with what must have come of it."""

import asyncio
import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from aiokafka import AIOKafkaProducer

from agents import published
from agents.files import writer
from agents.ndjson import Lines
from agents.reader import reader
from agents.rubrics import load
from agents.settings import Settings
from agents.stamps import stamps
from agents.verification import Difference, differences
from schemas.ledger import Counters
from schemas.scores import Score
from tests.kit.events import BAD, DAY, TYPES, dumps, event, random_events

ERASED = "activity.member.erased"


def random_values(seed: int, count: int, members: int = 3000) -> tuple[list[bytes], list[bytes]]:
    """(values to publish: good ones, duplicates, a few erasures, bad ones; the bad ones)."""
    rng = random.Random(seed)
    types = [name for name in TYPES if name != ERASED]
    made = random_events(seed, count, members=members, types=types, duplicates=0.03)
    values = [dumps(one) for one in made]
    for number in range(20):
        erased = event(ERASED, id=f"erase-{number}", subject=f"m-{rng.randrange(members):05d}")
        values.insert(rng.randrange(len(values)), dumps(erased))
    ways = [spoil for ways in BAD.values() for spoil in ways]
    bad = [spoil(event("activity.session.started")) for spoil in ways] * 3
    for value in bad:
        values.insert(rng.randrange(len(values)), value)
    return values, bad


async def publish(settings: Settings, values: list[bytes], start: int = 0, stop: int | None = None) -> None:
    """Values [start, stop), the n-th of all to partition n mod the number of partitions."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker, enable_idempotence=True, linger_ms=5)
    await producer.start()
    try:
        topic, partitions = settings.topic("events"), settings.event_partitions
        numbers = range(start, len(values) if stop is None else stop)
        sent = [await producer.send(topic, values[n], partition=n % partitions) for n in numbers]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What readers have, compared with what was published."""

    counters: Counters
    published: int
    differences: list[Difference]
    letters: Counter[bytes]
    bad: Counter[bytes]
    members: int
    falling: list[str]
    """Members with a revision that does not rise."""

    def check(self) -> None:
        """Every event exactly once."""
        assert self.counters.read == self.published
        assert self.counters.difference() == 0
        assert self.counters.lost == 0
        assert self.letters == self.bad
        assert self.falling == []
        assert self.differences == []
        assert self.members


async def outcome(settings: Settings, values: list[bytes], bad: list[bytes], tmp_path: Path) -> Outcome:
    """Compare; all of `values` must be counted."""
    async with stamps(settings) as seen:
        await seen.look()
        counters = seen.counters()
    file = tmp_path / "events.ndjson"
    with writer(file) as write:
        write(b"".join(value + b"\n" for value in values))
    scores = await published.newest(settings)
    found = list(differences(settings, load(None), scores, lambda run: run.read(Lines([file])), DAY))
    return Outcome(
        counters,
        len(values),
        found,
        await dead_letters(settings),
        Counter(bad),
        len(scores),
        await falling_revisions(settings),
    )


async def dead_letters(settings: Settings) -> Counter[bytes]:
    """The values of all letters."""
    found: Counter[bytes] = Counter()
    for partition in range(settings.letter_partitions):
        async with reader(settings.broker, settings.topic("dead-letters"), partition) as r:
            async for records in r.read(*await r.bounds()):
                found.update(record.value for record in records)
    return found


async def falling_revisions(settings: Settings) -> list[str]:
    """The members that have a record whose revision is not above the one before."""
    found = set()
    for partition in range(settings.frame_partitions):
        last: dict[bytes, int] = {}
        async with reader(settings.broker, settings.topic("scores"), partition) as r:
            async for records in r.read(*await r.bounds()):
                for record in records:
                    if record.value is not None:
                        revision = Score.model_validate_json(record.value).revision
                        if revision <= last.get(record.key, 0):
                            found.add(record.key.decode())
                        last[record.key] = revision
    return sorted(found)
