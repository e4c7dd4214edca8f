"""How busy the process is and how far behind, and what follows for the pace of its loops.

A round has fixed costs: a frame and a drain for each partition, milliseconds however few events there are. At
a high rate of events they add up to more than the events themselves take. So rounds get longer while the
process uses much of a core, and shorter again when it does not. And while scores come late by seconds, what
is merged for benchmarks can wait, for they are no newer than the scores.
"""

import math

from agents.ports import Clock

LOOK_S = 0.25
LOW, HIGH, FULL = 0.45, 0.65, 0.75
"""Shares of a core: below, rounds get shorter, above, longer; nearly all is done by one thread."""
STEP = 1.25
MAX_TIMES = {HIGH: 2, FULL: 4}
"""Times the minimum length that a round may get to, by the share that is exceeded."""
BEHIND_S = 2.0
"""An event older than this when it is counted has waited in Kafka: there is a backlog."""
OFTEN, BEHIND_OFTEN = 2, 0.5
"""Publications for benchmarks in the time that a score may take into them; while behind, fewer."""


class RoundLength:
    """Of the loops of a worker. min_s: seconds that a round takes while there is little to do."""

    def __init__(self, min_s: float, clock: Clock) -> None:
        self._clock = clock
        self._late_at = -math.inf
        self._min = self._round = min_s
        self._seen = clock.process_cpu(), clock.monotonic()

    def round(self) -> float:
        """Seconds that a round takes at least."""
        self._look()
        return self._round

    def read(self, age: float) -> None:
        """Something so old, in seconds, was read."""
        if age > BEHIND_S:
            self._late_at = self._clock.monotonic()

    @property
    def behind(self) -> bool:
        """Whether something old was read within the last seconds."""
        return self._clock.monotonic() - self._late_at < BEHIND_S

    def publishing(self, within: float, last: float, now: float) -> float:
        """Seconds from `now` until a partition is to publish again; times are of the clock on the wall.

        within: that a score may take into benchmarks; last: when the partition published last. All partitions
        publish at the same beats, so that a merge has not to wait for one of them.
        """
        beat = within / (BEHIND_OFTEN if self.behind else OFTEN)
        if last > now:  # the clock was put back
            return 0.0
        return max(0.0, (last // beat + 1) * beat - now)

    def _look(self) -> None:
        cpu, now = self._clock.process_cpu(), self._clock.monotonic()
        passed = now - self._seen[1]
        if passed < LOOK_S:
            return
        share = (cpu - self._seen[0]) / passed
        self._seen = cpu, now
        longest = max((times for limit, times in MAX_TIMES.items() if share > limit), default=1) * self._min
        if longest > self._round:
            self._round = min(self._round * STEP, longest)
        elif share < LOW:
            self._round = max(self._round / STEP, self._min)
