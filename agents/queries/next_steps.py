"""What to do about each thing that a status shows in red: a command, or a section of the runbook."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agents.queries.status import PartitionStatus, SourceStatus, Status

LATE_S = 10.0
"""From which age on a lag is shown in red; a partition that is behind commits every second."""


def next_steps(status: "Status") -> list[str]:
    """One line for each, the worst first. What is a problem of its own names its section there."""
    return [*_workers(status), *_counts(status), *_lags(status)]


def _workers(status: "Status") -> Iterator[str]:
    if not status.workers:
        yield "start a worker: 'pillarscore worker' (runbook, NoWorker)"
        return
    for what, role, rows in (("events", "ingest", status.sources), ("members", "score", status.partitions)):
        free = [row.partition for row in rows if row.owner is None]
        if free:
            yield (
                f"nobody owns {what} {_listed(free)}: start 'pillarscore worker --role {role}', or wait for the end "
                "of a rebalance (runbook, PartitionUnowned)"
            )


def _counts(status: "Status") -> Iterator[str]:
    if status.broken:
        yield "keep logs and topics, and run 'pillarscore verify' (runbook, ConservationBroken)"
    if status.missing:
        yield "missing: workers read these events again; see 'pillarscore ledger losses' (runbook, EventsMissing)"
    if status.lost:
        yield "lost: list them with 'pillarscore ledger losses' (runbook, EventsLost)"
    if status.events.refused:
        yield "refused: compare the scores with the events, 'pillarscore verify' (runbook, FramesMissing)"


def _lags(status: "Status") -> Iterator[str]:
    for what, section, rows in (
        ("events", "IngestLagGrowing", status.sources),
        ("members", "ScoreLagGrowing", status.partitions),
    ):
        late = [row.partition for row in _late(rows)]
        if late:
            yield f"{what} {_listed(late)} lag: /ready and the log of the owner say why (runbook, {section})"


def _late(rows: "Sequence[SourceStatus | PartitionStatus]") -> "list[SourceStatus | PartitionStatus]":
    return [row for row in rows if row.lag.records and row.lag.seconds >= LATE_S]


def _listed(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:8]))
    return f"{shown} and {len(numbers) - 8} more" if len(numbers) > 8 else shown
