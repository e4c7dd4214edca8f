"""Late events about one member: who has had many within an hour, so that a score that is bought is seen.

A member is no label, there are too many; so the metric is the largest number of any, and the log names the member.
"""

import time
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

BURST = 100
"""Late events about one member within an hour that are reported."""
HALF_S = 1800.0
MOST = 20_000
"""Members that are remembered of each half hour; beyond it the next one begins."""


class LateMembers(Collector):
    """Counts of this half hour and the one before. now: seconds since some moment."""

    def __init__(self, registry: CollectorRegistry, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._began = now()
        self._young: dict[str, int] = {}
        self._old: dict[str, int] = {}
        registry.register(self)

    def add(self, late: Mapping[str, int]) -> list[str]:
        """Count events by member; who has reached `BURST` by these."""
        self._turn()
        reached = []
        for member, count in late.items():
            before = self._of(member)
            self._young[member] = self._young.get(member, 0) + count
            if before < BURST <= before + count:
                reached.append(member)
            if len(self._young) >= MOST:
                self._begin()
        return reached

    def most(self) -> int:
        """The largest number of any member."""
        self._turn()
        return max(map(self._of, self._young.keys() | self._old.keys()), default=0)

    def _of(self, member: str) -> int:
        return self._young.get(member, 0) + self._old.get(member, 0)

    def _turn(self) -> None:
        over = int((self._now() - self._began) / HALF_S)
        for _ in range(min(2, over)):
            self._begin()

    def _begin(self) -> None:
        self._old, self._young, self._began = self._young, {}, self._now()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The one gauge."""
        yield GaugeMetricFamily(
            "pillarscore_member_late_events",
            "The most events more than a day late about one member within the last hour; the log names the member.",
            value=self.most(),
        )
