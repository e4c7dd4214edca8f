"""Frames that Faust has delivered to a partition and that are not counted yet; bounded in bytes."""

import asyncio
from collections import deque
from collections.abc import Callable

from pipeline.common.units import Offset

MAX_BYTES = 32 << 20
Delivery = tuple[Offset, int, bytes | None]
"""Offset, timestamp in ms, value: a frame, or what else somebody has written there."""


class Inbox:
    """In the order of arrival; the producer waits while it is full."""

    def __init__(self) -> None:
        self._frames: deque[Delivery] = deque()
        self._bytes = 0
        self._room = asyncio.Event()

    def __len__(self) -> int:
        return len(self._frames)

    @property
    def end(self) -> int:
        """The offset after the last frame, 0 when there is none."""
        return self._frames[-1][0] + 1 if self._frames else 0

    def put(self, delivery: Delivery) -> None:
        """Add a frame."""
        self._frames.append(delivery)
        self._bytes += len(delivery[2] or b"")

    async def room(self, wanted: Callable[[], bool]) -> None:
        """Wait until there is room, or `wanted` returns False after `release`."""
        while self._bytes > MAX_BYTES and wanted():
            self._room.clear()
            await self._room.wait()

    def take(self) -> deque[Delivery]:
        """All frames; it is empty then."""
        frames, self._frames, self._bytes = self._frames, deque(), 0
        self._room.set()
        return frames

    def release(self) -> None:
        """Let the waiting producer look again."""
        self._room.set()
