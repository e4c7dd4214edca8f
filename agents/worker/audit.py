"""Every few seconds one transaction is read back: what the ledger says was emitted against what readers see.

It shares nothing with the way by which the scores were sent, so it notices whatever was lost on that way.
"""

import asyncio
import random
from collections.abc import Mapping
from typing import Protocol

from agents.kafka.outage import report as report_outage
from agents.worker.context import Context
from agents.worker.emitted import differing
from agents.worker.ledger import Committed

EVERY_S = 10.0
ANSWER_S = 60.0


class Audited(Protocol):
    """A partition that can be audited."""

    @property
    def last_committed(self) -> Committed | None:
        """Its last transaction; None when there was none, or while it restores."""

    def emit_again(self) -> None:
        """Emit all scores again."""


class Audit:
    """Of the partitions of a worker, one after the other."""

    def __init__(self, context: Context, partitions: Mapping[int, Audited]) -> None:
        self._context = context
        self._partitions = partitions
        self._done: dict[int, bytes] = {}
        self._rng = random.Random()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="audit")

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        last = -1
        while True:
            await self._context.clock.sleep(EVERY_S)
            numbers = sorted(self._partitions)
            chosen = next((n for n in numbers if n > last), numbers[0] if numbers else None)
            if chosen is None:
                continue
            last = chosen
            try:
                await asyncio.wait_for(self._look(chosen), ANSWER_S)
            except Exception as error:
                report_outage("audit", error)

    async def _look(self, partition: int) -> None:
        committed = self._partitions[partition].last_committed
        if committed is None or self._done.get(partition) == committed.stamp:
            return
        context = self._context
        members, wrong = await differing(
            context.log,
            context.settings,
            context.clock,
            partition=partition,
            committed=committed,
            rng=self._rng,
        )
        self._done[partition] = committed.stamp
        context.metrics.of(partition).audited(members, wrong)
        where = f"partition {partition}"
        if wrong:
            context.health.report(
                "differs",
                where,
                f"readers do not see {wrong:,} of the {members:,} scores last committed in partition {partition}; "
                "all scores are emitted again (see the runbook, ReadersDiffer)",
            )
            if partition in self._partitions:
                self._partitions[partition].emit_again()
        elif members:
            context.health.clear("differs", where)
