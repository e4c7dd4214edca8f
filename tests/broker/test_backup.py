"""Backups, restores into another Kafka, and other numbers of partitions, on a real Kafka with real workers."""

import asyncio
import os
import random
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from agents.adapters.kafka_log import KafkaLog
from agents.backup import restoring
from agents.backup.manifest import Manifest
from agents.backup.quiet import require_no_workers
from agents.backup.repartitioning import repartition
from agents.backup.restoring import Target, restore
from agents.backup.saving import save
from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.queries import published_scores as published
from agents.queries.commit_progress import counted, stamps
from agents.topics.creation import delete, ensure
from agents.worker.restore import restore as read_state
from perf.worker_process import Worker, total
from pipeline.common import days
from pipeline.shard.member_index import BLOCK_SIZE
from schemas.scores import Score
from tests.kit.chaos import ends, outcome, publish, random_values
from tests.kit.events import DAY
from tests.kit.rubrics import DEFAULT

MANY = int(os.environ.get("BACKUP_EVENTS", "3000"))
LONG = pytest.mark.skipif("BACKUP_EVENTS" not in os.environ, reason="make chaos runs it")
WAIT_S = 90
RUN_S = 200


class Interrupted(Exception):
    """As if somebody had ended the command."""


def environment(settings: Settings) -> dict[str, str]:
    return {
        "PILLARSCORE_BROKER": settings.broker,
        "PILLARSCORE_PREFIX": settings.prefix,
        "PILLARSCORE_STATE_DIR": str(settings.state_dir),
        "PILLARSCORE_FRAME_PARTITIONS": str(settings.frame_partitions),
        "PILLARSCORE_SESSION_TIMEOUT_S": "6",
        "PILLARSCORE_BLOCK_CYCLE_S": "1",
        "PILLARSCORE_AS_OF": days.calendar(DAY).isoformat(),
    }


def pillarscore(settings: Settings, *arguments: object, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "agents.cli", *map(str, arguments)],
        env=os.environ | environment(settings),
        capture_output=True,
        text=True,
        timeout=RUN_S,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


async def count(
    settings: Settings,
    values: list[bytes],
    start: int,
    stop: int,
    log: Path,
    *,
    kill: bool = False,
    refused: Path | None = None,
) -> None:
    """Publish, and let a worker count; kill: end it while there is something left to count.

    refused: a backup into this folder is refused meanwhile.
    """
    worker = Worker(environment(settings), log)
    try:
        await asyncio.to_thread(worker.wait_ready)
        await publish(settings, values, start, stop)
        if kill:
            await asyncio.to_thread(worker.wait_metric, "pillarscore_events", (stop - start) // 2)
        else:
            assert await counted(settings, await ends(settings, "events", 4), within_s=WAIT_S)
            if refused is not None:
                with pytest.raises(UserError, match="Workers are running"):
                    await save(settings, refused)
            # all scores are emitted again after a restore
            live = f"{settings.frame_partitions} partitions are live"
            await asyncio.to_thread(
                worker.wait_that,
                lambda found: total(found, "pillarscore_partition_live") == settings.frame_partitions,
                live,
            )
            await scored_again(settings)
    finally:
        await asyncio.to_thread(worker.stop, kill)


async def scored_again(settings: Settings) -> None:
    """Until the stamps say that every member's score of the day is emitted."""
    async with asyncio.timeout(WAIT_S), stamps(settings) as seen:
        while any(one.rolled * BLOCK_SIZE < one.members for one in (await seen.look()).values()):
            await asyncio.sleep(0.2)  # between looks


async def quiet(settings: Settings) -> None:
    """Until Kafka has noticed that the killed worker is gone."""
    async with asyncio.timeout(WAIT_S):
        while True:
            try:
                await require_no_workers(settings)
                return
            except UserError:
                await asyncio.sleep(0.3)  # between looks


async def scores(settings: Settings) -> dict[str, Score]:
    return dict(await published.newest(settings))


def content(found: dict[str, Score]) -> dict:
    skipped = {"revision", "benchmark", "ranks", "changed"}
    return {name: score.model_dump(exclude=skipped) for name, score in found.items()}


def elsewhere(settings: Settings) -> Settings:
    return settings.model_copy(update={"prefix": f"t{uuid.uuid4().hex[:12]}."})


async def broken(*_: object, **__: object) -> None:
    raise Interrupted


async def test_a_backup_is_restored_elsewhere_and_goes_on(
    live: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, bad = random_values(31, MANY, members=500)
    third, folder, other = len(values) // 3, tmp_path / "backup", elsewhere(live)
    await count(live, values, 0, third, tmp_path / "first.log", refused=folder)
    await publish(live, values, third, 2 * third)  # counted by nobody, so they are in the backup

    # a backup that was interrupted is no backup, and goes on; a file that has changed is noticed
    def interrupted(records: int, done: float, total: int) -> None:
        if done > 5:
            raise Interrupted

    with pytest.raises(Interrupted):
        await save(live, folder, interrupted)
    with pytest.raises(UserError, match="not complete"):
        await restore(Target(other, DEFAULT, folder))
    assert f"{2 * third - third:,} events not counted yet" in pillarscore(live, "backup", folder)
    with pytest.raises(UserError, match="complete backup"):
        await save(live, folder)
    file = folder / Manifest.complete_in(folder).files[0].path
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + b"x")
    with pytest.raises(UserError, match="has changed"):
        await restore(Target(other, DEFAULT, folder))
    file.write_bytes(whole)
    with pytest.raises(UserError, match="has records"):
        await restore(Target(live, DEFAULT, folder))

    try:
        # from a restore that was interrupted no worker starts, and it goes on
        for part in ("_copy", "_commit_sources"):
            with monkeypatch.context() as only:
                only.setattr(restoring, part, broken)
                with pytest.raises(Interrupted):
                    await restore(Target(other, DEFAULT, folder))
        with pytest.raises(UserError, match="did not finish"):
            await read_state(KafkaLog(other), other, (DEFAULT, None), partition=0, today=DAY)
        assert "is restored" in pillarscore(other, "restore", folder)
        with pytest.raises(UserError, match="has records"):
            await restore(Target(other, DEFAULT, folder))
        await count(other, values, 2 * third, len(values), tmp_path / "other.log")
        (await outcome(other, values, bad, tmp_path)).check()
    finally:
        await delete(other)


async def test_more_partitions_have_the_same_scores(
    live: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, bad = random_values(34, MANY, members=500)
    half, folder = len(values) // 2, tmp_path / "backup"
    await count(live, values, 0, half, tmp_path / "killed.log", kill=True)
    await quiet(live)
    with monkeypatch.context() as only:
        only.setattr(restoring, "_ledgers", broken)
        for name, value in environment(live).items():
            only.setenv(name, value)
        with pytest.raises(Interrupted):
            await repartition(live, DEFAULT, 6, folder=folder)
    more = live.model_copy(update={"frame_partitions": 6})
    with pytest.raises(UserError, match="did not finish"):
        await read_state(KafkaLog(more), more, (DEFAULT, None), partition=5, today=DAY)
    with pytest.raises(UserError, match="not the backup"):
        await repartition(live, DEFAULT, 6, folder=tmp_path / "another")
    assert "6 partitions" in pillarscore(live, "repartition", 6, folder)
    assert not await repartition(more, DEFAULT, 6, folder=folder)
    await count(more, values, half, len(values), tmp_path / "more.log")
    (await outcome(more, values, bad, tmp_path)).check()


@LONG
@pytest.mark.chaos
@pytest.mark.timeout(900)
async def test_partitions_change_whatever_kills_the_command(live: Settings, tmp_path: Path) -> None:
    """Killed at any moment, and run again; then to another number, and back from the backup."""
    values, bad = random_values(35, MANY, members=2000)
    third, rng, settings = len(values) // 3, random.Random(6), live
    await count(live, values, 0, third, tmp_path / "first.log")
    before = content(await scores(live))
    kills = 0
    for number, (partitions, stop) in enumerate([(7, 2 * third), (3, len(values))]):
        folder = tmp_path / f"backup-{number}"
        while True:
            await quiet(settings)
            running = subprocess.Popen(
                [sys.executable, "-m", "agents.cli", "repartition", str(partitions), str(folder)],
                env=os.environ | environment(settings),
                stderr=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
            try:
                code = await asyncio.to_thread(running.wait, rng.uniform(2, 9) if kills < 6 else RUN_S)
            except subprocess.TimeoutExpired:
                running.kill()
                await asyncio.to_thread(running.wait, WAIT_S)
                kills += 1
                continue
            assert code == 0
            break
        settings = settings.model_copy(update={"frame_partitions": partitions})
        if not number:
            await count(settings, values, 0, 0, tmp_path / "same.log")
            assert content(await scores(settings)) == before
        await count(settings, values, third if not number else 2 * third, stop, tmp_path / f"{number}.log")
    assert kills == 6
    (await outcome(settings, values, bad, tmp_path)).check()
    # the events since the backup of 7 partitions are still there, so they are counted again from it
    assert "PILLARSCORE_FRAME_PARTITIONS=7" in pillarscore(settings, "restore", folder, "--replace", code=2)
    back = settings.model_copy(update={"frame_partitions": 7})
    pillarscore(back, "restore", folder, "--replace")
    await count(back, values, 0, 0, tmp_path / "back.log")
    (await outcome(back, values, bad, tmp_path)).check()


@LONG
@pytest.mark.chaos
@pytest.mark.timeout(900)
async def test_an_events_topic_with_the_same_offsets_is_used_as_it_is(live: Settings, tmp_path: Path) -> None:
    values, bad = random_values(33, 1500, members=200)
    await count(live, values, 0, 1000, tmp_path / "first.log")
    await publish(live, values, 1000)
    folder = tmp_path / "backup"
    await save(live, folder)
    other = elsewhere(live)
    try:
        await ensure(other)
        await publish(other, values, 0, 1400)
        with pytest.raises(UserError, match="wait until all is copied"):
            await restore(Target(other, DEFAULT, folder, same_offsets=True))
        with pytest.raises(UserError, match="other records"):
            await restore(Target(other, DEFAULT, folder))
        await publish(other, values, 1400)
        await restore(Target(other, DEFAULT, folder, same_offsets=True))
        await count(other, values, 0, 0, tmp_path / "other.log")
        (await outcome(other, values, bad, tmp_path)).check()
    finally:
        await delete(other)
