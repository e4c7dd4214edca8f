"""All partitions brought to the same point, by workers of our own: what members that move have to have in common."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from agents.backup.saving import newest_stamps
from agents.config.errors import UserError
from agents.config.settings import PREFIX, Settings
from agents.kafka.range_reader import reader
from agents.local.ports import free_port
from agents.queries.commit_progress import counted
from pipeline.shard.regroup import problem
from schemas.frames import decode
from schemas.ledger import Stamp

STOP_S = 30.0
WAIT_S = 600.0
ALIKE_S = 60.0
ATTEMPTS = 3
_WORKER = "from agents.cli import main; main()"


async def drain(settings: Settings, count: int, log: Path, *, report: Callable[[str], object]) -> None:
    """Until members could move to `count` partitions. Raises UserError when it does not come to that.

    settings: with the partitions that there are. log: of the workers.
    """
    for _ in range(ATTEMPTS):
        stamps = await newest_stamps(settings, settings.frame_partitions)
        if problem(stamps, count) is None:
            return
        report("The partitions have not all counted the same events: a worker counts what is left …")
        # what an ingest that was killed has sent to some partitions only has to go to all of them
        async with _worker(settings, "all", log):
            if await counted(settings, await _framed(settings, stamps), within_s=WAIT_S) is None:
                raise UserError(
                    f"The events are not counted after {WAIT_S:.0f} s: see {log}, and run this again"
                )
        # it has stopped reading in order: what it framed is framed for all
        async with _worker(settings, "score", log):
            await _alike(settings, count)
    raise UserError(f"The partitions do not come to the same point: see {log} and 'pillarscore status'")


async def _framed(settings: Settings, stamps: dict[int, Stamp]) -> dict[int, int]:
    """By source partition the offset up to which any partition has frames, counted or not."""
    found: dict[int, int] = {}
    for partition, stamp in stamps.items():
        for source, mark in stamp.watermarks.items():
            found[source] = max(found.get(source, 0), mark)
        async with reader(settings, settings.topic("frames"), partition) as r:
            first, end = await r.bounds()
            async for records in r.read(max(first, stamp.frame + 1), end):
                for record in records:
                    try:
                        covers = decode(record.value).covers
                    except ValueError:  # nobody counts it
                        continue
                    for cover in covers:
                        found[cover.source] = max(found.get(cover.source, 0), cover.stop)
    return found


async def _alike(settings: Settings, count: int) -> None:
    """Wait a while for the partitions to be at the same point."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + ALIKE_S
    while problem(await newest_stamps(settings, settings.frame_partitions), count) is not None:
        if loop.time() > deadline:
            return
        await asyncio.sleep(0.5)


@asynccontextmanager
async def _worker(settings: Settings, role: str, log: Path) -> AsyncIterator[None]:
    """A worker of our own for the time of the context; it ends with us, in order."""
    environment = os.environ | {
        f"{PREFIX}BROKER": settings.broker,
        f"{PREFIX}PREFIX": settings.prefix,
        f"{PREFIX}FRAME_PARTITIONS": str(settings.frame_partitions),
    }
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _WORKER, "worker", "--role", role, "--with-stdin"),
            *("--web-port", str(free_port())),
            stdin=asyncio.subprocess.PIPE,
            stdout=out,
            stderr=out,
            env=environment,
            start_new_session=True,
        )
    try:
        yield
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), STOP_S)
        except TimeoutError:
            process.kill()
            await process.wait()
