"""The reference page of metrics, made from the registry that `/metrics` serves."""

from prometheus_client.metrics import MetricWrapperBase

from agents.metrics import Metrics
from schemas.ledger import Counters

_INTRODUCTION = """# Metrics

Made by `make docs` from `agents/metrics.py`; don't edit.

Served by every worker at `/metrics` in the Prometheus text format, on the address that
[`PILLARSCORE_WEB_HOST`](settings.md) and `PILLARSCORE_WEB_PORT` set. The label `partition` is a partition of
frames and scores, `source` one of `activity.events`. A partition's values are those of the worker that has it
now.
"""

_PAGES = """
## Other pages

| page | |
| --- | --- |
| `/live` | 200 while the event loop turns, otherwise 503: restart the worker |
| `/ready` | 200 when each role has its partitions and all of them are restored, otherwise 503 |
"""


def render() -> str:
    """The page, as Markdown that ends with a newline."""
    rows = ["| Metric | Type | Labels | Meaning |", "| --- | --- | --- | --- |"]
    made = {id(value): value for value in vars(Metrics()).values() if isinstance(value, MetricWrapperBase)}
    rows += [_row(metric) for metric in made.values()]
    return "\n".join([_INTRODUCTION, *rows, "", _dispositions(), _PAGES.rstrip()]) + "\n"


def _row(metric: MetricWrapperBase) -> str:
    family = next(iter(metric.describe()))
    name = family.name + ("_total" if family.type == "counter" else "")
    labels = ", ".join(f"`{label}`" for label in metric._labelnames)
    return f"| `{name}` | {family.type} | {labels} | {family.documentation} |"


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
    ends = [f"`{name}`" for name in about if name != "read"]
    law = (
        f"summed over all partitions, `read` = {' + '.join(ends)}, once all partitions have come equally far."
    )
    return "\n".join([*rows, "", f"The conservation law: {law}"])
