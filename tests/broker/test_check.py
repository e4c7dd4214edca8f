"""`check --topic` says of the records in a real Kafka what the workers say; `publish` warns before they do."""

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from aiokafka import AIOKafkaProducer

from agents.config.settings import Settings
from agents.dead_letters.store import Wanted, letters
from agents.queries.commit_progress import counted
from perf.worker_process import Worker
from tests.kit.batches import with_bad_header_name
from tests.kit.events import dumps, event

WAIT_S = 60


def _event(number: int, **changes: str) -> dict[str, object]:
    made = event("activity.post.published", id=str(number)) | {"time": datetime.now(UTC).isoformat()}
    return made | changes


def _binary(number: int, **changes: str) -> list[tuple[str, bytes]]:
    made = _event(number, **changes)
    return [(f"ce_{name}", str(value).encode()) for name, value in made.items() if name != "data"]


async def _publish(settings: Settings) -> int:
    """Good and bad records in both modes, and one that Kafka's client can't read; how many there are."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker)
    topic = settings.topic("events")
    await producer.start()
    try:
        for value in (dumps(_event(0)), dumps(_event(1, time="2026-11-20T08:30")), b"{oops"):
            await producer.send_and_wait(topic, value, partition=1)
        for headers in (_binary(3), _binary(4, source="/crm", type="activity.coffee.drunk")):
            await producer.send_and_wait(topic, b"{}", partition=2, headers=headers)
        batch = producer.create_batch()
        for number, headers in ((5, []), (6, [("XX", b"v")])):
            batch.append(key=None, value=dumps(_event(number)), timestamp=None, headers=headers)
        batch._buffer = with_bad_header_name(bytes(batch._build()))
        await (await producer.send_batch(batch, topic, partition=3))
    finally:
        await producer.stop()
    return 7


def _run(settings: Settings, *arguments: object, code: int) -> tuple[str, str]:
    environment = {"PILLARSCORE_BROKER": settings.broker, "PILLARSCORE_PREFIX": settings.prefix}
    done = subprocess.run(
        [sys.executable, "-m", "agents.cli", *map(str, arguments)],
        env=os.environ | environment | {"PILLARSCORE_STATE_DIR": str(settings.state_dir)},
        capture_output=True,
        text=True,
        check=False,
        timeout=WAIT_S,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout, done.stderr


async def test_a_topic_is_refused_as_the_workers_refuse_it(live: Settings, tmp_path: Path) -> None:
    count = await _publish(live)
    # without a worker: nothing has to run for it
    out, _ = await asyncio.to_thread(_run, live, "check", "--topic", "--json", code=1)
    found = json.loads(out)
    environment = {"PILLARSCORE_BROKER": live.broker, "PILLARSCORE_PREFIX": live.prefix}
    worker = Worker(environment, tmp_path / "worker.log")
    try:
        await asyncio.to_thread(worker.wait_ready)
        assert await counted(live, {1: 3, 2: 2, 3: 2}, within_s=WAIT_S) is not None
    finally:
        await asyncio.to_thread(worker.stop)
    async with letters(live) as box:
        dead = {
            (one.letter.reason, one.letter.message, f"{one.letter.partition}:{one.letter.offset}")
            async for one in box.read(Wanted())
        }
    assert found["events"] == count
    assert {
        (reason, first["message"], first["place"])
        for reason, one in found["reasons"].items()
        for first in one["first"]
    } == dead
    assert {reason for reason, _, _ in dead} == {"bad_time", "invalid_json", "unknown_type", "bad_headers"}
    assert found["sources"] == {"/test": 2, "/crm": 1, "(none)": 1}

    out, _ = await asyncio.to_thread(_run, live, "check", "--topic", "--since", "2100-01-01", code=0)
    assert out == "no events\n"


def test_publish_warns_at_once_and_counts(live: Settings, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson"
    lines = [dumps(_event(0)), dumps(_event(1, time="2026-11-20 08:30:00")), dumps(_event(2, subject=""))]
    file.write_bytes(b"\n".join(lines) + b"\n")
    _, said = _run(live, "publish", file, code=0)
    first, *rest = said.splitlines()
    assert first.startswith(f"warning: {file}:2 will be refused, and more may be: time: there is a blank")
    assert f"3 events published to {live.topic('events')}" in rest[0]
    assert rest[1] == "warning: 2 of them will be refused and become dead letters:"
    out, _ = _run(live, "check", "--topic", code=1)
    assert out.startswith("3 events: 2 would be refused\n")
