"""What goes wrong around a worker, and what an operator sees of it: nothing is green while a score may be wrong.

Each test breaks one thing on a real Kafka, looks at /ready, the metrics and the status meanwhile, puts it right, and
compares every score, letter and revision with what must have come of the events.
"""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiokafka.admin import NewPartitions

from agents.config.settings import Settings
from agents.queries.commit_progress import counted, stamps
from agents.queries.losses import Loss, losses, resolve
from agents.queries.status import Status, survey
from agents.topics.creation import ensure
from perf.worker_process import Worker, free_port, total, wait_shared
from pipeline.common import days
from schemas.ledger import block_key
from tests.kit.chaos import (
    administered,
    configure,
    ends,
    outcome,
    publish,
    random_values,
    recreate,
    remove_before,
    send_raw,
    until,
)
from tests.kit.cluster import cluster
from tests.kit.events import DAY
from tests.kit.tools import FAKETIME, tool

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(600)]
WAIT_S = 60
AWAY_S = 8.0
Starts = Callable[..., Awaitable[Worker]]


@pytest.fixture
async def start(live: Settings, tmp_path: Path) -> AsyncIterator[Starts]:
    """Starts a worker, with further settings; all are stopped at the end."""
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

    yield one
    for worker in running:
        await asyncio.to_thread(worker.stop)


async def _status(settings: Settings) -> Status:
    async with survey(settings) as seen:
        return await seen.look()


def _targets(settings: Settings, count: int) -> dict[int, int]:
    """The end of each source partition when so many values were published."""
    partitions = settings.event_partitions
    return {p: len(range(p, count, partitions)) for p in range(partitions)}


async def _counted(settings: Settings, count: int) -> None:
    assert await counted(settings, _targets(settings, count), within_s=WAIT_S), (
        f"{count} events are not counted"
    )


def _log(worker: Worker) -> list[dict]:
    lines = Path(worker.log).read_text().splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


# --- fault 1: a produce that fails --------------------------------------------------------------------------


async def test_records_that_kafka_refuses_abort_their_transaction(
    live: Settings, start: Starts, tmp_path: Path
) -> None:
    values, bad = random_values(3, 6_000, members=900)
    worker = await start()
    await publish(live, values, 0, 2_000)
    await _counted(live, 2_000)
    await configure(live, "scores", max_message_bytes="1000")
    await publish(live, values, 2_000, 4_000)
    await asyncio.to_thread(worker.wait_metric, "pillarscore_produce_failures_total", 1)
    assert not worker.ready()
    assert any("Kafka refused" in line and "member.scores" in line for line in worker.problems())
    metrics = worker.metrics()
    assert total(metrics, "pillarscore_produce_failures_total", "member.scores") > 0
    assert total(metrics, "pillarscore_problems", 'kind="refused"') > 0
    said = await _status(live)
    assert not said.settled or said.difference or any(row.lag.records for row in said.partitions)
    await configure(live, "scores")
    await publish(live, values, 4_000)
    await _counted(live, len(values))
    await until(worker.ready, what="ready again")
    (await outcome(live, values, bad, tmp_path)).check()
    # after a restart too: what was refused is not taken for counted
    await asyncio.to_thread(worker.stop, True)
    await start()
    (await outcome(live, values, bad, tmp_path)).check()
    refusals = [line for line in _log(worker) if "Kafka refused" in line["event"]]
    assert 0 < len(refusals) <= live.frame_partitions, "once for each partition and minute"
    assert all("bytes" in line["event"] for line in refusals)


# --- fault 3: frames that are gone --------------------------------------------------------------------------


async def test_frames_that_were_counted_are_not_needed_any_more(
    live: Settings, start: Starts, tmp_path: Path
) -> None:
    values, bad = random_values(4, 4_000, members=900)
    worker = await start(block_cycle_s="3600")  # nothing is in blocks
    await publish(live, values, 0, 2_000)
    await _counted(live, 2_000)
    await asyncio.to_thread(worker.stop, True)
    for partition in range(live.frame_partitions):
        await remove_before(live, "frames", partition, -1)
    worker = await start()
    before = values[:500]
    await publish(live, [*values[:2_000], *before], 2_000)  # duplicates of what was counted from those frames
    everything = [*values[:2_000], *before, *values[2_000:]]
    await publish(live, everything, 2_500)
    await _counted(live, len(everything))
    found = await outcome(live, everything, bad + [v for v in before if v in set(bad)], tmp_path)
    found.check()
    assert worker.ready()
    assert total(worker.metrics(), "pillarscore_missing_frames_total") == 0


async def test_frames_that_were_not_counted_are_made_again(
    live: Settings, start: Starts, tmp_path: Path
) -> None:
    values, bad = random_values(5, 6_000, members=900)
    both = await start()
    await publish(live, values, 0, 1_500)
    await _counted(live, 1_500)
    await asyncio.to_thread(both.stop)
    await start(role="ingest")
    await publish(live, values, 1_500, 3_000)
    await _committed(live, 3_000)
    # of partition 0 all are gone, of partition 1 all but the last, of partition 2 the last cannot be read
    frames = await ends(live, "frames", live.frame_partitions)
    await remove_before(live, "frames", 0, -1)
    await remove_before(live, "frames", 1, frames[1] - 1)
    await send_raw(live, "frames", 2, (None, b"garbage"), (b"k", None))
    score = await start(role="score", ready=False)
    await asyncio.to_thread(score.wait_metric, "pillarscore_missing_offsets", 1)
    assert not score.ready()
    assert any("source offsets are missing" in line for line in score.problems())
    # the metric is ahead of the ledger, where status reads it with the next commit
    said = await _status(live)
    async with asyncio.timeout(WAIT_S):
        while not any("are missing" in line for line in said.problems):
            said = await _status(live)
    assert not said.settled
    await publish(live, values, 3_000)
    await _counted(live, len(values))
    await until(lambda: total(score.metrics(), "pillarscore_missing_offsets") == 0, what="nothing is missing")
    await _settled(live, len(values))
    (await outcome(live, values, bad, tmp_path)).check()
    assert total(score.metrics(), "pillarscore_unreadable_frames_total") == 2
    [line] = [line for line in score.problems() if "is skipped" in line]
    assert "activity.frames partition 2" in line
    # and a restore decides the same
    await asyncio.to_thread(score.stop, True)
    await start(role="score")
    (await outcome(live, values, bad, tmp_path)).check()


async def test_what_nobody_can_read_any_more_is_said_exactly(
    live: Settings, start: Starts, tmp_path: Path
) -> None:
    values, bad = random_values(6, 4_000, members=900)
    await start(role="ingest")
    await publish(live, values, 0, 2_000)
    first = await start(role="score")
    await _counted(live, 2_000)
    await asyncio.to_thread(first.stop)
    await publish(live, values, 2_000, 3_000)
    await _committed(live, 3_000)
    # the frames of partition 0 are gone, and of its events those of source 1 up to offset 700
    await remove_before(live, "frames", 0, -1)
    await remove_before(live, "events", 1, 700)
    score = await start(role="score", ready=False)
    await asyncio.to_thread(score.wait_metric, "pillarscore_lost_offsets", 1)
    await publish(live, values, 3_000)
    await _counted(live, len(values))
    said = await _status(live)
    assert said.problems == [
        "partition 0: 200 offsets (source 1: 500 to 699) were lost before they were counted (runbook, EventsLost)"
    ]
    assert said.events.lost == 200, "each once, not once for each partition"
    assert not score.ready()
    assert any("200 source offsets are lost" in line for line in score.problems())
    # by the runbook: publish what was lost again
    again = [*values, *values[1 + 4 * 500 : 4 * 700 : 4]]
    await publish(live, again, len(values))
    await _counted(live, len(again))
    found = await outcome(live, values, bad, tmp_path)
    assert found.differences == []
    assert found.falling == []
    lost = await losses(live)
    assert lost == [Loss(0, 1, 500, 700, "lost")]
    await resolve(live, lost)
    assert await losses(live) == []
    await until(score.ready, what="ready again")
    assert (await _status(live)).problems == []


async def _committed(settings: Settings, count: int) -> None:
    """Ingest has committed all of so many events, so they are in frames of every partition."""
    wanted = _targets(settings, count)
    deadline = asyncio.get_running_loop().time() + WAIT_S
    async with administered(settings) as client:
        while True:
            found = await client.list_consumer_group_offsets(f"{settings.prefix}ingest")
            if {tp.partition: at.offset for tp, at in found.items()} == wanted:
                return
            assert asyncio.get_running_loop().time() < deadline, f"{found} is not {wanted}"
            await asyncio.sleep(0.1)  # between looks


async def _settled(settings: Settings, count: int) -> None:
    """All partitions have counted everything, nothing is missing, and the account is even."""
    async with stamps(settings) as seen:
        deadline = asyncio.get_running_loop().time() + WAIT_S
        while True:
            newest = await seen.look()
            if not any(stamp.missing for stamp in newest.values()) and seen.counters().read >= count:
                return
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.1)  # between looks


# --- fault 4: topics that are made again --------------------------------------------------------------------


async def test_a_topic_made_again_while_workers_run_is_refused(live: Settings, start: Starts) -> None:
    values, _ = random_values(7, 400, members=90)
    worker = await start()
    await publish(live, values)
    await _counted(live, len(values))
    await recreate(live, "events")
    await until(lambda: not worker.ready(), what="not ready")
    await until(lambda: any("PILLARSCORE_PREFIX" in line for line in worker.problems()), what="the way out")
    assert any("activity.events was deleted" in line for line in worker.problems())
    said = await _status(live)
    assert any("activity.events was deleted and recreated" in line for line in said.problems)


async def test_a_topic_made_again_while_none_runs_is_refused(live: Settings, start: Starts) -> None:
    values, _ = random_values(8, 400, members=90)
    worker = await start()
    await publish(live, values)
    await _counted(live, len(values))
    before = (await _status(live)).events
    await asyncio.to_thread(worker.stop)
    await recreate(live, "events")
    await publish(live, [*values, *values])  # beyond the offsets that were counted
    worker = await start(ready=False)
    await until(lambda: any("activity.events was deleted" in line for line in worker.problems()))
    assert not worker.ready()
    said = await _status(live)
    assert any("activity.events was deleted and recreated" in line for line in said.problems)
    assert said.events == before, "nothing of the other topic is counted"


async def test_a_ledger_made_again_is_refused(live: Settings, start: Starts) -> None:
    values, _ = random_values(9, 400, members=90)
    worker = await start()
    await publish(live, values)
    await _counted(live, len(values))
    await asyncio.to_thread(worker.stop)
    await recreate(live, "ledger")
    worker = await start(ready=False)
    await until(lambda: any("has no stamp" in line for line in worker.problems()))
    assert not worker.ready()


# --- faults 5 and 6: records that no worker wrote -----------------------------------------------------------


async def test_foreign_records_in_the_ledger_are_left_out_and_named(
    live: Settings, start: Starts, tmp_path: Path
) -> None:
    values, bad = random_values(10, 2_000, members=900)
    worker = await start()
    await publish(live, values, 0, 1_000)
    await _counted(live, 1_000)
    await asyncio.to_thread(worker.stop)
    foreign = [
        (b"stamp", None),
        (b"stamp", b"{}"),
        (block_key(0), b"garbage"),
        (block_key(0), None),
        (b"unheard of", b"x"),
    ]
    await send_raw(live, "ledger", 0, *foreign)
    await send_raw(live, "scores", 0, (b"m-1", b"garbage"))
    worker = await start(ready=False)
    await asyncio.to_thread(worker.wait_metric, "pillarscore_foreign_records_total", len(foreign) + 1)
    await until(lambda: any("no worker wrote" in line for line in worker.problems()))
    assert not worker.ready()
    named = [line for line in _log(worker) if line["event"] == "a foreign record of the ledger is ignored"]
    assert len(named) == len(foreign)
    assert {line["key"] for line in named} == {"stamp", "block/0", "unheard of"}
    assert all(line["offset"] >= 0 for line in named)
    await publish(live, values, 1_000)
    await _counted(live, len(values))
    async with survey(live) as seen:
        assert (await seen.look()).problems == []
    found = await outcome(live, values, bad, tmp_path, foreign_scores=1)
    found.check(problems=True)


# --- fault 7: a wrong clock ---------------------------------------------------------------------------------


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
    await _counted(live, len(values))
    assert not wrong.ready()
    [line] = [line for line in wrong.problems() if "the clock of this machine" in line]
    assert "ahead of Kafka's" in line
    assert 3600 < wrong.metrics()["pillarscore_clock_skew_seconds"] < 3700
    assert abs(right.metrics()["pillarscore_clock_skew_seconds"]) < 10
    for worker in (right, wrong):
        assert total(worker.metrics(), "pillarscore_transactions_total") > 0, "both have partitions"
    (await outcome(live, values, bad, tmp_path)).check()


# --- fault 8: a worker that was frozen ----------------------------------------------------------------------


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
    await _counted(live, len(values))
    (await outcome(live, values, bad, tmp_path)).check()


# --- fault 9: partitions that come, brokers that are away ---------------------------------------------------


async def test_new_partitions_are_read_within_half_a_minute(live: Settings, start: Starts) -> None:
    worker = await start()
    count = live.event_partitions + 2
    async with administered(live) as client:
        await client.create_partitions({live.topic("events"): NewPartitions(total_count=count)})
    grown = live.model_copy(update={"event_partitions": count})
    values, _ = random_values(13, 600, members=90)
    await publish(grown, values)
    assert await counted(live, _targets(grown, len(values)), within_s=40), (
        "what is in new partitions is not counted"
    )
    assert len([k for k in worker.metrics() if k.startswith("pillarscore_ingest_lag_events{")]) == count


async def test_one_of_several_addresses_is_enough(live: Settings, start: Starts, tmp_path: Path) -> None:
    dead = free_port()
    worker = await start(broker=f"127.0.0.1:{dead},{live.broker}")
    values, bad = random_values(14, 1_000, members=90)
    await publish(live, values)
    await _counted(live, len(values))
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
            await _counted(settings, 1_000)
            before = len(worker.log.read_text().splitlines())
            [node] = made.nodes
            await asyncio.to_thread(node.stop, True)
            await asyncio.sleep(AWAY_S)  # the outage itself, not a wait for something
            node.start()
            await asyncio.to_thread(made.wait)
            await publish(settings, values, 1_000)
            await _counted(settings, len(values))
            await until(worker.ready, what="ready again")
        finally:
            await asyncio.to_thread(worker.stop)
        (await outcome(settings, values, bad, tmp_path)).check()
    lines = worker.log.read_text().splitlines()[before:]
    assert sum("Kafka does not answer" in line for line in lines) <= 2
    assert not any("Traceback" in line for line in lines)
    assert len(lines) < 60, "what aiokafka and Faust say about it too is one line of a kind"
