"""What goes wrong around a worker, and what an operator sees of it: nothing is green while a score may be wrong.

Each test breaks one thing on a real Kafka, looks at /ready, the metrics and the status meanwhile, puts it right, and
compares every score, letter and revision with what must have come of the events.
"""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest
from aiokafka.admin import NewPartitions

from agents.config.settings import Settings
from agents.queries.commit_progress import counted
from agents.topics.creation import ensure
from perf.worker_process import Worker, free_port, total, wait_shared
from pipeline.common import days
from tests.kit.chaos import administered, configure, outcome, publish, random_values, until
from tests.kit.cluster import cluster
from tests.kit.events import DAY
from tests.kit.faults import WAIT_S, Starts, current_status, log_lines, source_ends, wait_counted
from tests.kit.tools import FAKETIME, tool

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(600)]
AWAY_S = 8.0


# --- a produce that fails -----------------------------------------------------------------------------------


async def test_records_that_kafka_refuses_abort_their_transaction(
    live: Settings, start: Starts, tmp_path: Path
) -> None:
    values, bad = random_values(3, 6_000, members=900)
    worker = await start()
    await publish(live, values, 0, 2_000)
    await wait_counted(live, 2_000)
    await configure(live, "scores", max_message_bytes="1000")
    await publish(live, values, 2_000, 4_000)
    await asyncio.to_thread(worker.wait_metric, "pillarscore_produce_failures_total", 1)
    assert not worker.ready()
    assert any("Kafka refused" in line and "member.scores" in line for line in worker.problems())
    metrics = worker.metrics()
    assert total(metrics, "pillarscore_produce_failures_total", "member.scores") > 0
    assert total(metrics, "pillarscore_problems", 'kind="refused"') > 0
    said = await current_status(live)
    assert not said.settled or said.difference or any(row.lag.records for row in said.partitions)
    await configure(live, "scores")
    await publish(live, values, 4_000)
    await wait_counted(live, len(values))
    await until(worker.ready, what="ready again")
    (await outcome(live, values, bad, tmp_path)).check()
    # after a restart too: what was refused is not taken for counted
    await asyncio.to_thread(worker.stop, True)
    await start()
    (await outcome(live, values, bad, tmp_path)).check()
    refusals = [line for line in log_lines(worker) if "Kafka refused" in line["event"]]
    assert 0 < len(refusals) <= live.frame_partitions, "once for each partition and minute"
    assert all("bytes" in line["event"] for line in refusals)


# --- a wrong clock ------------------------------------------------------------------------------------------


async def test_a_worker_with_a_wrong_clock_says_so_and_counts_right(
    live: Settings, start: Starts, tmp_path: Path
) -> None:
    values, bad = random_values(11, 3_000, members=900)
    faked = {"LD_PRELOAD": str(tool(FAKETIME)), "FAKETIME": "+61m", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    right = await start()
    wrong = await start(ready=False, environment=faked)
    await until(
        lambda: any("the clock of this machine" in line for line in wrong.problems()), what="a problem"
    )
    await publish(live, values)
    await wait_counted(live, len(values))
    assert not wrong.ready()
    [line] = [line for line in wrong.problems() if "the clock of this machine" in line]
    assert "ahead of Kafka's" in line
    assert 3600 < wrong.metrics()["pillarscore_clock_skew_seconds"] < 3700
    assert abs(right.metrics()["pillarscore_clock_skew_seconds"]) < 10
    for worker in (right, wrong):
        assert total(worker.metrics(), "pillarscore_transactions_total") > 0, "both have partitions"
    (await outcome(live, values, bad, tmp_path)).check()


# --- a worker that was frozen -------------------------------------------------------------------------------


async def test_a_thawed_worker_goes_on_at_once(live: Settings, start: Starts, tmp_path: Path) -> None:
    values, bad = random_values(12, 4_000, members=900)
    workers = [await start(), await start()]
    await asyncio.to_thread(wait_shared, *workers)
    await publish(live, values, 0, 2_000)
    frozen, other = workers
    os.kill(frozen.pid, signal.SIGSTOP)
    publishing = asyncio.create_task(publish(live, values, 2_000))
    await asyncio.to_thread(
        other.wait_that,
        lambda m: total(m, "pillarscore_partition_live") == live.frame_partitions,
        "it has all",
    )
    os.kill(frozen.pid, signal.SIGCONT)
    thawed = time.monotonic()
    await publishing

    def shared() -> bool:
        lives = [total(worker.metrics(), "pillarscore_partition_live") for worker in workers]
        return sum(lives) == live.frame_partitions and all(lives)

    await until(shared, 25, "all partitions are served, by both, before anybody has rested for 30 s")
    print(f"all are served {time.monotonic() - thawed:.1f} s after the thaw")
    await wait_counted(live, len(values))
    (await outcome(live, values, bad, tmp_path)).check()


# --- partitions that come, brokers that are away ------------------------------------------------------------


async def test_new_partitions_are_read_within_half_a_minute(live: Settings, start: Starts) -> None:
    worker = await start()
    count = live.event_partitions + 2
    async with administered(live) as client:
        await client.create_partitions({live.topic("events"): NewPartitions(total_count=count)})
    grown = live.model_copy(update={"event_partitions": count})
    values, _ = random_values(13, 600, members=90)
    await publish(grown, values)
    assert await counted(live, source_ends(grown, len(values)), within_s=40), (
        "what is in new partitions is not counted"
    )
    assert len([k for k in worker.metrics() if k.startswith("pillarscore_ingest_lag_events{")]) == count


async def test_one_of_several_addresses_is_enough(live: Settings, start: Starts, tmp_path: Path) -> None:
    dead = free_port()
    worker = await start(broker=f"127.0.0.1:{dead},{live.broker}")
    values, bad = random_values(14, 1_000, members=90)
    await publish(live, values)
    await wait_counted(live, len(values))
    (await outcome(live, values, bad, tmp_path)).check()
    assert worker.ready()


async def test_an_outage_is_one_line_a_minute_and_nothing_is_lost(tmp_path: Path) -> None:
    with cluster(tmp_path / "kafka") as made:
        settings = Settings(broker=made.bootstrap, prefix="away.", state_dir=tmp_path / "state")
        await ensure(settings)
        environment = {
            "PILLARSCORE_BROKER": settings.broker,
            "PILLARSCORE_PREFIX": settings.prefix,
            "PILLARSCORE_AS_OF": days.calendar(DAY).isoformat(),
            "PILLARSCORE_SESSION_TIMEOUT_S": "6",
        }
        values, bad = random_values(15, 2_000, members=300)
        worker = Worker(environment, tmp_path / "worker.log", "--role", "all")
        try:
            await asyncio.to_thread(worker.wait_ready, WAIT_S)
            await publish(settings, values, 0, 1_000)
            await wait_counted(settings, 1_000)
            before = len(worker.log.read_text().splitlines())
            [node] = made.nodes
            await asyncio.to_thread(node.stop, True)
            await asyncio.sleep(AWAY_S)  # the outage itself, not a wait for something
            node.start()
            await asyncio.to_thread(made.wait)
            await publish(settings, values, 1_000)
            await wait_counted(settings, len(values))
            await until(worker.ready, what="ready again")
        finally:
            await asyncio.to_thread(worker.stop)
        (await outcome(settings, values, bad, tmp_path)).check()
    lines = worker.log.read_text().splitlines()[before:]
    assert sum("Kafka does not answer" in line for line in lines) <= 2
    assert not any("Traceback" in line for line in lines)
    assert len(lines) < 60, "what aiokafka and Faust say about it too is one line of a kind"
