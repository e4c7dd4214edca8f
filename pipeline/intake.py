"""From raw records to rows: validate, credit both sides, hash the id; what fails becomes a dead letter.

One call handles a batch of records of any source partitions and returns rows as columns. It is a pure
function of the records and of the horizon given, so reading a record again gives the same rows again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from pydantic import ValidationError

from pipeline.credits import credits
from schemas.cloudevents import from_binary
from schemas.events import parse, reason
from schemas.frames import Side
from schemas.letters import DeadLetter
from schemas.reasons import quote

MAX_ID_BYTES = 256
_UTC_NS = pa.timestamp("ns", tz="UTC")
# RFC 3339 demands seconds, an offset and a T; Arrow's parser alone would be more generous
_RFC3339 = r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]([01]\d|2[0-3]):[0-5]\d)$"


class Record(Protocol):
    """What is read of a consumer record."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


@dataclass(slots=True)
class Rows:
    """Columns of n rows, as lists and arrays ready for a frame; `letters` holds those of the dead."""

    member: pa.Array
    time: np.ndarray
    signals: np.ndarray
    source: np.ndarray
    offset: np.ndarray
    id: np.ndarray
    side: np.ndarray
    registers: dict[int, bytes] = field(default_factory=dict)  # by row
    letters: dict[int, bytes] = field(default_factory=dict)  # by row


class _Batch:
    """The lists a batch is gathered in, one entry per row."""

    def __init__(self) -> None:
        self.member: list[str] = []
        self.time: list[str] = []
        self.signals: list[int] = []
        self.record: list[int] = []
        self.id: list[int] = []
        self.side: list[int] = []
        self.registers: dict[int, bytes] = {}
        self.dead: dict[int, tuple[str, str]] = {}  # record -> reason, message


class Intake:
    """Turns records into rows.

    seed: of the id hash, the same for all workers for ever. ahead_ms: how far a time may lie behind the
    horizon of its record: its timestamp in the log, or `horizon_ms` where a replay gives one.
    """

    def __init__(
        self, seed: int, ahead_ms: int, substantive_words: int, horizon_ms: int | None = None
    ) -> None:
        self.seed = seed
        self.ahead_ms = ahead_ms
        self.horizon_ms = horizon_ms
        self.table = credits(substantive_words)

    def rows(self, records: Sequence[Record]) -> Rows:
        """The rows of a batch, in the order of the records, each actor row before its counterpart's."""
        batch = _Batch()
        self._gather(records, batch)
        times, bad = _milliseconds(batch.time)
        record = np.array(batch.record, np.int64)
        stamps = np.fromiter((r.timestamp for r in records), np.int64, len(records))
        member = pa.array(batch.member, pa.string())
        self._check(batch, times, bad, member, stamps[record])
        return _assemble(records, batch, member, times, record)

    def _gather(self, records: Sequence[Record], batch: _Batch) -> None:
        validate, table, seed = parse, self.table, self.seed
        hashed = xxhash.xxh3_64_intdigest
        member, time, signals = batch.member.append, batch.time.append, batch.signals.append
        row, id_, side = batch.record.append, batch.id.append, batch.side.append
        for i, record in enumerate(records):
            raw = record.value
            if record.headers and any(name.startswith("ce_") for name, _ in record.headers):
                try:
                    raw = from_binary(record.headers, raw)
                except ValueError as error:
                    batch.dead[i] = ("bad_headers", str(error))
                    continue
            elif raw is None:
                batch.dead[i] = ("no_value", "the record has no value; publish a CloudEvent in JSON")
                continue
            try:
                event = validate(raw)
            except ValidationError as error:
                batch.dead[i] = reason(error)
                continue
            subject, at = event["subject"], event["time"]
            actor, peer, peer_signals, registers = table[event["type"]](event.get("data"))
            name = f"{event['source']}\0{event['id']}\0"
            if registers is not None:
                batch.registers[len(batch.member)] = orjson.dumps(registers)
            member(subject)
            time(at)
            signals(actor)
            row(i)
            id_(hashed((name + subject).encode(), seed))
            side(0)
            if peer is not None and peer != subject:
                member(peer)
                time(at)
                signals(peer_signals)
                row(i)
                id_(hashed((name + "\0" + peer).encode(), seed))
                side(1)

    def _check(
        self, batch: _Batch, times: np.ndarray, bad: np.ndarray, member: pa.Array, stamps: np.ndarray
    ) -> None:
        """Marks as dead the records whose time or member can only be judged in bulk."""
        late = self.ahead_ms + (stamps if self.horizon_ms is None else self.horizon_ms)
        for at in np.flatnonzero(bad):
            batch.dead[batch.record[at]] = (
                "bad_time",
                f"time: {quote(batch.time[at])} is no RFC 3339 time with an offset",
            )
        for at in np.flatnonzero(~bad & (times > late)):
            message = f"time: {quote(batch.time[at])} is further ahead than {self.ahead_ms // 1000} s; check the sender's clock"
            batch.dead[batch.record[at]] = ("future_time", message)
        for at in np.flatnonzero(pc.binary_length(member).to_numpy() > MAX_ID_BYTES):
            batch.dead[batch.record[at]] = (
                "too_long",
                f"a member id is longer than {MAX_ID_BYTES} bytes in UTF-8",
            )


def _milliseconds(times: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """(int64[n] ms since 1970 UTC, bool[n] which are no RFC 3339 time)."""
    texts = pa.array(times, pa.string())
    bad = ~pc.match_substring_regex(texts, _RFC3339).to_numpy(zero_copy_only=False)
    if not bad.any():
        try:
            return texts.cast(_UTC_NS).cast(pa.int64()).to_numpy() // 1_000_000, bad
        except pa.ArrowInvalid:
            pass  # some time in the batch has the form but is none, such as a 30th of February
    result = np.zeros(len(times), np.int64)
    for i, text in enumerate(texts):
        try:
            if not bad[i]:
                result[i] = text.cast(_UTC_NS).value // 1_000_000
        except pa.ArrowInvalid:
            bad[i] = True
    return result, bad


def _assemble(
    records: Sequence[Record], batch: _Batch, member: pa.Array, times: np.ndarray, record: np.ndarray
) -> Rows:
    offsets = np.fromiter((r.offset for r in records), np.int64, len(records))
    sources = np.fromiter((r.partition for r in records), np.int32, len(records))
    signals = np.array(batch.signals, np.uint64)
    ids = np.array(batch.id, np.uint64)
    side = np.array(batch.side, np.uint8)
    if not batch.dead:
        return Rows(member, times, signals, sources[record], offsets[record], ids, side, batch.registers)
    dead = np.array(sorted(batch.dead), np.int64)
    keep = np.flatnonzero(~np.isin(record, dead))
    moved = {int(old): new for new, old in enumerate(keep)}
    live, n = len(keep), len(dead)
    none = np.zeros(n, np.uint64)
    return Rows(
        pa.concat_arrays([member.take(pa.array(keep)), pa.array([""] * n, pa.string())]),
        np.concatenate([times[keep], np.zeros(n, np.int64)]),
        np.concatenate([signals[keep], none]),
        np.concatenate([sources[record[keep]], sources[dead]]),
        np.concatenate([offsets[record[keep]], offsets[dead]]),
        np.concatenate([ids[keep], none]),
        np.concatenate([side[keep], np.full(n, Side.DEAD, np.uint8)]),
        {moved[row]: data for row, data in batch.registers.items() if row in moved},
        {live + k: _letter(records[i], *batch.dead[i]) for k, i in enumerate(dead.tolist())},
    )


def _letter(record: Record, reason_: str, message: str) -> bytes:
    headers: Iterable[tuple[str, bytes]] = record.headers or ()
    letter = DeadLetter(
        reason_,
        message,
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        record.key,
        record.value,
        tuple(headers),
    )
    return letter.pack()
