"""The reference page of metrics, made from the registry that `/metrics` serves."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from agents.metrics import Metrics
from agents.metrics.advice import ADVICE
from schemas.ledger import ENDS, Counters

_INTRODUCTION = """# Metrics

Made by `make docs` from `agents/metrics/`; don't edit.

Served by every worker at `/metrics` in the Prometheus text format, on the address that
[`PILLARSCORE_WEB_HOST`](settings.md) and `PILLARSCORE_WEB_PORT` set. The label `partition` is a partition of
frames and scores, `source` one of `activity.events`.

- **Gauges** of a partition are those of the worker that has it now: one that moves on is gone from here with
  the next scrape, so sums over workers are right.
- **Counters and histograms** say what this process has done. They stay when a partition moves on, or what
  came after the last scrape would be lost; take `rate` or `increase` of them, and sum over workers.
- `pillarscore_member_score` has the form of a histogram, but shows the scores as they stand: use its buckets
  as they are, without `rate`.

Beside these there are `process_…` (CPU, memory, open files, `process_start_time_seconds`), `python_info` and
`python_gc_…` of prometheus-client.
"""

_PAGES = """
## Other pages

| page | |
| --- | --- |
| `/live` | 200 while the event loop turns, otherwise 503: restart the worker |
| `/ready` | 200 when each role has its partitions and all of them are restored, otherwise 503 |
"""

_UNITS = {
    "seconds": "seconds",
    "bytes": "bytes",
    "ratio": "0 to 1",
    "info": "1",
    "day": "days",
    "offset": "offset",
    "score": "points",
}
_COUNTED = {
    "events",
    "frames",
    "rows",
    "scores",
    "members",
    "tiles",
    "transactions",
    "cohorts",
    "connections",
}
_FOREIGN = ("process_", "python_")


class Described(NamedTuple):
    """A metric as the page shows it."""

    name: str
    type: str
    unit: str
    labels: tuple[str, ...]
    meaning: str


def described(registry: CollectorRegistry) -> Iterator[Described]:
    """All metrics of ours, in the order in which they were registered."""
    for collector in registry._collector_to_names:
        wrapper: Any = collector if isinstance(collector, MetricWrapperBase) else None
        for family in collector.collect() if wrapper is None else wrapper.describe():
            if not family.name.startswith(_FOREIGN):
                labelled: Any = wrapper or family
                name = family.name + "_total" * (family.type == "counter")
                word = family.name.rpartition("_")[2]
                unit = _UNITS.get(word, word if word in _COUNTED else "")
                yield Described(name, family.type, unit, tuple(labelled._labelnames), family.documentation)


def render() -> str:
    """The page, as Markdown that ends with a newline."""
    rows = ["| Metric | Type | Unit | Labels | Meaning |", "| --- | --- | --- | --- | --- |"]
    found = list(described(Metrics().registry))
    rows += [_row(metric) for metric in found]
    return "\n".join([_INTRODUCTION, *rows, "", *_advice(found), _dispositions(), _PAGES.rstrip()]) + "\n"


def _row(metric: Described) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    return f"| `{metric.name}` | {metric.type} | {metric.unit} | {labels} | {metric.meaning} |"


def _advice(found: list[Described]) -> list[str]:
    rows = [f"| `{m.name}` | {' | '.join(ADVICE[m.name])} |" for m in found if m.name in ADVICE]
    return ["## When it looks bad", "", "| Metric | Bad is | Then |", "| --- | --- | --- |", *rows, ""]


def _dispositions() -> str:
    """What the values of the label `disposition` mean."""
    about = {
        "read": "Read from `activity.events`.",
        "scored": "Counted.",
        "duplicate": "Its source and id were seen before.",
        "outside_window": "Not within the 90 days that count.",
        "erased": "On or before a day up to which its member was erased.",
        "dead_lettered": "Could not be counted; it is in `activity.dead-letters`.",
    }
    rows = ["## Dispositions", "", "The label `disposition` of `pillarscore_events`:", ""]
    for name, field in Counters.model_fields.items():
        rows.append(f"- `{name}`: {about.get(name) or field.description}")
    ends = " + ".join(f"`{name}`" for name in ENDS)
    return "\n".join(
        [
            *rows,
            "",
            f"The conservation law is `read` = {ends}. An event is read in one partition, the home of "
            f"its source, "
            "and ends in that of its member, so this equation holds for the sums over all partitions "
            "once these have "
            "come equally far. Three gauges and counters say the same piece by piece, and at any moment:",
            "",
            "- `pillarscore_ingest_conservation_difference`: every event read is in a frame, or its dead "
            "letter is;",
            "- `refused` and `lost` above, and `pillarscore_missing_frames_total`: whether frames join "
            "on to one "
            "another, so that none of them is left out;",
            f"- `pillarscore_conservation_difference`: `admitted` = {ends}, in each partition.",
        ]
    )
