"""`ledger show` on a real Kafka: what it says is what the worker has put out, and what is not there is one line."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from agents.cli import _run
from agents.config.settings import Settings
from agents.queries import published_scores
from agents.queries.commit_progress import counted
from perf.worker_process import Worker
from pipeline.common import days
from tests.kit.events import dumps, event, member

TODAY = int(time.time()) // 86_400
MEMBERS = 40
WAIT_S = 60


async def _publish(settings: Settings) -> None:
    day = days.calendar(TODAY - 1).isoformat()
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker, enable_idempotence=True)
    await producer.start()
    try:
        for number in range(MEMBERS):
            about = {"id": str(number), "subject": member(number), "time": f"{day}T12:00:00Z"}
            made = event("activity.search.made", {"kind": "boolean"}, **about)
            await producer.send_and_wait(settings.topic("events"), dumps(made), partition=0)
    finally:
        await producer.stop()
    assert await counted(settings, {0: MEMBERS}, within_s=WAIT_S) is not None


async def test_the_ledger_as_it_is_shown(
    live: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment = {"PILLARSCORE_BROKER": live.broker, "PILLARSCORE_PREFIX": live.prefix}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    async def show(*arguments: str, code: int = 0) -> dict:
        assert await asyncio.to_thread(_run, ["ledger", "show", *arguments]) == code
        shown: dict = json.loads(capsys.readouterr().out)
        return shown

    async def refused(*arguments: str) -> str:
        assert await asyncio.to_thread(_run, ["ledger", "show", *arguments]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        return err

    empty = await show()
    assert [one["stamp"] for one in empty["partitions"]] == [None] * live.frame_partitions

    worker = Worker(environment | {"PILLARSCORE_BLOCK_CYCLE_S": "1"}, tmp_path / "worker.log")
    try:
        await asyncio.to_thread(worker.wait_ready)
        await _publish(live)
        async with asyncio.timeout(WAIT_S):
            while "block" not in (await show("--partition", "0"))["partitions"][0]["kinds"]:
                pass
    finally:
        worker.stop()

    every = (await show())["partitions"]
    assert [one["partition"] for one in every] == list(range(live.frame_partitions))
    assert [one["problem"] for one in every] == [None] * live.frame_partitions
    assert sum(one["stamp"]["members"] for one in every) == MEMBERS
    scores = await published_scores.newest(live)
    found = await show("--member", member(7))
    (kept,), state = found["partitions"], found["member"]
    assert kept == every[state["partition"]]
    assert state["tiles"]["search_boolean"] == {days.calendar(TODAY - 1).isoformat(): 1}
    assert state["score"]["score"] == scores[member(7)].score
    assert state["score"]["pillars"]["find"] == scores[member(7)].pillars.find

    assert "has no partition 9: give one from 0 to 3" in await refused("--partition", "9")
    assert "has no member" in await refused("--member", "nobody at all")
    other = (state["partition"] + 1) % live.frame_partitions
    assert "leave --partition" in await refused("--member", member(7), "--partition", str(other))
    monkeypatch.setenv("PILLARSCORE_PREFIX", f"{live.prefix}other.")
    assert "has no topic" in await refused()
