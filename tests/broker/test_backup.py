"""Backups, restores into another Kafka, and other numbers of partitions, on a real Kafka with real workers."""

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from agents.backup import restoring
from agents.backup.manifest import Manifest
from agents.backup.restoring import Target, restore
from agents.backup.saving import save
from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.queries import published_scores as published
from agents.queries.commit_progress import counted
from agents.topics.creation import delete, ensure
from perf.worker_process import Worker, total
from pipeline.common import days
from schemas.scores import Score
from tests.kit.chaos import ends, outcome, publish, random_values
from tests.kit.events import DAY
from tests.kit.rubrics import SSI

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
    settings: Settings, values: list[bytes], start: int, stop: int, log: Path, kill: bool
) -> None:
    """Publish, and let a worker count; kill: end it while there is something left to count."""
    worker = Worker(environment(settings), log)
    try:
        await asyncio.to_thread(worker.wait_ready)
        await publish(settings, values, start, stop)
        if kill:
            await asyncio.to_thread(worker.wait_metric, "pillarscore_events", start // 2 + 500)
        else:
            assert await counted(settings, await ends(settings, "events", 4), within_s=WAIT_S)
            # all scores are emitted again after a restore
            await asyncio.to_thread(worker.wait_that, _rolled(settings.frame_partitions), "all are scored")
    finally:
        await asyncio.to_thread(worker.stop, kill)


def _rolled(partitions: int) -> Callable[[dict[str, float]], bool]:
    """Whether every partition is live, and every member of it has a score of the day."""
    return lambda metrics: (
        total(metrics, "pillarscore_partition_live") == partitions
        and not total(metrics, "pillarscore_unrolled_members")
    )


async def quiet(settings: Settings) -> None:
    """Until Kafka has noticed that the killed worker is gone."""
    from agents.backup.quiet import require_no_workers

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


async def test_a_backup_is_restored_elsewhere_and_goes_on(live: Settings, tmp_path: Path) -> None:
    values, bad = random_values(31, MANY, members=700)
    third, folder = len(values) // 3, tmp_path / "backup"
    await count(live, values, 0, third, tmp_path / "first.log", kill=False)
    await count(live, values, third, 2 * third, tmp_path / "killed.log", kill=True)
    assert "Workers are running" in pillarscore(live, "backup", folder, code=2)
    await quiet(live)

    # interrupted after the first files, it goes on; then a file that has changed is noticed
    def interrupted(records: int, done: float, total: int) -> None:
        if done > 5:
            raise Interrupted

    with pytest.raises(Interrupted):
        await save(live, folder, interrupted)
    assert not Manifest.read(folder).complete
    other = live.model_copy(update={"prefix": f"t{uuid.uuid4().hex[:12]}."})
    assert "not complete" in pillarscore(other, "restore", folder, code=2)
    said = pillarscore(live, "backup", folder)
    assert "events not counted yet" in said
    assert "complete backup" in pillarscore(live, "backup", folder, code=2)
    file = folder / Manifest.read(folder).files[0].path
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + b"x")
    assert "has changed" in pillarscore(other, "restore", folder, code=2)
    file.write_bytes(whole)
    assert "has records" in pillarscore(live, "restore", folder, code=2)

    try:
        assert "is restored" in pillarscore(other, "restore", folder)
        assert "has records" in pillarscore(other, "restore", folder, code=2)
        await count(other, values, 2 * third, len(values), tmp_path / "other.log", kill=False)
        (await outcome(other, values, bad, tmp_path)).check()
    finally:
        await delete(other)


async def test_a_restore_that_was_interrupted_is_no_state(
    live: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values, bad = random_values(32, 1500, members=200)
    await count(live, values, 0, 1000, tmp_path / "first.log", kill=False)
    await publish(live, values, 1000)  # not counted: in the backup as events
    folder = tmp_path / "backup"
    await save(live, folder)
    other = live.model_copy(update={"prefix": f"t{uuid.uuid4().hex[:12]}."})

    async def broken(*_: object, **__: object) -> None:
        raise Interrupted

    target = Target(other, SSI, folder)
    try:
        for part in ("_copy", "_commit_sources"):
            with monkeypatch.context() as only:
                only.setattr(restoring, part, broken)
                with pytest.raises(Interrupted):
                    await restore(target)
        worker = Worker(environment(other), tmp_path / "refused.log")
        try:
            await asyncio.to_thread(
                worker.wait_that,
                lambda _: any("did not finish" in line for line in worker.problems()),
                "refused",
            )
        finally:
            await asyncio.to_thread(worker.stop)
        await restore(target)
        await count(other, values, 0, 0, tmp_path / "other.log", kill=False)
        (await outcome(other, values, bad, tmp_path)).check()
    finally:
        await delete(other)


@LONG
async def test_an_events_topic_with_the_same_offsets_is_used_as_it_is(live: Settings, tmp_path: Path) -> None:
    values, bad = random_values(33, 1500, members=200)
    await count(live, values, 0, 1000, tmp_path / "first.log", kill=False)
    await publish(live, values, 1000)
    folder = tmp_path / "backup"
    await save(live, folder)
    other = live.model_copy(update={"prefix": f"t{uuid.uuid4().hex[:12]}."})
    try:
        await ensure(other)
        await publish(other, values, 0, 1400)
        with pytest.raises(UserError, match="wait until all is copied"):
            await restore(Target(other, SSI, folder, same_offsets=True))
        with pytest.raises(UserError, match="other records"):
            await restore(Target(other, SSI, folder))
        await publish(other, values, 1400)
        await restore(Target(other, SSI, folder, same_offsets=True))
        await count(other, values, 0, 0, tmp_path / "other.log", kill=False)
        (await outcome(other, values, bad, tmp_path)).check()
    finally:
        await delete(other)


async def test_more_partitions_have_the_same_scores(live: Settings, tmp_path: Path) -> None:
    values, bad = random_values(34, MANY, members=700)
    half, folder = len(values) // 2, tmp_path / "backup"
    await count(live, values, 0, half // 2, tmp_path / "first.log", kill=False)
    await count(live, values, half // 2, half, tmp_path / "killed.log", kill=True)
    await quiet(live)
    said = pillarscore(live, "repartition", 6, folder)
    assert "6 partitions" in said
    more = live.model_copy(update={"frame_partitions": 6})
    assert "already" in pillarscore(more, "repartition", 6, folder)
    await count(more, values, half, len(values), tmp_path / "more.log", kill=False)
    (await outcome(more, values, bad, tmp_path)).check()
