"""Single members as mappings, for people and explanations; and back into the arrays of the fast path."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from pipeline.common.tile_keys import KEYS, RING, WINDOW, Pairs
from pipeline.common.units import Day
from schemas.registers import Register
from schemas.signals import Signal

_FULL = 0xFFFF
_MAX_REGISTER = 2**31 - 1
_SIGNALS = {int(signal): signal for signal in Signal}


@dataclass(frozen=True, slots=True)
class Member:
    """What is counted and known of one member.

    tiles: how often (signal, day) was counted, days since 1970-01-01; numbers: registers, 0 when missing.
    """

    tiles: Mapping[tuple[Signal, int], int] = field(default_factory=dict)
    numbers: Mapping[Register, int] = field(default_factory=dict)

    @classmethod
    def of(cls, day: int, pairs: Pairs, numbers: np.ndarray, *, row: int = 0) -> Self:
        """Member `row` of a batch: its tiles in the window of `day`, and int32[n, len(Register)]."""
        tiles = {}
        mine = pairs.row == row
        for key, count in zip(pairs.key[mine].tolist(), pairs.count[mine].tolist(), strict=True):
            age = (day - key) & (RING - 1)
            if age < WINDOW and key // RING in _SIGNALS and count:
                tiles[_SIGNALS[key // RING], day - age] = count
        return cls(tiles, {Register(at): value for at, value in enumerate(numbers[row].tolist()) if value})

    def plus(
        self, tiles: Mapping[tuple[Signal, int], int], numbers: Mapping[Register, int] | None = None
    ) -> "Member":
        """The member with more (or less) of something; tiles and registers stop at what they can hold."""
        more = dict(self.tiles)
        for tile, count in tiles.items():
            more[tile] = min(max(more.get(tile, 0) + count, 0), _FULL)
        known = dict(self.numbers)
        for register, value in (numbers or {}).items():
            known[register] = min(max(known.get(register, 0) + value, -_MAX_REGISTER - 1), _MAX_REGISTER)
        return Member(more, known)


def batch(day: Day, members: Sequence[Member]) -> tuple[int, Pairs, np.ndarray]:
    """Members as the arguments of `Scorer.points`: n, their tiles in the window of `day`, their registers."""
    flat = [
        (row, (signal * RING + (of & (RING - 1))) % KEYS, min(count, _FULL))
        for row, member in enumerate(members)
        for (signal, of), count in member.tiles.items()
        if count > 0 and 0 <= day - of < WINDOW
    ]
    columns = np.array(flat, np.int64).reshape(-1, 3).T
    numbers = np.zeros((len(members), len(Register)), np.int32)
    for row, member in enumerate(members):
        for register, value in member.numbers.items():
            numbers[row, register] = value
    pairs = Pairs(columns[0].copy(), columns[1].astype(np.uint16), columns[2].astype(np.uint16))
    return len(members), pairs, numbers
