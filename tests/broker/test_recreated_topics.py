"""A topic that is deleted and created again is another topic: the workers refuse it and say what to do."""

import asyncio

import pytest

from agents.config.settings import Settings
from tests.kit.chaos import publish, random_values, recreate, until
from tests.kit.faults import Starts, current_status, wait_counted

pytestmark = [pytest.mark.chaos, pytest.mark.slow, pytest.mark.timeout(600)]


async def test_a_topic_made_again_while_workers_run_is_refused(live: Settings, start: Starts) -> None:
    values, _ = random_values(7, 400, members=90)
    worker = await start()
    await publish(live, values)
    await wait_counted(live, len(values))
    await recreate(live, "events")
    await until(lambda: not worker.ready(), what="not ready")
    await until(lambda: any("PILLARSCORE_PREFIX" in line for line in worker.problems()), what="the way out")
    assert any("activity.events was deleted" in line for line in worker.problems())
    said = await current_status(live)
    assert any("activity.events was deleted and recreated" in line for line in said.problems)


async def test_a_topic_made_again_while_none_runs_is_refused(live: Settings, start: Starts) -> None:
    values, _ = random_values(8, 400, members=90)
    worker = await start()
    await publish(live, values)
    await wait_counted(live, len(values))
    before = (await current_status(live)).events
    await asyncio.to_thread(worker.stop)
    await recreate(live, "events")
    await publish(live, [*values, *values])  # beyond the offsets that were counted
    worker = await start(ready=False)
    await until(lambda: any("activity.events was deleted" in line for line in worker.problems()))
    assert not worker.ready()
    said = await current_status(live)
    assert any("activity.events was deleted and recreated" in line for line in said.problems)
    assert said.events == before, "nothing of the other topic is counted"


async def test_a_ledger_made_again_is_refused(live: Settings, start: Starts) -> None:
    values, _ = random_values(9, 400, members=90)
    worker = await start()
    await publish(live, values)
    await wait_counted(live, len(values))
    await asyncio.to_thread(worker.stop)
    await recreate(live, "ledger")
    worker = await start(ready=False)
    await until(lambda: any("has no stamp" in line for line in worker.problems()))
    assert not worker.ready()
