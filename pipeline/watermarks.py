"""How far each source partition has been counted: the guard against rows delivered again.

Ingest delivers at least once. A row is let in only when its offset is not yet behind the watermark of
its source partition, so a crashed, repeated or zombie ingest cannot count twice; and what a frame
covers must join on to the watermark, so nothing can be missing unnoticed.
"""

from dataclasses import dataclass

import numpy as np

from schemas.frames import Frame


@dataclass(slots=True)
class Admission:
    """rows: bool[n], which to count; read: records read from the source that are now covered for the
    first time (home frames only); repeated, refused: rows dropped because already covered, or because
    they do not join on; lost: source offsets that were gone before they could be read."""

    rows: np.ndarray
    read: int = 0
    repeated: int = 0
    refused: int = 0
    lost: int = 0


class Watermarks:
    """Per source partition the next offset to count."""

    def __init__(self, next_: dict[int, int] | None = None) -> None:
        self.next = dict(next_ or {})

    def admit(self, frame: Frame) -> Admission:
        """Which rows of the frame count; moves the watermarks."""
        result = Admission(np.zeros(len(frame), bool))
        for cover in frame.covers:
            mark = self.next.get(cover.source, cover.start)
            mine = frame.source == cover.source
            if cover.start > mark:
                if not cover.jump:
                    # frames of a failed ingest got lost in between; the next one sends them again from here
                    result.refused += int(mine.sum())
                    continue
                result.lost += cover.start - mark
                mark = cover.start
            fresh = mine & (frame.offset >= mark) & (frame.offset < cover.stop)
            result.rows |= fresh
            result.repeated += int(mine.sum()) - int(fresh.sum())
            result.read += sum(max(0, min(b, cover.stop) - max(a, mark)) for a, b in cover.runs)
            self.next[cover.source] = max(mark, cover.stop)
        return result
