"""A sweep through the blocks of a partition's networks, in pieces of some milliseconds.

A block is folded, the ranks of its members are computed, and both are sent in the same transaction. Networks
may be large, so between two pieces others may go on; only the networks must not change meanwhile.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from pipeline.common.keyed_record import KeyedRecord
from pipeline.common.rubric_id import RubricId
from pipeline.common.tile_keys import WINDOW
from pipeline.common.units import Day
from pipeline.network.journal import Journal
from pipeline.network.link_block import OWNERS
from pipeline.network.peer_codes import NONE
from pipeline.network.peer_ranks import UNKNOWN, PeerRanks, peer_ranks
from pipeline.network.records import network_records

AT_ONCE = 100_000
"""About how many links are ranked in one piece."""
Piece = tuple[Sequence[KeyedRecord], Sequence[KeyedRecord]]
"""Records for `member.networks` and for `member.ledger`."""


@dataclass(slots=True)
class Sweep:
    """The blocks left, in order, and whether these were all; the day, and scores int16 by code of then.

    round: for which the ranks are emitted; None: blocks are only folded and written. members: so far.
    """

    left: list[int]
    day: Day
    whole: bool
    round: int | None = None
    scores: np.ndarray | None = None
    members: int = 0


@dataclass(frozen=True, slots=True)
class RecordContext:
    """What goes into records besides the ranks; names: of the shard's members by index.

    hidden: int64[k], members of whom there is no record whatever their links (`MemberState.hidden`).
    """

    names: Sequence[str | None]
    minimum: int
    revision: int
    rubric: RubricId
    hidden: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))


def sweep_block(sweep: Sweep, entries: Journal, number: int, *, context: RecordContext) -> Iterator[Piece]:
    """Work on a block, to be iterated to the end: what each piece of it emits, perhaps nothing."""
    network = entries.network
    floor = sweep.day - WINDOW
    links = network.fold(number, floor)
    yield (), ()
    if sweep.scores is not None:
        missing = len(network.codes) - len(sweep.scores)
        if missing:
            sweep.scores = np.concatenate([sweep.scores, np.full(missing, UNKNOWN, np.int16)])
        ends = np.searchsorted(links.start, np.arange(AT_ONCE, len(links), AT_ONCE))
        bounds = np.unique([0, *ends.tolist(), links.owners]).tolist()
        for first, stop in pairwise(bounds):
            some = slice(number * OWNERS + first, number * OWNERS + stop)
            codes = network.owner[some]
            own = np.where(codes == NONE, UNKNOWN, sweep.scores[np.where(codes == NONE, 0, codes)])
            found = peer_ranks(links.of_owners(first, stop), own, sweep.scores, floor=floor)
            yield _records(found, entries, some, sweep=sweep, context=context), ()
    for record in entries.write(number, sweep.round):
        yield (), [record]


def _records(
    found: PeerRanks, entries: Journal, some: slice, *, sweep: Sweep, context: RecordContext
) -> list[KeyedRecord]:
    """The records of the owners at slots `some`, and tombstones of those who have no connection any more."""
    network, names = entries.network, context.names
    member, has_record = network.member[some], network.has_record[some]
    shown = (found.connections > 0) & ~np.isin(member, context.hidden)
    rows = np.flatnonzero((member >= 0) & shown)
    gone = np.flatnonzero((member >= 0) & has_record & ~shown)
    records: list[KeyedRecord] = [(str(names[i]).encode(), None) for i in member[gone].tolist()]
    has_record[gone] = False
    has_record[rows] = True
    people = [str(names[i]) for i in member[rows].tolist()]
    sweep.members += len(people)
    return records + network_records(
        people,
        found,
        rows,
        minimum=context.minimum,
        day=sweep.day,
        revision=context.revision,
        rubric=context.rubric,
    )
