"""PromQL for panels.

Queries name what the dashboard's variables have selected by `<J>` (job), `<W>` (job and worker) and `<P>`
(job, worker and partition), as in `pillarscore_members<P>`; further matchers follow: `<W,stage="emitted">`.
"""

import re
from dataclasses import dataclass

TOP = 10
"""How many lines a panel has at most."""

_SELECTORS = {
    "J": 'job="$job"',
    "W": 'job="$job",instance=~"$instance"',
    "P": 'job="$job",instance=~"$instance",partition=~"$partition"',
}


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression, and how its series are called."""

    expr: str
    legend: str = "__auto"


def top(expr: str, label: str, least: bool = False, count: int = TOP) -> str:
    """The series of an expression that are largest (least: smallest) in the time range, the same at all times.

    Without this, 64 partitions would be 64 lines; and topk alone decides for each moment, which gives more lines.
    """
    pick, of = ("bottomk", "sum_over_time") if least else ("topk", "max_over_time")
    return f"({expr}) and on ({label}) {pick}({count}, {of}(({expr})[$__range:] @ end()))"


def line_label(query: Query) -> str:
    """The label that makes as many series as there are partitions or workers; empty when there is none."""
    found = re.search(r"\{\{(partition|source|instance)\}\}", query.legend)
    return found[1] if found else ""


def share(of: str, all_of: str) -> Query:
    """ "3 of 4", with a value of 0.75. of, all_of: expressions that give one number."""
    return Query(
        f"({of}) / ({all_of})"
        f' * on () group_left (got) count_values("got", {of})'
        f' * on () group_left (expected) count_values("expected", {all_of})',
        "{{got}} of {{expected}}",
    )


def promql(text: str) -> str:
    """An expression with its selectors written out, on one line.

    >>> promql('sum(pillarscore_members<J,partition="0">)')
    'sum(pillarscore_members{job="$job",partition="0"})'
    """
    out = re.sub(r"<([JWP])(,[^>]*)?>", lambda m: "{" + _SELECTORS[m[1]] + (m[2] or "") + "}", text)
    return " ".join(out.split())
