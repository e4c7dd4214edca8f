"""Sets of offsets as ranges: what is missing of a source partition, and what is lost."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence

Range = tuple[int, int]
"""[start, stop)."""


class Ranges:
    """A set of whole numbers as ascending ranges that neither overlap nor touch."""

    __slots__ = ("_starts", "_stops")

    def __init__(self, ranges: Iterable[Sequence[int]] = ()) -> None:
        self._starts: list[int] = []
        self._stops: list[int] = []
        for start, stop in ranges:
            self.add(start, stop)

    def __len__(self) -> int:
        """How many numbers are in the set."""
        return sum(self._stops) - sum(self._starts)

    def __bool__(self) -> bool:
        return bool(self._starts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ranges) and self._starts == other._starts and self._stops == other._stops

    def __repr__(self) -> str:
        return f"Ranges({self.pairs()!r})"

    def add(self, start: int, stop: int) -> None:
        """Put [start, stop) in."""
        if start >= stop:
            return
        first = bisect_left(self._stops, start)
        last = first
        while last < len(self._starts) and self._starts[last] <= stop:
            start, stop = min(start, self._starts[last]), max(stop, self._stops[last])
            last += 1
        self._starts[first:last] = [start]
        self._stops[first:last] = [stop]

    def remove(self, start: int, stop: int) -> None:
        """Take [start, stop) out."""
        if start >= stop:
            return
        kept = [*self.outside(start, stop)]
        self._starts = [a for a, _ in kept]
        self._stops = [b for _, b in kept]

    def within(self, start: int, stop: int) -> list[Range]:
        """The parts of the set that lie in [start, stop)."""
        if start >= stop:
            return []
        pairs = zip(self._starts, self._stops, strict=True)
        return [(max(a, start), min(b, stop)) for a, b in pairs if a < stop and b > start]

    def outside(self, start: int, stop: int) -> list[Range]:
        """The parts of the set that do not lie in [start, stop)."""
        if start >= stop:
            return self.pairs()
        parts = []
        for a, b in zip(self._starts, self._stops, strict=True):
            parts += [part for part in ((a, min(b, start)), (max(a, stop), b)) if part[0] < part[1]]
        return parts

    def pairs(self) -> list[Range]:
        """All ranges, ascending."""
        return list(zip(self._starts, self._stops, strict=True))

    def coarsen(self, max_ranges: int) -> None:
        """Put the lowest ranges together, with what lies between them, until there are at most so many."""
        if len(self._starts) > max_ranges:
            last = len(self._starts) - max_ranges
            self._starts[: last + 1] = self._starts[:1]
            self._stops[: last + 1] = self._stops[last : last + 1]
