"""The benchmarks as published, and the merged distributions behind them."""

from collections.abc import Sequence

from agents.config.settings import Settings
from agents.kafka.range_reader import reader
from pipeline.cohorts.merged_scores import MergedScores
from schemas.benchmarks import Benchmark


async def benchmarks(settings: Settings) -> dict[str, Benchmark]:
    """The newest committed benchmark of each cohort."""
    found: dict[bytes, bytes | None] = {}
    async with reader(settings, settings.topic("benchmarks"), 0) as r:
        async for records in r.read(*await r.bounds()):
            found.update((record.key, record.value) for record in records)
    made = (Benchmark.model_validate_json(value) for value in found.values() if value is not None)
    return {benchmark.cohort: benchmark for benchmark in made}


async def merged(settings: Settings, kinds: Sequence[str]) -> MergedScores:
    """All published scores up to now, as the workers merge them."""
    found = MergedScores(settings.frame_partitions, kinds)
    async with reader(settings, settings.topic("distributions"), 0) as r:
        async for records in r.read(*await r.bounds()):
            for record in records:
                if record.value is not None:
                    found.take(record.key, record.value, record.offset)
    for _ in found.merge():
        pass
    return found
