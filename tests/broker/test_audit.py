"""`audit members` on a real Kafka: the live state and the events there are say what the events say from a file."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from agents.cli import _run
from agents.config.settings import Settings
from agents.queries.commit_progress import counted
from perf.worker_process import Worker
from pipeline.common import days
from tests.kit.events import dumps, event

TODAY = int(time.time()) // 86_400
WAIT_S = 60
POD = ("ada", "bob", "eve")


def _made() -> list[dict[str, Any]]:
    made = []
    for ago in range(1, 21):
        for who in POD:
            for other in POD:
                if who != other:
                    about = {"id": f"{who}-{other}-{ago}", "subject": who}
                    about["time"] = f"{days.calendar(TODAY - ago).isoformat()}T12:00:00Z"
                    made.append(event("activity.reaction.given", {"author": other}, **about))
    return made


async def _publish(settings: Settings, made: list[dict[str, Any]]) -> None:
    """Every third in binary mode, one twice, and what is no event."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker, enable_idempotence=True)
    topic = settings.topic("events")
    await producer.start()
    try:
        for number, one in enumerate([*made, made[0]]):
            if number % 3:
                await producer.send_and_wait(topic, dumps(one), partition=0)
                continue
            headers = [(f"ce_{name}", value.encode()) for name, value in one.items() if name != "data"]
            headers.append(("content-type", b"application/json"))
            await producer.send_and_wait(topic, dumps(one["data"]), headers=headers, partition=0)
        await producer.send_and_wait(topic, b"{oops", partition=0)
        await producer.send_and_wait(topic, None, key=b"x", partition=0)
    finally:
        await producer.stop()
    assert await counted(settings, {0: len(made) + 3}, within_s=WAIT_S) is not None


async def test_a_pod_is_found_live_as_in_a_file(
    live: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {"PILLARSCORE_BROKER": live.broker, "PILLARSCORE_PREFIX": live.prefix}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    async def audit(*arguments: str, code: int) -> tuple[dict[str, Any], str]:
        assert await asyncio.to_thread(_run, ["audit", *arguments, "--json"]) == code
        out, err = capsys.readouterr()
        shown: dict[str, Any] = json.loads(out)
        return shown, err

    found, said = await audit("members", code=0)
    assert (found["members"], found["pods"]) == (0, [])
    assert "the 0 events that Kafka still has" in said

    made = _made()
    worker = Worker(environment, tmp_path / "worker.log")
    try:
        await _publish(live, made)
    finally:
        await asyncio.to_thread(worker.stop)
    found, said = await audit("members", code=1)
    assert f"the {len(made) + 3:,} events that Kafka still has, the oldest of " in said
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\n".join(map(dumps, made)))
    from_file, _ = await audit("members", str(file), "--as-of", found["as_of"], code=1)
    assert found == from_file
    assert [one["member"] for one in found["pods"][0]["members"]] == sorted(POD)
    about, _ = await audit("member", "bob", code=1)
    assert [one["given_days"] for one in about["partners"]] == [20, 20]
