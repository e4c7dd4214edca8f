"""Ending a task of the worker in order, and in time: a worker stops within ten seconds, whatever it is doing."""

import asyncio
from typing import Any

from agents.connection.silence import OF_PROCESS, Silence
from agents.ports import Clock

WORKING_S = 6.0
"""For the last commit."""
AWAY_S = 1.5
"""The same while Kafka does not answer, and for what has nothing to commit."""
CANCELLED_S = 3.5
"""To close clients."""
LOOK_S = 0.05


async def end(
    task: "asyncio.Task[Any]", clock: Clock, *, has_work: bool, silence: Silence = OF_PROCESS
) -> bool:
    """Wait for a task that was asked to end; one that does not in time is cancelled.

    Args:
        task: that was asked to end.
        clock: of the waits.
        has_work: whether it has something to commit.
        silence: of Kafka.

    Returns:
        Whether it has ended by itself. Nothing is lost otherwise: the next owner repeats what is not committed.
    """
    began = clock.monotonic()
    while not task.done():
        answers = silence.longest()[1] < AWAY_S
        if clock.monotonic() - began >= (WORKING_S if has_work and answers else AWAY_S):
            break
        await clock.sleep(LOOK_S)
    if task.done():
        return True
    task.cancel()
    began = clock.monotonic()
    while not task.done() and clock.monotonic() - began < CANCELLED_S:
        await clock.sleep(LOOK_S)
    return False
