"""What others write into score.distributions: workers go on, report it, and publish what they have again."""

import numpy as np
import orjson
import pytest

from schemas.distributions import Head, Rows, dump_names, head_key, names_key, rows_key
from tests.kit.simulated.world import SimWorker, World
from tests.worker.test_worker import new_world, some_events

START = some_events(1, 200)


async def _running() -> tuple[World, SimWorker]:
    world = new_world(cohort_minimum=1)
    world.publish(START)
    worker = world.worker()
    await world.run(lambda: world.counted(worker) and _everyone(world) is not None)
    await world.run_for(5)
    return world, worker


def _everyone(world: World) -> dict | None:
    value = world.log.newest("benchmarks").get(b"everyone")
    return None if value is None else orjson.loads(value)


def _foreign(worker: SimWorker) -> list[str]:
    return [problem.text for problem in worker.context.health.problems() if problem.kind == "foreign"]


def _head(world: World) -> Head:
    return Head.load(world.log.newest("distributions")[head_key(0)])


def _forged_rows(epoch: int) -> bytes:
    place, numbers = np.arange(3), np.full((3, 6), 2, np.uint16)
    cohort = np.ones((3, 1), np.uint32)
    kinds = ("industry",)
    return Rows.of(epoch, place, numbers, cohort=cohort, kinds=kinds).dump(kinds)


UNREADABLE = [
    (b"hello", b"world"),
    (None, b"{}"),
    (b"99/head", b"{}"),
    (head_key(0), b"{"),
    (head_key(0), b'{"version":2}'),
    (rows_key(0, 0), b"garbage"),
    (names_key(0, 0), b'["a"]'),
    (names_key(0, 0), b'{"v":2,"epoch":1,"first":0,"names":[]}'),
]


async def test_what_cannot_be_read_is_left_out_and_reported():
    world, worker = await _running()
    topic = world.settings.topic("distributions")
    for key, value in UNREADABLE:
        world.log.append(topic, 0, value, key)
    await world.run(lambda: bool(_foreign(worker)))
    assert "is ignored" in _foreign(worker)[0]
    before = _everyone(world)
    world.publish(some_events(2, 200))
    await world.run(lambda: world.counted(worker) and _everyone(world) != before)
    # whoever begins now reads what compaction has left, the foreign records among it
    await world.kill()
    other = world.worker()
    before = _everyone(world)
    world.publish(some_events(3, 200))
    await world.run(lambda: world.counted(other) and _everyone(world) != before)
    assert len(_foreign(other)) == 1
    await world.kill()


@pytest.mark.parametrize("digest", [None, "0" * 16])
@pytest.mark.parametrize("own_epoch", [False, True])
async def test_forged_scores_are_replaced_by_those_of_the_owner(digest, own_epoch):
    world, worker = await _running()
    topic, head = world.settings.topic("distributions"), _head(world)
    before = _everyone(world)
    epoch = head.epoch if own_epoch else head.epoch + 10**15
    forged = head.model_copy(update={"epoch": epoch, "digest": digest, "places": 3, "names": 2})
    world.log.append(topic, 0, _forged_rows(epoch), rows_key(0, 0))
    world.log.append(topic, 0, dump_names(epoch, 0, [("", ""), ("industry", "forged")]), names_key(0, 0))
    world.log.append(topic, 0, forged.model_dump_json().encode(), head_key(0))
    await world.run(lambda: any("published again" in text for text in _foreign(worker)))
    assert _head(world).epoch != epoch
    await world.run_for(10)
    made = _everyone(world)
    assert made is not None
    assert before is not None
    assert {**made, "benchmark": 0} == {**before, "benchmark": 0}
    assert b"industry:forged" not in world.log.newest("benchmarks")
    await world.kill()
