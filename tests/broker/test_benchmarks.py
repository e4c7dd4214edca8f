"""Benchmarks are a sort of all scores, whoever made them: three workers, of which one joins and one dies."""

import asyncio
import os
import secrets
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from agents.config.rubric_file import load
from agents.config.settings import Settings
from agents.files.ndjson import Lines
from agents.kafka.range_reader import reader
from agents.offline.engine import Offline
from agents.queries import published_scores
from agents.queries.commit_progress import counted
from perf.worker_process import Worker, total
from pipeline.cohorts.kinds import kind_of, registers_of
from pipeline.common import days
from pipeline.rubric.components import PILLARS
from schemas.benchmarks import Benchmark
from schemas.scores import Score
from tests.broker.test_exactly_once import _publish, _reach
from tests.kit.benchmarks import Scored, cohorts_of, expected, fields_of
from tests.kit.events import DAY, TYPES, dumps, event, random_events

EVENTS = 8_000
WAIT_S = 60
KINDS = ("industry", "team", "role", "seniority", "region", "employer")
LEAST = 12


def _events(seed: int) -> list[bytes]:
    """Random activity, mixed with what moves members between cohorts, and a few erasures."""
    types = [name for name in TYPES if name != "activity.member.erased"]
    values = [dumps(made) for made in random_events(seed, EVENTS, members=900, types=types)]
    moves = random_events(seed + 1, EVENTS // 4, members=900, types=["activity.member.updated"])
    values += [dumps(move) for move in moves]
    erased = [event("activity.member.erased", id=f"erase-{n}", subject=f"m-{n:05d}") for n in range(20)]
    values += [dumps(one) for one in erased]
    few = [{"team": "a team of few"}, {"industry": "rare", "team": "a team of few"}]
    moves = [
        event("activity.member.updated", data, id=f"few-{n}", subject=f"f-{n}") for n, data in enumerate(few)
    ]
    values += [dumps(move) for move in moves]
    order = np.random.default_rng(seed).permutation(len(values))
    return [values[at] for at in order.tolist()]


async def newest(settings: Settings) -> dict[str, Benchmark]:
    """The committed benchmarks by cohort."""
    found: dict[bytes, bytes | None] = {}
    async with reader(settings, settings.topic("benchmarks"), 0) as r:
        async for records in r.read(*await r.bounds()):
            found.update((record.key, record.value) for record in records)
    return {key.decode(): Benchmark.model_validate_json(value) for key, value in found.items() if value}


def _members(scores: dict[str, Score], values: dict[str, tuple[tuple[str, str], ...]]) -> list[Scored]:
    return [
        Scored(
            score.score,
            tuple(getattr(score.pillars, pillar) for pillar in PILLARS),
            str(score.band),
            values.get(name, ()),
        )
        for name, score in scores.items()
    ]


def _values(file: Path) -> dict[str, tuple[tuple[str, str], ...]]:
    """Of each member the values of the registers, by the offline engine."""
    run = Offline(Settings(), load(None), DAY)
    run.read(Lines([file]))
    found = {}
    texts = run.population.shards[0].state.registers.texts.names
    for people in run.population.batches():
        codes = people.numbers[:, registers_of(KINDS)].tolist()
        for name, row in zip(people.names, codes, strict=True):
            found[name] = tuple(zip(KINDS, (texts[code] for code in row), strict=True))
    return found


def _wrong(got: dict[str, Benchmark], wanted: dict[str, list[Scored]]) -> list[str]:
    """The cohorts whose benchmark is not that of these members."""
    wrong = sorted(set(got) ^ set(wanted))
    for cohort in set(got) & set(wanted):
        small = len(wanted[cohort]) < LEAST
        if (
            small != (got[cohort].fewer_than is not None)
            or (got[cohort].kind, got[cohort].value or "") != (kind_of(cohort))
            or (not small and fields_of(got[cohort]) != expected(wanted[cohort]))
        ):
            wrong.append(cohort)
    return wrong


@pytest.mark.chaos
@pytest.mark.slow
async def test_benchmarks_are_a_sort_of_all_scores(live: Settings, tmp_path: Path) -> None:
    seed = secrets.randbelow(1 << 32)
    print(f"seed {seed}")
    values = _events(seed)
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"".join(value + b"\n" for value in values))
    targets = {p: len(values[p :: live.event_partitions]) for p in range(live.event_partitions)}
    environment = {
        "PILLARSCORE_BROKER": live.broker,
        "PILLARSCORE_PREFIX": live.prefix,
        "PILLARSCORE_AS_OF": days.calendar(DAY).isoformat(),
        "PILLARSCORE_SESSION_TIMEOUT_S": "6",
        "PILLARSCORE_BLOCK_CYCLE_S": "2",
        "PILLARSCORE_BATCH_EVENTS": "250",
        "PILLARSCORE_COHORTS": ",".join(KINDS),
        "PILLARSCORE_RANKS": "everyone,team",
        "PILLARSCORE_COHORT_MINIMUM": str(LEAST),
        "PILLARSCORE_BENCHMARK_MS": "200",
    }
    workers = [Worker(environment, tmp_path / f"worker-{n}.log", "--role", "all") for n in range(2)]
    third = len(values) // 3
    try:
        for worker in workers:
            await asyncio.to_thread(worker.wait_ready)
        publishing = asyncio.create_task(_publish(live, values, 0, third))
        await _reach(live, targets, third // 3)
        workers.append(Worker(environment, tmp_path / "worker-2.log", "--role", "all"))
        await publishing
        await asyncio.to_thread(workers[2].wait_ready)
        publishing = asyncio.create_task(_publish(live, values, third, 2 * third))
        await _reach(live, targets, third + third // 3)
        # whoever publishes the benchmarks now is the one that dies
        owner = next((w for w in workers if _owns(w)), workers[0])
        workers.remove(owner)
        owner.stop(kill=True)
        await publishing
        await _publish(live, values, 2 * third, len(values))
        assert await counted(live, targets, within_s=WAIT_S) is not None
        scores = await published_scores.newest(live)
        wanted = cohorts_of(_members(scores, _values(file)))
        assert {len(members) < LEAST for members in wanted.values()} == {True, False}
        clock = asyncio.get_running_loop().time
        end = clock() + WAIT_S
        while (wrong := _wrong(got := await newest(live), wanted)) and clock() < end:
            await asyncio.sleep(0.1)  # between looks, the condition is the wait
        assert not wrong, f"{len(wrong)} of {len(wanted)}: {got.get(wrong[0])} is not {wanted.get(wrong[0])}"
        metrics = await asyncio.to_thread(workers[0].metrics)
        assert total(metrics, "pillarscore_cohorts") == len(wanted)
        await asyncio.to_thread(_shown, environment, wanted)
    finally:
        for worker in workers:
            worker.stop()
    assert len(scores) > 850
    ranked = [score for score in scores.values() if score.ranks]
    assert ranked
    newest_last = sorted(ranked, key=lambda score: score.benchmark or 0)
    assert all(score.ranks["everyone"].of > 800 for score in newest_last[-10:] if score.ranks)
    last = max(benchmark.benchmark for benchmark in got.values())
    assert all(score.benchmark is not None and score.benchmark <= last for score in ranked)


def _shown(environment: dict[str, str], wanted: dict[str, list[Scored]]) -> None:
    """`pillarscore benchmarks` says what a sort of the scores says, and what it does not know in one line."""

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "agents.cli", "benchmarks", *arguments]
        wide = os.environ | environment | {"COLUMNS": "200"}
        return subprocess.run(command, env=wide, capture_output=True, text=True, timeout=60)

    told_ = [Benchmark.model_validate_json(line) for line in run("--json").stdout.splitlines()]
    assert not _wrong({benchmark.cohort: benchmark for benchmark in told_}, wanted)
    assert len(told_) == len(wanted)
    everyone = expected(wanted["everyone"])
    first = run("-n", "1").stdout.splitlines()[1].split()
    assert first[:2] == ["everyone", f"{everyone['size']:,}"]
    assert float(first[2]) == everyone["mean"] / 100
    teams = run("team", "-n", "1000").stdout.splitlines()[1:]
    assert len(teams) == sum(cohort.startswith("team:") for cohort in wanted)
    detail = run("everyone").stdout
    assert ", ".join(f"{score / 100:.2f}" for score in everyone["deciles"]) in detail
    assert all(f"{band} {size:,}" in detail for band, size in everyone["bands"].items())
    small = run("team:a team of few").stdout
    assert f"fewer than {LEAST} members" in small
    assert "mean" not in small
    unknown = run("team:a team of fewer")
    assert unknown.returncode == 2
    assert unknown.stderr.splitlines() == [
        "pillarscore: There is no benchmark for cohort team:a team of fewer; did you mean team:a team of few?"
    ]
    assert "KIND:VALUE" in run("teams:x").stderr


def _owns(worker: Worker) -> bool:
    """Whether the worker has member partition 0."""
    return total(worker.metrics(), "pillarscore_members", 'partition="0"') > 0
