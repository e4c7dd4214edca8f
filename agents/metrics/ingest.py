"""Ingest: what was read and framed, and how far it is behind."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from agents.metrics.event_sources import EventSources
from agents.metrics.lag import Lag
from agents.metrics.late_members import BURST, LateMembers
from pipeline.intake.rows import Rows
from schemas.frames import Side

log = structlog.get_logger()
_BYTES_BUCKETS = tuple(1 << n for n in range(10, 25, 2))
_COUNT_BUCKETS = (1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000)


class IngestMetrics:
    """Metrics of the ingest role."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.events = Counter(
            "pillarscore_ingest_events", "Events read from activity.events.", registry=registry
        )
        self.invalid = Counter(
            "pillarscore_ingest_invalid_events", "Events that failed validation.", registry=registry
        )
        self.failures = Counter(
            "pillarscore_ingest_failures", "Restarts of ingest after an error.", registry=registry
        )
        self.batch_events = Histogram(
            "pillarscore_ingest_batch_events",
            "Events per ingest batch.",
            buckets=_COUNT_BUCKETS,
            registry=registry,
        )
        self.frame_bytes = Histogram(
            "pillarscore_frame_bytes", "Size of frames.", buckets=_BYTES_BUCKETS, registry=registry
        )
        self.frame_rows = Histogram(
            "pillarscore_frame_rows",
            "Rows per frame with rows: one for the actor of an event, one for its counterpart.",
            buckets=_COUNT_BUCKETS,
            registry=registry,
        )
        self.difference = Gauge(
            "pillarscore_ingest_conservation_difference",
            "Events read minus events framed (as rows or dead letters) since the start; must be 0.",
            registry=registry,
        )
        self.untrusted = Counter(
            "pillarscore_untrusted_timestamps",
            "Records whose Kafka timestamp can't be right, judged by the time of reading instead.",
            registry=registry,
        )
        self.conflicting = Counter(
            "pillarscore_conflicting_events",
            "Events that reuse the id of an earlier event with other content, as far as it is noticed.",
            ["event_source"],
            registry=registry,
        )
        self.late = Counter(
            "pillarscore_ingest_late_events",
            "Events more than a day late when Kafka received them, whether they count or not.",
            ["event_source"],
            registry=registry,
        )
        self.not_allowed = Counter(
            "pillarscore_ingest_not_allowed_events",
            "Events that their source may not publish.",
            ["event_source"],
            registry=registry,
        )
        self.late_members = LateMembers(registry)
        self._sources = EventSources()
        self.lags = _Lags()
        registry.register(self.lags)

    def ingested(self, records: int, rows: Rows, framed: Mapping[int, int]) -> None:
        """A batch of records has become rows, and these frames: rows by partition."""
        self.events.inc(records)
        self.batch_events.observe(records)
        dead = int(np.count_nonzero(rows.side == Side.DEAD))
        if dead:
            self.invalid.inc(dead)
        if rows.untrusted:
            self.untrusted.inc(rows.untrusted)
        for counter, counts in (
            (self.conflicting, rows.conflicting),
            (self.late, rows.late),
            (self.not_allowed, rows.not_allowed),
        ):
            for source, count in counts.items():
                counter.labels(self._sources.label(source)).inc(count)
        for member in self.late_members.add(rows.late_members) if rows.late_members else ():
            log.warning("many late events about one member within an hour", member=member, at_least=BURST)
        for count in framed.values():
            self.frame_rows.observe(count)
        counterparts = int(np.count_nonzero(rows.side == Side.COUNTERPART))
        difference = records - (sum(framed.values()) - counterparts)
        if difference:
            self.difference.inc(difference)


class _Lags(Collector):
    """The lag of each source partition that ingest has now."""

    def __init__(self) -> None:
        self.now: Callable[[], Mapping[int, Lag]] = dict

    def collect(self) -> Iterator[GaugeMetricFamily]:
        messages = GaugeMetricFamily(
            "pillarscore_ingest_lag_events",
            "Unread events in activity.events.",
            labels=["source"],
        )
        seconds = GaugeMetricFamily(
            "pillarscore_ingest_lag_seconds",
            "Age of the oldest unread event; 0: there is none. While Kafka is silent, time since its last answer.",
            labels=["source"],
        )
        for source, lag in sorted(self.now().items()):
            messages.add_metric([str(source)], lag.messages)
            seconds.add_metric([str(source)], lag.seconds)
        yield messages
        yield seconds
