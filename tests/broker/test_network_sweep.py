"""A worker killed in the middle of a refresh of networks: the next one does the blocks left, no others."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from agents.config.settings import Settings
from agents.kafka.range_reader import reader
from agents.kafka.transactions import Transactions
from agents.queries import published_scores
from agents.queries.commit_progress import counted
from agents.topics.creation import delete, ensure
from perf.worker_process import Worker
from pipeline.common import days
from pipeline.network.member_hash import member_hashes
from pipeline.network.peer_codes import NONE
from schemas.links import BLOCK as BLOCK_PREFIX
from schemas.links import CODES, CodeChunk, LinkBlock
from tests.broker.test_network import _networks, _publish, _values, expected
from tests.kit.events import DAY, dumps, event, member

MEMBERS = 12_000
FRIENDS = 3
TRIES = 20
DAY_MS = 86_400_000


@pytest.fixture
def alone(settings: Settings) -> Iterator[Settings]:
    """One member partition, so that it has many blocks."""
    mine = settings.model_copy(update={"frame_partitions": 1, "event_partitions": 1})
    asyncio.run(ensure(mine))
    yield mine
    asyncio.run(delete(mine))


def _events() -> list[dict]:
    """Everybody is connected with the three before and the three behind; some do more than others."""
    noon = {"time": f"{days.calendar(DAY).isoformat()}T12:00:00Z"}
    made = []
    for n in range(MEMBERS):
        for far in range(1, FRIENDS + 1):
            peer = {"inviter": member((n + far) % MEMBERS)}
            about = {"id": f"a{n}-{far}", "subject": member(n), **noon}
            made.append(event("activity.invitation.accepted", peer, **about))
        if n % 7 < 3:
            post = {"id": f"p{n}", "subject": member(n), **noon}
            made.append(event("activity.post.published", {"media": n % 7 == 1}, **post))
    return made


async def _ledger(settings: Settings) -> tuple[dict[int, int], dict[int, set[str]]]:
    """By block of networks, as committed: the round it was last refreshed for, and its members."""
    newest: dict[bytes, bytes | None] = {}
    async with reader(settings, settings.topic("ledger"), 0) as r:
        async for records in r.read(*await r.bounds()):
            newest.update((record.key, record.value) for record in records)
    chunks = [CodeChunk.load(data) for key, data in newest.items() if key.startswith(CODES) and data]
    hashes = [h for chunk in sorted(chunks, key=lambda c: c.number) for h in chunk.hashes.tolist()]
    names = [member(n) for n in range(MEMBERS)]
    named = dict(zip(member_hashes(names).tolist(), names, strict=True))
    blocks = [LinkBlock.load(data) for key, data in newest.items() if key.startswith(BLOCK_PREFIX) and data]
    people = {
        b.number: {named[hashes[code]] for code in b.owner.tolist() if code != NONE and hashes[code] in named}
        for b in blocks
    }
    return {b.number: b.refreshed for b in blocks}, people


async def _everybody(settings: Settings) -> set[str]:
    """The members in blocks of the ledger."""
    return set().union(*(await _ledger(settings))[1].values())


async def _end(settings: Settings) -> int:
    async with reader(settings, settings.topic("networks"), 0) as r:
        return (await r.bounds())[1]


async def _first_of_a_refresh(settings: Settings) -> None:
    """Wait for the next committed record of anybody's network."""
    async with reader(settings, settings.topic("networks"), 0) as r:
        end = (await r.bounds())[1]
        async for records in r.read(end, 1 << 62):
            if records:
                return


async def _trickle(settings: Settings) -> None:
    """Events of somebody without a network, without end: while any come, a refresh keeps its pace."""
    noon = f"{days.calendar(DAY).isoformat()}T12:00:00Z"
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker)
    await producer.start()
    try:
        for n in range(1_000_000):
            one = event("activity.session.started", id=f"t{time.time_ns()}-{n}", subject="busy", time=noon)
            await producer.send_and_wait(settings.topic("events"), dumps(one), partition=0)
    finally:
        await producer.stop()


async def _killed_in_a_refresh(
    settings: Settings, environment: dict[str, str], log: Path
) -> tuple[dict, dict]:
    """Kill a worker once it has committed a part of a refresh: what the ledger says then."""
    for _ in range(TRIES):
        worker = Worker(environment, log)
        try:
            await asyncio.to_thread(worker.wait_ready)
            busy = asyncio.create_task(_trickle(settings))
            try:
                await asyncio.wait_for(_first_of_a_refresh(settings), 60)
            finally:
                worker.stop(kill=True)
                busy.cancel()
                with suppress(asyncio.CancelledError):
                    await busy
        finally:
            worker.stop(kill=True)
        # as the next owner does: what the dead one left open is aborted, and can be read past
        owner = Transactions(settings, f"{settings.prefix}score-0")
        await owner.start()
        await owner.stop()
        rounds, people = await _ledger(settings)
        if len(set(rounds.values())) > 1:
            return rounds, people
    raise AssertionError(f"in {TRIES} tries no kill fell between the blocks of a refresh")


@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_refresh_cut_short_goes_on_with_the_blocks_that_are_left(
    alone: Settings, tmp_path: Path
) -> None:
    environment = {
        "PILLARSCORE_BROKER": alone.broker,
        "PILLARSCORE_PREFIX": alone.prefix,
        "PILLARSCORE_FRAME_PARTITIONS": "1",
        "PILLARSCORE_EVENT_PARTITIONS": "1",
        "PILLARSCORE_AS_OF": days.calendar(DAY).isoformat(),
        "PILLARSCORE_SESSION_TIMEOUT_S": "6",
        "PILLARSCORE_BLOCK_CYCLE_S": "1",
    }
    often = environment | {"PILLARSCORE_NETWORK_HOURS": "0.001"}
    log = tmp_path / "worker.log"
    events = _events()
    worker = Worker(often, log)
    try:
        await asyncio.to_thread(worker.wait_ready)
        await _publish(alone, events)
        assert await counted(alone, {0: len(events)}, within_s=60) is not None
        deadline = time.monotonic() + 60
        while len(await _everybody(alone)) < MEMBERS and time.monotonic() < deadline:
            await asyncio.sleep(0.5)  # between looks, the members in blocks are the condition
    finally:
        worker.stop()
    scores = await published_scores.newest(alone)
    wanted = expected(events, scores, [member(n) for n in range(MEMBERS)])
    rounds, people = await _killed_in_a_refresh(alone, often, log)
    last = max(rounds.values())
    left = {number for number, refreshed in rounds.items() if refreshed < last}
    assert left
    assert left < set(rounds)
    end = await _end(alone)
    worker = Worker(environment, log)  # a round a day: only what is left of the last one is due
    try:
        deadline = time.monotonic() + 60
        while (now := (await _ledger(alone))[0]) and min(now.values()) < last and time.monotonic() < deadline:
            await asyncio.sleep(0.2)  # between looks, the rounds are the condition
        assert min(now.values()) >= last
    finally:
        worker.stop()
    again = set()
    async with reader(alone, alone.topic("networks"), 0) as r:
        async for records in r.read(end, (await r.bounds())[1]):
            again |= {record.key.decode() for record in records}
    due = set().union(*(people[number] for number in left))
    if last // DAY_MS == int(time.time() * 1000) // DAY_MS:  # at midnight a round of all begins
        assert again == due, "the members of the blocks that were left, and nobody else"
    found = await _networks(alone)
    assert set(found) == set(wanted)
    wrong = [
        name for name, parsed in found.items() if parsed is None or not _alike(_values(parsed), wanted[name])
    ]
    assert not wrong, f"{len(wrong)} of {len(wanted)}: {found[wrong[0]]} is not {wanted[wrong[0]]}"


def _alike(said: tuple, wanted: tuple) -> bool:
    return all(
        a == b if a is None or b is None else abs(a - b) < 0.00501 for a, b in zip(said, wanted, strict=True)
    )
