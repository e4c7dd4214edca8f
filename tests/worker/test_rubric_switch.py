"""Workers that are restarted with another rubric: all members are scored again, by what was counted before."""

import asyncio

import orjson

from agents.config.settings import Settings
from pipeline.common import days
from pipeline.rubric.model import Rubric
from tests.kit.events import DAY, dumps, random_events
from tests.kit.rubrics import DEFAULT, SSI
from tests.kit.simulated.world import World

SETTINGS = Settings(frame_partitions=2, event_partitions=2, block_cycle_s=2.0, benchmark_ms=2000.0)
EVENTS = [dumps(event) for event in random_events(7, 400, members=25)]


def scores(world: World) -> dict[str, tuple]:
    """What readers see of each member: the rubric, the score and its parts."""
    found = {}
    for value in world.log.newest("scores").values():
        score = orjson.loads(value)
        found[score["member"]] = (tuple(score["rubric"].values()), score["score"], score["pillars"])
    return found


async def _scores(*rubrics: Rubric) -> list[dict[str, tuple]]:
    """The scores after each of these rubrics was served in turn, with more events before each."""
    world = World(SETTINGS, rubrics[0], days.end_ms(DAY) - 6 * 3_600_000)
    share = len(EVENTS) // len(rubrics)
    found = []
    for number, rubric in enumerate(rubrics):
        world.rubric = rubric
        last = number == len(rubrics) - 1
        world.publish(EVENTS[number * share :] if last else EVENTS[number * share : (number + 1) * share])
        worker = world.worker()
        await world.run(lambda worker=worker: world.counted(worker))
        found.append(scores(world))
        await world.kill()
    return found


def test_the_default_is_switched_to_from_version_1_and_back():
    """What was counted under a rubric is scored by the next one as if there had never been another."""
    switched = asyncio.run(_scores(SSI, DEFAULT, SSI, DEFAULT))
    for rubric, found in zip((SSI, DEFAULT, SSI, DEFAULT), switched, strict=True):
        assert found
        assert {by for by, *_ in found.values()} == {rubric.id}
    always = asyncio.run(_scores(DEFAULT, DEFAULT, DEFAULT, DEFAULT))
    assert [switched[at] for at in (1, 3)] == [always[at] for at in (1, 3)]
