"""The network between a worker and Kafka is cut for longer than a client waits for an answer (40 s).

Only what the worker sends is dropped, in the kernel, so it learns of nothing; CUTS says how often.
"""

import asyncio
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.config.settings import Settings
from agents.queries.commit_progress import counted
from agents.topics.creation import ensure
from perf.worker_process import Worker, free_port
from pipeline.common import days
from tests.kit.chaos import outcome, publish, random_values
from tests.kit.cluster import Cluster, Listener, cluster
from tests.kit.events import DAY
from tests.kit.namespace import Namespace, namespace, why_not

CUTS = int(os.environ.get("CUTS", "1"))
CUT_S = 44.0
PARTITIONS = 16
EVENTS = 6_000
WAIT_S = 90


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cluster, Namespace, str]]:
    """A Kafka, a host apart from it, and the address at which the one is seen from the other."""
    if why := why_not():
        pytest.skip(why)
    with namespace() as host:
        listener = Listener("APART", free_port(), host=host.outside)
        with cluster(tmp_path_factory.mktemp("apart"), listeners=[[listener]]) as made:
            yield made, host, listener.address


@pytest.mark.chaos
@pytest.mark.slow
@pytest.mark.timeout(300 + CUTS * (CUT_S + WAIT_S))
async def test_nothing_is_lost_or_doubled_when_the_network_is_cut(
    apart: tuple[Cluster, Namespace, str], tmp_path: Path
) -> None:
    made, host, address = apart
    prefix = f"t{secrets.token_hex(6)}."
    settings = Settings(
        broker=made.bootstrap, prefix=prefix, frame_partitions=PARTITIONS, state_dir=tmp_path / "state"
    )
    await ensure(settings)
    environment = {
        "PILLARSCORE_BROKER": address,
        "PILLARSCORE_PREFIX": prefix,
        "PILLARSCORE_FRAME_PARTITIONS": str(PARTITIONS),
        "PILLARSCORE_AS_OF": days.calendar(DAY).isoformat(),
        "PILLARSCORE_SESSION_TIMEOUT_S": "6",
        "PILLARSCORE_COMMIT_MS": "10",
        "PILLARSCORE_BLOCK_CYCLE_S": "2",
        "PILLARSCORE_BATCH_EVENTS": "60",
        "PILLARSCORE_WEB_HOST": host.inside,
    }
    values, bad = random_values(secrets.randbelow(1 << 32), EVENTS, members=1500)
    worker = Worker(
        environment, tmp_path / "worker.log", "--role", "all", prefix=host.prefix, host=host.inside
    )
    try:
        await asyncio.to_thread(worker.wait_ready, WAIT_S)
        done, part = 0, len(values) // (CUTS + 1)
        for _ in range(CUTS):
            publishing = asyncio.create_task(_trickle(settings, values, done, done + part))
            await asyncio.to_thread(worker.wait_metric, "pillarscore_transactions_total", PARTITIONS + 40)
            host.cut()
            try:
                await asyncio.sleep(CUT_S)  # the cut itself, not a wait for something
            finally:
                host.restore()
            await publishing
            done += part
        await publish(settings, values, done)
        targets = {p: len(values[p :: settings.event_partitions]) for p in range(settings.event_partitions)}
        assert await counted(settings, targets, within_s=WAIT_S), "not all is counted"
        # what is in the ledger must be what readers have: a restored worker goes on from it
        await asyncio.to_thread(worker.stop, True)
        (await outcome(settings, values, bad, tmp_path)).check()
        log = (tmp_path / "worker.log").read_text()
        print(
            f"{log.count('no answer to a commit')} commits without an answer, {len(log.splitlines())} lines"
        )
        assert log.count("Traceback") <= 3
    finally:
        await asyncio.to_thread(worker.stop, True)


async def _trickle(settings: Settings, values: list[bytes], start: int, stop: int) -> None:
    """Publish little by little, so that at any moment transactions are under way."""
    for at in range(start, stop, 50):
        await publish(settings, values, at, min(at + 50, stop))
