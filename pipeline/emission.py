"""Scores as records of `member.scores`: built from columns, since this runs for every changed member."""

from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import orjson

from pipeline.days import calendar


class HasPoints(Protocol):
    """Points of n members in hundredths: score int64[n], pillars int64[n, 4]."""

    score: np.ndarray
    pillars: np.ndarray


@dataclass(slots=True)
class Emission:
    """What a shard puts out at once: scores as (key, value), value None for an erased member; letters."""

    scores: list[tuple[bytes, bytes | None]] = field(default_factory=list)
    letters: list[bytes] = field(default_factory=list)


_RECORD = (
    b'{"member":%b,"score":%d.%02d,"pillars":'
    b'{"brand":%d.%02d,"find":%d.%02d,"engage":%d.%02d,"relate":%d.%02d},%b'
)


def score_records(
    names: list[str], points: HasPoints, day: int, revision: int, rubric: tuple[str, str]
) -> list[tuple[bytes, bytes]]:
    """(key, value) of each member's score: JSON as in `schemas.scores.Score`."""
    tail = b'"as_of":"%b","revision":%d,"rubric":{"name":%b,"version":%b}}' % (
        calendar(day).isoformat().encode(),
        revision,
        orjson.dumps(rubric[0]),
        orjson.dumps(rubric[1]),
    )
    hundredths = np.column_stack([points.score, points.pillars])
    whole, rest = np.divmod(hundredths, 100)
    numbers = np.stack([whole, rest], axis=2).reshape(len(names), 10).tolist()
    dumps = orjson.dumps
    return [
        (name.encode(), _RECORD % (dumps(name), *row, tail)) for name, row in zip(names, numbers, strict=True)
    ]
