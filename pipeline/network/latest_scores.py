"""The last score record of every member, gathered from member.scores: 14 bytes a member."""

from collections.abc import Sequence

import numpy as np
import orjson

from pipeline.network.member_hash import key_hashes
from pipeline.network.peer_ranks import UNKNOWN

_MAX_ROWS = 2_000_000
_DATE = len("2025-11-20")
_MOST = 10_000
"""Hundredths."""


Columns = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Members' hashes uint64[n], scores int16[n] in hundredths, days int32[n] these are as of."""


class LatestScores:
    """Takes records of `member.scores` in the order of their partition; the last one of a member holds."""

    def __init__(self) -> None:
        self._parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._rows = 0
        self._days: dict[str, int] = {}

    def add(self, records: Sequence[tuple[bytes | None, bytes | None]]) -> None:
        """Take (key, value) records; one that is no score, which no worker wrote, changes nothing."""
        keys, score, day = list[bytes](), list[int](), list[int]()
        for key, value in records:
            try:
                found = (UNKNOWN, 0) if value is None else self._score(value)
            except (ValueError, LookupError, TypeError, OverflowError):
                continue
            if key is not None:
                keys.append(key)
                score.append(found[0])
                day.append(found[1])
        n = len(keys)
        self._parts.append((key_hashes(keys), np.array(score, np.int16), np.array(day, np.int32)))
        self._rows += n
        if self._rows > _MAX_ROWS and self._rows > 2 * len(self._parts[0][0]):
            self._newest()

    def _score(self, value: bytes) -> tuple[int, int]:
        """(score in hundredths, day); ValueError, LookupError, TypeError or OverflowError for what is no score."""
        record = orjson.loads(value)
        score, as_of = round(record["score"] * 100), record["as_of"]
        if not 0 <= score <= _MOST:
            raise ValueError("no score")
        number = self._days.get(as_of)
        if number is None:
            if not isinstance(as_of, str) or len(as_of) != _DATE:
                raise ValueError("no day")
            number = self._days[as_of] = int(np.datetime64(as_of, "D").astype(np.int64))
        return score, number

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
