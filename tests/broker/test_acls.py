"""What each user of a secured Kafka has to be allowed, and what happens without it."""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from aiokafka import TopicPartition
from aiokafka.errors import TopicAuthorizationFailedError

from agents.config.settings import TOPICS, Settings
from agents.kafka import clients
from agents.topics.creation import ensure
from perf.worker_process import Worker
from tests.kit.dashboards import ROOT
from tests.kit.secured_client import SAME, events, own, settings_of, wait
from tests.kit.secured_kafka import NEEDED, ROLES, TOPIC, Secured, allow

READS = {
    "ingest": "events ledger",
    "score": "events frames scores ledger distributions",
    "publisher": "",
    "reader": "scores bands history networks benchmarks",
    "tools": " ".join(TOPICS),
}
WRITES = {
    "ingest": "frames",
    "score": "frames scores shadow bands history networks dead-letters ledger distributions benchmarks",
    "publisher": "events",
    "reader": "",
    "tools": "events replays ledger",
}
"""What each role can do, and nothing else."""


def test_a_missing_acl_is_named(secured: Secured, run: Callable[..., str], prefix: str) -> None:
    alice = secured.environment("SCRAM")
    bob = secured.environment("SCRAM", sasl_username="bob", sasl_password="bob-secret")
    said = run(bob, "topics", code=2)
    assert said.count("\n") == 1
    assert "not allowed to use topic" in said
    asyncio.run(ensure(settings_of(alice, prefix=prefix)))
    for command in ("status", "top"):
        said = run(bob, command, code=2)
        assert f"not allowed to use topic {prefix}" in said
        assert "needs ACLs Read, Write and Describe" in said
        assert len(said.splitlines()) == 1, said


def test_the_documented_acls_are_enough_and_a_removed_one_is_reported(
    secured: Secured, run: Callable[..., str], prefix: str, tmp_path: Path
) -> None:
    alice = settings_of(secured.environment("SCRAM"))
    carol = secured.environment("SCRAM", sasl_username="carol", sasl_password="carol-secret")
    for kind, operations in NEEDED.items():
        asyncio.run(allow(alice, "carol", prefix, kind, *operations))
    worker = Worker(carol | own(prefix, tmp_path), tmp_path / "worker.log")
    try:
        worker.wait_ready()
        run(carol, "publish", events(tmp_path))
        assert SAME.search(run(carol, "verify"))
        run(carol, "status")
        asyncio.run(allow(alice, "carol", prefix, TOPIC, *NEEDED[TOPIC], remove=True))
        wait(lambda: any("not allowed to use topic" in line for line in worker.problems()), 30)
        # Faust gives up its consumer for good: there is nothing left to do, and whatever supervises it sees that
        wait(lambda: worker.exit_code() is not None, 90)
        assert worker.exit_code() == 3
        last = worker.log.read_text().splitlines()[-1]
        assert last.startswith("pillarscore: this worker has left its consumer group and can't join again")
        assert "not allowed to use" in last
        # started again while it still may not, it says why and ends
        again = Worker(carol | own(prefix, tmp_path), tmp_path / "again.log")
        wait(lambda: again.exit_code() is not None, 60)
        assert again.exit_code() == 2
        asyncio.run(allow(alice, "carol", prefix, TOPIC, *NEEDED[TOPIC]))
        worker = Worker(carol | own(prefix, tmp_path), tmp_path / "worker.log")
        worker.wait_ready()
        assert SAME.search(run(carol, "verify"))
    finally:
        worker.stop()


def test_each_role_needs_no_more_than_its_acls(
    secured: Secured, run: Callable[..., str], prefix: str, tmp_path: Path, jars: Path
) -> None:
    """Those of deploy/acls.sh, which are made of the same table as k8s/components/strimzi/users.yaml."""
    alice = settings_of(secured.environment("SCRAM"), prefix=prefix, frame_partitions=2, event_partitions=2)
    asyncio.run(ensure(alice))
    users = {
        role: secured.environment("SCRAM", sasl_username=role, sasl_password=f"{role}-secret")
        for role in ROLES
    }
    script(secured, prefix, jars, *ROLES)
    workers = [
        Worker(users[role] | own(prefix, tmp_path), tmp_path / f"{role}.log", "--role", role)
        for role in ("ingest", "score")
    ]
    try:
        for worker in workers:
            worker.wait_ready()
        run(users["tools"], "publish", events(tmp_path))
        assert SAME.search(run(users["tools"], "verify"))
        assert "All topics are as required" in run(users["tools"], "topics")
        for command in (["status"], ["dead-letters", "list"], ["ledger", "show"], ["benchmarks"]):
            run(users["tools"], *command)
        outside = [settings_of(users[role], prefix=prefix) for role in ("publisher", "reader")]
        assert asyncio.run(outsiders(*outside)) > 0
        assert [worker.problems() for worker in workers] == [[], []]
    finally:
        for worker in workers:
            worker.stop()
    assert "not allowed" not in "".join(worker.log.read_text() for worker in workers)
    everything = frozenset(TOPICS)
    assert asyncio.run(tried(alice)) == (everything, everything)
    for role in ROLES:
        mine = settings_of(users[role], prefix=prefix)
        wanted = frozenset(READS[role].split()), frozenset(WRITES[role].split())
        assert asyncio.run(tried(mine)) == wanted, role
    script(secured, prefix, jars, "publisher", action="--remove")
    reads, writes = asyncio.run(tried(settings_of(users["publisher"], prefix=prefix)))
    assert not reads | writes


def script(secured: Secured, prefix: str, jars: Path, *users: str, action: str = "--add") -> None:
    """Run deploy/acls.sh with the kafka-acls of our Kafka, as a user who may do anything."""
    classes = next(jars.glob("kafka-*"))
    environment = os.environ | {
        "BOOTSTRAP": f"127.0.0.1:{secured.ports['OPEN']}",
        "PREFIX": prefix,
        "PRINCIPAL": "User:",
        "ACTION": action,
        "KAFKA_ACLS": f"java -cp {classes}/* org.apache.kafka.tools.AclCommand",
    }
    done = subprocess.run(
        ["bash", "-f", ROOT / "deploy" / "acls.sh", *users],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 0, done.stdout + done.stderr


async def tried(settings: Settings) -> tuple[frozenset[str], frozenset[str]]:
    """Which topics a user can read, and which write to; each has a record once a user has tried who may."""
    reads, writes = set(), set()
    # an idempotent one is refused as a whole if it may write nowhere
    async with clients.producer(settings, enable_idempotence=False) as producer:
        for short in TOPICS:
            with contextlib.suppress(TopicAuthorizationFailedError):
                async with asyncio.timeout(30):
                    await producer.send_and_wait(settings.topic(short), b"{}", key=b"k", partition=0)
                writes.add(short)
    for short in TOPICS:
        tp = TopicPartition(settings.topic(short), 0)
        consumer = clients.consumer(settings, auto_offset_reset="earliest")
        consumer.assign([tp])
        try:
            async with asyncio.timeout(30):
                await consumer.start()
                await asyncio.wait_for(consumer.getone(tp), 30)
            reads.add(short)
        except TopicAuthorizationFailedError:
            pass
        finally:
            await consumer.stop()
    return frozenset(reads), frozenset(writes)


async def outsiders(publisher: Settings, reader: Settings) -> int:
    """Publish an event, and read scores in a group: how many came at first."""
    async with clients.producer(publisher) as sending:
        await sending.send_and_wait(publisher.topic("events"), b"{}")
    consumer = clients.consumer(reader, group_id=f"{reader.prefix}pillarscore-reader-crm")
    consumer.subscribe([reader.topic("scores")])
    async with consumer, asyncio.timeout(60):
        while not (found := await consumer.getmany(timeout_ms=500)):
            pass
        await consumer.commit()
    return sum(map(len, found.values()))
