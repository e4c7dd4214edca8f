"""The members of a partition as small integers, in blocks of 1,000 that the ledger keeps."""

import numpy as np

BLOCK = 1000


class MemberIndex(dict[str, int]):
    """member -> index; looking up a new member gives it the next free index."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str | None] = []
        self.holes: list[int] = []

    def __missing__(self, member: str) -> int:
        if self.holes:
            index = self.holes.pop()
            self.names[index] = member
        else:
            index = len(self.names)
            self.names.append(member)
        self[member] = index
        return index

    def of(self, members: np.ndarray) -> list[str]:
        """The names of `members`, int64[n], each of whom there must be."""
        names: list[str] = list(map(self.names.__getitem__, members.tolist()))  # type: ignore[arg-type]
        return names

    def load(self, number: int, names: list[str | None]) -> None:
        """Take a block's members at their places."""
        start = number * BLOCK
        self.names.extend([None] * (start + len(names) - len(self.names)))
        for index, name in enumerate(names, start):
            if name is not None:
                self.names[index] = name
                self[name] = index

    def loaded(self) -> None:
        """All blocks are in: find the holes, lowest first, to be given to new members."""
        self.holes = [i for i in range(len(self.names) - 1, -1, -1) if self.names[i] is None]

    def remove(self, member: str) -> int:
        """Forget a member; its index will be given again."""
        index = self.pop(member)
        self.names[index] = None
        self.holes.append(index)
        return index
