"""Frames: Arrow micro-batches of rows for one member partition, the write-ahead log of the scores.

A *row* is one side of one event: what the actor or the counterpart is credited, or a dead letter on
its way to the score shard, which emits it inside its transaction. A frame says in its *covers* which
offsets of which source partitions it holds, so that the shard can drop what it has already seen and
notice what is missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from schemas.traces import Trace, TraceContext

VERSION = 2
"""1 had no column `peer`; it is still read."""


TOO_LATE = 1
"""In `signals` of the row of a dead letter: the event came too late. 0: any other, and all in frames of before."""


class Side(IntEnum):
    """Which side of an event a row is."""

    ACTOR = 0
    COUNTERPART = 1
    DEAD = 2


@dataclass(slots=True, frozen=True)
class Cover:
    """All rows of source offsets [start, stop) that belong to the frame's partition are in the frame.

    `runs` are the offsets in the range at which a record was really read, as [first, stop) pairs; only
    the source partition's home frame carries them (they are what the conservation law calls "read").
    `jump`: the source no longer had what lies before `start`; going on is right, silence is not.
    """

    source: int
    start: int
    stop: int
    runs: tuple[tuple[int, int], ...] = ()
    jump: bool = False


@dataclass(slots=True, frozen=True)
class Lost:
    """Source offsets [start, stop) that nobody can read any more.

    here: they are counted as lost in this partition. What retention removed before ingest read it is reported to all
    partitions and counted in the source's home alone, so that each offset is lost once.
    """

    source: int
    start: int
    stop: int
    here: bool


@dataclass(slots=True)
class Frame:
    """Rows as columns, n entries each, and the covers.

    member: text; time: int64, ms since 1970 UTC; signals: uint64 mask (`schemas.signals`); source: int32
    partition and offset: int64 of `activity.events`; id: uint64 hash of source, id, member and side;
    side: uint8; registers: JSON object or None; letter: a packed dead letter or None.
    peer: uint64 hash of the member on the other side of a tie (`pipeline.network.member_hash`), 0 for rows
    without one; None for a frame in which no row has one. traces: of sampled events, few or none. lost:
    offsets that are gone, None in frames of before this was reported. events: the id of the topic that the
    offsets are of; "" if unknown. resolved: (source, start, stop) of lost offsets that a person says are dealt with.
    """

    member: pa.Array
    time: np.ndarray
    signals: np.ndarray
    source: np.ndarray
    offset: np.ndarray
    id: np.ndarray
    side: np.ndarray
    registers: pa.Array
    letter: pa.Array
    covers: list[Cover]
    peer: np.ndarray | None = None
    traces: list[Trace] = field(default_factory=list)
    lost: list[Lost] | None = None
    events: str = ""
    resolved: list[tuple[int, int, int]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.time)

    def updating(self) -> np.ndarray:
        """bool[n]: which rows update registers."""
        if self.registers.null_count == len(self):
            return np.zeros(len(self), bool)
        return self.registers.is_valid().to_numpy(zero_copy_only=False)


SCHEMA = pa.schema(
    [
        pa.field("member", pa.string(), nullable=False),
        pa.field("time", pa.int64(), nullable=False),
        pa.field("signals", pa.uint64(), nullable=False),
        pa.field("source", pa.int32(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("id", pa.uint64(), nullable=False),
        pa.field("side", pa.uint8(), nullable=False),
        pa.field("registers", pa.binary()),
        pa.field("letter", pa.binary()),
        pa.field("peer", pa.uint64(), nullable=False),
    ]
)
_SCHEMAS = {1: pa.schema(list(SCHEMA)[:-1]), VERSION: SCHEMA}
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")


def encode(
    batch: pa.RecordBatch,
    covers: Sequence[Cover],
    traces: Sequence[Trace] = (),
    *,
    lost: Sequence[Lost] = (),
    events: str = "",
    resolved: Sequence[tuple[int, int, int]] = (),
) -> bytes:
    """A frame as bytes: an Arrow IPC stream of one batch, all else in the schema's metadata."""
    listed = [[c.source, c.start, c.stop, [list(r) for r in c.runs], c.jump] for c in covers]
    head: dict[str, object] = {"v": VERSION, "covers": listed}
    # what follows is skipped by who knows nothing of it
    head["lost"] = [[one.source, one.start, one.stop, one.here] for one in lost]
    if events:
        head["events"] = events
    if resolved:
        head["resolved"] = [list(one) for one in resolved]
    if traces:
        head["traces"] = [[t.row, t.context.parent, t.context.state] for t in traces]
    schema = SCHEMA.with_metadata({b"pillarscore": orjson.dumps(head)})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=_OPTIONS) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def decode(data: bytes | None) -> Frame:
    """The frame in `data`; ValueError when it is none or of an unknown version."""
    if data is None:
        raise ValueError("not a frame: the record has no value")
    try:
        reader = pa.ipc.open_stream(data)
        batch = reader.read_next_batch()
        head = orjson.loads((reader.schema.metadata or {})[b"pillarscore"])
        version = head["v"]
        schema = _SCHEMAS.get(version)
        if schema is None or not batch.schema.equals(schema):
            raise ValueError(f"a frame of version {version}; this program reads versions up to {VERSION}")
        return _frame(version, head, batch)
    except (pa.ArrowException, LookupError, StopIteration, OSError, TypeError, AttributeError) as error:
        raise ValueError(f"not a frame: {error}") from None


def without_letters(data: bytes) -> bytes:
    """The same frame with the dead letters left out; their rows stay. data: a frame that can be decoded."""
    reader = pa.ipc.open_stream(data)
    batch = reader.read_next_batch()
    letter = SCHEMA.get_field_index("letter")
    batch = batch.set_column(letter, SCHEMA.field(letter), pa.nulls(len(batch), pa.binary()))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, reader.schema, options=_OPTIONS) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def _frame(version: int, head: dict[str, Any], batch: pa.RecordBatch) -> Frame:
    covers = [Cover(s, a, b, tuple((x, y) for x, y in runs), jump) for s, a, b, runs, jump in head["covers"]]
    c = batch.columns
    time, signals, source, offset, id_, side = (c[i].to_numpy() for i in range(1, 7))
    peer = None if version == 1 else c[9].to_numpy()
    traces = [Trace(row, TraceContext(parent, state)) for row, parent, state in head.get("traces", ())]
    lost = [Lost(*one) for one in head["lost"]] if "lost" in head else None
    events = head.get("events", "")
    resolved = [(int(s), int(a), int(b)) for s, a, b in head.get("resolved", ())]
    return Frame(
        c[0],
        time,
        signals,
        source,
        offset,
        id_,
        side,
        c[7],
        c[8],
        covers,
        peer,
        traces,
        lost,
        events,
        resolved,
    )
