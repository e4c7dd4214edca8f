"""How wrong the clock of this machine is, by the times that Kafka gives to what we send.

The broker's time of a record lies between our sending it and its acknowledgement; by how much it does not, the
clocks differ at least. Kafka's clocks are taken for the right ones: all workers share them.
"""

import time
from collections.abc import Callable

LIMIT_S = 10.0
"""From here on it is reported, and days are counted by Kafka's clock."""


class Skew:
    """seconds: how far our clock is ahead (negative: behind) at least, as of the last acknowledgement.

    monotonic: the clock that the age of that is measured by.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self.seconds = 0.0
        self.measured_at = -1e9  # monotonic

    def observe(self, broker_ms: int, sent_ms: int, acknowledged_ms: int) -> None:
        """A record was sent and acknowledged at these times of ours, and got this time from the broker."""
        self.measured_at = self._monotonic()
        if broker_ms < sent_ms:
            self.seconds = (sent_ms - broker_ms) / 1000
        elif broker_ms > acknowledged_ms:
            self.seconds = (acknowledged_ms - broker_ms) / 1000
        else:
            self.seconds = 0.0

    @property
    def wrong(self) -> bool:
        """Whether the clock is off by more than can be overlooked."""
        return abs(self.seconds) > LIMIT_S

    @property
    def correction_ms(self) -> int:
        """What to subtract from our time; 0 for a clock that is good enough."""
        return int(self.seconds * 1000) if self.wrong else 0

    @property
    def age(self) -> float:
        """Seconds since it was measured."""
        return self._monotonic() - self.measured_at
