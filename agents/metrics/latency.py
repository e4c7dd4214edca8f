"""A histogram that takes whole arrays, since one call for each event would cost more than the event."""

from collections.abc import Iterator, Sequence

import numpy as np
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class Latencies(Collector):
    """Durations by stage; the buckets are the same for each. bounds: their upper ends, seconds, ascending."""

    def __init__(
        self, name: str, documentation: str, stages: Sequence[str], *, bounds: Sequence[float]
    ) -> None:
        self._about = name, documentation
        self._bounds = (np.array(bounds) * 1000).astype(np.int64)
        self._ends = [floatToGoString(bound) for bound in (*bounds, float("inf"))]
        self._counts = {stage: np.zeros(len(bounds) + 1, np.int64) for stage in stages}
        self._sums = dict.fromkeys(stages, 0)

    def observe(self, stage: str, durations: np.ndarray) -> None:
        """Count durations (int64[n], ms); a negative one, which is a matter of clocks, counts as 0."""
        durations = np.maximum(durations, 0)
        at = np.searchsorted(self._bounds, durations)
        self._counts[stage] += np.bincount(at, minlength=len(self._ends))
        self._sums[stage] += int(durations.sum())

    def collect(self) -> Iterator[HistogramMetricFamily]:
        """One family, with the label `stage`."""
        family = HistogramMetricFamily(*self._about, labels=["stage"])
        for stage, counts in self._counts.items():
            buckets = list(zip(self._ends, np.cumsum(counts).tolist(), strict=True))
            family.add_metric([stage], buckets, self._sums[stage] / 1000)
        yield family
