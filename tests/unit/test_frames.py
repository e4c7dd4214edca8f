"""Frames of the version before lie in the log after an upgrade, and are read."""

import orjson
import pyarrow as pa
import pytest

from schemas.frames import SCHEMA, VERSION, Cover, decode, encode

ROW = {
    "member": "m-1",
    "time": 5,
    "signals": 1 << 35,
    "source": 0,
    "offset": 7,
    "id": 9,
    "side": 0,
    "registers": None,
    "letter": None,
    "peer": 11,
}
COVER = Cover(0, 7, 8, ((7, 8),))


def old(version: int, schema: pa.Schema) -> bytes:
    """A frame as a program of that version wrote it."""
    head = orjson.dumps({"v": version, "covers": [[0, 7, 8, [[7, 8]], False]]})
    batch = pa.RecordBatch.from_pylist([ROW], schema.with_metadata({b"pillarscore": head}))
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


def test_what_is_written_is_read() -> None:
    frame = decode(encode(pa.RecordBatch.from_pylist([ROW], SCHEMA), [COVER]))
    assert frame.peer is not None
    assert frame.peer.tolist() == [11]
    assert frame.covers == [COVER]


def test_version_1_has_no_peers() -> None:
    frame = decode(old(1, pa.schema([field for field in SCHEMA if field.name != "peer"])))
    assert frame.peer is None
    assert (frame.member.to_pylist(), frame.signals.tolist(), frame.covers) == (["m-1"], [1 << 35], [COVER])


def test_a_version_to_come_is_refused() -> None:
    with pytest.raises(ValueError, match=f"a frame of version {VERSION + 1}"):
        decode(old(VERSION + 1, SCHEMA))
