"""Which events of a batch are traced: of those whose trace is sampled a few, found at little cost."""

import re
from collections.abc import Sequence
from typing import Any

import orjson

from pipeline.intake.rows import SourceRecord
from schemas.traces import PARENT, STATE, TraceContext, sampled

MAX_EVENTS = 8
"""Events traced of a batch of ingest; a frame has at most twice as many rows, with those of counterparts."""
_MAX_PARSED = 64
_HINT = b'"traceparent"'
_SAMPLED = re.compile(rb'"traceparent"\s{0,8}:\s{0,8}"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f][13579bdf]"')


def chosen(records: Sequence[SourceRecord], ratio: float) -> list[tuple[int, TraceContext]]:
    """(index in records, context) of the first MAX_EVENTS events to trace.

    ratio: of the sampled traces, which share; by the trace id, so every worker decides alike.
    """
    # to search them all at once costs half as much as one by one, and mostly there is nothing to be found
    if not any(record.headers for record in records) and _HINT not in b"".join(
        [record.value for record in records if record.value is not None]
    ):
        return []
    found: list[tuple[int, TraceContext]] = []
    parsed = 0
    limit = ratio * (1 << 64)
    for at, record in enumerate(records):
        context = _of_headers(record) if record.headers else None
        value = record.value
        if context is None and value is not None and _HINT in value and _SAMPLED.search(value):
            context = _of_event(value)
            parsed += 1
        if context is not None and context.trace_id & ((1 << 64) - 1) < limit:
            found.append((at, context))
        if len(found) == MAX_EVENTS or parsed == _MAX_PARSED:
            break
    return found


def _of_headers(record: SourceRecord) -> TraceContext | None:
    """By the header of the last hop, or by the extension attribute of an event in binary mode."""
    names = [name for name, _ in record.headers]
    for prefix in ("", "ce_"):
        # given twice, it means nothing
        if names.count(prefix + PARENT) == 1:
            texts = {name: _text(raw) for name, raw in record.headers}
            state = texts.get(prefix + STATE) if names.count(prefix + STATE) == 1 else None
            context = sampled(texts[prefix + PARENT], state)
            if context is not None:
                return context
    return None


def _of_event(value: bytes) -> TraceContext | None:
    """By the extension attribute of an event in structured mode."""
    try:
        event: Any = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    return sampled(event.get(PARENT), event.get(STATE)) if isinstance(event, dict) else None


def _text(raw: bytes | None) -> str | None:
    try:
        return None if raw is None else raw.decode("ascii")
    except UnicodeDecodeError:
        return None
