"""Metrics of many workers, partitions and sources, as a file that Prometheus takes for the past.

So that the dashboards can be looked at for an installation that doesn't fit on this machine. The names and labels
are those of the registry; the values are made up.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from agents.docgen.metrics import Described, described
from agents.metrics import Metrics
from agents.metrics.partition import LATENCY_BUCKETS
from agents.worker.health import KINDS
from pipeline.scoring.bands import BANDS
from pipeline.shard.score_distribution import BUCKETS, COLUMNS
from schemas.ledger import Counters

STEP_S = 60
POINTS = 40
JOB = "pillarscore/pillarscore"
_VALUES = {
    "band": tuple(map(str, BANDS)),
    "disposition": tuple(Counters.model_fields),
    "outcome": ("committed",),
    "reason": ("bad_field", "invalid_json", "unknown_type", "future_time"),
    "stage": ("emitted", "committed"),
    "client": ("ingest", "scores"),
    "topic": ("member.scores",),
    "path": ("/var/lib/pillarscore",),
    "certificate": ("client", "ca"),
    "role": ("ingest", "score"),
}
_RATES = {
    "pillarscore_ingest_events_total": 900.0,
    "pillarscore_ingest_invalid_events_total": 6.0,
    "pillarscore_scores_total": 400.0,
    "pillarscore_transactions_total": 1.0,
    "pillarscore_late_events_total": 20.0,
    "pillarscore_source_late_events_total": 0.5,
    "pillarscore_source_duplicates_total": 0.2,
    "pillarscore_source_dead_letters_total": 0.1,
    "pillarscore_dead_letters_total": 0.3,
    "pillarscore_band_changes_total": 0.5,
    "pillarscore_block_bytes_total": 2e5,
    "pillarscore_audited_scores_total": 8.0,
}
"""Counter -> increase per second."""
_GAUGES = {
    "pillarscore_disk_free_bytes": 6e10,
    "pillarscore_disk_size_bytes": 1e11,
    "pillarscore_benchmark_age_seconds": 2.0,
    "pillarscore_cohorts": 120.0,
    "pillarscore_partition_live": 1.0,
    "pillarscore_restore_progress_ratio": 1.0,
    "pillarscore_restore_seconds": 9.0,
    "pillarscore_score_lag_frames": 12.0,
    "pillarscore_score_lag_seconds": 0.4,
    "pillarscore_ingest_lag_events": 300.0,
    "pillarscore_ingest_lag_seconds": 0.3,
    "pillarscore_replay_frames": 1500.0,
    "pillarscore_members": 90_000.0,
    "pillarscore_tiles": 2e6,
    "pillarscore_state_bytes": 4e7,
    "pillarscore_network_members": 80_000.0,
    "pillarscore_network_connections": 900_000.0,
    "pillarscore_band_members": 22_000.0,
    "pillarscore_network_age_seconds": 30_000.0,
    "pillarscore_certificate_expiry_seconds": 5e6,
}


def _weight(number: int) -> float:
    """Partitions and workers differ: most by a little, some by much."""
    return 0.6 + 0.8 * ((number * 37) % 97) / 97 + (2.5 if number % 29 == 5 else 0)


class Installation:
    """workers, partitions (and as many source partitions), until `end`, seconds since 1970.

    Worker 7 ends ten minutes before; the next ones take over what it had, and one of these is still restoring.
    """

    def __init__(self, workers: int, partitions: int, end: int) -> None:
        self.workers, self.partitions, self.end = workers, partitions, end
        self.start = end - (POINTS - 1) * STEP_S
        self._gone = POINTS - 10

    def write(self, file: Path) -> None:
        """In the format OpenMetrics, with a timestamp at each sample."""
        with file.open("w", encoding="utf-8") as out:
            for metric in described(Metrics().registry):
                self._family(out, metric)
            self._plain(
                out, "process_start_time_seconds", "gauge", lambda w: self.start - 3600 * (w % 7 + 1), 0
            )
            self._plain(out, "process_cpu_seconds_total", "counter", lambda w: 1000, 0.7)
            self._plain(out, "process_resident_memory_bytes", "gauge", lambda w: 6e8 * _weight(w), 0)
            self._plain(out, "process_open_fds", "gauge", lambda w: 80, 0)
            self._plain(out, "process_max_fds", "gauge", lambda w: 1024, 0)
            self._plain(out, "up", "gauge", lambda w: 1, 0)
            out.write("# EOF\n")

    def _plain(self, out: TextIO, name: str, kind: str, value: Callable[[int], float], rate: float) -> None:
        out.write(f"# TYPE {name.removesuffix('_total')} {kind}\n")
        for worker in range(self.workers):
            for at in range(self._points(worker)):
                moved = rate * _weight(worker) * at * STEP_S / 2
                self._sample(out, name, self._at(worker), value(worker) + moved, at)
            if name == "up" and worker == 7:
                for at in range(self._gone, POINTS):
                    self._sample(out, name, self._at(worker), 0, at)

    def _family(self, out: TextIO, metric: Described) -> None:
        out.write(f"# TYPE {metric.name.removesuffix('_total')} {metric.type}\n")
        if metric.name == "pillarscore_build_info":
            labels = 'version="0.1.0",python="3.11.2",rubric="ssi 1",role="all"'
            for worker in range(self.workers):
                self._gauge(out, metric.name, worker, labels, lambda _: 1)
            return
        for worker, labels, number in self._owners(metric.labels):
            for rest in self._rest(metric, number):
                text = ",".join(filter(None, (labels, rest)))
                if metric.type == "histogram":
                    self._histogram(out, metric.name, worker, text, number)
                else:
                    self._gauge(out, metric.name, worker, text, self._course(metric, number, text))

    def _owners(self, labels: tuple[str, ...]) -> Iterator[tuple[int, str, int]]:
        """(worker, its labels, a number by which values differ)."""
        if "partition" in labels and "source" in labels:
            for partition in range(self.partitions):
                for source in range(0, self.partitions, 8):
                    yield (
                        self._owner(partition),
                        f'partition="{partition}",source="{source}"',
                        partition + source,
                    )
        elif "partition" in labels or "source" in labels:
            name = "partition" if "partition" in labels else "source"
            for number in range(self.partitions):
                yield self._owner(number), f'{name}="{number}"', number
                if self._owner(number) == 7:  # and after that worker has ended
                    yield -(number % 6) - 1, f'{name}="{number}"', number
        else:
            for worker in range(self.workers):
                yield worker, "", worker

    def _owner(self, number: int) -> int:
        return number % self.workers

    @staticmethod
    def _rest(metric: Described, number: int) -> Iterator[str]:
        names = [name for name in metric.labels if name not in ("partition", "source")]
        if not names:
            yield ""
        elif metric.name == "pillarscore_member_score":
            yield from (f'pillar="{column}"' for column in COLUMNS)
        elif names == ["kind"]:
            kinds = (
                KINDS if metric.name == "pillarscore_problems" else ("tiles", "registers", "history", "seen")
            )
            yield from (f'kind="{kind}"' for kind in kinds)
        else:
            yield from (f'{names[0]}="{value}"' for value in _VALUES.get(names[0], (f"{names[0]}-1",)))

    def _course(self, metric: Described, number: int, labels: str) -> Callable[[int], float]:
        """The value at each point."""
        name, weight = metric.name, _weight(number)
        if metric.type == "counter":
            rate = _RATES.get(name, 0.0)
            return lambda at: 1000 + rate * weight * at * STEP_S
        if name in ("pillarscore_ready", "pillarscore_partition_live"):
            return lambda at: 0 if number == 57 and at > POINTS - 6 else 1
        if name == "pillarscore_restore_progress_ratio":
            return lambda at: 0.7 if number == 57 and at > POINTS - 6 else 1
        if name == "pillarscore_day":
            return lambda at: 20_780
        if name == "pillarscore_expected_partitions":
            return lambda at: self.partitions
        if name == "pillarscore_owned_partitions":
            owned = sum(self._owner(p) == number for p in range(self.partitions))
            return lambda at: owned
        if name == "pillarscore_events":
            share = 1.0 if 'disposition="scored"' in labels else 0.02
            return lambda at: 1e6 + 800 * weight * share * at * STEP_S
        if name in ("pillarscore_watermark_offset", "pillarscore_frame_offset"):
            return lambda at: 1e6 + 100 * weight * at * STEP_S
        if name == "pillarscore_benchmark_publisher":
            return lambda at: int(number == 0)
        base = _GAUGES.get(name, 0.0)
        return lambda at: base * weight * (1 + 0.3 * math.sin(at / 3 + number))

    def _histogram(self, out: TextIO, name: str, worker: int, labels: str, number: int) -> None:
        bounds, middle, rate = _shape(name, labels)
        total = rate * _weight(number)
        shares = [0.5 * (1 + math.erf((math.log(bound) - math.log(middle)) / 1.1)) for bound in bounds]
        still = name == "pillarscore_member_score"  # what is now, not what has happened
        for at in range(*self._span(worker)):
            count = total * (1 if still else at * STEP_S)
            for bound, share in zip((*bounds, "+Inf"), (*shares, 1.0), strict=True):
                le = bound if bound == "+Inf" else float(bound)
                self._sample(
                    out, f"{name}_bucket", self._at(worker, f'{labels},le="{le}"'), round(count * share), at
                )
            self._sample(out, f"{name}_count", self._at(worker, labels), round(count), at)
            self._sample(out, f"{name}_sum", self._at(worker, labels), count * middle, at)

    def _gauge(
        self, out: TextIO, name: str, worker: int, labels: str, course: Callable[[int], float]
    ) -> None:
        for at in range(*self._span(worker)):
            self._sample(out, name, self._at(worker, labels), course(at), at)

    def _points(self, worker: int) -> int:
        return self._gone if worker == 7 else POINTS

    def _span(self, worker: int) -> tuple[int, int]:
        return (self._gone, POINTS) if worker < 0 else (0, self._points(worker))

    def _at(self, worker: int, labels: str = "") -> str:
        name = f"pillarscore-{worker % self.workers:02d}-{(worker % self.workers) * 7919 % 65536:04x}"
        return f'{{job="{JOB}",instance="{name}"{"," if labels.strip(",") else ""}{labels.strip(",")}}}'

    def _sample(self, out: TextIO, name: str, labels: str, value: float, at: int) -> None:
        out.write(f"{name}{labels} {value:.6g} {self.start + at * STEP_S}\n")


def _shape(name: str, labels: str) -> tuple[tuple[float, ...], float, float]:
    """Bounds, median, and how many in a second (of scores: in all)."""
    if name == "pillarscore_member_score":
        score = 'pillar="score"' in labels
        return tuple(range(1, BUCKETS[not score] + 1)), 38 if score else 8, 90_000
    if name == "pillarscore_event_latency_seconds":
        return LATENCY_BUCKETS, 0.3, 400
    if name == "pillarscore_frame_bytes":
        return tuple(1 << n for n in range(10, 25, 2)), 30_000, 20
    if name.endswith("_seconds"):
        return (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5), 0.02, 5
    return (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000), 200, 20
