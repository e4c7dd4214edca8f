"""The Prometheus metrics of a worker; names and units by the Prometheus conventions."""

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from pipeline.intake import Rows
from schemas.frames import Side
from schemas.ledger import Stamp

_COMMIT_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_BYTES_BUCKETS = tuple(1 << n for n in range(10, 25, 2))


disable_created_metrics()


class Metrics:
    """All metrics, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        part = ["partition"]
        self.events = Counter("pillarscore_ingest_events", "Events read from activity.events.", registry=r)
        self.letters_read = Counter(
            "pillarscore_ingest_invalid_events", "Events that failed validation.", registry=r
        )
        self.ingest_failures = Counter(
            "pillarscore_ingest_failures", "Times ingest had to start again.", registry=r
        )
        self.frame_bytes = Histogram(
            "pillarscore_frame_bytes", "Size of frames.", buckets=_BYTES_BUCKETS, registry=r
        )
        self.dispositions = Gauge(
            "pillarscore_events",
            "Events by what became of them, from the stamp.",
            ["partition", "disposition"],
            registry=r,
        )
        self.members = Gauge("pillarscore_members", "Members with state.", part, registry=r)
        self.watermark = Gauge(
            "pillarscore_watermark_offset",
            "Next source offset to count.",
            ["partition", "source"],
            registry=r,
        )
        self.frame = Gauge("pillarscore_frame_offset", "Last frame whose scores are out.", part, registry=r)
        self.replay = Gauge(
            "pillarscore_replay_frames", "Frames a restore would have to replay.", part, registry=r
        )
        self.scores = Counter("pillarscore_scores", "Score records emitted.", part, registry=r)
        self.letters = Counter(
            "pillarscore_dead_letters", "Dead letters emitted.", ["partition", "reason"], registry=r
        )
        self.commit_seconds = Histogram(
            "pillarscore_commit_seconds", "Duration of a commit.", part, buckets=_COMMIT_BUCKETS, registry=r
        )
        self.block_bytes = Counter(
            "pillarscore_block_bytes", "Bytes of state blocks written.", part, registry=r
        )
        self.restore_seconds = Gauge(
            "pillarscore_restore_seconds", "Duration of the last restore.", part, registry=r
        )
        self.unrolled = Gauge(
            "pillarscore_unrolled_members", "Members not yet brought to the as-of day.", part, registry=r
        )
        self.fenced = Counter(
            "pillarscore_fenced", "Times another worker had taken the partition.", part, registry=r
        )
        self.failures = Counter(
            "pillarscore_failures", "Times a partition had to restore after an error.", part, registry=r
        )
        self.gaps = Counter(
            "pillarscore_undelivered_frames", "Frames fetched because not delivered.", part, registry=r
        )
        self.holes = Counter(
            "pillarscore_missing_frames", "Frames gone before they were counted.", part, registry=r
        )
        self.bad_frames = Counter(
            "pillarscore_unreadable_frames", "Frames that cannot be read.", part, registry=r
        )

    def of(self, partition: int) -> "PartitionMetrics":
        """The metrics of one score partition."""
        return PartitionMetrics(self, str(partition))

    def ingested(self, records: int, rows: Rows) -> None:
        """A batch of records has become rows."""
        self.events.inc(records)
        dead = int(np.count_nonzero(rows.side == Side.DEAD))
        if dead:
            self.letters_read.inc(dead)


class PartitionMetrics:
    """The children of the per-partition metrics for one partition."""

    def __init__(self, metrics: Metrics, partition: str) -> None:
        self._all = metrics
        self._partition = partition
        self.scores = metrics.scores.labels(partition)
        self.commit_seconds = metrics.commit_seconds.labels(partition)
        self.block_bytes = metrics.block_bytes.labels(partition)
        self.restore_seconds = metrics.restore_seconds.labels(partition)
        self.unrolled = metrics.unrolled.labels(partition)
        self.fenced = metrics.fenced.labels(partition)
        self.failures = metrics.failures.labels(partition)
        self.gaps = metrics.gaps.labels(partition)
        self.holes = metrics.holes.labels(partition)
        self.bad_frames = metrics.bad_frames.labels(partition)

    def letter(self, reason: str) -> None:
        """A dead letter went out."""
        self._all.letters.labels(self._partition, reason).inc()

    def stamped(self, stamp: Stamp) -> None:
        """What the stamp says, as gauges."""
        for name, value in stamp.counters:
            self._all.dispositions.labels(self._partition, name).set(value)
        for source, offset in stamp.watermarks.items():
            self._all.watermark.labels(self._partition, str(source)).set(offset)
        self._all.members.labels(self._partition).set(stamp.members)
        self._all.frame.labels(self._partition).set(stamp.frame)
        self._all.replay.labels(self._partition).set(stamp.frame + 1 - stamp.replay_from)
