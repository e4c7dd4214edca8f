"""Between our trace contexts and those of OpenTelemetry."""

from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from schemas.traces import TraceContext


def parent(context: TraceContext) -> Context:
    """What a span is begun in, to be a child of the span in another process that `context` names."""
    state = TraceState.from_header([context.state]) if context.state else None
    flags = TraceFlags(TraceFlags.SAMPLED)
    span = SpanContext(
        context.trace_id, context.span_id, is_remote=True, trace_flags=flags, trace_state=state
    )
    return set_span_in_context(NonRecordingSpan(span), Context())


def child(span: Span) -> Context:
    """What a span is begun in, to be a child of one of this process."""
    return set_span_in_context(span, Context())


def carried(span: Span) -> TraceContext:
    """The context by which others make children of `span`."""
    of = span.get_span_context()
    flags = int(of.trace_flags)
    return TraceContext(f"00-{of.trace_id:032x}-{of.span_id:016x}-{flags:02x}", of.trace_state.to_header())
