"""A shard that only counts: for runs over files, where the state at the end is all that is asked for.

It takes frames as a shard does and comes to the same state, but keeps no account of what has changed and
has no history, which would be the larger part of its memory. Members may come dictionary-encoded.
"""

import numpy as np
import orjson
import pyarrow as pa

from pipeline.common.tile_keys import RING
from pipeline.shard.shard import Shard
from schemas.frames import Frame
from schemas.signals import ERASE_BIT, Signal

_FEW = max(Signal) // 8 + 1
"""Bytes of a mask that have signals."""
_SIGNALS = np.uint64((1 << 64) - 1 - (1 << ERASE_BIT))


class FileShard(Shard):
    """Counts frames that are given once, in order, and never again; no day's turn and no emission."""

    def resize(self) -> None:
        """Make room for all members of the directory."""
        n = len(self.directory.names)
        have = len(self.erased)
        if n > have:
            more = max(n, have * 3 // 2, 1024) - have
            self.erased = np.concatenate([self.erased, np.full(more, -(1 << 31))])
        self.tiles.resize(n)
        self.registers.resize(n)

    def _members(self, frame: Frame, rows: np.ndarray, replay: bool) -> np.ndarray:
        member = frame.member
        if not pa.types.is_dictionary(member.type):
            member = member.dictionary_encode()
        codes = member.indices.to_numpy()[rows]
        index = np.zeros(len(member.dictionary), np.int64)
        index[codes] = 1
        used = np.flatnonzero(index)
        names = member.dictionary.take(pa.array(used)).to_pylist()
        index[used] = np.fromiter(map(self.directory.__getitem__, names), np.int64, len(names))
        self.resize()
        return index[codes]

    def _enlist(self, replay: bool) -> None:
        self.resize()

    def _count(
        self, frame: Frame, rows: np.ndarray, member: np.ndarray, day: np.ndarray, offset: int, replay: bool
    ) -> None:
        if not len(rows):
            return
        masks = (frame.signals[rows] & _SIGNALS).view(np.uint8).reshape(-1, 8)[:, :_FEW]
        set_ = np.flatnonzero(np.unpackbits(masks, bitorder="little").view(bool))
        which, signal = np.divmod(set_, 8 * _FEW)
        keys = (signal << 7 | (day[rows[which]] & (RING - 1))).astype(np.uint16)
        self.tiles.add(member[which], keys)
        known = np.flatnonzero(frame.registers.is_valid().to_numpy(zero_copy_only=False)[rows])
        for i, who in zip(rows[known].tolist(), member[known].tolist(), strict=True):
            updates = orjson.loads(frame.registers[i].as_py())
            self.registers.apply(who, updates, int(frame.time[i]), int(frame.id[i]))

    def _touch(self, member: np.ndarray, offset: int, replay: bool) -> None:
        """Nobody asks what has changed."""

    def _take_back(self, index: int, last: int) -> None:
        """There is no history to take back."""
