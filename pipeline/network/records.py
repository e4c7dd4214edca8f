"""Networks as they go out: records of `member.networks`, and what is shown for one member."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.common.days import calendar
from pipeline.common.json_columns import (
    NULL,
    Piece,
    Table,
    escaped,
    joined,
    plain,
    records,
    rubric_json,
    whole,
)
from pipeline.common.keyed_record import KeyedRecord
from pipeline.common.rubric_id import RubricId
from pipeline.common.units import Day
from pipeline.network.peer_ranks import UNKNOWN, PeerRanks
from schemas.network import NetworkStanding

_HALF = Table([b',"of":', b'.5,"of":'])
_TOP = Table.hundredths(b',"top":', b"}")
_AVERAGE = Table.changes(b',"average":')
_ENGAGING = Table.changes(b',"engaging":')
_NO_RANK = b',"rank":null'


def network_records(
    names: Sequence[str],
    ranks: PeerRanks,
    rows: np.ndarray,
    *,
    minimum: int,
    day: Day,
    revision: int,
    rubric: RubricId,
) -> list[KeyedRecord]:
    """(key, value) of members by name: JSON as in `schemas.network.NetworkStanding`.

    rows: int64[n], where in `ranks` each is; minimum: with fewer scored connections rank and average are
    null.
    """
    keys = plain(names)
    scored, own = ranks.scored[rows], ranks.own[rows]
    enough = scored >= minimum
    return records(
        keys,
        joined(
            b'{"member":"',
            escaped(names, keys),
            b'","connections":',
            whole(ranks.connections[rows]),
            b',"scored":',
            whole(scored),
            _ranks(ranks, rows, enough & (own > UNKNOWN)),
            _AVERAGE.of(np.where(enough, ranks.average()[rows], NULL)),
            _ENGAGING.of(np.where(scored > 0, ranks.engaging()[rows], NULL)),
            b',"as_of":"%b","revision":%d,%b'
            % (calendar(day).isoformat().encode(), revision, rubric_json(rubric)),
        ),
    )


def _ranks(ranks: PeerRanks, rows: np.ndarray, known: np.ndarray) -> Piece:
    """The rank of those of whom it is known, null of the others."""
    if not known.any():
        return _NO_RANK
    halves, of, top = ranks.halves()[rows], ranks.scored[rows] + 1, ranks.top()[rows]
    if not known.all():
        top = np.where(known, top, 0)
    made = joined(b',"rank":{"place":', whole(halves >> 1), _HALF.of(halves & 1), whole(of), _TOP.of(top))
    return made if known.all() else pc.if_else(pa.array(known), made, pa.scalar(_NO_RANK, pa.binary()))


def standing(
    name: str, ranks: PeerRanks, *, minimum: int, day: Day, revision: int, rubric: RubricId
) -> NetworkStanding:
    """The record of the only member of `ranks`."""
    [(_, value)] = network_records(
        [name], ranks, np.zeros(1, np.int64), minimum=minimum, day=day, revision=revision, rubric=rubric
    )
    assert value is not None
    return NetworkStanding.model_validate_json(value)
