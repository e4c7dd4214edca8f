"""Rows into frames: one per member partition, each saying what it covers.

For each source partition and each frame partition the covers join on to one another without a gap.
What has no rows for a partition is not sent to it; its next frame's cover just reaches further back.
Dead letters, and the account of what was read, go to the source partition's *home*.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from pipeline.common.partitioner import partitions
from pipeline.intake.rows import Rows
from schemas.frames import SCHEMA, Cover, Lost, Side, encode
from schemas.traces import Trace


@dataclass(slots=True)
class _Reach:
    """How far a source partition is covered in each frame partition, and what is not reported to home yet.

    gone: the offsets before the first one read that nobody can read any more, if there are such; jumps: the frame
    partitions to which they have not been reported.
    """

    sent: list[int]
    jumps: set[int]
    gone: tuple[int, int] = (0, 0)
    runs: list[tuple[int, int]] = field(default_factory=list)


class Framer:
    """Builds frames for `count` member partitions from the rows of the source partitions it has begun.

    events: the id of the topic that these are of.
    """

    def __init__(self, count: int, events: str = "") -> None:
        self.count = count
        self.events = events
        self.rows: dict[int, int] = {}  # of the frames made last, by partition
        self._reach: dict[int, _Reach] = {}

    def begin(
        self, source: int, offset: int, gone_from: int | None = None, *, first_read: bool = False
    ) -> None:
        """Start reading a source partition at `offset`; gone_from: when what lies between is gone.

        first_read: nothing was ever read of the source, and this is where it begins now: what lay before is nothing
        that is missing, which the first frame of each partition says by a jump without a loss.
        """
        jump = gone_from is not None or (first_read and offset > 0)
        gone = (offset if gone_from is None else gone_from, offset)
        self._reach[source] = _Reach([offset] * self.count, set(range(self.count)) if jump else set(), gone)

    def drop(self, source: int) -> None:
        """The source partition is somebody else's now."""
        self._reach.pop(source, None)

    def frames(self, rows: Rows, read: dict[int, tuple[list[tuple[int, int]], int]]) -> dict[int, bytes]:
        """One frame for each partition that has rows.

        read: for each source partition the runs of offsets read, as [first, stop), and the next offset.
        """
        for source, (runs, _) in read.items():
            self._reach[source].runs += runs
        target = partitions(rows.member, self.count)
        dead = rows.side == Side.DEAD
        target[dead] = rows.source[dead] % self.count
        order = np.argsort(target, kind="stable")
        bounds = np.searchsorted(target[order], np.arange(self.count + 1))
        batch = _record_batch(rows, order)
        traces = _traces(rows, target, order, bounds)
        out = {}
        self.rows = {}
        for partition in np.flatnonzero(np.diff(bounds)).tolist():
            part = batch.slice(bounds[partition], bounds[partition + 1] - bounds[partition])
            self.rows[partition] = len(part)
            stops = {source: stop for source, (_, stop) in read.items()}
            out[partition] = self._encode(part, partition, stops, traces.get(partition, ()))
        return out

    def catch_up(self, source: int, offset: int) -> dict[int, bytes]:
        """Empty frames to every partition not covered up to `offset`, so that it may be committed."""
        reach = self._reach[source]
        behind = [p for p in range(self.count) if reach.sent[p] < offset or p in reach.jumps]
        return {p: self._encode(_EMPTY, p, {source: offset}) for p in behind}

    def lost(self, gone: Lost) -> bytes:
        """A frame that says nothing but that these offsets are gone."""
        return encode(_EMPTY, (), (), lost=[gone], events=self.events)

    @staticmethod
    def resolved(ranges: Sequence[tuple[int, int, int]]) -> bytes:
        """A frame that says nothing but that these lost offsets, (source, start, stop), are dealt with."""
        return encode(_EMPTY, (), resolved=ranges)

    def _encode(
        self, part: pa.RecordBatch, partition: int, stops: dict[int, int], traces: Sequence[Trace] = ()
    ) -> bytes:
        """A frame that covers each source up to its stop."""
        lost = [
            Lost(source, *self._reach[source].gone, here=partition == source % self.count)
            for source in stops
            if partition in self._reach[source].jumps
            and self._reach[source].gone[0] < self._reach[source].gone[1]
        ]
        covers = [self._cover(source, partition, stop) for source, stop in stops.items()]
        return encode(part, covers, traces, lost=lost, events=self.events)

    def _cover(self, source: int, partition: int, stop: int) -> Cover:
        reach = self._reach[source]
        runs: tuple[tuple[int, int], ...] = ()
        if partition == source % self.count:
            runs, reach.runs = tuple(_joined(reach.runs)), []
        cover = Cover(source, reach.sent[partition], stop, runs, partition in reach.jumps)
        reach.sent[partition] = stop
        reach.jumps.discard(partition)
        return cover


def _joined(runs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Adjacent runs as one."""
    out: list[tuple[int, int]] = []
    for first, stop in runs:
        if out and out[-1][1] == first:
            out[-1] = (out[-1][0], stop)
        else:
            out.append((first, stop))
    return out


def runs_of(offsets: np.ndarray) -> list[tuple[int, int]]:
    """The runs of consecutive numbers in ascending offsets int64[n]: [5, 6, 8] -> [(5, 7), (8, 9)]."""
    if not len(offsets):
        return []
    cuts = np.flatnonzero(np.diff(offsets) != 1) + 1
    return [(int(part[0]), int(part[-1]) + 1) for part in np.split(offsets, cuts)]


def _traces(rows: Rows, target: np.ndarray, order: np.ndarray, bounds: np.ndarray) -> dict[int, list[Trace]]:
    """The traces of the rows by partition, each with its place in the frame."""
    found: dict[int, list[Trace]] = {}
    for row, context in rows.traces.items():
        partition = int(target[row])
        place = int(np.flatnonzero(order == row)[0] - bounds[partition])
        found.setdefault(partition, []).append(Trace(place, context))
    return found


def _sparse(entries: dict[int, bytes], order: np.ndarray) -> pa.Array:
    if not entries:
        return pa.nulls(len(order), pa.binary())
    return pa.array([entries.get(i) for i in order.tolist()], pa.binary())


def _record_batch(rows: Rows, order: np.ndarray) -> pa.RecordBatch:
    columns = [rows.time, rows.signals, rows.source, rows.offset, rows.id, rows.side]
    return pa.RecordBatch.from_arrays(
        [
            rows.member.take(pa.array(order)),
            *(pa.array(c[order]) for c in columns),
            _sparse(rows.registers, order),
            _sparse(rows.letters, order),
            pa.array(np.zeros(len(order), np.uint64) if rows.peer is None else rows.peer[order]),
        ],
        schema=SCHEMA,
    )


_EMPTY = pa.RecordBatch.from_arrays([pa.array([], field.type) for field in SCHEMA], schema=SCHEMA)
