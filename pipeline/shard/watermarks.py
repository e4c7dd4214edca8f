"""How far each source partition has been counted, and what is missing before that: each offset counts once.

Ingest delivers at least once, and the log of frames may lose some: retention removes them, or Kafka does. A row
is let in when its offset is not behind the watermark of its source partition, or when it lies in a range that is
known to be missing; so a crashed, repeated or stale ingest cannot count twice. A frame whose cover begins beyond
the watermark leaves a range missing. Another delivery of the range (by an ingest that failed and goes back,
or one that reads exactly these offsets again) fills it in.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pipeline.common.ranges import Range, Ranges
from schemas.frames import Cover, Frame, Lost

RANGES = 100
"""Of a source that are remembered as lost; beyond that neighbours are put together, what lies between them too."""
Missing = Mapping[int, list[Range]]
"""By source partition the ranges of offsets."""


@dataclass(slots=True)
class Admission:
    """rows: bool[n], which to count; read: records read from the source that are now covered for the
    first time (home frames only); repeated: rows dropped because already covered; lost: source offsets that
    were gone before they could be counted."""

    rows: np.ndarray
    read: int = 0
    repeated: int = 0
    lost: int = 0


class Watermarks:
    """Per source partition the next offset to count, and the offsets before it that are missing or lost."""

    def __init__(
        self,
        next_: Mapping[int, int] | None = None,
        missing: Missing | None = None,
        lost: Missing | None = None,
    ) -> None:
        self.next = dict(next_ or {})
        self.missing = {source: Ranges(ranges) for source, ranges in (missing or {}).items()}
        self.lost = {source: Ranges(ranges) for source, ranges in (lost or {}).items()}
        self.from_zero = False  # what comes first of a source is not taken for all there was

    def start_at_zero(self) -> None:
        """What comes first of a source was not all there was: the offsets before it are missing."""
        self.from_zero = True

    def admit(self, frame: Frame) -> Admission:
        """Which rows of the frame count; moves the watermarks."""
        result = Admission(np.zeros(len(frame), bool))
        for lost in frame.lost or ():
            result.lost += self._lose(lost)
        for source, start, stop in frame.resolved:
            if dealt_with := self.lost.get(source):
                dealt_with.remove(start, stop)
                if not dealt_with:
                    del self.lost[source]
        with_loss = {lost.source for lost in frame.lost or ()}
        for cover in frame.covers:
            begins = cover.jump and frame.lost is not None and cover.source not in with_loss
            mine = frame.source == cover.source
            count = int(np.count_nonzero(mine))
            for start, stop in self._open(cover, result, of_old=frame.lost is None, begins=begins):
                fresh = mine & (frame.offset >= start) & (frame.offset < stop)
                result.rows |= fresh
                count -= int(np.count_nonzero(fresh))
                result.read += sum(max(0, min(b, stop) - max(a, start)) for a, b in cover.runs)
            result.repeated += count
        return result

    def _open(self, cover: Cover, result: Admission, *, of_old: bool, begins: bool) -> list[Range]:
        """The parts of a cover that are not counted yet; they count from here on.

        of_old: the frame is of a version that did not say what a jump has left out. begins: nothing was ever read of
        the source before the cover, so that in a partition which does not know it either nothing is missing.
        """
        source, start, stop = cover.source, cover.start, cover.stop
        known = source in self.next
        mark = self.next.get(source, 0 if self.from_zero and not begins else start)
        parts = self._take(source, start, min(stop, mark))
        if start > mark:
            if not cover.jump or (begins and known):
                self.missing.setdefault(source, Ranges()).add(mark, start)
            elif of_old:
                result.lost += start - mark
        if stop > max(start, mark):
            parts.append((max(start, mark), stop))
        self.next[source] = max(mark, start, stop)
        return parts

    def _lose(self, gone: Lost) -> int:
        """These offsets are gone for good; how many of them were still to be counted here."""
        source, start, stop = gone.source, gone.start, gone.stop
        mark = self.next.get(source, 0 if self.from_zero else start)
        if start > mark:
            self.missing.setdefault(source, Ranges()).add(mark, start)
        parts = self._take(source, start, min(stop, mark))
        if stop > max(start, mark):
            parts.append((max(start, mark), stop))
        self.next[source] = max(mark, start, stop)
        if not gone.here or not parts:
            return 0
        lost = self.lost.setdefault(source, Ranges())
        for a, b in parts:
            lost.add(a, b)
        lost.coarsen(RANGES)
        return sum(b - a for a, b in parts)

    def _take(self, source: int, start: int, stop: int) -> list[Range]:
        """What is missing of [start, stop); it is missing no longer."""
        missing = self.missing.get(source)
        if not missing:
            return []
        parts = missing.within(start, stop)
        missing.remove(start, stop)
        if not missing:
            del self.missing[source]
        return parts

    def missing_ranges(self) -> dict[int, list[Range]]:
        """What is missing, by source partition, ascending."""
        return {source: ranges.pairs() for source, ranges in sorted(self.missing.items())}

    def lost_ranges(self) -> dict[int, list[Range]]:
        """What is lost, in the same form."""
        return {source: ranges.pairs() for source, ranges in sorted(self.lost.items())}

    def missing_offsets(self) -> int:
        """How many offsets are missing, over all sources."""
        return sum(map(len, self.missing.values()))

    def lost_offsets(self) -> int:
        """How many offsets are lost, over all sources."""
        return sum(map(len, self.lost.values()))
