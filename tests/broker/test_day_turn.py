"""A worker that was down over midnight catches up: days recorded, scores brought to today, by two rubrics."""

import asyncio
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from agents.config import rubric_file
from agents.config.settings import Settings
from agents.files.ndjson import Lines
from agents.kafka.range_reader import reader
from agents.offline.engine import Offline
from agents.offline.verification import Lookback, differences, look_back
from agents.queries import published_scores
from agents.queries.commit_progress import stamps
from agents.queries.live_state import population
from perf.worker_process import Worker
from pipeline.common import days
from pipeline.rubric.model import Rubric
from schemas.bands import BandChanged
from schemas.history import Day
from schemas.scores import Score
from tests.kit.events import DAY, TYPES, dumps, event, random_events

ERASED = "activity.member.erased"
LATER = DAY + 3


async def _publish(settings: Settings, values: list[bytes]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker, linger_ms=5)
    await producer.start()
    try:
        await asyncio.gather(*[await producer.send(settings.topic("events"), value) for value in values])
    finally:
        await producer.stop()


async def _until(settings: Settings, events: int, day: int) -> None:
    """Wait until so many events are read, and every partition has turned to the day and rolled."""
    async with stamps(settings) as seen:
        while True:
            newest = await seen.look()
            counters = seen.counters()
            turned = [s for s in newest.values() if s.day == day and s.rolled >= -(-s.members // 1000)]
            if counters.read == events and not counters.difference() and len(turned) == len(newest) > 0:
                return
            await asyncio.sleep(0.1)  # between looks, the condition is the wait


async def _records(settings: Settings, topic: str) -> list[tuple[bytes, bytes | None]]:
    found = []
    for partition in range(settings.frame_partitions):
        async with reader(settings, settings.topic(topic), partition) as r:
            async for records in r.read(*await r.bounds()):
                found += [(record.key, record.value) for record in records]
    return found


def _differ(settings: Settings, rubric: Rubric, scores: dict[str, Score], file: Path) -> list:
    return list(differences(settings, rubric, scores, read=lambda run: run.read(Lines([file])), today=LATER))


@pytest.mark.slow
async def test_days_missed_are_caught_up(live: Settings, tmp_path: Path) -> None:
    second = tmp_path / "second.toml"
    text = (Path(rubric_file.__file__).parents[2] / "rubrics" / rubric_file.SHIPPED).read_text()
    second.write_text(text.replace("version = 2", "version = 3", 1).replace("half = ", "half = 1", 5))
    types = [name for name in TYPES if name != ERASED]
    values = [dumps(made) for made in random_events(5, 4000, members=300, types=types)]
    environment = {
        "PILLARSCORE_BROKER": live.broker,
        "PILLARSCORE_PREFIX": live.prefix,
        "PILLARSCORE_SHADOW_RUBRIC": str(second),
        "PILLARSCORE_SESSION_TIMEOUT_S": "6",
    }
    log = tmp_path / "worker.log"
    for day, batch in ((DAY, values), (LATER, [dumps(event(ERASED, subject="m-00007", time=_noon(LATER)))])):
        worker = Worker(environment, log, "--as-of", days.calendar(day).isoformat())
        try:
            await asyncio.to_thread(worker.wait_ready)
            await _publish(live, batch)
            await asyncio.wait_for(_until(live, len(values) + (day == LATER), day), 60)
        finally:
            worker.stop()
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"".join(value + b"\n" for value in values))
    with file.open("ab") as more:
        more.write(batch[0] + b"\n")
    scores = await published_scores.newest(live)
    assert {score.as_of for score in scores.values()} == {days.calendar(LATER)}
    await _check_verified(live, scores, file)
    assert "m-00007" not in scores
    shadow = await published_scores.newest(live, "shadow")
    assert _differ(live, rubric_file.load(second), shadow, file) == []
    assert {score.rubric.version for score in shadow.values()} == {"3"}
    await _check_history(live, scores)
    await _check_line(live, scores)


async def _check_verified(live: Settings, scores: dict[str, Score], file: Path) -> None:
    """What `verify` compares: nothing differs, and of the days only those of the member erased since."""
    rubric = rubric_file.load(None)
    recorded = await published_scores.recorded(live, rubric)

    def read(run: Offline) -> None:
        run.read(Lines([file]))

    assert list(differences(live, rubric, scores, read=read, today=LATER, recorded=recorded)) == []
    turns = LATER - DAY
    said = look_back(live, rubric, read, recorded=recorded, most=90)
    assert said == Lookback(turns, turns * len(scores), turns)


async def _check_line(live: Settings, scores: dict[str, Score]) -> None:
    """What `pillarscore history` shows, from the ledger of the workers that are gone."""
    found = await population(live, rubric_file.load(None), LATER, report=print)
    for member, score in scores.items():
        line = found.past(member, 90)
        assert line is not None
        assert [day.day for day in line] == [days.calendar(day) for day in range(DAY, LATER)]
        assert score.change is not None
        assert score.change.day == pytest.approx((score.score - line[-1].score) / 100)
    assert found.past("nobody", 90) is None


def _noon(day: int) -> str:
    return f"{days.calendar(day).isoformat()}T12:00:00Z"


async def _check_history(live: Settings, scores: dict[str, Score]) -> None:
    records = await _records(live, "history")
    kept = [Day.model_validate_json(value) for _, value in dict(records).items() if value is not None]
    assert {day.day for day in kept} == {days.calendar(day) for day in range(DAY, LATER)}
    assert {day.member for day in kept} == set(scores), "every member but the erased one"
    assert len(kept) == len(scores) * (LATER - DAY)
    yesterday = {d.member: d.score for d in kept if d.day == days.calendar(LATER - 1)}
    for score in scores.values():
        assert score.change is not None
        assert score.change.day == pytest.approx((score.score - yesterday[score.member]) / 100)
        assert score.change.week is None
        assert score.trend == "not_enough_information"
        assert score.changed == {}, "the last record is of the day's turn"
    moved = [BandChanged.model_validate_json(value) for _, value in await _records(live, "bands") if value]
    last = {change.member: change.after for change in moved}
    assert all(last.get(score.member, "low") == score.band for score in scores.values())
