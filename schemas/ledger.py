"""The ledger: what makes a score shard durable. It alone gives the state as of its newest stamp.

The stamp is written last in every transaction, with the scores it accounts for; a block holds the state of
up to 1,000 members as of the frame it names, and a history what their scores were at the end of each day. What is
not in blocks yet is there as *redo*: the frames themselves, as they were counted. The ids seen are kept in chunks.
Keys in `member.ledger`: b"stamp", b"block/<n>", b"history/<n>" for a whole history, and b"history/<n>/<d>"
for one day of it: most turns of the day write that alone; b"frame/<offset>" and b"ids/<generation>/<n>".
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

VERSION = 3
"""1 had neither redo nor ids, so that a restore needed the frames themselves; 2 no events that were too late."""
_BEFORE_LATE = 2
"""What is written as long as no event was too late: programs that read up to this version go on from it."""
BLOCK_VERSION = 1
HISTORY_VERSION = 2
"""1 had the names in its head, and was always whole."""
STAMP_KEY = b"stamp"
BLOCK = b"block/"
HISTORY = b"history/"
FRAME = b"frame/"
IDS = b"ids/"
WHOLE_DAYS = 16
"""A whole history is written at the latest after so many days written alone."""


def history_key(number: int, day: int | None = None) -> bytes:
    """The ledger key of the history of a block, or of one day of it; 16 days later the key comes again."""
    whole = HISTORY + b"%d" % number
    return whole if day is None else whole + b"/%d" % (day % WHOLE_DAYS)


def block_key(number: int) -> bytes:
    """The ledger key of a block."""
    return BLOCK + b"%d" % number


def frame_key(offset: int) -> bytes:
    """The ledger key of a frame that is kept as redo."""
    return FRAME + b"%d" % offset


def ids_key(generation: int, number: int) -> bytes:
    """The ledger key of a chunk of the ids of a generation."""
    return IDS + b"%d/%d" % (generation, number)


def dump_redo(timestamp: int, frame: bytes) -> bytes:
    """A frame as redo: the time the broker gave it, ms since 1970, and the frame as it is."""
    return timestamp.to_bytes(8, "little", signed=True) + frame


def load_redo(data: bytes) -> tuple[int, bytes]:
    """(timestamp, frame) of what `dump_redo` made."""
    return int.from_bytes(data[:8], "little", signed=True), data[8:]


ENDS = ("scored", "duplicate", "outside_window", "erased", "too_late", "dead_lettered")
"""What can become of an event."""


class Counters(BaseModel):
    """Everything read, by disposition, each exactly once; the conservation law is `difference() == 0`.

    The first seven count events (by the row of their actor; `read`, `too_late` and `dead_lettered` in the source's
    home partition). So the law holds for the sum over all partitions once all have processed the same events.
    """

    read: int = 0
    scored: int = 0
    duplicate: int = 0
    outside_window: int = 0
    erased: int = 0
    too_late: int = Field(0, description="Dead letters too; 0 in stamps of before there was a limit.")
    dead_lettered: int = 0
    credits: int = Field(0, description="Counterpart rows that were scored.")
    repeated: int = Field(0, description="Rows that ingest delivered again; dropped.")
    refused: int = Field(0, description="Rows that earlier versions rejected because a frame was missing.")
    lost: int = Field(0, description="Source offsets that were lost before they could be counted, each once.")
    torn: int = Field(0, description="Transactions that a restore found incomplete.")
    admitted: int = Field(0, description="Events in frames of this partition, each once.")

    @model_validator(mode="before")
    @classmethod
    def _of_an_older_stamp(cls, data: Any) -> Any:
        """Older stamps don't say what was admitted: it is what has ended."""
        if isinstance(data, dict) and data and "admitted" not in data:
            data = data | {"admitted": sum(data.get(name, 0) for name in ENDS)}
        return data

    def ended(self) -> int:
        """Events of which it is settled what became of them."""
        return sum(getattr(self, name) for name in ENDS)

    def letters(self) -> int:
        """Events of which there is a dead letter."""
        return self.too_late + self.dead_lettered

    def difference(self) -> int:
        """read - (scored + duplicate + outside_window + erased + too_late + dead_lettered)."""
        return self.read - self.ended()

    def unaccounted(self) -> int:
        """admitted - (scored + duplicate + …): 0 in each partition by itself, at any moment."""
        return self.admitted - self.ended()


class Checkpoint(BaseModel):
    """Where a generation of seen ids began, and the watermarks before that frame."""

    frame: int
    watermarks: dict[int, int]


class Turn(BaseModel):
    """Frames up to `frame`, after those of the previous rollover, were counted on day `day`."""

    frame: int
    day: int


Offsets = dict[int, list[tuple[int, int]]]
"""By source partition, ranges [start, stop) of its offsets."""


class ReplayStart(BaseModel):
    """Where the redo begins: blocks and chunks of ids include all effects of the frames up to `frame`.

    watermarks, missing: as of that frame. generation, began, rows: of the seen ids then (`pipeline.shard.dedupe`).
    """

    frame: int
    watermarks: dict[int, int]
    missing: Offsets = {}
    generation: int = 0
    began: int = 0
    rows: int = 0


class Transaction(BaseModel):
    """The other records in the transaction of a stamp, so that missing ones are detected."""

    number: int = Field(
        description="Number of the transaction in its partition; one more than in the previous stamp."
    )
    previous: str = Field(description="Hash of the previous stamp (`stamp_hash`); empty in the first.")
    records: dict[str, int] = Field(description="Number of records by short topic name, without the stamp.")
    members: int = Field(description="Members with a score among them, without tombstones.")
    revision: int = Field(description="The newest revision of the previous transaction.")
    scores_from: int = Field(
        description="An offset of member.scores; all scores of the transaction are at or after it."
    )


class Stamp(BaseModel):
    """The checkpoint record of a partition."""

    model_config = ConfigDict(extra="forbid")

    version: int = VERSION
    sequence: int = Field(description="The newest revision assigned.")
    frame: int = Field(description="Offset of the last frame whose scores are committed.")
    replay_from: int = Field(description="Offset of the oldest frame with a change not yet in a block.")
    day: int = Field(description="As-of day of the newest scores, days since 1970.")
    rolled: int = Field(description="Blocks already rolled over to that day.")
    turned_from: int = Field(description="The day before the last rollover, days since 1970.")
    turns: list[Turn] = Field([], description="Rollovers since `replay_from`, oldest first.")
    members: int = 0
    rubric: str = ""
    zone: str = "UTC"
    watermarks: dict[int, int]
    missing: Offsets = Field({}, description="Offsets below the watermarks whose frames never arrived.")
    lost: Offsets = Field({}, description="Offsets that were lost before they were counted.")
    from_zero: bool = Field(
        False, description="Sources are assumed to begin at offset 0, not at the first offset read."
    )
    checkpoints: list[Checkpoint] = Field([], description="Only in version 1.")
    counters: Counters
    start: ReplayStart | None = Field(None, description="Where the redo begins; none in version 1.")
    topics: dict[str, str] = Field({}, description="The ids of topics, by their short names.")
    transaction: Transaction | None = Field(None, description="None in version 1.")
    digest: str = Field(
        "", description="Digest of all other records of the ledger partition (`pipeline.shard.digests`)."
    )

    def dump(self) -> bytes:
        """As a ledger record, of the oldest version that has room for it."""
        data = self.model_dump(mode="json")
        if not self.counters.too_late:
            data["version"] = min(self.version, _BEFORE_LATE)
            del data["counters"]["too_late"]
        return orjson.dumps(data, option=orjson.OPT_NON_STR_KEYS)


def readable_stamp(data: bytes | None) -> Stamp | None:
    """The stamp in a record under `STAMP_KEY`; None for what is none, as something else may write there."""
    if data is None or not data.startswith(b'{"version":'):
        return None
    try:
        return Stamp.model_validate_json(data)
    except ValidationError:
        return None


INCOMPLETE_VERSION = 1000
"""In place of a stamp's version while a restore writes the ledger: no version of the program starts from it."""


def incomplete_stamp(backup: str) -> bytes:
    """What stands in place of a stamp until a restore of this backup (its id) is complete."""
    return orjson.dumps({"version": INCOMPLETE_VERSION, "incomplete": backup})


def incomplete_backup(data: bytes | None) -> str | None:
    """The backup that `incomplete_stamp` was given, None for any other record."""
    if data is None or not data.startswith(b'{"version":%d,"incomplete":' % INCOMPLETE_VERSION):
        return None
    return str(orjson.loads(data)["incomplete"])


def stamp_hash(data: bytes) -> str:
    """What the next stamp says of this one, given as its record's value."""
    return blake2b(data, digest_size=16).hexdigest()


@dataclass(slots=True)
class Block:
    """The state of members number*1000 .. as of a frame; lists have one entry per member.

    keys, counts: flat tiles, `fill` of them per member; keys are relative to `day` (see pipeline.common.tile_keys).
    """

    number: int
    frame: int
    day: int
    names: list[str | None]
    erased: list[int]
    fill: pa.Array
    keys: pa.Array
    counts: pa.Array
    registers: list[bytes | None]

    @property
    def key(self) -> bytes:
        """Its ledger key."""
        return block_key(self.number)

    def dump(self) -> bytes:
        """As a ledger record: an Arrow IPC stream of two batches, zstd."""
        head = orjson.dumps({"v": BLOCK_VERSION, "block": self.number, "frame": self.frame, "day": self.day})
        members = pa.record_batch(
            {
                "member": pa.array(self.names, pa.string()),
                "erased": pa.array(self.erased, pa.int32()),
                "fill": self.fill.cast(pa.int32()),
                "registers": pa.array(self.registers, pa.binary()),
            }
        )
        tiles = pa.record_batch({"key": self.keys, "count": self.counts})
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression="zstd")
        for batch, meta in ((members, {b"pillarscore": head}), (tiles, None)):
            with pa.ipc.new_stream(sink, batch.schema.with_metadata(meta), options=options) as writer:
                writer.write_batch(batch)
        return sink.getvalue().to_pybytes()

    @classmethod
    def load(cls, data: bytes) -> "Block":
        """What `dump` dumped; ValueError when it is of another version."""
        source = pa.BufferReader(data)
        first = pa.ipc.open_stream(source)
        members = first.read_all()
        head = orjson.loads(first.schema.metadata[b"pillarscore"])
        if head["v"] != BLOCK_VERSION:
            raise ValueError(
                f"a ledger block of version {head['v']}; this program reads version {BLOCK_VERSION}"
            )
        tiles = pa.ipc.open_stream(source).read_all()
        return cls(
            head["block"],
            head["frame"],
            head["day"],
            members["member"].to_pylist(),
            members["erased"].to_pylist(),
            members["fill"].combine_chunks(),
            tiles["key"].combine_chunks(),
            tiles["count"].combine_chunks(),
            members["registers"].to_pylist(),
        )


@dataclass(slots=True)
class BlockHistory:
    """The history of the members of a block: through `day`, or the day alone.

    names: of the members, since the block itself may have been written before some of them came; points, in
    hundredths plus 1, 0 unknown: int16[n, 90, 5] by day mod 90, or int16[n, 1, 5] of the day alone; bands
    int8[n] after the day; since int32[n], the first day of each member's history.
    """

    number: int
    day: int
    names: list[str | None]
    points: np.ndarray
    bands: np.ndarray
    since: np.ndarray

    @property
    def whole(self) -> bool:
        """All days, not the last alone."""
        return self.points.shape[1] > 1

    @property
    def key(self) -> bytes:
        """Its ledger key."""
        return history_key(self.number, None if self.whole else self.day)

    def dump(self) -> bytes:
        """As a ledger record: an Arrow IPC stream, lz4, since at the day's turn there are many."""
        about = {"block": self.number, "day": self.day, "shape": list(self.points.shape)}
        head = orjson.dumps({"v": HISTORY_VERSION, **about})
        columns = {
            "points": self.points.tobytes(),
            "bands": self.bands.tobytes(),
            "since": self.since.tobytes(),
            "names": orjson.dumps(self.names),
        }
        batch = pa.record_batch({name: pa.array([data]) for name, data in columns.items()})
        sink = pa.BufferOutputStream()
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        schema = batch.schema.with_metadata({b"pillarscore": head})
        with pa.ipc.new_stream(sink, schema, options=options) as writer:
            writer.write_batch(batch)
        return sink.getvalue().to_pybytes()

    @classmethod
    def load(cls, data: bytes) -> "BlockHistory":
        """What `dump` dumped, now or before single days were written; ValueError for another version."""
        reader = pa.ipc.open_stream(data)
        head = orjson.loads(reader.schema.metadata[b"pillarscore"])
        if head["v"] not in (1, HISTORY_VERSION):
            raise ValueError(
                f"a ledger history of version {head['v']}; this program reads up to version {HISTORY_VERSION}"
            )
        batch = reader.read_next_batch()
        points, bands, since = (batch[name][0].as_py() for name in ("points", "bands", "since"))
        return cls(
            head["block"],
            head["day"],
            head["names"] if head["v"] == 1 else orjson.loads(batch["names"][0].as_py()),
            np.frombuffer(points, np.int16).reshape(head["shape"]),
            np.frombuffer(bands, np.int8),
            np.frombuffer(since, np.int32),
        )
