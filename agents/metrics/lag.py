"""Lag: how far a reader is behind the end of a partition, in messages and in time."""

from typing import NamedTuple


class Lag(NamedTuple):
    """messages: not yet read; seconds: how old the newest one read is, 0 when there is none left to read."""

    messages: int
    seconds: float


def lag(end: int, position: int, newest_ms: int, now_ms: int) -> Lag:
    """The lag of a reader that reads `position` next, in a partition that ends before `end`.

    newest_ms: the broker's timestamp of the newest message read (when nothing was read yet: since when
    the reader has tried), ms since 1970.
    """
    behind = max(0, end - position)
    return Lag(behind, max(0, now_ms - newest_ms) / 1000 if behind else 0.0)
