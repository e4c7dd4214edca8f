"""The budget of everything that can wait: the rollover, networks, the census, and merging for benchmarks.

One for all partitions of a worker, since they share its processor. While events come in, background work gets a
fixed share of a core and is done in slices, so that events never wait long. Without events nobody waits, and it goes
on as fast as it can.
"""

from collections.abc import Iterator
from typing import Generic, TypeVar

from agents.ports import Clock

SHARE = 0.1
"""Of a core; docs/decisions/0021 explains why."""
QUIET_S = 1.0
"""Without an event for so long there is nobody to wait for."""
SLICE_S = 0.01
"""For how long a sweep goes on before others go on."""
STEPS_S = 0.015
"""For how long steps of a merge may hold up the event loop."""
YIELD_S = 0.04
"""What only prepares waits so much longer: two rounds, in which what has to be served can go first."""
MERGE_SHARE, MERGE_REST = 0.2, 2
"""Of the time that merging takes at most, and the most intervals from one merge to the next."""
BEHIND_SHARE, BEHIND_REST = 0.02, 16
"""The same while the worker is behind with events: scores come first."""
T = TypeVar("T")


class BackgroundBudget:
    """What may be done now, and how long to wait."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next = 0.0
        self._counted_at = -QUIET_S

    def counted(self) -> None:
        """Events were counted just now."""
        self._counted_at = self._clock.monotonic()

    def due(self) -> bool:
        """Whether the next piece of work may be done now."""
        now = self._clock.monotonic()
        return now >= self._next or now - self._counted_at > QUIET_S

    def spent(self, seconds: float) -> None:
        """A piece took so many seconds of CPU; the next may come when that was the share of the time since.

        Several may be under way at once, and while events come in each has to be made up for.
        """
        now = self._clock.monotonic()
        busy = now - self._counted_at <= QUIET_S
        self._next = (max(now, self._next) if busy else now) + seconds * (1 / SHARE - 1)

    async def yield_after(self, seconds: float) -> None:
        """A piece of something that only prepares took so long; returns when the next may come."""
        self.spent(seconds)
        await self._clock.sleep(0)
        while not self.due():
            await self._clock.sleep(max(0.0, self._next - self._clock.monotonic()) + YIELD_S)

    def slice_end(self) -> float:
        """When a slice that begins now is over, by the monotonic clock."""
        return self._clock.monotonic() + SLICE_S

    def steps(self, steps: Iterator[T]) -> "Steps[T]":
        """Work in steps that lets others go on in between."""
        return Steps(steps, self._clock)

    def rest_after_merge(self, seconds: float, interval: float, behind: bool) -> float:
        """Seconds from one merge to the next, when it took `seconds` of CPU.

        interval: between publications; behind: whether the worker is, with the events themselves.
        """
        share, rest = (BEHIND_SHARE, BEHIND_REST) if behind else (MERGE_SHARE, MERGE_REST)
        return min(seconds / share, rest * interval)


class Steps(Generic[T]):
    """An iterator that knows how many seconds of CPU its steps took, without what runs between them."""

    def __init__(self, steps: Iterator[T], clock: Clock) -> None:
        self.seconds = 0.0
        self._yielded = 0.0
        self._steps = steps
        self._clock = clock

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        began = self._clock.cpu()
        try:
            return next(self._steps)
        finally:
            self.seconds += self._clock.cpu() - began

    async def breathe(self) -> None:
        """Let others have the loop, if they have waited for long enough; a round of theirs is long too."""
        if self.seconds - self._yielded > STEPS_S:
            self._yielded = self.seconds
            await self._clock.sleep(0)
