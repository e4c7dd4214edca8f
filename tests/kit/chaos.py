"""What tests that break things publish, and how they compare the outcome with what must have come of it."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from agents.config.rubric_file import load
from agents.config.settings import Settings
from agents.files.ndjson import Lines
from agents.files.text_files import writer
from agents.kafka.range_reader import reader
from agents.offline.verification import Difference, differences
from agents.queries import published_scores as published
from agents.queries.commit_progress import stamps
from agents.queries.ledger_check import Checked, check
from agents.topics.creation import ensure
from agents.topics.specs import specs
from schemas.ledger import Counters
from schemas.scores import Score
from tests.kit.events import BAD, DAY, TYPES, dumps, event, random_events

ERASED = "activity.member.erased"
GONE_S = 30.0


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
    ledger: Checked
    """What the ledger says was put out, against what readers see."""

    def check(self, problems: bool = False) -> None:
        """Every event exactly once. problems: whether the check of the ledger has to name some."""
        assert self.counters.read == self.published
        assert self.counters.difference() == 0
        assert self.counters.lost == 0
        assert self.letters == self.bad
        assert self.falling == []
        assert self.differences == []
        assert (self.ledger.differences, self.ledger.newer) == ([], 0)
        assert bool(self.ledger.problems) is problems, self.ledger.problems
        assert self.ledger.members == self.members
        assert self.members


async def outcome(
    settings: Settings, values: list[bytes], bad: list[bytes], tmp_path: Path, foreign_scores: int = 0
) -> Outcome:
    """Compare; all of `values` must be counted. foreign_scores: records of member.scores that are none."""
    async with stamps(settings) as seen:
        await seen.look()
        counters = seen.counters()
    file = tmp_path / "events.ndjson"
    with writer(file) as write:
        write(b"".join(value + b"\n" for value in values))
    foreign: list[str] = []
    scores = await published.newest(settings, left_out=foreign.append)
    assert len(foreign) == foreign_scores
    found = list(
        differences(settings, load(None), scores, read=lambda run: run.read(Lines([file])), today=DAY)
    )
    return Outcome(
        counters,
        len(values),
        found,
        await dead_letters(settings),
        Counter(bad),
        len(scores),
        await falling_revisions(settings),
        await check(settings, load(None), DAY, scores=lambda: published.newest(settings)),
    )


async def dead_letters(settings: Settings) -> Counter[bytes]:
    """The values of all letters."""
    found: Counter[bytes] = Counter()
    for partition in range(settings.letter_partitions):
        async with reader(settings, settings.topic("dead-letters"), partition) as r:
            async for records in r.read(*await r.bounds()):
                found.update(record.value for record in records)
    return found


async def falling_revisions(settings: Settings) -> list[str]:
    """The members that have a record whose revision is not above the one before."""
    found = set()
    for partition in range(settings.frame_partitions):
        last: dict[bytes, int] = {}
        async with reader(settings, settings.topic("scores"), partition) as r:
            async for records in r.read(*await r.bounds()):
                for record in records:
                    if record.value is not None and record.value.startswith(b"{"):
                        revision = Score.model_validate_json(record.value).revision
                        if revision <= last.get(record.key, 0):
                            found.add(record.key.decode())
                        last[record.key] = revision
    return sorted(found)


@asynccontextmanager
async def administered(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client."""
    client = AIOKafkaAdminClient(bootstrap_servers=settings.broker)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


async def configure(settings: Settings, short: str, **changes: str) -> None:
    """Set configs of a topic (with _ for .) beside those it is made with; without any: these alone."""
    [topic] = [topic for topic in specs(settings) if topic.short == short]
    configs = topic.configs | {name.replace("_", "."): value for name, value in changes.items()}
    async with administered(settings) as client:
        asked = ConfigResource(ConfigResourceType.TOPIC, settings.topic(short), configs)
        for answer in await client.alter_configs([asked]):
            for code, message, *_ in answer.resources:
                assert code == 0, message


async def remove_before(settings: Settings, short: str, partition: int, offset: int) -> None:
    """Remove the records before an offset, as retention does; -1: all there are."""
    async with administered(settings) as client:
        tp = TopicPartition(settings.topic(short), partition)
        await client.delete_records({tp: RecordsToDelete(before_offset=offset)})


async def ends(settings: Settings, short: str, partitions: int) -> dict[int, int]:
    """The end offset of each partition of a topic."""
    found = {}
    for partition in range(partitions):
        async with reader(settings, settings.topic(short), partition) as r:
            found[partition] = (await r.bounds())[1]
    return found


async def recreate(settings: Settings, short: str) -> None:
    """Delete a topic and make it again under its name."""
    [topic] = [topic for topic in specs(settings) if topic.short == short]
    name = settings.topic(short)
    async with administered(settings) as client:
        await client.delete_topics([name])
        async with asyncio.timeout(GONE_S):
            while name in await client.list_topics():
                await asyncio.sleep(0.05)  # between looks; that it is gone is what is waited for
    await ensure(settings)
    assert topic.short == short


async def send_raw(
    settings: Settings, short: str, partition: int, *records: tuple[bytes | None, bytes | None]
) -> None:
    """Write records (key, value) to a topic of ours, as somebody else might."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker)
    await producer.start()
    try:
        for key, value in records:
            await producer.send_and_wait(settings.topic(short), value, key=key, partition=partition)
    finally:
        await producer.stop()


async def until(said: Callable[[], bool], seconds: float = 60, what: str = "") -> None:
    """Wait until it is so; asks in a thread. Raises AssertionError when it does not come to that."""
    deadline = asyncio.get_running_loop().time() + seconds
    while not await asyncio.to_thread(said):
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds} s: {what or said}"
        await asyncio.sleep(0.1)  # between looks
