"""The benchmarks as published, and the merged distributions behind them."""

import asyncio
import contextlib
from collections.abc import Sequence

from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.kafka.range_reader import reader
from pipeline.cohorts.merged_scores import MergedScores
from schemas.benchmarks import Benchmark

ATTEMPTS, AGAIN_S = 5, 1.0
"""How often distributions are read until they add up, and how long to wait in between."""


async def benchmarks(settings: Settings) -> dict[str, Benchmark]:
    """The newest committed benchmark of each cohort; records that are none are left out."""
    found: dict[bytes | None, bytes | None] = {}
    async with reader(settings, settings.topic("benchmarks"), 0) as r:
        async for records in r.read(*await r.bounds()):
            found.update((record.key, record.value) for record in records)
    made = {}
    for key, value in found.items():
        with contextlib.suppress(ValueError):
            benchmark = Benchmark.model_validate_json(value or b"")
            if benchmark.cohort.encode() == key:
                made[benchmark.cohort] = benchmark
    return made


async def merged(settings: Settings, kinds: Sequence[str]) -> MergedScores:
    """All published scores up to now, as the workers merge them; what can't be read is left out, as they do.

    Raises UserError when records are missing although they were read several times.
    """
    for attempt in range(ATTEMPTS):
        if attempt:
            await asyncio.sleep(AGAIN_S)  # compaction was at work; the next publications have what is missing
        found = await _merged(settings, kinds)
        if not found.incomplete:
            return found
    partition, why = next(iter(found.incomplete.items()))
    raise UserError(
        f"{settings.topic('distributions')} does not add up for partition {partition}: {why}. Its worker publishes "
        "it again when it notices: try again later (see the runbook, ForeignRecords)"
    )


async def _merged(settings: Settings, kinds: Sequence[str]) -> MergedScores:
    found = MergedScores(
        settings.frame_partitions, kinds, limit=settings.cohort_limit, minimum=settings.cohort_minimum
    )
    async with reader(settings, settings.topic("distributions"), 0) as r:
        async for records in r.read(*await r.bounds()):
            for record in records:
                if record.value is not None:
                    with contextlib.suppress(ValueError):
                        found.take(record.key, record.value, record.offset)
    for _ in found.merge():
        pass
    return found
