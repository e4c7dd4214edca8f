"""From events as columns to rows: what `pipeline.intake.record_intake` does to records, for whole columns at once.

It gives the very rows that intake would give for the same events as JSON. What it can't accept column-wise
is written as JSON and given to intake, so that what is accepted, and why not, is said in one place.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import repeat

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from pipeline.common.partitioner import murmur2
from pipeline.intake.bulk_credits import Combinations
from pipeline.intake.credit_rules import Rule
from pipeline.intake.event_columns import EventColumns
from pipeline.intake.record_intake import COUNTERPART_ID, Intake, future
from pipeline.intake.rows import Line, Rows
from pipeline.network.member_hash import member_hashes, tied
from schemas.columns import FIELDS
from schemas.frames import Side
from schemas.letters import DeadLetter

_AT_ONCE = 4_000
"""Events given to intake at a time."""


@dataclass(slots=True)
class Outcome:
    """The live rows of a batch; and for each reason how many events are dead, and the first of them.

    dead: reason -> (count, [(number of the event in the batch, message), ...]).
    """

    rows: Rows
    dead: dict[str, tuple[int, list[tuple[int, str]]]] = field(default_factory=dict)


class ColumnIntake:
    """Turns batches of events as columns into rows; the arguments are those of Intake.

    first: how many events of a reason are shown, each batch.
    """

    def __init__(
        self,
        seed: int,
        ahead_ms: int,
        table: Mapping[str, Rule],
        horizon_ms: int,
        first: int = 3,
        ties: bool = True,
    ) -> None:
        self.seed = seed
        self.latest = horizon_ms + ahead_ms
        self.ahead_ms = ahead_ms
        self.first = first
        self.ties = ties
        self._intake = Intake(seed, ahead_ms, table, horizon_ms, ties, 0)
        self._combinations = Combinations(table)

    def rows(self, batch: pa.RecordBatch, number: int) -> Outcome:
        """The rows of a batch that `schemas.columns.check` has passed; its first event has this number.

        The offset of a row is the number of its event; its member is dictionary-encoded.
        """
        events = EventColumns(batch)
        good = events.good()
        late = good & (events.time > self.latest)
        outcome = Outcome(self._credited(events, np.flatnonzero(good & ~late), number))
        if late.any():
            rows = np.flatnonzero(late)
            shown = [(i, future(events.moment(i), self.ahead_ms)) for i in rows[: self.first].tolist()]
            outcome.dead["future_time"] = len(rows), shown
        if not good.all():
            self._again(events, np.flatnonzero(~good), number, outcome)
        return outcome

    def _credited(self, events: EventColumns, rows: np.ndarray, number: int) -> Rows:
        """The rows of good events: of the actors in order, of the counterparts in order."""
        n = len(rows)
        signals = np.zeros(n, np.uint64)
        registers: dict[int, bytes] = {}
        peer_of, peers, peer_signals = [np.zeros(0, np.int64)], [], [np.zeros(0, np.uint64)]
        types = events.type[rows]
        order = np.argsort(types, kind="stable")
        bounds = np.searchsorted(types[order], np.arange(len(FIELDS) + 1)).tolist()
        for at, event_type in enumerate(FIELDS):
            mine = order[bounds[at] : bounds[at + 1]]
            if not len(mine):
                continue
            found = self._combinations.credits(event_type, events.data, rows[mine])
            signals[mine] = found.signals
            registers |= {
                int(mine[place]): updates
                for place, updates in found.registers.items()
                if events.time[rows[mine[place]]] >= 0
            }
            for one in found.peers:
                peer_of.append(mine[one.at])
                peers.append(one.who)
                peer_signals.append(one.signals)
        subject = events.subject.plain(rows)
        of, credit = np.concatenate(peer_of), np.concatenate(peer_signals)
        peer = pa.concat_arrays([*peers, pa.array([], pa.string())])
        own = pc.equal(peer, subject.take(pa.array(of))).to_numpy(zero_copy_only=False)
        signals[of[own]] = 0
        keep = np.argsort(of, kind="stable")
        keep = keep[(~own & (credit > 0))[keep]]
        of, credit = of[keep], credit[keep]
        member = pa.concat_arrays([subject, peer.take(pa.array(keep))]).dictionary_encode()
        ids = self._ids(events, rows, subject)
        peer_hash = murmur2(member.dictionary)[member.indices.to_numpy()[n:]]
        k = len(of)
        offset = rows + number
        return Rows(
            member,
            np.concatenate([events.time[rows], events.time[rows[of]]]),
            np.concatenate([signals, credit]),
            np.zeros(n + k, np.int32),
            np.concatenate([offset, offset[of]]),
            np.concatenate([ids, ids[of] * COUNTERPART_ID ^ peer_hash]),
            np.concatenate([np.zeros(n, np.uint8), np.ones(k, np.uint8)]),
            registers,
            peer=_peers(member, of, credit, self.ties),
        )

    def _ids(self, events: EventColumns, rows: np.ndarray, subject: pa.Array) -> np.ndarray:
        """uint64[k]: the hash of source, id and subject, as intake makes it."""
        joined = pc.binary_join_element_wise(
            events.source.plain(rows), events.id.take(pa.array(rows)), subject, "\0"
        )
        texts = joined.cast(pa.binary()).to_pylist()
        return np.fromiter(map(xxhash.xxh3_64_intdigest, texts, repeat(self.seed)), np.uint64, len(texts))

    def _again(self, events: EventColumns, rows: np.ndarray, number: int, outcome: Outcome) -> None:
        """Ask intake about events that could not be accepted here, and add what it says."""
        dead: list[tuple[int, str, str]] = []
        parts = [outcome.rows]
        for start in range(0, len(rows), _AT_ONCE):
            lines: list[Line] = []
            some = rows[start : start + _AT_ONCE]
            for i, raw in zip(some.tolist(), events.json(some), strict=True):
                if isinstance(raw, bytes):
                    lines.append(Line(raw, number + i))
                else:
                    dead.append((i, *raw))
            found = self._intake.rows(lines, np.zeros(len(lines), np.int64), "")
            letters = map(DeadLetter.unpack, found.letters.values())
            dead += [(letter.offset - number, letter.reason, letter.message) for letter in letters]
            parts.append(_live(found))
        for i, reason, message in sorted(dead):
            count, shown = outcome.dead.get(reason, (0, []))
            if len(shown) < self.first:
                shown.append((i, message))
            outcome.dead[reason] = count + 1, shown
        outcome.rows = _joined(parts)


def _peers(member: pa.DictionaryArray, of: np.ndarray, credit: np.ndarray, ties: bool) -> np.ndarray:
    """uint64[n + k]: whom each row ties its member to; of, credit: event and mask of each counterpart."""
    peer = np.zeros(len(member), np.uint64)
    n = len(member) - len(of)
    both, one = tied(credit, ties)
    code = member.indices.to_numpy()
    hashes = np.zeros(len(member.dictionary), np.uint64)
    named = np.unique(np.concatenate([code[of[one]], code[n + both]]))
    hashes[named] = member_hashes(member.dictionary.take(pa.array(named)).to_pylist())
    peer[n + one] = hashes[code[of[one]]]
    peer[of[both]] = hashes[code[n + both]]
    return peer


def _live(rows: Rows) -> Rows:
    """Without dead rows, which come last; members dictionary-encoded."""
    live = slice(0, int((rows.side != Side.DEAD).sum()))
    return Rows(
        rows.member[live].dictionary_encode(),
        rows.time[live],
        rows.signals[live],
        rows.source[live],
        rows.offset[live],
        rows.id[live],
        rows.side[live],
        rows.registers,
        peer=None if rows.peer is None else rows.peer[live],
    )


def _joined(parts: list[Rows]) -> Rows:
    """The rows of all parts, one part after the other."""
    starts = np.cumsum([0, *(len(part.time) for part in parts)]).tolist()
    bases = np.cumsum([0, *(len(part.member.dictionary) for part in parts)]).tolist()
    codes = [part.member.indices.to_numpy() + base for part, base in zip(parts, bases, strict=False)]
    member = pa.DictionaryArray.from_arrays(
        np.concatenate(codes), pa.concat_arrays([part.member.dictionary for part in parts])
    )
    peers = [part.peer for part in parts if part.peer is not None]
    return Rows(
        member,
        np.concatenate([part.time for part in parts]),
        np.concatenate([part.signals for part in parts]),
        np.concatenate([part.source for part in parts]),
        np.concatenate([part.offset for part in parts]),
        np.concatenate([part.id for part in parts]),
        np.concatenate([part.side for part in parts]),
        {
            start + row: updates
            for part, start in zip(parts, starts, strict=False)
            for row, updates in part.registers.items()
        },
        peer=np.concatenate(peers) if len(peers) == len(parts) else None,
    )
