"""A sample played to the worker of `run`: day by day, so that its last days are on record."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from agents.config.clock import clock
from agents.config.errors import UserError
from agents.publish.publisher import publisher
from agents.publish.sample import Stage
from agents.queries import published_scores
from agents.queries.commit_progress import Stamps, stamps
from pipeline.common import days

if TYPE_CHECKING:
    from agents.config.settings import Settings
    from agents.local.stack import Stack
    from agents.publish.kept_copies import KeptCopy
    from pipeline.common.units import Day

AT_ONCE = 4_000
FOLLOW_S = 60.0
"""How long the worker has to count the events of a day."""


async def nothing_counted(settings: "Settings") -> bool:
    """Whether no worker has ever worked here: only then can the days begin in the past."""
    async with stamps(settings) as seen:
        return not await seen.look()


async def play(
    stack: "Stack",
    part: "KeptCopy",
    plan: Sequence[Stage],
    *,
    day_by_day: bool,
    on_progress: Callable[[int, float, int], object],
) -> None:
    """Publish the stages in turn.

    day_by_day: each on its day, to a worker for which it is the day of the first; and then it is today. Raises
    UserError when the worker does not follow.
    """
    settings = stack.settings
    count, total = 0, sum(len(stage.lines) for stage in plan)
    async with publisher(settings) as sender, stamps(settings) as seen:
        for stage in plan:
            if day_by_day:
                await stack.set_today(stage.day)
            for at in range(0, len(stage.lines), AT_ONCE):
                lines = stage.lines[at : at + AT_ONCE]
                await sender.send(lines)
                count += len(lines)
                on_progress(count, count, total)
            await sender.flush()
            if day_by_day:
                await _until(
                    lambda: _counted(seen, sender.next), seen, f"has not counted the events of {stage.day}"
                )
        if day_by_day:
            await stack.set_today(None)
            today = clock(settings).today()
            await _until(lambda: _begun(seen, today), seen, "has not begun this day")
            await _all_as_of(settings, today)
    part.events, part.next, part.last = sender.acknowledged, sender.next, sender.last
    part.save()


def _counted(seen: Stamps, targets: dict[int, int]) -> bool:
    done, total = seen.covered(targets)
    return done >= total


def _begun(seen: Stamps, day: "Day") -> bool:
    return all(stamp.day >= day for stamp in seen.newest.values())


async def _all_as_of(settings: "Settings", day: "Day") -> None:
    """Wait until everybody's score is of the day: members are brought to it block by block."""
    end = asyncio.get_running_loop().time() + FOLLOW_S
    while True:
        scores = (await published_scores.newest(settings)).values()
        if all(days.number(score.as_of) >= day for score in scores):
            return
        if asyncio.get_running_loop().time() > end:
            raise UserError(f"Not all scores are of this day after {FOLLOW_S:.0f} s: see worker.log")
        await asyncio.sleep(0.1)


async def _until(reached: Callable[[], bool], seen: Stamps, failed: str) -> None:
    end = asyncio.get_running_loop().time() + FOLLOW_S
    while True:
        await seen.look()
        if reached():
            return
        if asyncio.get_running_loop().time() > end:
            raise UserError(
                f"The worker {failed} within {FOLLOW_S:.0f} s: see worker.log in the state folder"
            )
        await asyncio.sleep(0.05)
