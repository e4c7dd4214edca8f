"""The links of members in the ledger: blocks, the changes since they were written, and what codes stand for.

Keys in `member.ledger`: b"network/codes/<n>", b"network/block/<n>/<piece>", b"network/changes/<n>". Codes
never change what they stand for. Links are put together by taking the greater, so it does no harm that
changes are in blocks already.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

VERSION = 1
PREFIX = b"network/"
CODES = PREFIX + b"codes/"
BLOCK = PREFIX + b"block/"
CHANGES = PREFIX + b"changes/"
CHUNK = 8192
"""Codes to a record."""
_OPTIONS = pa.ipc.IpcWriteOptions(compression=pa.Codec("zstd", 1))


def _dump(head: dict[str, Any], columns: dict[str, np.ndarray]) -> bytes:
    """An Arrow IPC stream of one row: each column as bytes, by significance, since that packs better."""
    batch = pa.record_batch(
        {name: pa.array([_planes(column)], pa.large_binary()) for name, column in columns.items()}
    )
    schema = batch.schema.with_metadata({b"pillarscore": orjson.dumps({"v": VERSION, **head})})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema, options=_OPTIONS) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def _load(data: bytes, kinds: dict[str, Any]) -> tuple[dict[str, Any], list[np.ndarray]]:
    reader = pa.ipc.open_stream(data)
    head = orjson.loads(reader.schema.metadata[b"pillarscore"])
    if head["v"] != VERSION:
        raise ValueError(f"a ledger record of links of version {head['v']}; this program reads {VERSION}")
    batch = reader.read_next_batch()
    return head, [_column(batch[name][0].as_buffer(), np.dtype(kind)) for name, kind in kinds.items()]


def _planes(column: np.ndarray) -> bytes:
    return np.ascontiguousarray(column).view(np.uint8).reshape(-1, column.itemsize).T.tobytes()


def _column(data: Any, kind: np.dtype) -> np.ndarray:
    planes = np.frombuffer(data, np.uint8).reshape(kind.itemsize, -1)
    return np.ascontiguousarray(planes.T).view(kind).reshape(-1)


@dataclass(slots=True)
class CodeChunk:
    """What the codes from number * CHUNK on stand for: uint64[k] hashes, k <= CHUNK."""

    number: int
    hashes: np.ndarray

    @property
    def key(self) -> bytes:
        return CODES + b"%d" % self.number

    def dump(self) -> bytes:
        """As a ledger record."""
        return _dump({"chunk": self.number}, {"hash": self.hashes})

    @classmethod
    def load(cls, data: bytes) -> "CodeChunk":
        """What `dump` dumped; ValueError when it is of another version."""
        head, [hashes] = _load(data, {"hash": np.uint64})
        return cls(head["chunk"], hashes)


@dataclass(slots=True)
class LinkChanges:
    """Links that are not in their blocks yet: owner, peer uint32[k] codes; state uint32[k]; day uint16[k]."""

    number: int
    owner: np.ndarray
    peer: np.ndarray
    state: np.ndarray
    day: np.ndarray

    @property
    def key(self) -> bytes:
        return changes_key(self.number)

    def dump(self) -> bytes:
        """As a ledger record."""
        columns = {"owner": self.owner, "peer": self.peer, "state": self.state, "day": self.day}
        return _dump({"changes": self.number}, columns)

    @classmethod
    def load(cls, data: bytes) -> "LinkChanges":
        """What `dump` dumped; ValueError when it is of another version."""
        kinds = {"owner": np.uint32, "peer": np.uint32, "state": np.uint32, "day": np.uint16}
        head, columns = _load(data, kinds)
        return cls(head["changes"], *columns)


def changes_key(number: int) -> bytes:
    """The ledger key of changes."""
    return CHANGES + b"%d" % number


def block_key(number: int, piece: int) -> bytes:
    """The ledger key of a piece of a block."""
    return BLOCK + b"%d/%d" % (number, piece)


@dataclass(slots=True)
class LinkBlock:
    """A piece of the links of the owners at places number*1000 ..: all but the last have `PIECE` links.

    owner: uint32[n] codes, fill: uint32[n] links of each, has_record: uint8[n], whether there is a record of
    theirs in `member.networks`; these three in piece 0. refreshed: for which round, ms since 1970.
    """

    number: int
    piece: int
    refreshed: int
    owner: np.ndarray
    fill: np.ndarray
    has_record: np.ndarray
    peer: np.ndarray
    state: np.ndarray
    day: np.ndarray

    @property
    def key(self) -> bytes:
        return block_key(self.number, self.piece)

    def dump(self) -> bytes:
        """As a ledger record; peers as differences, since they are sorted for each owner."""
        head = {"block": self.number, "piece": self.piece, "refreshed": self.refreshed}
        columns = {
            "owner": self.owner,
            "fill": self.fill,
            "told": self.has_record,
            "peer": np.diff(self.peer, prepend=np.uint32(0)),
            "state": self.state,
            "day": self.day,
        }
        return _dump(head, columns)

    @classmethod
    def load(cls, data: bytes) -> "LinkBlock":
        """What `dump` dumped; ValueError when it is of another version."""
        kinds = {
            "owner": np.uint32,
            "fill": np.uint32,
            "told": np.uint8,
            "peer": np.uint32,
            "state": np.uint32,
            "day": np.uint16,
        }
        head, [owner, fill, has_record, peer, state, day] = _load(data, kinds)
        peer = np.cumsum(peer, dtype=np.uint32)  # wraps around as the differences did
        return cls(head["block"], head["piece"], head["refreshed"], owner, fill, has_record, peer, state, day)
