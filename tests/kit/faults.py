"""What the tests of faults share: workers that are started one by one, and waits for what they have done."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from agents.config.settings import Settings
from agents.queries.commit_progress import counted, stamps
from agents.queries.status import Status, survey
from perf.worker_process import Worker
from pipeline.common import days
from tests.kit.chaos import administered
from tests.kit.events import DAY

WAIT_S = 60
Starts = Callable[..., Awaitable[Worker]]


@asynccontextmanager
async def starts(live: Settings, tmp_path: Path) -> AsyncIterator[Starts]:
    """Gives a function that starts a worker, with further settings; all are stopped at the end."""
    running: list[Worker] = []

    async def one(
        *, role: str = "all", ready: bool = True, environment: dict[str, str] | None = None, **more: str
    ) -> Worker:
        settings = {
            "PILLARSCORE_BROKER": live.broker,
            "PILLARSCORE_PREFIX": live.prefix,
            "PILLARSCORE_AS_OF": days.calendar(DAY).isoformat(),
            "PILLARSCORE_SESSION_TIMEOUT_S": "6",
            "PILLARSCORE_BLOCK_CYCLE_S": "2",
            "PILLARSCORE_BATCH_EVENTS": "250",
        }
        settings |= {f"PILLARSCORE_{name.upper()}": value for name, value in more.items()}
        worker = Worker(
            settings | (environment or {}), tmp_path / f"worker-{len(running)}.log", "--role", role
        )
        running.append(worker)
        if ready:
            await asyncio.to_thread(worker.wait_ready, WAIT_S)
        return worker

    try:
        yield one
    finally:
        for worker in running:
            await asyncio.to_thread(worker.stop)


async def current_status(settings: Settings) -> Status:
    async with survey(settings) as seen:
        return await seen.look()


def source_ends(settings: Settings, count: int) -> dict[int, int]:
    """The end of each source partition when so many values were published."""
    partitions = settings.event_partitions
    return {p: len(range(p, count, partitions)) for p in range(partitions)}


async def wait_counted(settings: Settings, count: int) -> None:
    assert await counted(settings, source_ends(settings, count), within_s=WAIT_S), (
        f"{count} events are not counted"
    )


def log_lines(worker: Worker) -> list[dict]:
    lines = Path(worker.log).read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


async def wait_committed(settings: Settings, count: int) -> None:
    """Ingest has committed all of so many events, so they are in frames of every partition."""
    wanted = source_ends(settings, count)
    deadline = asyncio.get_running_loop().time() + WAIT_S
    async with administered(settings) as client:
        while True:
            found = await client.list_consumer_group_offsets(f"{settings.prefix}ingest")
            if {tp.partition: at.offset for tp, at in found.items()} == wanted:
                return
            assert asyncio.get_running_loop().time() < deadline, f"{found} is not {wanted}"
            await asyncio.sleep(0.1)  # between looks


async def wait_settled(settings: Settings, count: int) -> None:
    """All partitions have counted everything, nothing is missing, and the account is even."""
    async with stamps(settings) as seen:
        deadline = asyncio.get_running_loop().time() + WAIT_S
        while True:
            newest = await seen.look()
            if not any(stamp.missing for stamp in newest.values()) and seen.counters().read >= count:
                return
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.1)  # between looks
