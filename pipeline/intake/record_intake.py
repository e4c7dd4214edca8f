"""From raw records to rows: validate, credit both sides, hash the id; what fails becomes a dead letter.

One call handles a batch of records of any source partitions and returns rows as columns. Reading a record again gives
the same rows again, with two exceptions, for which `docs/explanation/exactly-once.md` says what they mean: a record
whose timestamp can't be trusted is judged by the time of reading, and an id that is used again is noticed only as far
as the memory of `pipeline.intake.repeats` reaches.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import orjson
import pyarrow as pa
import xxhash
from pydantic import ValidationError

from pipeline.common.partitioner import murmur2
from pipeline.intake.credit_rules import Rule
from pipeline.intake.permissions import DAY_MS, Grant, Permissions
from pipeline.intake.repeats import ROOM, Repeats
from pipeline.intake.rows import Rows, SourceRecord
from pipeline.intake.times import read_times
from pipeline.network.member_hash import member_hashes, tied
from schemas.cloudevents import NotAnEvent, explained, structured
from schemas.events import Event, checked, fast, parse, reason, second_look
from schemas.frames import TOO_LATE, Side
from schemas.letters import DeadLetter
from schemas.reasons import line, quote, time_message

COUNTERPART_ID = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xC2B2AE3D27D4EB4F)
MAX_VALUE_BYTES = 1 << 20
"""Of the value of a dead letter; what is longer is cut, with its length and hash in the message."""
MAX_KEY_BYTES = 64 << 10
"""Of its key, and of all its headers."""
TRUSTED_MS = 2 * 86_400_000
"""How far a record's timestamp may be behind the time of reading to be trusted in any case, ms."""
SKEW_MS = 10_000
"""How far it may be ahead of that: as far as clocks may differ before a worker reports it."""


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
        self.grant: list[Grant] = []  # by event, unless everything is allowed
        self.dead: dict[int, tuple[str, str]] = {}  # by record: reason, message
        self.not_allowed: Counter[str] = Counter()  # by source


class Intake:
    """Turns records into rows.

    seed: of the id hash, the same for all workers for ever. ahead_ms: how far a time may lie behind the
    horizon of its record: its timestamp in the log, or `horizon_ms` where a replay gives one. ties: whether
    rows of ties are to name their peers too, not only those that count members. remember: about how many events,
    to notice ids that are used again. table: what each type of event credits
    (`pipeline.intake.credit_rules.credits`). permissions: who may publish what and how late; None: everybody
    everything. How late is not judged where `horizon_ms` is given: all of a replay is old.
    """

    def __init__(
        self,
        seed: int,
        ahead_ms: int,
        table: Mapping[str, Rule],
        horizon_ms: int | None = None,
        ties: bool = True,
        remember: int = ROOM,
        *,
        permissions: Permissions | None = None,
    ) -> None:
        self.seed = seed
        self.ahead_ms = ahead_ms
        self.horizon_ms = horizon_ms
        self.ties = ties
        self.table = table
        self.permissions = permissions
        self._repeats = Repeats(remember) if remember else None

    def rows(
        self, records: Sequence[SourceRecord], sources: np.ndarray, topic: str, read_ms: int | None = None
    ) -> Rows:
        """The rows of a batch: of the actors in order, of the counterparts in order, and dead letters.

        sources: int64[n], the partition of `topic` each record is of. read_ms: when the records were read, ms since
        1970: what a timestamp is judged by that can't be trusted. Without it every timestamp is trusted.
        """
        batch = _Batch()
        self._gather(records, batch, topic)
        record = np.array(batch.record, np.int64)
        times, bad = read_times(pa.array(batch.time, pa.string()))
        untrusted = 0
        if self.horizon_ms is None:
            horizon = np.array([r.timestamp for r in records], np.int64)[record]
            if read_ms is not None:
                wrong = _untrusted(horizon, times, self.ahead_ms, read_ms)
                horizon[wrong] = read_ms
                untrusted = int(wrong.sum())
        else:
            horizon = np.full(len(record), self.horizon_ms)
        self._check(batch, times, bad, horizon)
        late = self._check_late(batch, times, bad, horizon)
        for event in np.flatnonzero(times < 0).tolist():
            # a placeholder such as 0001-01-01, which does not say when a register was as the event has it
            batch.registers.pop(event, None)
        of, rows = _assemble(records, sources, batch, times, record)
        rows.peer = _peers(batch, rows, of, self.ties)
        again = self._used_again(batch, record, rows, of)
        made = _with_letters(records, sources, topic, batch, of, rows, again)
        made.untrusted = untrusted
        made.not_allowed = batch.not_allowed
        made.late = Counter(batch.grant[event].source for event in late)
        made.late_members = _members_of(batch, late)
        for which in record[again].tolist():
            source = _source_of(records[which])
            made.conflicting[source] = made.conflicting.get(source, 0) + 1
        return made

    def failed(self, record: SourceRecord, source: int, topic: str, error: Exception) -> Rows:
        """The dead letter of a record on which `rows` has failed: a fault of ours, which must not stop the others."""
        batch = _Batch()
        what = line(f"{type(error).__name__}: {error}")
        batch.dead[0] = "internal_error", f"Pillarscore failed on this record, please report it: {what}"
        none, nobody = np.zeros(0, np.int64), np.array([source])
        event, rows = _assemble([record], nobody, batch, none, none)
        rows.peer = np.zeros(0, np.uint64)
        return _with_letters([record], nobody, topic, batch, event, rows, np.zeros(0, bool))

    def _used_again(self, batch: _Batch, record: np.ndarray, rows: Rows, of: np.ndarray) -> np.ndarray:
        """bool[events]: which have the id of an earlier event with another content; of: the event of each row."""
        n = len(record)
        again = np.zeros(n, bool)
        if self._repeats is None or not n:
            return again
        contents = rows.time[:n].view(np.uint64) * _MIX ^ rows.signals[:n]
        # the id of a counterpart's row says who it is; an event has one at most
        contents[of[n:]] ^= rows.id[n:] * _MIX ^ rows.signals[n:]
        for event, updates in batch.registers.items():
            contents[event] ^= np.uint64(xxhash.xxh3_64_intdigest(updates))
        live = np.arange(n)
        if batch.dead:
            live = np.flatnonzero(~np.isin(record, list(batch.dead)))
        again[live] = self._repeats.conflicting(rows.id[live], contents[live])
        return again

    def _gather(self, records: Sequence[SourceRecord], batch: _Batch, topic: str) -> None:
        table, seed, hashed = self.table, self.seed, xxhash.xxh3_64_digest
        record_, subject_, time_ = batch.record.append, batch.subject.append, batch.time.append
        signals_, id_ = batch.signals.append, batch.id.append
        grant_, permissions = batch.grant.append, self.permissions
        ours = None if permissions is None else permissions.of_topic(topic)
        peer_of_, peer_, peer_signals_ = batch.peer_of.append, batch.peer.append, batch.peer_signals.append
        for i, record in enumerate(records):
            raw, grants = record.value, ours
            if raw is None or record.headers:
                if problem := getattr(record, "problem", ""):  # of a record that Kafka's client can't read
                    batch.dead[i] = problem, record.message  # type: ignore[attr-defined]
                    continue
                if permissions is not None:
                    grants = permissions.of_record(record.headers or (), topic)
                try:
                    raw = structured(record.headers or (), raw)
                except NotAnEvent as error:
                    batch.dead[i] = (error.reason, str(error))
                    continue
            try:
                event = fast(raw) if raw.isascii() and b"\\" not in raw else checked(raw)
            except ValidationError as error:
                try:
                    event = second_look(raw, error)
                except ValidationError as last:
                    batch.dead[i] = explained(record.headers or (), record.value, reason(last))
                    continue
            subject = event["subject"]
            actor, peer, peer_signals, registers = table[event["type"]](event.get("data"))
            if grants is not None:
                try:
                    grant = grants.known[event["source"]][event["type"]]
                except KeyError:
                    grant = grants.find(event["source"], event["type"])
                if grant.checked and (refusal := grant.refusal(subject, peer)):
                    batch.dead[i] = "not_allowed", line(refusal)
                    batch.not_allowed[grant.source] += 1
                    continue
                grant_(grant)
            if peer == subject:
                actor = 0
            elif peer is not None and peer_signals:
                peer_of_(len(batch.record))
                peer_(peer)
                peer_signals_(peer_signals)
            if registers is not None:
                batch.registers[len(batch.record)] = orjson.dumps(registers)
            record_(i)
            subject_(subject)
            time_(event["time"])
            signals_(actor)
            # what `event_id` hashes, without a call
            id_(hashed(f"{event['source']}\0{event['id']}\0{subject}".encode(), seed))

    def _check(self, batch: _Batch, times: np.ndarray, bad: np.ndarray, horizon: np.ndarray) -> None:
        """Marks as dead the records whose time can only be judged in bulk."""
        for at in np.flatnonzero(bad):
            batch.dead[batch.record[at]] = ("bad_time", time_message(batch.time[at]))
        for at in np.flatnonzero(~bad & (times > horizon + self.ahead_ms)):
            batch.dead[batch.record[at]] = ("future_time", future(batch.time[at], self.ahead_ms))

    def _check_late(
        self, batch: _Batch, times: np.ndarray, bad: np.ndarray, horizon: np.ndarray
    ) -> list[int]:
        """Marks as dead the events that come too late; returns those that are more than a day late."""
        if self.permissions is None or self.horizon_ms is not None:
            return []
        behind = horizon - times
        late: list[int] = np.flatnonzero(~bad & (behind > DAY_MS)).tolist()
        least = self.permissions.least_ms
        for event in late if least >= DAY_MS else np.flatnonzero(~bad & (behind > least)).tolist():
            limit = batch.grant[event].late_ms
            if behind[event] > limit:
                batch.dead[batch.record[event]] = "too_late", too_late(batch.time[event], limit)
        return late


def _members_of(batch: _Batch, events: Sequence[int]) -> dict[str, int]:
    """How many of these events are about each member, as the subject or as a counterpart who is credited."""
    found: Counter[str] = Counter()
    if events:
        found.update(map(batch.subject.__getitem__, events))
        wanted = set(events)
        found.update(peer for event, peer in zip(batch.peer_of, batch.peer, strict=True) if event in wanted)
    return found


def _untrusted(stamps: np.ndarray, times: np.ndarray, ahead_ms: int, read_ms: int) -> np.ndarray:
    """bool[n]: which timestamps of records can't be right, given when they were read.

    None at all (-1, 0), seconds in the place of milliseconds, a clock that is wrong. Nothing was written after it
    was read, so none is ahead; and what counts live counts in files too. A backlog is old: so an old timestamp is
    trusted as long as the time of its event is not ahead of it.
    """
    old = (stamps < read_ms - TRUSTED_MS) & (times > stamps + ahead_ms)
    return (stamps <= 0) | (stamps > read_ms + SKEW_MS) | old


def _source_of(record: SourceRecord) -> str:
    """The `source` of a record that is a valid event."""
    return parse(structured(record.headers or (), record.value))["source"]


def event_id(event: Event, seed: int) -> int:
    """The id of the row of an event's actor: the hash of what makes it the same event."""
    return xxhash.xxh3_64_intdigest(f"{event['source']}\0{event['id']}\0{event['subject']}".encode(), seed)


def future(time: str, ahead_ms: int) -> str:
    """What is said of a time that is too far ahead."""
    return f"time: {quote(time)} is over {ahead_ms // 1000} s ahead"


def too_late(time: str, limit_ms: int) -> str:
    """What is said of an event that comes later than so many milliseconds after its time."""
    return f"time: {quote(time)} is over {limit_ms / DAY_MS:g} days before the record"


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


def _peers(batch: _Batch, rows: Rows, event: np.ndarray, ties: bool) -> np.ndarray:
    """uint64[n]: whom each row ties its member to; event: int64[n], which each row is of."""
    peer = np.zeros(len(event), np.uint64)
    n = len(batch.subject)
    both, one = tied(rows.signals[n:], ties)
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
    again: np.ndarray,
) -> Rows:
    """The rows without those of dead events and of counterparts of ids used again, and a row for each dead letter."""
    if not batch.dead and not again.any():
        return rows
    dead = np.array(sorted(batch.dead), np.int64)
    gone = np.isin(np.array(batch.record, np.int64), dead)
    keep = np.flatnonzero(~gone[event] & ((rows.side == Side.ACTOR) | ~again[event]))
    moved = {int(old): new for new, old in enumerate(keep)}
    live, n = len(keep), len(dead)
    none = np.zeros(n, np.uint64)
    marks = np.array([TOO_LATE if batch.dead[i][0] == "too_late" else 0 for i in dead.tolist()], np.uint64)
    offsets = np.array([records[i].offset for i in dead.tolist()], np.int64)
    return Rows(
        pa.concat_arrays([rows.member.take(pa.array(keep)), pa.array([""] * n, pa.string())]),
        np.concatenate([rows.time[keep], np.zeros(n, np.int64)]),
        np.concatenate([rows.signals[keep], marks]),
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
    value, key = record.value, record.key
    value = getattr(record, "raw", None) if value is None else value
    if sum(len(name) + len(content or b"") for name, content in headers) > MAX_KEY_BYTES:
        message, headers = f"{message}; its headers are left out, they are too large", ()
    if key is not None and len(key) > MAX_KEY_BYTES:
        message, key = f"{message}; the key is cut, it has {len(key):,} bytes", key[:MAX_KEY_BYTES]
    if value is not None and len(value) > MAX_VALUE_BYTES:
        digest = hashlib.sha256(value).hexdigest()
        message = f"{message}; the value is cut, it has {len(value):,} bytes, SHA-256 {digest}"
        value = value[:MAX_VALUE_BYTES]
    return DeadLetter(
        reason_, message, topic, source, record.offset, record.timestamp, key, value, headers
    ).pack()
