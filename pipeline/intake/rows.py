"""Records as they come in, and the rows that are made of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pyarrow as pa

from schemas.traces import TraceContext


class SourceRecord(Protocol):
    """What is read of a record of `activity.events`."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Line:
    """A line of a file in the place of a record; its offset is the line's number."""

    __slots__ = ("offset", "value")

    timestamp: int = 0
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()

    def __init__(self, value: bytes | None, offset: int) -> None:
        self.value = value
        self.offset = offset


@dataclass(slots=True)
class Rows:
    """Columns of n rows, as lists and arrays ready for a frame; `letters` holds those of the dead.

    peer: uint64[n], the hash of whom the row ties its member to, 0 without; None where it was not asked.
    untrusted: of how many events the record's timestamp was not trusted. conflicting: by the `source` of the event,
    how many have the id of an earlier one with another content. late: by source, how many events are more than a day
    late; late_members: by member, how many of these are about them, dead letters or not. not_allowed: by source, how
    many it may not publish.
    """

    member: pa.Array
    time: np.ndarray
    signals: np.ndarray
    source: np.ndarray
    offset: np.ndarray
    id: np.ndarray
    side: np.ndarray
    registers: dict[int, bytes] = field(default_factory=dict)  # by row
    letters: dict[int, bytes] = field(default_factory=dict)  # by row
    peer: np.ndarray | None = None
    traces: dict[int, TraceContext] = field(default_factory=dict)  # by row
    untrusted: int = 0
    conflicting: dict[str, int] = field(default_factory=dict)
    late: dict[str, int] = field(default_factory=dict)
    late_members: dict[str, int] = field(default_factory=dict)
    not_allowed: dict[str, int] = field(default_factory=dict)


def without(rows: Rows, offsets: Sequence[int]) -> Rows:
    """The rows of all records but those at these offsets."""
    return kept(rows, np.flatnonzero(~np.isin(rows.offset, offsets)))


def kept(rows: Rows, keep: np.ndarray) -> Rows:
    """Only the rows `keep`, int64[k], ascending."""
    moved = {int(old): new for new, old in enumerate(keep)} if rows.registers or rows.letters else {}
    return Rows(
        rows.member.take(pa.array(keep)),
        rows.time[keep],
        rows.signals[keep],
        rows.source[keep],
        rows.offset[keep],
        rows.id[keep],
        rows.side[keep],
        {moved[row]: updates for row, updates in rows.registers.items() if row in moved},
        {moved[row]: letter for row, letter in rows.letters.items() if row in moved},
        None if rows.peer is None else rows.peer[keep],
    )
