"""W3C trace context of sampled events, on their way from the event through its frame to its score.

Whoever publishes events may write anything there, so what is not exactly as the recommendation says is as if
it were absent: https://www.w3.org/TR/trace-context/. An event is never a dead letter because of it.
"""

import re
from dataclasses import dataclass
from typing import Any

PARENT, STATE = "traceparent", "tracestate"
"""Names of the attributes of an event (CloudEvents' distributed tracing extension), and of Kafka headers."""
_PARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)
_NAME = r"(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})"
_VALUE = r"[ -+\--<>-~]{0,255}[!-+\--<>-~]"
_STATE = re.compile(rf"{_NAME}={_VALUE}(?:[ \t]*,[ \t]*{_NAME}={_VALUE}){{0,31}}", re.ASCII)
_LONGEST_STATE = 512
_SAMPLED = 1


@dataclass(slots=True, frozen=True)
class TraceContext:
    """A valid `traceparent` of a sampled trace, and its `tracestate`, "" when there is none."""

    parent: str
    state: str = ""

    @property
    def trace_id(self) -> int:
        """128 bits."""
        return int(self.parent[3:35], 16)

    @property
    def span_id(self) -> int:
        """64 bits."""
        return int(self.parent[36:52], 16)


@dataclass(slots=True, frozen=True)
class Trace:
    """The context of row `row` of a frame."""

    row: int
    context: TraceContext


def sampled(parent: Any, state: Any = None) -> TraceContext | None:
    """The context that these values (text, or anything else) say; None unless it is valid and sampled.

    A `tracestate` that isn't valid is left out, as the recommendation wants it.

    >>> sampled("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").span_id
    13235353014750950193
    >>> sampled("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
    """
    if not isinstance(parent, str) or not _PARENT.fullmatch(parent) or not int(parent[-2:], 16) & _SAMPLED:
        return None
    good = isinstance(state, str) and len(state) <= _LONGEST_STATE and _STATE.fullmatch(state)
    return TraceContext(parent, state if good else "")


def headers(context: TraceContext) -> list[tuple[str, bytes]]:
    """The Kafka headers that say a context."""
    found = [(PARENT, context.parent.encode())]
    return [*found, (STATE, context.state.encode())] if context.state else found
