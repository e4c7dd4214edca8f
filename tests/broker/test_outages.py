"""A real Kafka that does not answer, by being frozen or stopped: what a worker shows meanwhile, and that it goes on.

With OUTAGE_S=60 the outages last so long that aiokafka gives up requests; by default they are shorter than that.
"""

import asyncio
import json
import os
import signal
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agents.config.settings import Settings
from agents.local.broker import Broker
from agents.queries.commit_progress import counted
from agents.topics.creation import ensure
from perf.worker_process import Worker, total
from pipeline.common import days
from tests.broker.conftest import free_port
from tests.kit.chaos import outcome, publish, random_values, until
from tests.kit.events import DAY

pytestmark = [pytest.mark.chaos, pytest.mark.slow]
OUTAGE_S = float(os.environ.get("OUTAGE_S", "12"))
GRACE_S = 8.0


class Outage:
    """Begins and ends; of a broker of this test's own."""

    def __init__(self, broker: Broker, how: str) -> None:
        self.broker = broker
        self.how = how
        self.pid = 0

    def begin(self) -> None:
        self.pid = int(json.loads((self.broker.folder / "broker.json").read_text())["pid"])
        if self.how == "frozen":
            os.kill(self.pid, signal.SIGSTOP)
        else:
            self.broker.stop()

    def end(self) -> None:
        if self.how == "frozen":
            os.kill(self.pid, signal.SIGCONT)
        else:
            self.broker.start()


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory, jars: Path) -> Iterator[Broker]:
    made = Broker(tmp_path_factory.mktemp("outages") / "kafka", jars=jars)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def settings(broker: Broker, tmp_path: Path) -> Settings:
    return Settings(
        broker=broker.status().address,
        prefix=f"o{uuid.uuid4().hex[:8]}.",
        state_dir=tmp_path / "state",
        web_port=free_port(),
        session_timeout_s=6,
    )


def _environment(settings: Settings) -> dict[str, str]:
    return {
        "PILLARSCORE_BROKER": settings.broker,
        "PILLARSCORE_PREFIX": settings.prefix,
        "PILLARSCORE_AS_OF": days.calendar(DAY).isoformat(),
        "PILLARSCORE_SESSION_TIMEOUT_S": "6",
        "PILLARSCORE_WATCH_S": "2",
        "PILLARSCORE_OUTAGE_GRACE_S": str(GRACE_S),
        "PILLARSCORE_LOG_FORMAT": "json",
    }


async def _counted(settings: Settings, count: int) -> None:
    partitions = settings.event_partitions
    targets = {p: len(range(p, count, partitions)) for p in range(partitions)}
    assert await counted(settings, targets, within_s=90), f"{count} events are not counted"


def _above(worker: Worker, seconds: float, *names: str) -> Callable[[], bool]:
    """Whether every sample of the metrics is above so many seconds."""

    def check() -> bool:
        found = worker.metrics()
        values = {name: [v for key, v in found.items() if key.startswith(name)] for name in names}
        return all(mine and min(mine) > seconds for mine in values.values())

    return check


@pytest.mark.parametrize("how", ["frozen", "stopped"])
async def test_an_outage_is_seen_and_survived(
    how: str, broker: Broker, settings: Settings, tmp_path: Path
) -> None:
    values, bad = random_values(31, 3_000, members=500)
    await ensure(settings)
    worker = Worker(_environment(settings), tmp_path / "worker.log")
    outage = Outage(broker, how)
    try:
        await asyncio.to_thread(worker.wait_ready)
        await publish(settings, values, 0, 1_500)
        await _counted(settings, 1_500)
        begins = (tmp_path / "worker.log").stat().st_size
        await asyncio.to_thread(outage.begin)
        try:
            silence = "pillarscore_kafka_silence_seconds"
            await until(lambda: max(_of(worker, silence)) > 2, what="silence")
            assert worker.ready(), "within the grace"
            await until(lambda: not worker.ready(), GRACE_S + 20, "not ready after the grace")
            assert any("has not answered" in problem for problem in worker.problems())
            lags = "pillarscore_ingest_lag_seconds", "pillarscore_score_lag_seconds"
            await until(
                _above(worker, OUTAGE_S, *lags, "pillarscore_benchmark_age_seconds"), OUTAGE_S + 30, "ages"
            )
            assert await asyncio.to_thread(worker.live), "it need not be restarted"
            assert set(_of(worker, "pillarscore_partition_live")) == {1}
        finally:
            await asyncio.to_thread(outage.end)
        await publish(settings, values, 1_500)
        await _counted(settings, len(values))
        await asyncio.to_thread(worker.wait_ready)
        assert max(_of(worker, silence)) < GRACE_S
        assert total(worker.metrics(), "pillarscore_failures_total") == 0, "no partition was restored"
        (await outcome(settings, values, bad, tmp_path)).check()
        log = (tmp_path / "worker.log").read_bytes()[begins:].decode()
        assert "Traceback" not in log
        lines = [json.loads(line)["event"] for line in log.splitlines() if line.startswith("{")]
        assert len(lines) < 60, lines
    finally:
        await asyncio.to_thread(worker.stop)


def _of(worker: Worker, name: str) -> list[float]:
    return [value for key, value in worker.metrics().items() if key.startswith(name)]


async def test_a_worker_stops_in_time_while_kafka_is_away(
    broker: Broker, settings: Settings, tmp_path: Path
) -> None:
    values, _ = random_values(32, 2_000, members=500)
    await ensure(settings)
    worker = Worker(_environment(settings), tmp_path / "worker.log")
    outage = Outage(broker, "frozen")
    try:
        await asyncio.to_thread(worker.wait_ready)
        await publish(settings, values)
        await asyncio.to_thread(outage.begin)
        try:
            await until(lambda: max(_of(worker, "pillarscore_kafka_silence_seconds")) > 2, what="silence")
            os.kill(worker.pid, signal.SIGTERM)
            await until(lambda: not Path(f"/proc/{worker.pid}/fd/0").exists(), 10, "the worker has ended")
        finally:
            await asyncio.to_thread(outage.end)
    finally:
        await asyncio.to_thread(worker.stop)
