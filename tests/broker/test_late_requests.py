"""A transaction ends by its own request alone: ends that are lost, late or doubled tear nothing.

The worker reaches Kafka through a proxy that has a fate for every EndTxn; beside that it is killed.
"""

import asyncio
import random
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from agents.config.settings import Settings
from agents.queries.commit_progress import counted
from agents.topics.creation import ensure
from perf.worker_process import Worker, free_port, total
from pipeline.common import days
from tests.kit.chaos import Outcome, outcome, publish, random_values
from tests.kit.cluster import Cluster, Listener, cluster
from tests.kit.events import DAY
from tests.kit.proxy import Fate, Proxy, Request, proxy

EVENTS = 12_000
TOUCHED = 220
KILLS = 3
STEP = 5
TRIES = 10
WAIT_S = 60
FATES = [Fate.LOSE_REQUEST, Fate.LOSE_ANSWER, Fate.HOLD, Fate.DOUBLE, Fate.DELAY]


@dataclass(slots=True)
class Behind:
    """A Kafka behind a proxy: settings by which a test reaches it directly, the port that workers get."""

    settings: Settings
    port: int
    upstream: tuple[str, int]


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, int, int]]:
    inner, outer = free_port(), free_port()
    listener = Listener("PROXIED", inner, advertised=f"127.0.0.1:{outer}")
    with cluster(tmp_path_factory.mktemp("behind"), listeners=[[listener]]) as made:
        yield made, inner, outer


@asynccontextmanager
async def _worker(
    behind: tuple[Cluster, int, int], tmp_path: Path, fate: object, rng: random.Random, module: str
) -> AsyncIterator[tuple[Settings, Proxy, "Starter"]]:
    made, inner, outer = behind
    settings = Settings(
        broker=made.bootstrap,
        prefix=f"t{secrets.token_hex(6)}.",
        frame_partitions=2,
        state_dir=tmp_path / "state",
    )
    await ensure(settings)
    environment = {
        "PILLARSCORE_BROKER": f"127.0.0.1:{outer}",
        "PILLARSCORE_PREFIX": settings.prefix,
        "PILLARSCORE_FRAME_PARTITIONS": "2",
        "PILLARSCORE_AS_OF": days.calendar(DAY).isoformat(),
        "PILLARSCORE_SESSION_TIMEOUT_S": "6",
        "PILLARSCORE_COMMIT_MS": "10",
        "PILLARSCORE_BLOCK_CYCLE_S": "2",
        "PILLARSCORE_BATCH_EVENTS": "60",
    }
    starter = Starter(environment, tmp_path / "worker.log", module)
    async with proxy(outer, ("127.0.0.1", inner), fate, rng) as between:  # type: ignore[arg-type]
        await starter.start()
        try:
            yield settings, between, starter
        finally:
            await starter.stop()


class Starter:
    """One worker at a time."""

    def __init__(self, environment: dict[str, str], log: Path, module: str) -> None:
        self._environment = environment
        self._log = log
        self._module = module
        self.worker: Worker | None = None

    async def start(self, module: str | None = None, ready: bool = True) -> None:
        module = module or self._module
        self.worker = Worker(self._environment, self._log, "--role", "all", module=module)
        if ready:
            await asyncio.to_thread(self.worker.wait_ready, WAIT_S)

    async def stop(self, kill: bool = False) -> None:
        if self.worker is not None:
            await asyncio.to_thread(self.worker.stop, kill)
            self.worker = None


async def _run(
    behind: tuple[Cluster, int, int],
    tmp_path: Path,
    fates: list[Fate],
    touched: int,
    kills: int,
) -> tuple[Outcome, Proxy, dict[str, float]]:
    """Publish while ends of transactions go astray; what came of it, and the metrics after a last restore."""
    seed = secrets.randbelow(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    quiet = False

    def fate(request: Request) -> Fate:
        if quiet or not request.transactional_id.rpartition(".")[2].startswith("score-"):
            return Fate.PASS
        return rng.choice(fates) if rng.random() < 0.7 else Fate.PASS

    values, bad = random_values(seed, EVENTS, members=1500)
    async with _worker(behind, tmp_path, fate, rng, "agents.cli") as (settings, between, starter):
        done, killed = 0, 0
        while done < len(values):
            if between.fates.total() - between.fates[Fate.PASS] >= touched:
                quiet = True
            step = STEP if not quiet else len(values) - done
            await publish(settings, values, done, min(done + step, len(values)))
            done = min(done + step, len(values))
            if not quiet and killed < kills and between.fates.total() > (killed + 1) * touched / (kills + 1):
                killed += 1
                await starter.stop(kill=True)
                await starter.start()
        quiet = True
        targets = {p: len(values[p :: settings.event_partitions]) for p in range(settings.event_partitions)}
        counters = await counted(settings, targets, within_s=WAIT_S)
        assert counters is not None, "not all is counted"
        # what is in the ledger must be what readers have: a restored worker goes on from it
        await starter.stop(kill=True)
        await starter.start()
        assert starter.worker is not None
        return await outcome(settings, values, bad, tmp_path), between, starter.worker.metrics()


@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_no_end_of_a_transaction_ends_another(behind: tuple[Cluster, int, int], tmp_path: Path) -> None:
    found, between, metrics = await _run(behind, tmp_path, FATES, TOUCHED, KILLS)
    print(between.fates, "released", between.released)
    assert between.fates.total() - between.fates[Fate.PASS] >= TOUCHED
    assert between.released > 0
    found.check()
    assert total(metrics, "pillarscore_torn_transactions_total") == 0


@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_without_the_defence_a_late_end_tears_and_a_restore_notices(
    behind: tuple[Cluster, int, int], tmp_path: Path
) -> None:
    """The control, with aiokafka as it is: scores without their stamp become visible."""
    held: set[str] = set()

    def fate(request: Request) -> Fate:
        name = request.transactional_id.rpartition(".")[2]
        if not armed or not name.startswith("score-") or name in held:
            held.discard(name)
            return Fate.PASS
        held.add(name)
        return Fate.HOLD

    armed, done = False, 0
    values, _ = random_values(1, EVENTS, members=1500)
    async with _worker(behind, tmp_path, fate, random.Random(1), "tests.kit.undefended") as (
        settings,
        between,
        starter,
    ):
        for _ in range(TRIES):
            armed, released = True, between.released
            async with asyncio.timeout(WAIT_S):
                while between.released < released + 2:
                    await publish(settings, values, done, done + STEP)
                    done += STEP
            armed = False
            await starter.stop(kill=True)
            await starter.start("agents.cli", ready=False)
            assert starter.worker is not None
            metrics = await asyncio.to_thread(starter.worker.wait_metric, "pillarscore_partition_live", 2)
            if total(metrics, "pillarscore_torn_transactions_total"):
                break
            await starter.stop(kill=True)
            await starter.start()
        print(between.fates, "released", between.released)
        assert total(metrics, "pillarscore_torn_transactions_total") > 0
        assert total(metrics, "pillarscore_problems", 'kind="torn"') > 0
        assert not starter.worker.ready()
        assert any("is incomplete" in problem for problem in starter.worker.problems())
