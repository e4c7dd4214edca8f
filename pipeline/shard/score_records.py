"""Records as they go out: built from columns, since this runs for every changed member."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import orjson

from pipeline.common.days import calendar
from pipeline.common.json_columns import (
    TEXTS,
    ZERO,
    Piece,
    Table,
    escaped,
    joined,
    plain,
    records,
    rubric_json,
)
from pipeline.common.keyed_record import KeyedRecord
from pipeline.common.rubric_id import RubricId
from pipeline.common.units import Day
from pipeline.scoring.bands import BANDS, Band
from pipeline.shard.score_extras import BandChange


class HasPoints(Protocol):
    """Points of n members in hundredths: score int64[n], pillars int64[n, 4]."""

    score: np.ndarray
    pillars: np.ndarray


@dataclass(slots=True)
class Emission:
    """What a shard emits at once: records by topic, packed dead letters, and the bands entered."""

    scores: list[KeyedRecord] = field(default_factory=list)
    shadow: list[KeyedRecord] = field(default_factory=list)
    bands: list[KeyedRecord] = field(default_factory=list)
    history: list[KeyedRecord] = field(default_factory=list)
    letters: list[bytes] = field(default_factory=list)
    entered: list[Band] = field(default_factory=list)


_BAND = b'{"member":%b,"from":"%b","to":"%b","score":%b,%b'
_NAMES = [str(band).encode() for band in BANDS]
_BEGINS = (b'","score":', b',"pillars":{"brand":', b',"find":', b',"engage":', b',"relate":')
_POINTS = [Table.hundredths(begin) for begin in _BEGINS]
"""Behind a text that is not closed: the score, and the pillars in their order."""


def _points(points: HasPoints) -> list[Piece]:
    """Score and pillars, up to the comma behind them."""
    columns = (points.score, *points.pillars.T)
    return [*(table.of(column) for table, column in zip(_POINTS, columns, strict=True)), b"},"]


def score_records(
    names: Sequence[str],
    points: HasPoints,
    *,
    day: int,
    revision: int,
    rubric: RubricId,
    extras: Sequence[Piece] = (),
) -> list[KeyedRecord]:
    """(key, value) of each member's score: JSON as in `schemas.scores.Score`.

    extras: more of the record, with a comma at the end each; of `ScoreExtras` and `RankWriter`.
    """
    as_of = calendar(Day(day)).isoformat().encode()
    tail = b'"as_of":"%b","revision":%d,%b' % (as_of, revision, rubric_json(rubric))
    keys = plain(names)
    return records(keys, joined(b'{"member":"', escaped(names, keys), *_points(points), *extras, tail))


def band_records(
    names: Sequence[str],
    points: HasPoints,
    *,
    day: Day,
    revision: int,
    rubric: RubricId,
    changes: Sequence[BandChange],
) -> list[KeyedRecord]:
    """(key, value) for each change of band: JSON as in `schemas.bands.BandChanged`."""
    as_of = calendar(day).isoformat().encode()
    tail = b'"as_of":"%b","revision":%d,%b' % (as_of, revision, rubric_json(rubric))
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


def history_key(name: str, day: Day) -> bytes:
    """The key of a member's day in `member.history`."""
    return b"%b %b" % (calendar(day).isoformat().encode(), name.encode())


def history_records(
    names: Sequence[str], points: HasPoints, day: Day, *, rubric: RubricId
) -> list[KeyedRecord]:
    """(key, value) of what each member's score was at the end of `day`: `schemas.history.Day`."""
    on, keys = calendar(day).isoformat().encode(), plain(names)
    form = b'{"member":"', escaped(names, keys), b'","day":"' + on, *_points(points), rubric_json(rubric)
    return records(joined(on + b" ", keys), joined(*form))
