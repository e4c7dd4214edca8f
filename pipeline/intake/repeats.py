"""Ids that are used again for something else: what ingest notices of them, from memory.

The shards drop a repeated event by the id of its row. But the other counterpart of an id that is used again may be in
another partition than its actor, where nobody has seen the id, and would be credited. Ingest sees whole events, so it
leaves the row of that counterpart out, as far as its memory reaches.
"""

import numpy as np

ROOM = 1 << 20
"""Events remembered, about: each has one place to be in, and a later one may take it."""


class Repeats:
    """What the latest events say, by id. The memory is made when it is first used."""

    def __init__(self, room: int = ROOM) -> None:
        self._shift = np.uint64(64 - (room.bit_length() - 1))
        self._room = room
        self._ids = self._contents = np.zeros(0, np.uint64)

    def conflicting(self, ids: np.ndarray, contents: np.ndarray) -> np.ndarray:
        """bool[n]: which events have the id (uint64[n]) of an earlier one with another content (uint64[n]).

        The first of an id is remembered; the same batch again gives the same again.
        """
        if not len(self._ids):
            self._ids, self._contents = np.zeros(self._room, np.uint64), np.zeros(self._room, np.uint64)
        place = ids >> self._shift
        # of two new ones that want one place the first is written last
        new = np.flatnonzero(self._ids[place] != ids)[::-1]
        self._ids[place[new]] = ids[new]
        self._contents[place[new]] = contents[new]
        return (self._ids[place] == ids) & (self._contents[place] != contents)
