"""Steps of work on the event loop, measured in CPU, that let others go on in between."""

import asyncio
import time
from collections.abc import Iterator
from typing import Generic, TypeVar

AT_ONCE_S = 0.015
"""For how long a merge may hold up the event loop."""


T = TypeVar("T")


class CpuSlices(Generic[T]):
    """An iterator that knows how many seconds of CPU its steps took, without what runs between them."""

    def __init__(self, steps: Iterator[T]) -> None:
        self.seconds = 0.0
        self._breathed = 0.0
        self._steps = steps

    def __iter__(self) -> Iterator[T]:
        return self

    async def breathe(self) -> None:
        """Let others have the loop, if they have waited for long enough; a round of theirs is long too."""
        if self.seconds - self._breathed > AT_ONCE_S:
            self._breathed = self.seconds
            await asyncio.sleep(0)

    def __next__(self) -> T:
        began = time.thread_time()
        try:
            return next(self._steps)
        finally:
            self.seconds += time.thread_time() - began
