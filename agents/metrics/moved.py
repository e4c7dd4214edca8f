"""Forgets the counters and histograms of what has moved to another worker.

They are kept for a while after the move, since what came after the last scrape would be lost otherwise. If they
were kept for good, a worker would in time have the series of all partitions.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any

from prometheus_client.core import Metric
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

KEPT_S = 600.0
"""Several scrapes, also where they are a minute or two apart."""


class Moved(Collector):
    """Has nothing to show: a scrape only gives it the occasion.

    label: by which the metrics name what moves; owned: the values of the label that this worker has now.
    """

    def __init__(
        self,
        label: str,
        metrics: Iterable[Any],
        owned: Callable[[], Collection[int]],
        *,
        now: Callable[[], float],
    ) -> None:
        self._label = label
        self._metrics = [
            one for one in metrics if isinstance(one, MetricWrapperBase) and label in one._labelnames
        ]
        self._owned = owned
        self._now = now
        self._gone_since: dict[str, float] = {}
        self._known: set[str] = set()

    def add(self, value: str) -> None:
        """There are, or will be, series with this value."""
        self._known.add(value)

    def describe(self) -> Iterator[Metric]:
        """Nothing."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        """Remove what has been gone for long enough."""
        now, owned = self._now(), set(map(str, self._owned()))
        self._known |= owned
        for value in owned:
            self._gone_since.pop(value, None)
        for value in self._known - owned:
            if now - self._gone_since.setdefault(value, now) >= KEPT_S:
                for metric in self._metrics:
                    metric.remove_by_labels({self._label: value})
                self._known.discard(value)
                del self._gone_since[value]
        yield from ()


def monotonic() -> float:
    """Seconds; the clock of the machine does not matter here."""
    return time.monotonic()
