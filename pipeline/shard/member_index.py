"""The members of a partition as small integers, in blocks that the ledger keeps."""

from collections.abc import Sequence

import numpy as np

from pipeline.common.units import MemberSlot

BLOCK_SIZE = 1000
"""Members of a block. A ledger is only read with the size it was written with."""


class MemberIndex(dict[str, MemberSlot]):
    """member -> index. block_size: members of a block."""

    def __init__(self, block_size: int = BLOCK_SIZE) -> None:
        super().__init__()
        self.block_size = block_size
        self.names: list[str | None] = []
        self.holes: list[MemberSlot] = []

    @property
    def blocks(self) -> int:
        """How many blocks of members there are."""
        return -(-len(self.names) // self.block_size)

    def get_or_add(self, member: str) -> MemberSlot:
        """The index of a member; a new member gets the next free one."""
        index = self.get(member)
        if index is None:
            if self.holes:
                index = self.holes.pop()
                self.names[index] = member
            else:
                index = MemberSlot(len(self.names))
                self.names.append(member)
            self[member] = index
        return index

    def get_or_add_all(self, members: Sequence[str]) -> np.ndarray:
        """int64[n]: the indices of `members`, new ones in their order."""
        found = list(map(self.get, members))
        if None in found:
            found = [
                self.get_or_add(member) if index is None else index
                for index, member in zip(found, members, strict=True)
            ]
        return np.array(found, np.int64)

    def of(self, members: np.ndarray) -> list[str]:
        """The names of `members`, int64[n], each of whom there must be."""
        names: list[str] = list(map(self.names.__getitem__, members.tolist()))  # type: ignore[arg-type]
        return names

    def block(self, number: int) -> np.ndarray:
        """int64[n]: the indices of a block's members."""
        start = number * self.block_size
        return np.arange(start, min(start + self.block_size, len(self.names)))

    def load(self, number: int, names: list[str | None]) -> None:
        """Take the members of block `number` from the ledger."""
        start = number * self.block_size
        self.names.extend([None] * (start + len(names) - len(self.names)))
        for index, name in enumerate(names, start):
            if name is not None:
                self.names[index] = name
                self[name] = MemberSlot(index)

    def loaded(self) -> None:
        """All blocks are in: find the holes, lowest first, to be given to new members."""
        self.holes = [MemberSlot(i) for i in range(len(self.names) - 1, -1, -1) if self.names[i] is None]

    def remove(self, member: str) -> MemberSlot:
        """Remove a member; its index will be given again."""
        index = self.pop(member)
        self.names[index] = None
        self.holes.append(index)
        return index
