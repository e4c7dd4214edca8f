"""Records that are gone before they were counted, or that no worker wrote: each is counted again or named.

As in `test_faults.py`, each test also checks what an operator sees meanwhile.
"""

import asyncio
from pathlib import Path

import pytest

from agents.config.settings import Settings
from agents.queries.losses import Loss, losses, resolve
from agents.queries.status import survey
from perf.worker_process import total
from schemas.ledger import block_key
from tests.kit.chaos import ends, outcome, publish, random_values, remove_before, send_raw, until
from tests.kit.faults import (
    WAIT_S,
    Starts,
    current_status,
    log_lines,
    wait_committed,
    wait_counted,
    wait_settled,
)

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(600)]


async def test_frames_that_were_counted_are_not_needed_any_more(
    live: Settings, start: Starts, tmp_path: Path
) -> None:
    values, bad = random_values(4, 4_000, members=900)
    worker = await start(block_cycle_s="3600")  # nothing is in blocks
    await publish(live, values, 0, 2_000)
    await wait_counted(live, 2_000)
    await asyncio.to_thread(worker.stop, True)
    for partition in range(live.frame_partitions):
        await remove_before(live, "frames", partition, -1)
    worker = await start()
    before = values[:500]
    await publish(live, [*values[:2_000], *before], 2_000)  # duplicates of what was counted from those frames
    everything = [*values[:2_000], *before, *values[2_000:]]
    await publish(live, everything, 2_500)
    await wait_counted(live, len(everything))
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
    await wait_counted(live, 1_500)
    await asyncio.to_thread(both.stop)
    await start(role="ingest")
    await publish(live, values, 1_500, 3_000)
    await wait_committed(live, 3_000)
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
    said = await current_status(live)
    async with asyncio.timeout(WAIT_S):
        while not any("are missing" in line for line in said.problems):
            said = await current_status(live)
    assert not said.settled
    await publish(live, values, 3_000)
    await wait_counted(live, len(values))
    await until(lambda: total(score.metrics(), "pillarscore_missing_offsets") == 0, what="nothing is missing")
    await wait_settled(live, len(values))
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
    await wait_counted(live, 2_000)
    await asyncio.to_thread(first.stop)
    await publish(live, values, 2_000, 3_000)
    await wait_committed(live, 3_000)
    # the frames of partition 0 are gone, and of its events those of source 1 up to offset 700
    await remove_before(live, "frames", 0, -1)
    await remove_before(live, "events", 1, 700)
    score = await start(role="score", ready=False)
    await asyncio.to_thread(score.wait_metric, "pillarscore_lost_offsets", 1)
    await publish(live, values, 3_000)
    await wait_counted(live, len(values))
    said = await current_status(live)
    assert said.problems == [
        "partition 0: 200 offsets (source 1: 500 to 699) were lost before they were counted (runbook, EventsLost)"
    ]
    assert said.events.lost == 200, "each once, not once for each partition"
    assert not score.ready()
    assert any("200 source offsets are lost" in line for line in score.problems())
    # by the runbook: publish what was lost again
    again = [*values, *values[1 + 4 * 500 : 4 * 700 : 4]]
    await publish(live, again, len(values))
    await wait_counted(live, len(again))
    found = await outcome(live, values, bad, tmp_path)
    assert found.differences == []
    assert found.falling == []
    lost = await losses(live)
    assert lost == [Loss(0, 1, 500, 700, "lost")]
    await resolve(live, lost)
    assert await losses(live) == []
    await until(score.ready, what="ready again")
    assert (await current_status(live)).problems == []


async def test_what_was_counted_again_and_is_published_once_more_counts_once(
    live: Settings, start: Starts, tmp_path: Path
) -> None:
    """Who does not know which events are lost publishes all of that time: counted ones are duplicates."""
    values, bad = random_values(7, 4_000, members=900)
    await start(role="ingest")
    await publish(live, values, 0, 2_000)
    first = await start(role="score")
    await wait_counted(live, 2_000)
    await asyncio.to_thread(first.stop)
    await publish(live, values, 2_000, 3_000)
    await wait_committed(live, 3_000)
    for partition in range(live.frame_partitions):
        await remove_before(live, "frames", partition, -1)
    await remove_before(live, "events", 1, -1)
    score = await start(role="score", ready=False)
    await asyncio.to_thread(score.wait_metric, "pillarscore_lost_offsets", 1)
    await publish(live, values, 3_000)
    await wait_counted(live, len(values))
    again = [*values, *values]
    await publish(live, again, len(values))
    await wait_counted(live, len(again))
    found = await outcome(live, values, bad, tmp_path)
    assert found.differences == []


async def test_foreign_records_in_the_ledger_are_left_out_and_named(
    live: Settings, start: Starts, tmp_path: Path
) -> None:
    values, bad = random_values(10, 2_000, members=900)
    worker = await start()
    await publish(live, values, 0, 1_000)
    await wait_counted(live, 1_000)
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
    named = [
        line for line in log_lines(worker) if line["event"] == "a foreign record of the ledger is ignored"
    ]
    assert len(named) == len(foreign)
    assert {line["key"] for line in named} == {"stamp", "block/0", "unheard of"}
    assert all(line["offset"] >= 0 for line in named)
    await publish(live, values, 1_000)
    await wait_counted(live, len(values))
    async with survey(live) as seen:
        assert (await seen.look()).problems == []
    found = await outcome(live, values, bad, tmp_path, foreign_scores=1)
    found.check(problems=True)
