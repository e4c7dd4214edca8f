"""Three brokers, replication 3, of which two have to acknowledge: brokers that go away lose and double nothing.

Each test ends with the comparison of every score, letter and revision with what must have come of the events.
"""

import asyncio
import os
import random
import secrets
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from aiokafka.admin import NewTopic

from agents.config.settings import Settings
from agents.queries.commit_progress import counted, stamps
from agents.topics.creation import TOPIC_EXISTS, ensure
from agents.topics.specs import specs
from perf.worker_process import Worker, total, wait_shared
from pipeline.common import days
from tests.kit.chaos import administered, configure, outcome, publish, random_values, until
from tests.kit.cluster import Cluster, Node
from tests.kit.events import DAY
from tests.kit.replicas import GROUP, TRANSACTION, all_in_sync, busiest, coordinator, leader
from tests.kit.shared_cluster import claimed

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(600)]
longer = pytest.mark.skipif("CLUSTER" not in os.environ, reason="make chaos runs it")
WAIT_S = 120
COMMANDS = [
    ("status",),
    ("status", "--json"),
    ("topics",),
    ("top",),
    ("benchmarks",),
    ("dead-letters", "list"),
    ("ledger", "show"),
    ("ledger", "losses"),
]
"""What an operator looks with."""


@pytest.fixture
def kafka(three_brokers: Cluster) -> str:
    """Instead of the one broker of other tests."""
    return three_brokers.bootstrap


@pytest.fixture(autouse=True)
def alone(three_brokers: Cluster) -> Iterator[None]:
    """Nobody else uses the cluster while a test stops its brokers; all run again afterwards."""
    with claimed(three_brokers.nodes[0].folder.parent, alone=True):
        yield
        for node in three_brokers.nodes:
            if node.process is None or not node.process.alive:
                node.stop()
                node.start()
        three_brokers.wait(60)


class Load:
    """Workers on the cluster, and events that come in while something is done to brokers."""

    def __init__(self, settings: Settings, made: Cluster, folder: Path) -> None:
        self.settings = settings
        self.cluster = made
        self.workers: list[Worker] = []
        self._folder = folder
        self._environment = {
            "PILLARSCORE_BROKER": settings.broker,
            "PILLARSCORE_PREFIX": settings.prefix,
            "PILLARSCORE_AS_OF": days.calendar(DAY).isoformat(),
            "PILLARSCORE_SESSION_TIMEOUT_S": "6",
            "PILLARSCORE_BLOCK_CYCLE_S": "2",
            "PILLARSCORE_BATCH_EVENTS": "250",
        }

    async def start(self, ready: bool = True) -> Worker:
        worker = Worker(self._environment, self._folder / f"worker-{len(self.workers)}.log", "--role", "all")
        self.workers.append(worker)
        if ready:
            await asyncio.to_thread(worker.wait_ready, WAIT_S)
        return worker

    async def restart(self, number: int, kill: bool = False) -> None:
        await asyncio.to_thread(self.workers[number].stop, kill)
        worker = Worker(self._environment, self.workers[number].log, "--role", "all")
        self.workers[number] = worker

    async def stop(self) -> None:
        for worker in self.workers:
            await asyncio.to_thread(worker.stop)

    async def broker(self, number: int, kill: bool = True) -> None:
        """A broker goes, and comes again when the others have what it led."""
        node = self.cluster.nodes[number - 1]
        await asyncio.to_thread(node.stop, kill)
        node.start()
        await asyncio.to_thread(self.cluster.wait)

    async def under(self, values: list[bytes], *faults: Callable[[], Awaitable[object]]) -> None:
        """Publish, an equal part of the values for each fault, and let it happen somewhere in between."""
        size = -(-len(values) // len(faults))
        for number, fault in enumerate(faults):
            start, stop = number * size, min(len(values), (number + 1) * size)
            publishing = asyncio.create_task(publish(self.settings, values, start, stop))
            await self.reach(start + random.randrange(size // 10, size // 2))
            await fault()
            await publishing
            await self.counted(stop)
            await all_in_sync(self.settings)

    async def reach(self, offsets: int) -> None:
        """Wait until so many source offsets are counted."""
        everything = dict.fromkeys(range(self.settings.event_partitions), 1 << 40)
        async with asyncio.timeout(WAIT_S), stamps(self.settings) as seen:
            while seen.covered(everything)[0] < offsets:
                await asyncio.sleep(0.02)  # between looks, the condition is the wait
                await seen.look()

    async def counted(self, count: int) -> None:
        partitions = self.settings.event_partitions
        targets = {p: len(range(p, count, partitions)) for p in range(partitions)}
        assert await counted(self.settings, targets, within_s=WAIT_S), f"{count} events are not counted"

    def command(self, *arguments: object) -> str:
        """Run a command: its output."""
        done = subprocess.run(
            [sys.executable, "-m", "agents.cli", *map(str, arguments)],
            env=os.environ | self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=WAIT_S,
        )
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        away = [node.internal.address for node in self.cluster.nodes if node.process is None]
        wanted = {f"pillarscore: no Kafka answers at {one}; trying the other addresses" for one in away}
        said = [line for line in done.stderr.splitlines() if "answer" in line or "onnect" in line]
        assert len(said) == len(set(said))
        assert set(said) <= wanted
        return done.stdout

    def verify(self, values: list[bytes]) -> None:
        """As an operator does."""
        file = self._folder / "published.ndjson"
        file.write_bytes(b"".join(value + b"\n" for value in values))
        assert self.command("verify", file).endswith(" members, 0 differences\n")


@pytest.fixture
async def load(live: Settings, three_brokers: Cluster, tmp_path: Path) -> AsyncIterator[Load]:
    made = Load(live, three_brokers, tmp_path)
    await all_in_sync(live)
    yield made
    await made.stop()


def untorn(load: Load) -> None:
    for worker in load.workers:
        metrics = worker.metrics()
        assert total(metrics, "pillarscore_torn_transactions_total") == 0
        assert total(metrics, "pillarscore_lost_offsets") == 0


@pytest.mark.parametrize("thorough", [False, pytest.param(True, marks=longer)])
async def test_killed_workers_and_brokers_lose_and_double_nothing(
    load: Load, tmp_path: Path, thorough: bool
) -> None:
    """Of brokers: the leader of most partitions, who coordinates transactions, and who coordinates groups."""
    seed = secrets.randbelow(1 << 32)
    print(f"seed {seed}")
    values, bad = random_values(seed, 12_000 if thorough else 4_000)
    for _ in range(2):
        await load.start()
    await asyncio.to_thread(wait_shared, *load.workers)
    s = load.settings

    async def kill_leader() -> None:
        await load.broker(await busiest(s))

    async def kill_transactions() -> None:
        await load.broker(await coordinator(s, TRANSACTION, f"{s.prefix}score-0"))

    async def kill_group() -> None:
        await load.broker(await coordinator(s, GROUP, f"{s.prefix}score"))

    async def kill_worker() -> None:
        await load.restart(0, kill=True)

    async def kill_leader_and_worker() -> None:
        await asyncio.gather(kill_leader(), kill_worker())

    few = (kill_leader_and_worker, kill_transactions)
    await load.under(
        values, *((kill_leader, kill_worker, kill_transactions, kill_group) if thorough else few)
    )
    (await outcome(s, values, bad, tmp_path)).check()
    untorn(load)
    load.verify(values)


@longer
async def test_a_rolling_restart_under_load(load: Load, tmp_path: Path) -> None:
    values, bad = random_values(21, 12_000)
    for _ in range(2):
        await load.start()
    await asyncio.to_thread(wait_shared, *load.workers)
    restarts = [partial(load.broker, number, kill=False) for number in (1, 2, 3)]
    await load.under(values, *restarts)
    (await outcome(load.settings, values, bad, tmp_path)).check()
    untorn(load)
    for worker in load.workers:
        assert total(worker.metrics(), "pillarscore_partition_failures_total") == 0
    load.verify(values)


@longer
async def test_a_broker_that_is_lost_for_good(load: Load, tmp_path: Path) -> None:
    """It takes its data along; all goes on with two, and with an empty one in its place."""
    values, bad = random_values(22, 9_000)
    await load.start()
    [first, *_] = load.cluster.nodes

    async def lose() -> None:
        await asyncio.to_thread(first.stop, True)

    await publish(load.settings, values, 0, 3_000)
    await load.reach(1_000)
    await lose()
    await publish(load.settings, values, 3_000, 6_000)
    await load.counted(6_000)
    # whoever starts now finds the first of the addresses dead
    await load.restart(0, kill=True)
    await asyncio.to_thread(load.workers[0].wait_ready, WAIT_S)
    for command in COMMANDS:
        load.command(*command)
    await publish(load.settings, values, 6_000, 7_500)
    await load.counted(7_500)
    first.erase(load.cluster.nodes[1])
    first.start()
    await asyncio.to_thread(load.cluster.wait)
    await all_in_sync(load.settings)
    await publish(load.settings, values, 7_500)
    await load.counted(len(values))
    (await outcome(load.settings, values, bad, tmp_path)).check()
    untorn(load)
    load.verify(values)


@longer
async def test_a_lost_quorum_and_back(load: Load, tmp_path: Path) -> None:
    values, bad = random_values(23, 6_000)
    worker = await load.start()
    await publish(load.settings, values, 0, 3_000)
    await load.counted(2_000)
    _, second, third = load.cluster.nodes
    publishing = asyncio.create_task(publish(load.settings, values, 3_000))
    for node in (second, third):
        await asyncio.to_thread(node.stop, True)
    await until(
        lambda: "Kafka does not answer" in worker.log.read_text(), 120, "the log says that Kafka is away"
    )
    for node in (second, third):
        node.start()
    await asyncio.to_thread(load.cluster.wait)
    await publishing
    await load.counted(len(values))
    await until(worker.ready, what="ready again")
    (await outcome(load.settings, values, bad, tmp_path)).check()
    untorn(load)
    load.verify(values)


@longer
async def test_fewer_replicas_than_have_to_acknowledge(load: Load, tmp_path: Path) -> None:
    """Kafka takes no records then; what is sent meanwhile is taken later, once."""
    values, bad = random_values(24, 6_000)
    worker = await load.start()
    await publish(load.settings, values, 0, 3_000)
    await load.counted(3_000)
    for short in ("frames", "scores", "ledger"):
        await configure(load.settings, short, min_insync_replicas="3")
    third = load.cluster.nodes[2]
    await asyncio.to_thread(third.stop, True)
    publishing = asyncio.create_task(publish(load.settings, values, 3_000))
    await until(lambda: "NotEnoughReplicas" in worker.log.read_text(), what="the log says what Kafka lacks")
    third.start()
    await asyncio.to_thread(load.cluster.wait)
    await publishing
    await load.counted(len(values))
    await until(worker.ready, what="ready again")
    (await outcome(load.settings, values, bad, tmp_path)).check()
    untorn(load)


async def one_behind(load: Load, short: str, values: list[bytes]) -> tuple[int, Node, Node]:
    """Events are counted of which one of two replicas knows nothing, and this one is left.

    Returns (the partition, the broker that has all and is away, the one that is behind).
    """
    s = load.settings
    [wanted] = [topic for topic in specs(s) if topic.short == short]
    assignment = {n: [1, 2] if n == 0 else [3, 1] for n in range(wanted.partitions)}
    configs = wanted.configs | {"min.insync.replicas": "1"}
    async with administered(s) as client:
        await client.delete_topics([s.topic(short)])
        async with asyncio.timeout(WAIT_S):
            while s.topic(short) in await client.list_topics():
                await asyncio.sleep(0.1)  # between looks
        while True:
            answer = await client.create_topics([NewTopic(s.topic(short), -1, -1, assignment, configs)])
            [(_, code, message)] = answer.topic_errors
            if code != TOPIC_EXISTS:  # its name is free a moment after it is gone
                assert code == 0, message
                break
    await ensure(s)
    await load.start()
    complete, behind, _ = load.cluster.nodes
    await publish(s, values, 0, 2_000)
    await load.counted(2_000)
    await asyncio.to_thread(behind.stop, True)
    await publish(s, values, 2_000, 4_000)
    await load.counted(4_000)
    await asyncio.to_thread(complete.stop, True)
    behind.start()
    await asyncio.to_thread(load.cluster.wait)
    return 0, complete, behind


async def next_leader(settings: Settings, short: str, partition: int, after: int) -> int:
    """Who leads a partition, once that is not `after` any more."""
    async with asyncio.timeout(WAIT_S):
        while (found := await leader(settings, short, partition)) == after:
            await asyncio.sleep(0.1)  # between looks
        return found


@longer
@pytest.mark.parametrize("short", ["events", "frames"])
async def test_kafka_waits_for_who_has_all_records(load: Load, tmp_path: Path, short: str) -> None:
    values, bad = random_values(25, 6_000)
    partition, complete, _ = await one_behind(load, short, values)
    assert await next_leader(load.settings, short, partition, after=complete.number) == -1
    complete.start()
    await asyncio.to_thread(load.cluster.wait)
    await publish(load.settings, values, 4_000)
    await load.counted(len(values))
    await until(load.workers[0].ready, what="ready again")
    (await outcome(load.settings, values, bad, tmp_path)).check()
    untorn(load)


@longer
@pytest.mark.parametrize("short", ["events", "frames"])
@pytest.mark.parametrize("grown", [False, True])
async def test_an_unclean_election_is_noticed(load: Load, tmp_path: Path, short: str, grown: bool) -> None:
    """Somebody makes Kafka go on without the records; grown: beyond where it was read to, at once."""
    values, _ = random_values(26, 8_000)
    partition, complete, behind = await one_behind(load, short, values)
    assert await next_leader(load.settings, short, partition, after=complete.number) == -1
    [worker] = load.workers
    await configure(load.settings, short, unclean_leader_election_enable="true", min_insync_replicas="1")
    assert await next_leader(load.settings, short, partition, after=-1) == behind.number
    if grown:
        await publish(load.settings, values, 4_000)
    await until(
        lambda: any("Kafka has lost acknowledged" in line for line in worker.problems()), what="a problem"
    )
    assert not worker.ready()
