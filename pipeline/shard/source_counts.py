"""What came in that the owners of an upstream system want to know of, by the source partition it came from.

Only numbers since the last `take`, for the metrics; what became of every event is in the stamp's counters.
"""

import numpy as np

from schemas.frames import Frame

KINDS = ("late", "duplicate", "dead", "new")


class SourceCounts:
    """How many events of each source were late, duplicates, or dead letters, and how many members came with them."""

    def __init__(self) -> None:
        self._counts = np.zeros((len(KINDS), 0), np.int64)

    def add(
        self, frame: Frame, late: np.ndarray, duplicate: np.ndarray, *, dead: np.ndarray, new: np.ndarray
    ) -> None:
        """Count rows of a frame (int64[k] each)."""
        for kind, rows in enumerate((late, duplicate, dead, new)):
            if len(rows):
                found = np.bincount(frame.source[rows])
                if len(found) > self._counts.shape[1]:
                    more = len(found) - self._counts.shape[1]
                    self._counts = np.concatenate(
                        [self._counts, np.zeros((len(KINDS), more), np.int64)], axis=1
                    )
                self._counts[kind, : len(found)] += found

    def take(self) -> dict[str, dict[int, int]]:
        """For each of KINDS the counts that are not 0, by source; they begin at 0 again."""
        counts, self._counts = self._counts, np.zeros_like(self._counts)
        return {
            kind: {source: int(row[source]) for source in np.flatnonzero(row).tolist()}
            for kind, row in zip(KINDS, counts, strict=True)
        }
