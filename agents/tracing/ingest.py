"""The span of an event in ingest, from its batch to its frame; its context travels on in the frame."""

from collections.abc import Sequence

import numpy as np
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer

from agents.tracing.choice import chosen
from agents.tracing.context import carried, parent
from pipeline.intake.rows import Rows, SourceRecord
from schemas.letters import DeadLetter


class IngestTraces:
    """Begins a span for each chosen event. topic: where they are read."""

    def __init__(self, tracer: Tracer, ratio: float, topic: str) -> None:
        self._tracer = tracer
        self._ratio = ratio
        self._topic = topic

    def begin(
        self, records: Sequence[SourceRecord], sources: np.ndarray, rows: Rows, *, began: int
    ) -> list[Span]:
        """Spans of a batch that is validated, to be ended when its frames are sent; marks their `rows`.

        sources: int64[n], as for Intake.rows; began: when, in ns since 1970.
        """
        spans = []
        for at, context in chosen(records, self._ratio):
            record, source = records[at], int(sources[at])
            span = self._tracer.start_span(
                "ingest",
                parent(context),
                SpanKind.CONSUMER,
                {
                    "messaging.system": "kafka",
                    "messaging.operation.type": "process",
                    "messaging.destination.name": self._topic,
                    "messaging.destination.partition.id": str(source),
                    "messaging.kafka.offset": record.offset,
                    "messaging.batch.message_count": len(records),
                },
                start_time=began,
            )
            spans.append(span)
            if span.is_recording():
                self._mark(
                    rows, np.flatnonzero((rows.source == source) & (rows.offset == record.offset)), span
                )
        return spans

    def _mark(self, rows: Rows, mine: np.ndarray, span: Span) -> None:
        for row in mine.tolist():
            if row in rows.letters:
                # which travels in the frame with its own headers, so its trace ends here
                span.set_status(
                    StatusCode.ERROR, f"dead letter: {DeadLetter.unpack(rows.letters[row]).reason}"
                )
            else:
                rows.traces[row] = carried(span)
