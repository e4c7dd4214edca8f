"""The spans of traced events in a score partition: counted and emitted (score), then committed (commit).

Both belong to the trace of the event. The transaction, in which many events end together, is a trace of its
own; it and the commits in it are linked with each other.
"""

from collections.abc import Set as AbstractSet

from opentelemetry.context import Context
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, Tracer

from agents.tracing.context import carried, child, parent
from schemas.frames import Frame, Side
from schemas.traces import headers

Headers = list[tuple[str, bytes]]


class PartitionTraces:
    """What a runner reports of its traced events, in the order in which it happens. topic: of the frames."""

    def __init__(self, tracer: Tracer, topic: str, partition: int) -> None:
        self._tracer = tracer
        self._about = {
            "messaging.system": "kafka",
            "messaging.operation.type": "process",
            "messaging.destination.name": topic,
            "messaging.destination.partition.id": str(partition),
        }
        self._scores: list[Span] = []
        self._commits: list[Span] = []
        self._transaction: Span | None = None
        self._of_member: dict[bytes, Headers] = {}

    def counted(self, frame: Frame, counted: AbstractSet[int], offset: int, *, began: int) -> None:
        """A frame at `offset` has been applied, begun at (ns since 1970); `counted`: its rows that changed
        something, of the traced ones."""
        for trace in frame.traces:
            span = self._tracer.start_span(
                "score",
                parent(trace.context),
                SpanKind.CONSUMER,
                {
                    **self._about,
                    "messaging.kafka.offset": offset,
                    "pillarscore.frame.rows": len(frame),
                    "pillarscore.side": Side(frame.side[trace.row]).name.lower(),
                    "pillarscore.counted": trace.row in counted,
                },
                start_time=began,
            )
            self._scores.append(span)
            if trace.row in counted:
                self._of_member[frame.member[trace.row].as_py().encode()] = headers(carried(span))

    def headers(self) -> dict[bytes, Headers]:
        """For the next records of scores: by member, the headers of the last traced event that changed it."""
        found, self._of_member = self._of_member, {}
        return found

    def queued(self, revision: int) -> None:
        """The scores are queued, under this revision."""
        if not self._scores:
            return
        if self._transaction is None:
            self._transaction = self._tracer.start_span(
                "transaction", Context(), SpanKind.PRODUCER, self._about
            )
        for span in self._scores:
            span.set_attribute("pillarscore.revision", revision)
            span.end()
            self._transaction.add_link(span.get_span_context())
            links = [Link(self._transaction.get_span_context())]
            self._commits.append(
                self._tracer.start_span("commit", child(span), SpanKind.PRODUCER, self._about, links)
            )
        self._scores = []

    def committed(self) -> None:
        """All that was queued is committed."""
        for span in self._commits:
            span.end()
        if self._transaction is not None:
            self._transaction.end()
        self._commits, self._transaction = [], None

    def dropped(self) -> None:
        """What was not committed is counted again after a restore, by the worker that restores."""
        for span in (*self._scores, *self._commits, *([self._transaction] if self._transaction else [])):
            span.set_status(Status(StatusCode.ERROR, "not committed"))
            span.end()
        self._scores, self._commits, self._transaction, self._of_member = [], [], None, {}
