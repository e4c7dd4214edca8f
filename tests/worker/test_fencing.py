"""A worker that is fenced, and what it says of transactions that are not complete."""

import asyncio

import orjson

from agents.worker import takeover
from agents.worker.emitted import tail
from agents.worker.lifecycle import PartitionState
from tests.kit.simulated.world import SimWorker
from tests.worker.test_worker import new_world, some_events, undisturbed


async def test_who_is_fenced_takes_the_partition_back_only_when_it_is_theirs():
    world = new_world()
    first = world.worker()
    await world.run(first.live)
    runner = first.runners[0]
    second = world.worker()  # the group gives it everything; the first does not hear of it
    await world.run(second.live)
    world.publish(some_events(6, 60))
    await world.run(lambda: world.counted(second))
    await world.run(lambda: runner.state == PartitionState.FENCED, 90)
    await world.run_for(5)
    assert runner.state == PartitionState.FENCED, "asking sooner would fence the new owner in turn"
    await world.kill()


async def test_who_is_fenced_while_restoring_takes_the_scores_of_the_new_owner_for_no_torn_transaction(
    monkeypatch,
):
    """It has read the ledger when the new owner commits, and only then looks at the scores."""
    world = await undisturbed(some_events(8, 100))
    waiting, go_on = set[int](), asyncio.Event()

    async def late(topics, settings_, partition, *, stamp):
        if not go_on.is_set() and len(waiting) < world.settings.frame_partitions:
            waiting.add(partition)
            await asyncio.wait_for(go_on.wait(), 60)
        return await tail(topics, settings_, partition, stamp=stamp)

    monkeypatch.setattr(takeover, "tail", late)
    slow = world.worker()
    await world.run(lambda: len(waiting) == world.settings.frame_partitions)
    quick = world.worker()
    await world.run(quick.live)
    world.publish(some_events(9, 100))
    await world.run(lambda: world.counted(quick))
    go_on.set()
    await world.run(lambda: all(r.state == PartitionState.FENCED for r in slow.runners.values()), 90)
    for worker in (slow, quick):
        assert torn(worker) == 0
        assert worker.context.health.count("torn") == 0
    await world.kill()


async def test_a_torn_transaction_is_reported_by_who_owns_the_partition():
    world = await undisturbed(some_events(8, 100))
    partition = world.log.parts[world.settings.topic("scores"), 0]
    newest = partition.records[-1]
    score = orjson.loads(newest.value) | {"revision": 10**6}
    world.log.append(world.settings.topic("scores"), 0, orjson.dumps(score), newest.key)
    worker = world.worker()
    await world.run(worker.live)
    assert torn(worker) == worker.context.health.count("torn") == 1
    await world.kill()


def torn(worker: SimWorker) -> float:
    """How many torn transactions the metrics of a worker have."""
    found = worker.context.metrics.registry.collect()
    return sum(
        sample.value
        for family in found
        for sample in family.samples
        if sample.name == "pillarscore_torn_transactions_total"
    )
