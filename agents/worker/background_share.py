"""The pace of the day's turn: while events come in, it takes a fixed share of the process and no more.

One for all partitions of a worker, since they share its processor. Without events there is nobody to wait
for the turn, and it goes on as fast as it can.
"""

import asyncio
import time

SHARE = 0.1
"""Of a core. With 0.3, p99 at 10,000 events/s doubled while a day turned; with 0.1 it rose by a fifth."""
QUIET_S = 1.0
YIELD_S = 0.04
"""What only prepares waits so much longer: two rounds, in which what has to be served can go first."""


class BackgroundShare:
    """When the next block of members may be brought to the new day."""

    def __init__(self) -> None:
        self._next = 0.0
        self._busy = 0.0

    def counted(self) -> None:
        """Events were counted just now."""
        self._busy = time.monotonic()

    def due(self) -> bool:
        """Whether a block may be rolled now."""
        now = time.monotonic()
        return now >= self._next or now - self._busy > QUIET_S

    def took(self, seconds: float) -> None:
        """A block took so long; the next may come when that was the share of the time since.

        Several may be under way at once, and while events come in each has to be made up for.
        """
        now = time.monotonic()
        busy = now - self._busy <= QUIET_S
        self._next = (max(now, self._next) if busy else now) + seconds * (1 / SHARE - 1)

    async def turn(self, seconds: float) -> None:
        """A piece of something that prepares took so long; returns when the next may come."""
        self.took(seconds)
        await asyncio.sleep(0)
        while not self.due():
            await asyncio.sleep(max(0.0, self._next - time.monotonic()) + YIELD_S)
