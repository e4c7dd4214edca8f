"""Networks as they go out: records of `member.networks`, and what is shown for one member."""

from collections.abc import Sequence

import numpy as np
import orjson

from pipeline.days import calendar
from pipeline.emission import Record, about
from pipeline.places import UNKNOWN, Places
from pipeline.standing import TEXTS, ZERO
from schemas.network import NetworkStanding

_RECORD = (
    b'{"member":%b,"connections":%d,"scored":%d,"rank":%b,"average":%b,"engaging":%b,'
    b'"as_of":"%b","revision":%d,%b'
)
_RANK = b'{"place":%d%b,"of":%d,"top":%b}'
_HALF = (b"", b".5")
_NULL = b"null"


def network_records(
    names: Sequence[str],
    places: Places,
    rows: np.ndarray,
    minimum: int,
    day: int,
    revision: int,
    rubric: tuple[str, str],
) -> list[Record]:
    """(key, value) of members by name: JSON as in `schemas.network.NetworkStanding`.

    rows: int64[n], where in `places` each is; minimum: with fewer scored connections rank and average are
    not said.
    """
    as_of, tail, dumps = calendar(day).isoformat().encode(), about(rubric), orjson.dumps
    scored, own = places.scored[rows], places.own[rows]
    enough = scored >= minimum
    ranked = enough & (own > UNKNOWN)
    columns = zip(
        names,
        places.connections[rows].tolist(),
        scored.tolist(),
        _ranks(places, rows, ranked),
        _texts(places.average()[rows], enough),
        _texts(places.engaging()[rows], scored > 0),
        strict=True,
    )
    return [
        (name.encode(), _RECORD % (dumps(name), *numbers, as_of, revision, tail))
        for name, *numbers in columns
    ]


def _ranks(places: Places, rows: np.ndarray, known: np.ndarray) -> list[bytes]:
    columns = (places.halves()[rows], places.scored[rows], places.top()[rows], known)
    return [
        _RANK % (halves // 2, _HALF[halves & 1], n + 1, TEXTS[top + ZERO]) if is_known else _NULL
        for halves, n, top, is_known in zip(*(column.tolist() for column in columns), strict=True)
    ]


def _texts(values: np.ndarray, known: np.ndarray) -> list[bytes]:
    """Hundredths with their decimals, as JSON; null where not known."""
    texts = [TEXTS[value] for value in (np.where(known, values, 0) + ZERO).tolist()]
    return texts if known.all() else [t if k else _NULL for t, k in zip(texts, known.tolist(), strict=True)]


def standing(
    name: str, places: Places, minimum: int, day: int, revision: int, rubric: tuple[str, str]
) -> NetworkStanding:
    """The record of the only member of `places`."""
    [(_, value)] = network_records([name], places, np.zeros(1, np.int64), minimum, day, revision, rubric)
    assert value is not None
    return NetworkStanding.model_validate_json(value)
