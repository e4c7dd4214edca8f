"""How busy the process is, and how long rounds of its loops take so that it does not get too busy.

A round has fixed costs: a frame and a drain for each partition, milliseconds however few events there are. At
a high rate of events they add up to more than the events themselves take. So rounds get longer while the
process uses much of a core, and shorter again when it does not.
"""

import time

LOOK_S = 0.25
HIGH, LOW = 0.65, 0.45
"""Shares of a core beyond which rounds get longer and shorter; nearly all is done by one thread."""
STEP = 1.25
MOST = 2
"""Times the least length of a round."""


class Load:
    """The share of a core that the process used lately; asked by every loop of the worker.

    least: seconds that a round takes at least while there is little to do.
    """

    def __init__(self, least: float) -> None:
        self.share = 0.0
        self._least = self._round = least
        self._seen = time.process_time(), time.monotonic()

    def round(self) -> float:
        """Seconds that a round takes at least."""
        self._look()
        return self._round

    def _look(self) -> None:
        cpu, now = time.process_time(), time.monotonic()
        passed = now - self._seen[1]
        if passed < LOOK_S:
            return
        self.share = (cpu - self._seen[0]) / passed
        self._seen = cpu, now
        if self.share > HIGH:
            self._round = min(self._round * STEP, self._least * MOST)
        elif self.share < LOW:
            self._round = max(self._round / STEP, self._least)
