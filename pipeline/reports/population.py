"""The members of some shards: in batches for scoring, or one by name for people to look at.

The shards are those of a file (one) or of the live partitions (all, or the one that has a member), each
brought to the same as-of day.
"""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from pydantic import BaseModel

from pipeline.common.days import calendar
from pipeline.common.tile_keys import Pairs
from pipeline.common.units import Day
from pipeline.scoring.bands import UNKNOWN
from pipeline.scoring.member import Member
from pipeline.shard.file_shard import FileShard
from pipeline.shard.shard import Shard
from schemas.registers import Register

_AT_ONCE = 4_000


@dataclass(slots=True)
class People:
    """n members as `Scorer.points` takes them, with their names.

    names: n of them; pairs: their tiles; numbers: int32[n, len(Register)].
    """

    names: list[str]
    pairs: Pairs
    numbers: np.ndarray


@dataclass(frozen=True, slots=True)
class Known:
    """One member; role: as stated, None when it was not."""

    member: Member
    role: str | None


class PastDay(BaseModel):
    """What a member's score and the four pillars were at the end of a day, in hundredths."""

    day: date
    score: int
    pillars: list[int]


AnyShard = Shard | FileShard
"""What a population can be read from: a live partition, or a run over files (which has no history)."""


class Population:
    """All members of `shards` as of `day`, days since 1970-01-01."""

    def __init__(self, shards: Sequence[AnyShard], day: int) -> None:
        self.shards = list(shards)
        self.day = Day(day)

    def batches(self) -> Iterator[People]:
        """Every member that has a score, once, in batches small enough for the processor's cache."""
        for shard in self.shards:
            members = shard.scored()
            names = shard.state.index.names
            for start in range(0, len(members), _AT_ONCE):
                part = members[start : start + _AT_ONCE]
                people = [str(names[index]) for index in part.tolist()]
                yield People(
                    people, shard.state.counting(part, self.day), shard.state.registers.numbers(part)
                )

    def find(self, name: str) -> Known | None:
        """What is counted and known of a member; None when nothing is."""
        for shard in self.shards:
            if name not in shard.state.index:
                continue
            one = np.array([shard.state.index[name]])
            if one[0] not in shard.scored():
                return None
            numbers = shard.state.registers.numbers(one)
            role = shard.state.registers.texts.names[int(numbers[0, Register.ROLE])]
            return Known(Member.of(self.day, shard.state.counting(one, self.day), numbers), role or None)
        return None

    def like(self, name: str, max_names: int = 3) -> list[str]:
        """Members with a name like this one, for who has mistyped it."""
        names = [
            str(other) for shard in self.shards for other in shard.state.index.names if other is not None
        ]
        return difflib.get_close_matches(name, names, max_names)

    def past(self, name: str, last: int) -> list[PastDay] | None:
        """The days of a member's history, oldest first, at most `last`; None for an unknown member."""
        for shard in self.shards:
            index = shard.state.index.get(name)
            if index is None or isinstance(shard, FileShard):
                continue
            through = int(shard.rollover.recorded_through(np.array([index]))[0])
            line = shard.state.history.line(index, Day(through + 1))[-last:].tolist()
            first = through + 1 - len(line)
            return [
                PastDay(day=calendar(Day(first + at)), score=points[0], pillars=points[1:])
                for at, points in enumerate(line)
                if points[0] != UNKNOWN
            ]
        return None
