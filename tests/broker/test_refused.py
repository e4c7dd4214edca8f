"""What is refused for its lateness or its source, on a real Kafka: judged by the broker's clock, and redriven."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

from aiokafka import AIOKafkaProducer

from agents.config.settings import Settings
from agents.kafka.range_reader import reader
from agents.queries.commit_progress import counted
from perf.worker_process import Worker, total
from schemas.letters import DeadLetter
from tests.broker.test_odd_records import verified  # noqa: F401
from tests.kit.events import dumps, event
from tests.kit.faults import current_status

RULES = """
[[rule]]
source = "/web"
except = ["activity.member.erased"]

[[rule]]
source = "/crm"
late_days = 30
"""
MORE = '[[rule]]\nsource = "/privacy"\n[[rule]]\nsource = "/web"\nbackfill = true\n'


def made(number: int, source: str, ago_days: float, kind: str = "activity.post.published") -> bytes:
    when = datetime.now(UTC) - timedelta(days=ago_days)
    return dumps(event(kind, id=f"{number}", source=source, subject=f"m-{number}", time=when.isoformat()))


async def publish(settings: Settings, values: list[bytes]) -> dict[int, int]:
    """Send them with timestamps that are as old as a publisher may claim; how many each partition has."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker)
    await producer.start()
    old_ms = int((datetime.now(UTC) - timedelta(days=60)).timestamp() * 1000)
    try:
        for number, value in enumerate(values):
            partition = number % settings.event_partitions
            await producer.send_and_wait(
                settings.topic("events"), value, partition=partition, timestamp_ms=old_ms
            )
    finally:
        await producer.stop()
    partitions = settings.event_partitions
    return {p: len(range(p, len(values), partitions)) for p in range(partitions)}


async def reasons(settings: Settings) -> Counter[str]:
    found: Counter[str] = Counter()
    async with reader(settings, settings.topic("dead-letters"), 0) as r:
        async for records in r.read(*await r.bounds()):
            for record in records:
                found[DeadLetter.from_record(record.key, record.value, record.headers).reason] += 1
    return found


async def test_what_is_refused_is_accounted_for_verified_and_sent_again(
    live: Settings,
    tmp_path: Path,
    verified,  # noqa: F811
    monkeypatch,
) -> None:
    rules, file = tmp_path / "sources.toml", tmp_path / "events.ndjson"
    rules.write_text(RULES)
    given = {"PILLARSCORE_SOURCES": str(rules), "PILLARSCORE_LATE_DAYS": "7"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    environment = given | {"PILLARSCORE_BROKER": live.broker, "PILLARSCORE_PREFIX": live.prefix}
    values = [
        *(made(n, "/web", 0.9) for n in range(4)),
        *(made(n, "/web", 20) for n in range(10, 14)),  # too late
        *(made(n, "/crm", 20) for n in range(20, 24)),
        made(30, "/web", 0, "activity.member.erased"),  # not allowed
        made(31, "/nobody", 0),
    ]
    file.write_bytes(b"".join(value + b"\n" for value in values))
    worker = Worker(environment, tmp_path / "worker.log")
    try:
        await asyncio.to_thread(worker.wait_ready)
        sent = await publish(live, values)
        assert await counted(live, sent, within_s=60) is not None
        assert await reasons(live) == {"too_late": 4, "not_allowed": 2}
        status = await current_status(live)
        assert (status.events.too_late, status.events.dead_lettered, status.events.difference()) == (4, 2, 0)
        metrics = await asyncio.to_thread(worker.metrics)
        assert total(metrics, "pillarscore_events", '"too_late"') == 4
        assert total(metrics, "pillarscore_dead_letters_total", '"not_allowed"') == 2
        assert total(metrics, "pillarscore_ingest_late_events_total", '"/web"') == 4
        code, said = await asyncio.to_thread(verified, live, file, "verify")
        assert (code, said.splitlines()[-1]) == (0, "8 members, 0 differences"), said
    finally:
        await asyncio.to_thread(worker.stop)
    # the rules are changed, the worker is restarted, and what is right now is sent again
    rules.write_text(MORE + RULES)
    worker = Worker(environment, tmp_path / "again.log")
    try:
        await asyncio.to_thread(worker.wait_ready)
        code, said = await asyncio.to_thread(
            verified, live, "--yes", "dead-letters", "replay", "--reason", "too_late"
        )
        assert code == 0, said
        sent = {partition: count + 1 for partition, count in sent.items()}
        assert await counted(live, sent, within_s=60) is not None
        assert await reasons(live) == {"too_late": 4, "not_allowed": 2}, "none of them again"
        code, said = await asyncio.to_thread(verified, live, file, "verify")
        assert (code, said.splitlines()[-1]) == (0, "12 members, 0 differences"), said
    finally:
        await asyncio.to_thread(worker.stop)
