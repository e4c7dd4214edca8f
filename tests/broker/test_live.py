"""The live state as whatif and explain read it, blocks and frames on top, is that of a file of the events."""

import asyncio
import json
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from agents.adapters.kafka_log import KafkaLog
from agents.cli import _run
from agents.config.rubric_file import load
from agents.config.settings import Settings
from agents.files.ndjson import Lines
from agents.offline.engine import Offline
from agents.queries import live_state as live_state
from agents.queries.commit_progress import counted
from agents.worker.restore import restore
from perf.worker_process import Worker
from pipeline.common import days
from pipeline.reports.explain import explain
from pipeline.reports.population import Population
from pipeline.reports.rubric_comparison import compare
from schemas.ledger import BLOCK as BLOCK_PREFIX
from schemas.ledger import FRAME
from tests.kit.events import DAY, dumps, random_events
from tests.kit.rubrics import DEFAULT

RHYTHM = Path(__file__).parents[2] / "rubrics" / "ssi-rhythm.toml"
EVENTS = 6_000
CHUNK = 100
WAIT_S = 60


async def _publish(settings: Settings, values: list[bytes], targets: dict[int, int]) -> None:
    """Send the values, and wait until the worker has counted them; `targets` goes on."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker, enable_idempotence=True)
    await producer.start()
    try:
        sent = []
        for number, value in enumerate(values):
            partition = number % settings.event_partitions
            sent.append(await producer.send(settings.topic("events"), value, partition=partition))
            targets[partition] = targets.get(partition, 0) + 1
        await asyncio.gather(*sent)
    finally:
        await producer.stop()
    assert await counted(settings, targets, within_s=WAIT_S) is not None


async def _blocks_and_frames(settings: Settings) -> tuple[int, int]:
    """(blocks in the ledger, frames that are in none of them)."""
    blocks = frames = 0
    for partition in range(settings.frame_partitions):
        found = await restore(KafkaLog(settings), settings, (DEFAULT, None), partition=partition, today=DAY)
        blocks += len(found.image.starting(BLOCK_PREFIX))
        frames += len(found.image.starting(FRAME))
    return blocks, frames


def _explained(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict:
    assert _run(["explain", *map(str, arguments), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


async def test_live_is_what_the_file_says(
    live: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    today = days.calendar(DAY).isoformat()
    values = [dumps(made) for made in random_events(11, EVENTS, members=300, duplicates=0.05)]
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\n".join(values))
    environment = {
        "PILLARSCORE_BROKER": live.broker,
        "PILLARSCORE_PREFIX": live.prefix,
        "PILLARSCORE_AS_OF": today,
    }
    targets: dict[int, int] = {}
    left = values
    for cycle in ("1", "3600"):
        worker = Worker(environment | {"PILLARSCORE_BLOCK_CYCLE_S": cycle}, tmp_path / f"worker-{cycle}.log")
        try:
            await asyncio.to_thread(worker.wait_ready)
            # blocks are written along with what is counted: a little at a time until there are some
            while cycle == "1" and not (await _blocks_and_frames(live))[0]:
                assert left, "no block was written"
                await _publish(live, left[:CHUNK], targets)
                left = left[CHUNK:]
            if cycle != "1":
                assert left, "nothing is left to be in frames alone"
                await _publish(live, left, targets)
        finally:
            worker.stop()
    blocks, frames = await _blocks_and_frames(live)
    assert blocks > 0
    assert frames > 0

    run = Offline(Settings(), DEFAULT, DAY)
    run.read(Lines([file]))
    said: list[str] = []
    found = await live_state.population(live, DEFAULT, DAY, report=said.append)
    assert said == []
    rhythm = load(RHYTHM)
    expected = compare(DEFAULT, rhythm, day=DAY, people=run.population.batches())
    assert expected.members > 250
    assert compare(DEFAULT, rhythm, day=found.day, people=found.batches()) == expected
    names = [name for people in run.population.batches() for name in people.names]
    for name in names[::17]:
        mine, theirs = (await _one(live, name)).find(name), run.population.find(name)
        assert mine is not None
        assert theirs is not None
        assert mine.role == theirs.role
        assert explain(DEFAULT, DAY, mine.member) == explain(DEFAULT, DAY, theirs.member)

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    loser = expected.down[0]  # has connections, for which the default pays more
    member = loser.member
    live_says = await asyncio.to_thread(_explained, capsys, member)
    assert live_says == await asyncio.to_thread(_explained, capsys, member, file)
    assert live_says["score"] == loser.before
    assert live_says["network"]["connections"] > 0
    assert await asyncio.to_thread(_run, ["whatif", "--live", "--rubric", str(RHYTHM), "--top", "1"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(f"{expected.members:,} members as of {today}, ssi 2 -> ssi-rhythm 2")
    assert await asyncio.to_thread(_run, ["explain", "nobody at all"]) == 2
    assert "No activity of member nobody at all counts on that day" in capsys.readouterr().err


async def _one(settings: Settings, member: str) -> Population:
    return await live_state.population(settings, DEFAULT, DAY, report=print, member=member)


async def test_without_workers_nobody_is_there(live: Settings) -> None:
    found = await live_state.population(live, DEFAULT, DAY, report=print)
    assert found.day == DAY
    assert list(found.batches()) == []
    assert found.find("ada") is None
