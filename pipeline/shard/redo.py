"""What of a shard's log has to be in its ledger: the frames not in blocks yet, and the ids seen.

A stamp names a *replay start*. What frames up to there have done is in blocks, and the ids they have seen are in
chunks; the frames after it are in the ledger themselves, as they were counted. So the ledger gives the state as of
its stamp whatever becomes of `activity.frames`. From time to time `advance` moves the start up to the oldest change
that is not in a block.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pipeline.common.keyed_record import KeyedRecord
from pipeline.common.ranges import Range
from pipeline.shard.dedupe import RecentIds
from pipeline.shard.watermarks import Watermarks
from schemas.frames import Frame, without_letters
from schemas.ledger import ReplayStart, dump_redo, frame_key, ids_key


@dataclass(slots=True)
class _Counted:
    """A frame behind the start: how things stood after it; ids: uint64[n] that its generation did not have."""

    offset: int
    watermarks: dict[int, int]
    missing: dict[int, list[Range]]
    generation: int
    began: int
    rows: int
    ids: np.ndarray


class Redo:
    """Of a shard that is kept in a ledger. start: that of the next stamp."""

    def __init__(self, start: ReplayStart, chunks: dict[int, int] | None = None) -> None:
        self.start = start
        self._chunks = dict(chunks or {})  # how many the ledger has of each generation
        self._counted: deque[_Counted] = deque()
        self.ids = 0  # that are in no chunk yet

    def add(self, offset: int, watermarks: Watermarks, seen: RecentIds) -> None:
        """The frame at `offset` was counted."""
        missing = watermarks.missing_ranges() if watermarks.missing else {}
        self._counted.append(
            _Counted(
                offset, dict(watermarks.next), missing, seen.generation, seen.began, seen.rows, seen.added
            )
        )
        self.ids += len(seen.added)

    def __len__(self) -> int:
        """Frames behind the start."""
        return len(self._counted)

    def advance(self, replay_from: int) -> list[KeyedRecord]:
        """Move the start up to the last frame before `replay_from`; the records this takes.

        To be sent in the transaction of the next stamp, in this order.
        """
        out: list[KeyedRecord] = []
        last: _Counted | None = None
        ids: dict[int, list[np.ndarray]] = {}
        while self._counted and self._counted[0].offset < replay_from:
            last = self._counted.popleft()
            out.append((frame_key(last.offset), None))
            if len(last.ids):
                ids.setdefault(last.generation, []).append(last.ids)
                self.ids -= len(last.ids)
        if last is None:
            return out
        for generation, parts in ids.items():
            if generation > last.generation - 2:
                out.append(self._chunk(generation, parts))
        for generation in [old for old in self._chunks if old < last.generation - 1]:
            out += [(ids_key(generation, number), None) for number in range(self._chunks.pop(generation))]
        self.start = ReplayStart(
            frame=last.offset,
            watermarks=last.watermarks,
            missing=last.missing,
            generation=last.generation,
            began=last.began,
            rows=last.rows,
        )
        return out

    def _chunk(self, generation: int, parts: Iterable[np.ndarray]) -> KeyedRecord:
        number = self._chunks.get(generation, 0)
        self._chunks[generation] = number + 1
        return ids_key(generation, number), np.concatenate([*parts]).astype("<u8").tobytes()


def record(offset: int, timestamp: int, data: bytes, *, frame: Frame) -> tuple[bytes, bytes]:
    """The redo of a frame that was counted. data: the frame as bytes.

    Its dead letters are left out: they are in the same transaction, and a replay puts nothing out.
    """
    if frame.letter.null_count < len(frame):
        data = without_letters(data)
    return frame_key(offset), dump_redo(timestamp, data)


def whole(frame: int, watermarks: Watermarks, seen: RecentIds) -> tuple[Redo, list[KeyedRecord]]:
    """The redo of a shard all of whose changes are in blocks as of `frame`, and all its ids as records.

    For a ledger of an earlier version, which has none of it.
    """
    start = ReplayStart(
        frame=frame,
        watermarks=dict(watermarks.next),
        missing=watermarks.missing_ranges(),
        generation=seen.generation,
        began=seen.began,
        rows=seen.rows,
    )
    redo = Redo(start)
    records = [
        redo._chunk(generation, [part])
        for generation, ids in ((seen.generation - 1, seen.old), (seen.generation, seen.young))
        for part in np.array_split(ids.values(), -(-len(ids.values()) // 100_000) or 1)
        if len(part)
    ]
    return redo, records
