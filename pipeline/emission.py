"""Records as they go out: built from columns, since this runs for every changed member."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import orjson

from pipeline.bands import BANDS, Band
from pipeline.days import calendar
from pipeline.standing import TEXTS, ZERO, BandChange

Record = tuple[bytes, bytes | None]
"""Key and value; value None: what the key stood for is no more."""


class HasPoints(Protocol):
    """Points of n members in hundredths: score int64[n], pillars int64[n, 4]."""

    score: np.ndarray
    pillars: np.ndarray


@dataclass(slots=True)
class Emission:
    """What a shard puts out at once: records by topic, packed dead letters, and the bands entered."""

    scores: list[Record] = field(default_factory=list)
    shadow: list[Record] = field(default_factory=list)
    bands: list[Record] = field(default_factory=list)
    history: list[Record] = field(default_factory=list)
    letters: list[bytes] = field(default_factory=list)
    entered: list[Band] = field(default_factory=list)


_SCORE = b'{"member":%b,"score":%b,"pillars":{"brand":%b,"find":%b,"engage":%b,"relate":%b},%b%b'
_BAND = b'{"member":%b,"from":"%b","to":"%b","score":%b,%b'
_DAY = b'{"member":%b,"day":"%b","score":%b,"pillars":{"brand":%b,"find":%b,"engage":%b,"relate":%b},%b'
_NAMES = [str(band).encode() for band in BANDS]


def about(rubric: tuple[str, str]) -> bytes:
    """The end of a record: which rubric, by (name, version)."""
    return b'"rubric":{"name":%b,"version":%b}}' % (orjson.dumps(rubric[0]), orjson.dumps(rubric[1]))


def _numbers(points: HasPoints) -> list[list[bytes]]:
    columns = [points.score, *points.pillars.T]
    return [[TEXTS[value] for value in (column + ZERO).tolist()] for column in columns]


def score_records(
    names: Sequence[str],
    points: HasPoints,
    day: int,
    revision: int,
    rubric: tuple[str, str],
    extras: Sequence[bytes] | None = None,
) -> list[Record]:
    """(key, value) of each member's score: JSON as in `schemas.scores.Score`; extras: of `Standing`."""
    as_of = calendar(day).isoformat().encode()
    tail = b'"as_of":"%b","revision":%d,%b' % (as_of, revision, about(rubric))
    dumps = orjson.dumps
    columns = zip(names, *_numbers(points), extras or [b""] * len(names), strict=True)
    return [
        (name.encode(), _SCORE % (dumps(name), score, brand, find, engage, relate, extra, tail))
        for name, score, brand, find, engage, relate, extra in columns
    ]


def band_records(
    names: Sequence[str],
    points: HasPoints,
    day: int,
    revision: int,
    rubric: tuple[str, str],
    changes: Sequence[BandChange],
) -> list[Record]:
    """(key, value) for each change of band: JSON as in `schemas.bands.BandChanged`."""
    as_of = calendar(day).isoformat().encode()
    tail = b'"as_of":"%b","revision":%d,%b' % (as_of, revision, about(rubric))
    return [
        (
            (name := names[c.row]).encode(),
            _BAND
            % (
                orjson.dumps(name),
                _NAMES[c.before],
                _NAMES[c.after],
                TEXTS[int(points.score[c.row]) + ZERO],
                tail,
            ),
        )
        for c in changes
    ]


def history_key(name: str, day: int) -> bytes:
    """The key of a member's day in `member.history`."""
    return b"%b %b" % (calendar(day).isoformat().encode(), name.encode())


def history_records(
    names: Sequence[str], points: HasPoints, day: int, rubric: tuple[str, str]
) -> list[Record]:
    """(key, value) of what each member's score was at the end of `day`: `schemas.history.Day`."""
    on = calendar(day).isoformat().encode()
    prefix, tail = on + b" ", about(rubric)
    dumps = orjson.dumps
    columns = zip(names, *_numbers(points), strict=True)
    return [
        (prefix + name.encode(), _DAY % (dumps(name), on, score, brand, find, engage, relate, tail))
        for name, score, brand, find, engage, relate in columns
    ]
