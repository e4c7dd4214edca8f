"""What a score record says beside the points: band, trend, change, weakest pillar, components that changed.

It remembers what was said last of each member. That need not be durable: it follows from the state as of
the stamp, and `settle` works it out again after a restore.
"""

from dataclasses import dataclass

import numpy as np

from pipeline.bands import BANDS, DIRECTIONS, UNKNOWN, next_bands, trends_of
from pipeline.components import PILLARS
from pipeline.history import History
from pipeline.rubric import Rubric
from pipeline.scoring import Points

_BANDS = [str(band).encode() for band in BANDS]
_TRENDS = [str(direction).encode() for direction in DIRECTIONS]
_PILLARS = [str(pillar).encode() for pillar in PILLARS]
_EXTRA = b'"band":"%b","trend":"%b","change":{"day":%b,"week":%b},"weakest":"%b","changed":{%b},'


def _text(hundredths: int) -> bytes:
    return b"%b%d.%02d" % (b"-" if hundredths < 0 else b"", *divmod(abs(hundredths), 100))


TEXTS = [_text(hundredths) for hundredths in range(-10_000, 10_001)]
"""Hundredths as JSON numbers of points; `TEXTS[hundredths + ZERO]`."""
ZERO = 10_000


@dataclass(slots=True)
class BandChange:
    """Member `row` of a batch went from one band to another (places in BANDS)."""

    row: int
    before: int
    after: int


class Standing:
    """Band, trend and changes of members by the rubric given, against what was said of them before."""

    def __init__(self, rubric: Rubric, history: History) -> None:
        self.rubric = rubric
        self.history = history
        self.components = np.zeros((0, len(rubric.components)), np.int16)
        self.band = np.zeros(0, np.int8)
        self._names = [b'"%b":' % part.name.encode() for part in rubric.components]

    def resize(self, members: int) -> None:
        """Make room for members 0..members-1."""
        have = len(self.band)
        if members > have:
            room = max(members, have * 3 // 2, 256) - have
            self.components = np.concatenate([self.components, np.zeros((room, len(self._names)), np.int16)])
            self.band = np.concatenate([self.band, np.zeros(room, np.int8)])

    def settle(self, members: np.ndarray, points: Points) -> None:
        """Take these points of `members` int64[n] for what was said last."""
        self.components[members] = points.components
        self.band[members] = next_bands(self.history.band[members], points.score, self.rubric.bands)

    def forget(self, members: np.ndarray) -> None:
        """Nothing was said of `members` yet."""
        self.components[members] = 0
        self.band[members] = 0

    def nbytes(self) -> int:
        """Bytes allocated."""
        return self.components.nbytes + self.band.nbytes

    def extras(
        self,
        members: np.ndarray,
        points: Points,
        day: int,
        silent: np.ndarray | None = None,
        due: np.ndarray | None = None,
    ) -> tuple[list[bytes], list[BandChange]]:
        """(a fragment of JSON for each of `members` int64[n], the changes of band); these are said now.

        silent: bool[n], for whom components are not listed; due: int64[n], how many of the days before `day`
        are not recorded yet, where the history still has those of a round before.
        """
        history, before = self.history, self.band[members]
        delta = points.components - self.components[members]
        if silent is not None:
            delta[silent] = 0
        self.settle(members, points)
        after = self.band[members]
        rule = self.rubric.trend
        past = history.scores(members, day, max(rule.days - 1, 7))
        if due is not None and due.any():
            past[np.arange(past.shape[1], 0, -1) <= due[:, None]] = UNKNOWN
        line = np.column_stack([past[:, 1 - rule.days :], points.score])
        columns = zip(
            after.tolist(),
            trends_of(line, rule).tolist(),
            _differences(points.score, past[:, -1]),
            _differences(points.score, past[:, -7]),
            points.pillars.argmin(axis=1).tolist(),
            self._changed(delta),
            strict=True,
        )
        made = [
            _EXTRA % (_BANDS[band], _TRENDS[trend], on_day, on_week, _PILLARS[weak], changed)
            for band, trend, on_day, on_week, weak, changed in columns
        ]
        moved = [
            BandChange(int(row), int(before[row]), int(after[row])) for row in np.flatnonzero(before != after)
        ]
        return made, moved

    def _changed(self, delta: np.ndarray) -> list[bytes]:
        """For each row the components that changed and by how much, as the inside of a JSON object."""
        rows, columns = np.nonzero(delta)
        if not len(rows):
            return [b""] * len(delta)
        names, texts = self._names, TEXTS
        parts = [
            names[at] + texts[by + ZERO]
            for at, by in zip(columns.tolist(), delta[rows, columns].tolist(), strict=True)
        ]
        ends = np.searchsorted(rows, np.arange(1, len(delta) + 1)).tolist()
        out, start = [], 0
        for end in ends:
            out.append(b",".join(parts[start:end]))
            start = end
        return out


def _differences(now: np.ndarray, then: np.ndarray) -> list[bytes]:
    known = (then != UNKNOWN).tolist()
    return [
        TEXTS[by + ZERO] if is_known else b"null"
        for by, is_known in zip((now - then).tolist(), known, strict=True)
    ]
