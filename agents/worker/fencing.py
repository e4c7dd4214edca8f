"""After another worker has fenced a partition: whose it is by the group, and when it is this worker's again."""

import asyncio
from collections.abc import Callable

import structlog

from agents.config.errors import UserError
from agents.kafka.outage import of_kafka
from agents.ports import wait
from agents.worker.context import Context

FENCED_S = 30.0
"""How long a fenced partition waits when the group does not say whose it is."""
ASKING_S = 5.0
ASK_AGAIN_S = 1.0


async def owned_again(
    context: Context, partition: int, wake: asyncio.Event, *, ending: Callable[[], bool]
) -> None:
    """Wait until the partition is this worker's again; to ask Kafka for it sooner would fence the new owner in turn.

    Args:
        context: of the worker.
        partition: the one that was fenced.
        wake: set when the group assigns the partition here, or the runner ends.
        ending: whether the runner ends.
    """
    log = structlog.get_logger().bind(partition=partition)
    clock = context.clock
    began = unknown_since = clock.monotonic()
    while not ending():
        owner = await _owner(context, partition)
        if owner == context.group.member:
            log.warning("fenced, but the group assigns the partition here: taking it back")
            return
        if owner is not None:
            unknown_since = clock.monotonic()
        elif clock.monotonic() - unknown_since >= FENCED_S:
            return
        if clock.monotonic() == began:
            log.warning("fenced: another worker owns the partition now", owner=owner)
        if await wait(wake, clock, ASK_AGAIN_S):
            return


async def _owner(context: Context, partition: int) -> str | None:
    """The worker that the group has assigned the partition to, None when that is not known."""
    try:
        return await asyncio.wait_for(context.group.owner(partition), ASKING_S)
    except Exception as error:
        if not (isinstance(error, UserError) or of_kafka(error)):
            raise
        structlog.get_logger().info(
            "could not look up the owner of the partition",
            partition=partition,
            error=repr(error),
            outage=True,
        )
        return None
