"""From raw records to rows: validate, credit both sides, hash the id; what fails becomes a dead letter.

One call handles a batch of records of any source partitions and returns rows as columns. It is a pure
function of the records and of the horizon given, so reading a record again gives the same rows again.
"""

from collections.abc import Sequence

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from pydantic import ValidationError

from pipeline.common.partitioner import murmur2
from pipeline.intake.credit_rules import credits
from pipeline.intake.rows import Rows, SourceRecord
from pipeline.network.member_hash import member_hashes, tied
from schemas.cloudevents import from_binary
from schemas.events import FAST, parse, reason
from schemas.frames import Side
from schemas.letters import DeadLetter
from schemas.reasons import quote

_UTC_NS = pa.timestamp("ns", tz="UTC")
# RFC 3339 demands seconds, an offset and a T; Arrow's parser alone would be more generous
_RFC3339 = r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$"
COUNTERPART_ID = np.uint64(0x9E3779B97F4A7C15)


class _Batch:
    """What is gathered of a batch: an entry per valid event, and one per counterpart (`peer`)."""

    def __init__(self) -> None:
        self.record: list[int] = []
        self.subject: list[str] = []
        self.time: list[str] = []
        self.signals: list[int] = []
        self.id: list[bytes] = []
        self.peer_of: list[int] = []  # index of the event
        self.peer: list[str] = []
        self.peer_signals: list[int] = []
        self.registers: dict[int, bytes] = {}  # by event
        self.dead: dict[int, tuple[str, str]] = {}  # by record: reason, message


class Intake:
    """Turns records into rows.

    seed: of the id hash, the same for all workers for ever. ahead_ms: how far a time may lie behind the
    horizon of its record: its timestamp in the log, or `horizon_ms` where a replay gives one. ties: whether
    rows are to name their peers.
    """

    def __init__(
        self,
        seed: int,
        ahead_ms: int,
        substantive_words: int,
        horizon_ms: int | None = None,
        ties: bool = True,
    ) -> None:
        self.seed = seed
        self.ahead_ms = ahead_ms
        self.horizon_ms = horizon_ms
        self.ties = ties
        self.table = credits(substantive_words)

    def rows(self, records: Sequence[SourceRecord], sources: np.ndarray, topic: str) -> Rows:
        """The rows of a batch: of the actors in order, of the counterparts in order, and dead letters.

        sources: int64[n], the partition of `topic` each record is of.
        """
        batch = _Batch()
        self._gather(records, batch)
        record = np.array(batch.record, np.int64)
        times, bad = milliseconds(pa.array(batch.time, pa.string()))
        if self.horizon_ms is None:
            horizon = np.array([r.timestamp for r in records], np.int64)[record]
        else:
            horizon = np.full(len(record), self.horizon_ms)
        self._check(batch, times, bad, horizon)
        event, rows = _assemble(records, sources, batch, times, record)
        if self.ties:
            rows.peer = _peers(batch, rows, event)
        return _with_letters(records, sources, topic, batch, event, rows)

    def _gather(self, records: Sequence[SourceRecord], batch: _Batch) -> None:
        table, seed, hashed, validate = (
            self.table,
            self.seed,
            xxhash.xxh3_64_digest,
            FAST.validator.validate_json,
        )
        record_, subject_, time_ = batch.record.append, batch.subject.append, batch.time.append
        signals_, id_ = batch.signals.append, batch.id.append
        peer_of_, peer_, peer_signals_ = batch.peer_of.append, batch.peer.append, batch.peer_signals.append
        for i, record in enumerate(records):
            raw = record.value
            if raw is None or record.headers:
                try:
                    raw = _structured(record)
                except ValueError as error:
                    batch.dead[i] = ("bad_headers" if record.headers else "no_value", str(error))
                    continue
            try:
                event = validate(raw) if raw.isascii() and b"\\" not in raw else parse(raw)
            except ValidationError as error:
                batch.dead[i] = reason(error)
                continue
            subject = event["subject"]
            actor, peer, peer_signals, registers = table[event["type"]](event.get("data"))
            if peer is not None and peer != subject:
                peer_of_(len(batch.record))
                peer_(peer)
                peer_signals_(peer_signals)
            if registers is not None:
                batch.registers[len(batch.record)] = orjson.dumps(registers)
            record_(i)
            subject_(subject)
            time_(event["time"])
            signals_(actor)
            id_(hashed(f"{event['source']}\0{event['id']}\0{subject}".encode(), seed))

    def _check(self, batch: _Batch, times: np.ndarray, bad: np.ndarray, horizon: np.ndarray) -> None:
        """Marks as dead the records whose time can only be judged in bulk."""
        for at in np.flatnonzero(bad):
            message = f"time: {quote(batch.time[at])} is no RFC 3339 time with an offset"
            batch.dead[batch.record[at]] = ("bad_time", message)
        for at in np.flatnonzero(~bad & (times > horizon + self.ahead_ms)):
            batch.dead[batch.record[at]] = ("future_time", future(batch.time[at], self.ahead_ms))


def future(time: str, ahead_ms: int) -> str:
    """What is said of a time that is too far ahead."""
    return f"time: {quote(time)} is over {ahead_ms // 1000} s ahead"


def _structured(record: SourceRecord) -> bytes:
    """The event as structured JSON, of a record with headers or without a value; or ValueError."""
    if any(name.startswith("ce_") for name, _ in record.headers):
        return from_binary(record.headers, record.value)
    if record.value is None:
        raise ValueError("the record has no value; publish a CloudEvent in JSON")
    return record.value


def milliseconds(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """(int64[n] ms since 1970 UTC, bool[n] which are no RFC 3339 time), of texts without nulls."""
    bad = ~pc.match_substring_regex(texts, _RFC3339).to_numpy(zero_copy_only=False)
    if not bad.any():
        try:
            return texts.cast(_UTC_NS).cast(pa.int64()).to_numpy() // 1_000_000, bad
        except pa.ArrowInvalid:
            pass  # some time in the batch has the form but is none, such as a 30th of February
    result = np.zeros(len(texts), np.int64)
    for i, text in enumerate(texts):
        try:
            if not bad[i]:
                result[i] = text.cast(_UTC_NS).value // 1_000_000
        except pa.ArrowInvalid:
            bad[i] = True
    return result, bad


def _assemble(
    records: Sequence[SourceRecord], sources: np.ndarray, batch: _Batch, times: np.ndarray, record: np.ndarray
) -> tuple[np.ndarray, Rows]:
    """(int64[n], which event each row is of; the rows), bad events still among them."""
    peer_of = np.array(batch.peer_of, np.int64)
    peer = pa.array(batch.peer, pa.string())
    event = np.concatenate([np.arange(len(record)), peer_of])
    of = record[event]
    offsets = np.array([r.offset for r in records], np.int64)
    ids = np.frombuffer(b"".join(batch.id), ">u8").astype(np.uint64)
    # a counterpart's id is its own, or the row would be its actor's duplicate where both share a partition
    peer_ids = ids[peer_of] * COUNTERPART_ID ^ murmur2(peer)
    rows = Rows(
        pa.concat_arrays([pa.array(batch.subject, pa.string()), peer]),
        times[event],
        np.concatenate([np.array(batch.signals, np.uint64), np.array(batch.peer_signals, np.uint64)]),
        sources[of].astype(np.int32),
        offsets[of],
        np.concatenate([ids, peer_ids]),
        np.concatenate([np.zeros(len(record), np.uint8), np.ones(len(peer_of), np.uint8)]),
        batch.registers,
    )
    return event, rows


def _peers(batch: _Batch, rows: Rows, event: np.ndarray) -> np.ndarray:
    """uint64[n]: whom each row ties its member to; event: int64[n], which each row is of."""
    peer = np.zeros(len(event), np.uint64)
    n = len(batch.subject)
    both, one = tied(rows.signals[n:])
    of = event[n:]
    peer[n + one] = member_hashes([*map(batch.subject.__getitem__, of[one].tolist())])
    peer[of[both]] = member_hashes([*map(batch.peer.__getitem__, both.tolist())])
    return peer


def _with_letters(
    records: Sequence[SourceRecord],
    sources: np.ndarray,
    topic: str,
    batch: _Batch,
    event: np.ndarray,
    rows: Rows,
) -> Rows:
    """The rows without those of dead events, and a row for each dead letter."""
    if not batch.dead:
        return rows
    dead = np.array(sorted(batch.dead), np.int64)
    gone = np.isin(np.array(batch.record, np.int64), dead)
    keep = np.flatnonzero(~gone[event])
    moved = {int(old): new for new, old in enumerate(keep)}
    live, n = len(keep), len(dead)
    none = np.zeros(n, np.uint64)
    offsets = np.array([records[i].offset for i in dead.tolist()], np.int64)
    return Rows(
        pa.concat_arrays([rows.member.take(pa.array(keep)), pa.array([""] * n, pa.string())]),
        np.concatenate([rows.time[keep], np.zeros(n, np.int64)]),
        np.concatenate([rows.signals[keep], none]),
        np.concatenate([rows.source[keep], sources[dead].astype(np.int32)]),
        np.concatenate([rows.offset[keep], offsets]),
        np.concatenate([rows.id[keep], none]),
        np.concatenate([rows.side[keep], np.full(n, Side.DEAD, np.uint8)]),
        {moved[row]: data for row, data in rows.registers.items() if row in moved},
        {
            live + k: _letter(records[i], int(sources[i]), topic, *batch.dead[i])
            for k, i in enumerate(dead.tolist())
        },
        None if rows.peer is None else np.concatenate([rows.peer[keep], none]),
    )


def _letter(record: SourceRecord, source: int, topic: str, reason_: str, message: str) -> bytes:
    headers = tuple(record.headers or ())
    return DeadLetter(
        reason_, message, topic, source, record.offset, record.timestamp, record.key, record.value, headers
    ).pack()
