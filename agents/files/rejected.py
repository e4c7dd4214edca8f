"""What was wrong with the events of files: how many by reason, and where the first of them are."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice

PLACES = 3
"""How many of a reason are told of."""


@dataclass(slots=True)
class Rejected:
    """Dead letters of one reason: how many, and of the first few `file:line` and what is wrong."""

    count: int = 0
    first: list[tuple[str, str]] = field(default_factory=list)

    def add(self, count: int, told: Iterable[tuple[str, str]]) -> None:
        """Count more, of which some are told: (place, message)."""
        self.count += count
        self.first += islice(told, PLACES - len(self.first))
