"""How many series the metrics make: per worker, per partition, and in total for a large installation."""

from collections.abc import Iterable
from math import prod

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import Histogram

from agents.metrics.event_sources import MAX_SOURCES
from agents.metrics.partition import LATENCY_BUCKETS
from agents.worker.health import KINDS
from pipeline.cohorts.kinds import KINDS as COHORT_KINDS
from pipeline.scoring.bands import BANDS
from pipeline.shard.score_distribution import BUCKETS, COLUMNS
from schemas.ledger import Counters
from schemas.reasons import REASONS

WORKERS, PARTITIONS, SOURCES = 50, 64, 64
_EXTRA = 3
"""Of a histogram: the bucket +Inf, the count and the sum."""
_VALUES = {
    "band": len(BANDS),
    "disposition": len(Counters.model_fields),
    "outcome": 2,
    "reason": len(REASONS),
    "role": 2,
    "certificate": 2,
    "client": 4,
    "stage": 2,
}
"""Label -> how many values it has at most, where that does not depend on the metric; one for all others."""
_KINDS = {
    "pillarscore_problems": len(KINDS),
    "pillarscore_state_bytes": 7,
    "pillarscore_cohorts_other": len(COHORT_KINDS),
}
_MEMBER_SCORE = sum(BUCKETS[number > 0] + _EXTRA for number in range(len(COLUMNS)))
_SCOPES = ("worker", "partition", "source", "pair")


def counts(registry: CollectorRegistry, described: Iterable[tuple[str, tuple[str, ...]]]) -> dict[str, int]:
    """Scope -> series at most, but for those of upstream systems. described: of each metric its name and labels."""
    buckets = {
        f"{collector._name}": len(collector._upper_bounds) - 1 + _EXTRA
        for collector in registry._collector_to_names
        if isinstance(collector, Histogram)
    }
    found = dict.fromkeys(_SCOPES, 0)
    for name, labels in described:
        if "event_source" not in labels:
            found[_scope(labels)] += _of(name, labels, buckets)
    return found


def _of(name: str, labels: tuple[str, ...], buckets: dict[str, int]) -> int:
    """Of one metric, for one partition and one source."""
    if name == "pillarscore_member_score":
        return _MEMBER_SCORE
    if "kind" in labels:
        return _KINDS[name]
    size = buckets.get(
        name, len(LATENCY_BUCKETS) + _EXTRA if name == "pillarscore_event_latency_seconds" else 1
    )
    return size * prod(_VALUES.get(label, 1) for label in labels)


def _scope(labels: tuple[str, ...]) -> str:
    has = ("partition" in labels, "source" in labels)
    return {(True, True): "pair", (True, False): "partition", (False, True): "source"}.get(has, "worker")


def section(found: dict[str, int]) -> str:
    """Part of the page, as Markdown."""
    times = {"worker": WORKERS, "partition": PARTITIONS, "source": SOURCES, "pair": PARTITIONS * SOURCES}
    about = {
        "worker": "for each worker",
        "partition": "for each partition of members, at the worker that has it",
        "source": "for each partition of `activity.events`, at the worker that reads it",
        "pair": "for each partition of members and each of `activity.events` that it gets events from",
    }
    rows = [
        f"| {about[scope]} | {found[scope]:,} | {times[scope]:,} | {found[scope] * times[scope]:,} |"
        for scope in _SCOPES
    ]
    total = sum(found[scope] * times[scope] for scope in _SCOPES)
    return "\n".join(
        [
            "## How many series there are",
            "",
            f"At most, since a series with a label such as `reason` exists only once there was one; and the total "
            f"for {WORKERS} workers, {PARTITIONS} partitions of members and {SOURCES} of `activity.events`:",
            "",
            "| | series | times | total |",
            "| --- | --- | --- | --- |",
            *rows,
            f"| **all** | | | **{total:,}** |",
            "",
            f"Of the series of a partition, {_MEMBER_SCORE} are the buckets of `pillarscore_member_score`, a point "
            "wide. About 30 series of each process (`process_…`, `python_…`) and the recorded series of "
            "`prometheus/rules` (about 60 for each job) are not included. Counters and histograms of a partition "
            "that has moved away remain at the worker that had it for ten minutes, so after a rebalance that moves "
            "everything there are for that time up to twice as many. If upstream systems reuse ids, a worker has a "
            f"series for each of them, {MAX_SOURCES + 1} at most.",
            "",
        ]
    )
