"""The worker itself: which program it is, whether it is ready, whether its event loop and disk have room."""

import math
import shutil
from collections.abc import Callable, Iterable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Gauge, Histogram

_LAG_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class _Disk(NamedTuple):
    """Bytes of a file system."""

    free: float
    total: float


class WorkerMetrics:
    """Metrics of the process that are not the process collector's."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.build = Gauge(
            "pillarscore_build_info",
            "Always 1; the labels show version, rubric and role.",
            ["version", "python", "rubric", "role"],
            registry=registry,
        )
        self.ready = Gauge(
            "pillarscore_ready",
            "1 when /ready answers 200: each role has its partitions, all are restored, no problems; otherwise 0.",
            registry=registry,
        )
        self.loop_lag = Histogram(
            "pillarscore_event_loop_lag_seconds",
            "Delay with which the event loop wakes a task that only sleeps.",
            buckets=_LAG_BUCKETS,
            registry=registry,
        )
        self.problems = Gauge(
            "pillarscore_problems",
            "Current problems of this worker by kind, as shown by /ready.",
            ["kind"],
            registry=registry,
        )
        self.skew = Gauge(
            "pillarscore_clock_skew_seconds",
            "Minimum by which this machine's clock is ahead of Kafka's; negative: behind.",
            registry=registry,
        )
        self.disk_free = Gauge(
            "pillarscore_disk_free_bytes",
            "Free space on the file system of the state folder.",
            ["path"],
            registry=registry,
        )
        self.disk_size = Gauge(
            "pillarscore_disk_size_bytes",
            "Size of the file system of the state folder.",
            ["path"],
            registry=registry,
        )

    def watch_health(
        self, kinds: Iterable[str], count: Callable[[str], int], skew_s: Callable[[], float]
    ) -> None:
        """Show at each scrape how many problems of each kind there are, and how far the clock is ahead."""
        for kind in kinds:
            self.problems.labels(kind).set_function(partial(count, kind))
        self.skew.set_function(skew_s)

    def watch(self, ready: Callable[[], bool], state_dir: Path, rubric: str, *, role: str) -> None:
        """What to ask at each scrape. rubric: name and version."""
        self.build.labels(_version(), python_version(), rubric, role).set(1)
        self.ready.set_function(ready)
        self.disk_free.labels(str(state_dir)).set_function(lambda: _disk(state_dir).free)
        self.disk_size.labels(str(state_dir)).set_function(lambda: _disk(state_dir).total)


def _version() -> str:
    try:
        return version("pillarscore")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "unknown"


def _disk(path: Path) -> _Disk:
    try:
        usage = shutil.disk_usage(path)
    except OSError:
        return _Disk(math.nan, math.nan)
    return _Disk(usage.free, usage.total)
