"""The last score record of every member, gathered from member.scores: 14 bytes a member."""

from collections.abc import Sequence

import numpy as np
import orjson

from pipeline.common.keyed_record import KeyedRecord
from pipeline.network.member_hash import key_hashes
from pipeline.network.peer_ranks import UNKNOWN

_MAX_ROWS = 2_000_000


Columns = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Members' hashes uint64[n], scores int16[n] in hundredths, days int32[n] these are as of."""


class LatestScores:
    """Takes records of `member.scores` in the order of their partition; the last one of a member holds."""

    def __init__(self) -> None:
        self._parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._rows = 0
        self._days: dict[str, int] = {}

    def add(self, records: Sequence[KeyedRecord]) -> None:
        """Take (key, value) records."""
        n = len(records)
        score, day = np.full(n, UNKNOWN, np.int16), np.zeros(n, np.int32)
        for at, (_, value) in enumerate(records):
            if value is not None:
                record = orjson.loads(value)
                score[at] = round(record["score"] * 100)
                as_of = record["as_of"]
                number = self._days.get(as_of)
                if number is None:
                    number = self._days[as_of] = int(np.datetime64(as_of).astype(np.int64))
                day[at] = number
        self._parts.append((key_hashes([key for key, _ in records]), score, day))
        self._rows += n
        if self._rows > _MAX_ROWS and self._rows > 2 * len(self._parts[0][0]):
            self._newest()

    def _newest(self) -> None:
        """Keep the last record of each member."""
        if self._parts:
            hashes, score, day = (np.concatenate(column)[::-1] for column in zip(*self._parts, strict=True))
            _, first = np.unique(hashes, return_index=True)
            self._parts = [(hashes[first], score[first], day[first])]
            self._rows = len(first)

    def columns(self) -> Columns:
        """Those who have a score."""
        self._newest()
        if not self._parts:
            return np.zeros(0, np.uint64), np.zeros(0, np.int16), np.zeros(0, np.int32)
        hashes, score, day = self._parts[0]
        there = score > UNKNOWN
        return hashes[there], score[there], day[there]
