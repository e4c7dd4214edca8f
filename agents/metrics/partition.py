"""Score partitions at work: what this process has done for them, as counters and histograms."""

from collections import Counter as Tally
from collections.abc import Sequence
from typing import get_args

import numpy as np
from prometheus_client import CollectorRegistry, Counter, Histogram

from agents.metrics.event_sources import EventSources
from agents.metrics.latency import Latencies
from pipeline.shard.score_records import Emission
from pipeline.shard.source_counts import SourceCounts
from schemas.bands import BandName
from schemas.frames import Frame, Side
from schemas.reasons import REASONS

_COMMIT_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
LATENCY_BUCKETS = (0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30, 60, 120, 300, 600)
_FLUSH_BUCKETS = (1, 10, 100, 300, 1000, 3000, 10_000, 30_000, 100_000)
OUTCOMES = ("committed", "sent_again")
FRESH_MS = 600_000
"""Events that were older than this when they were framed do not show how fast the pipeline is."""


class ScoreMetrics:
    """Metrics of the score role, all partitions together. One table, so it is long."""

    def __init__(self, registry: CollectorRegistry) -> None:
        r = registry
        self.topics: Sequence[str] = ()  # that transactions write to
        self.missing_to: dict[str, int] = {}  # by partition, up to which frame missing ones are counted
        part, source = ["partition"], ["partition", "source"]
        self.scores = Counter("pillarscore_scores", "Score records emitted.", part, registry=r)
        self.band_changes = Counter(
            "pillarscore_band_changes", "Members that moved to this band.", ["partition", "band"], registry=r
        )
        self.letters = Counter(
            "pillarscore_dead_letters", "Dead letters emitted.", ["partition", "reason"], registry=r
        )
        self.late = Counter(
            "pillarscore_late_events", "Late events: counted on a day before the as-of day.", part, registry=r
        )
        self.source_late = Counter(
            "pillarscore_source_late_events", "Late events, by source partition.", source, registry=r
        )
        self.source_duplicates = Counter(
            "pillarscore_source_duplicates",
            "Events dropped because their source and id were seen before, by source partition.",
            source,
            registry=r,
        )
        self.source_letters = Counter(
            "pillarscore_source_dead_letters", "Dead letters, by source partition.", source, registry=r
        )
        self.event_source_letters = Counter(
            "pillarscore_event_source_dead_letters",
            "Dead letters, by the `source` of the event.",
            ["event_source"],
            registry=r,
        )
        self.event_sources = EventSources()
        self.source_members = Counter(
            "pillarscore_source_new_members",
            "Members that were not known before, by the source partition of their first event.",
            source,
            registry=r,
        )
        self.flush_members = Histogram(
            "pillarscore_flush_members",
            "Members whose scores were emitted in one flush.",
            buckets=_FLUSH_BUCKETS,
            registry=r,
        )
        self.latency = Latencies(
            "pillarscore_event_latency_seconds",
            "Time from an event's timestamp until its score is queued in the transaction (emitted) or committed. "
            "Only events that arrived within 10 minutes.",
            ("emitted", "committed"),
            bounds=LATENCY_BUCKETS,
        )
        r.register(self.latency)
        self.commit_seconds = Histogram(
            "pillarscore_commit_seconds", "Duration of a commit.", part, buckets=_COMMIT_BUCKETS, registry=r
        )
        self.transactions = Counter("pillarscore_transactions", "Transactions committed.", part, registry=r)
        self.aborts = Counter(
            "pillarscore_transaction_aborts", "Transactions begun but not committed.", part, registry=r
        )
        self.block_bytes = Counter(
            "pillarscore_block_bytes", "Bytes of state blocks written.", part, registry=r
        )
        self.fenced = Counter(
            "pillarscore_fenced", "Times the partition was fenced by another worker.", part, registry=r
        )
        self.failures = Counter(
            "pillarscore_failures", "Restores of a partition after an error.", part, registry=r
        )
        self.gaps = Counter(
            "pillarscore_undelivered_frames",
            "Frames that were not delivered and had to be fetched.",
            part,
            registry=r,
        )
        self.holes = Counter(
            "pillarscore_missing_frames", "Frames removed before they were counted.", part, registry=r
        )
        self.refused = Counter(
            "pillarscore_produce_failures",
            "Records that Kafka refused in transactions, by the topic of the first.",
            ["partition", "topic"],
            registry=r,
        )
        self.unanswered = Counter(
            "pillarscore_unanswered_commits",
            "Commits without an answer, by outcome according to the ledger: committed, or sent again.",
            ["partition", "outcome"],
            registry=r,
        )
        self.torn = Counter(
            "pillarscore_torn_transactions",
            "Times a restore found the last transaction incomplete.",
            part,
            registry=r,
        )
        self.foreign = Counter(
            "pillarscore_foreign_records",
            "Records in ledger and scores that no worker wrote; ignored by restores.",
            part,
            registry=r,
        )
        self.audited = Counter(
            "pillarscore_audited_scores", "Scores read back after their commit.", part, registry=r
        )
        self.differing = Counter(
            "pillarscore_audit_differences",
            "Scores that readers do not see as they were committed.",
            part,
            registry=r,
        )
        self.bad_frames = Counter(
            "pillarscore_unreadable_frames", "Frames that can't be read; skipped.", part, registry=r
        )


class PartitionMetrics:
    """What a runner reports of its partition, in the order in which it happens."""

    def __init__(self, metrics: ScoreMetrics, partition: str) -> None:
        self._all = metrics
        self._partition = partition
        self._counted: list[np.ndarray] = []  # times of events, ms, whose scores are not queued yet
        self._queued: list[np.ndarray] = []  # and those queued, not committed
        self.scores = metrics.scores.labels(partition)
        self.late = metrics.late.labels(partition)
        self.commit_seconds = metrics.commit_seconds.labels(partition)
        self.transactions = metrics.transactions.labels(partition)
        self.aborts = metrics.aborts.labels(partition)
        self.block_bytes = metrics.block_bytes.labels(partition)
        self.fenced = metrics.fenced.labels(partition)
        self.failures = metrics.failures.labels(partition)
        self.gaps = metrics.gaps.labels(partition)
        self.holes = metrics.holes.labels(partition)
        self.bad_frames = metrics.bad_frames.labels(partition)
        self.torn = metrics.torn.labels(partition)
        self.foreign = metrics.foreign.labels(partition)
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """Let all series be there from the start whose labels are known, or `increase` misses their first value.

        Those by source partition come up with the first event that they count.
        """
        metrics, partition = self._all, self._partition
        metrics.audited.labels(partition)
        metrics.differing.labels(partition)
        for band in get_args(BandName):
            metrics.band_changes.labels(partition, band)
        for reason in REASONS:
            metrics.letters.labels(partition, reason)
        for outcome in OUTCOMES:
            metrics.unanswered.labels(partition, outcome)
        for topic in metrics.topics:
            metrics.refused.labels(partition, topic)

    def missing_frames(self, start: int, first: int) -> None:
        """Frames [start, first) were removed before they were counted; each counts once."""
        counted_to = self._all.missing_to.get(self._partition, 0)
        self.holes.inc(max(0, first - max(start, counted_to)))
        self._all.missing_to[self._partition] = max(first, counted_to)

    def refused(self, topic: str, records: int) -> None:
        """Kafka refused so many records of a transaction."""
        self._all.refused.labels(self._partition, topic).inc(records)

    def settled(self, committed: int, sent_again: int) -> None:
        """So many commits without an answer turned out to be committed, or were sent again."""
        for outcome, count in zip(OUTCOMES, (committed, sent_again), strict=True):
            if count:
                self._all.unanswered.labels(self._partition, outcome).inc(count)

    def audited(self, members: int, differing: int) -> None:
        """So many scores were read back, so many of them are not as they were committed."""
        self._all.audited.labels(self._partition).inc(members)
        self._all.differing.labels(self._partition).inc(differing)

    def counted(self, frame: Frame, timestamp: int) -> None:
        """A frame that the broker appended at `timestamp` (ms) has been counted."""
        fresh = frame.time[(frame.side == Side.ACTOR) & (frame.time > timestamp - FRESH_MS)]
        if len(fresh):
            self._counted.append(fresh)

    def flushed(self, emission: Emission, now_ms: int) -> None:
        """The scores of all that was counted are queued."""
        if emission.scores:
            self.scores.inc(len(emission.scores))
            self._all.flush_members.observe(len(emission.scores))
        for band, count in Tally(emission.entered).items():
            self._all.band_changes.labels(self._partition, band).inc(count)
        if self._counted:
            times = np.concatenate(self._counted)
            self._counted = []
            self._all.latency.observe("emitted", now_ms - times)
            self._queued.append(times)

    def letter(self, reason: str, source: str) -> None:
        """A dead letter went out. source: that of the event, empty where none can be read."""
        self._all.letters.labels(self._partition, reason).inc()
        self._all.event_source_letters.labels(self._all.event_sources.label(source)).inc()

    def committed(self, seconds: float, block_bytes: int, arrivals: SourceCounts, *, now_ms: int) -> None:
        """All that was queued is committed, which took so long."""
        self.transactions.inc()
        self.commit_seconds.observe(seconds)
        self.block_bytes.inc(block_bytes)
        found = arrivals.take()
        self.late.inc(sum(found["late"].values()))
        for kind, metric in (
            ("late", self._all.source_late),
            ("duplicate", self._all.source_duplicates),
            ("dead", self._all.source_letters),
            ("new", self._all.source_members),
        ):
            for source, count in found[kind].items():
                metric.labels(self._partition, str(source)).inc(count)
        if self._queued:
            self._all.latency.observe("committed", now_ms - np.concatenate(self._queued))
            self._queued = []

    def dropped(self) -> None:
        """What was counted or queued and not committed comes again after a restore."""
        self._counted, self._queued = [], []
