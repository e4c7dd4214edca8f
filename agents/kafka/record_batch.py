"""A Kafka record batch, record by record, whatever is in it.

aiokafka's parser gives up a whole batch for one record that it can't decode, as one with a header name that is not
UTF-8, and fetches the same batch again for ever. Here every offset of the batch becomes something: the record, or
what can be had of it and why it is not more. Only used for a batch that aiokafka's parser has refused.

Format: KIP-98, https://kafka.apache.org/documentation/#recordbatch.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from agents.kafka import decompression

_HEADER = struct.Struct(">qiibIhiqqqhii")
_AT_ONCE = 1 << 21
"""Offsets of a batch at most, as many as fit into 8 MiB, the largest that the topics take; more is garbage."""
_CODECS = {1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd"}
MAX_RAW_BYTES = 64 << 10
"""How much of a batch that can't be read is kept for the dead letter."""


@dataclass(slots=True)
class UnreadableRecord:
    """In the place of a record that can't be used. problem: a reason code; message: why, in one line.

    As far as they can be had, key, value and headers are those of the record; header names that are not UTF-8 have
    their bytes escaped. raw: of the batch, up to `MAX_RAW_BYTES`, where there is nothing better.
    """

    topic: str
    partition: int
    offset: int
    timestamp: int
    problem: str
    message: str
    key: bytes | None = None
    value: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
    raw: bytes | None = None


def batches(data: bytes) -> Iterator[bytes]:
    """The bytes of each whole batch of a fetch answer."""
    at = 0
    while at + 12 <= len(data):
        (length,) = struct.unpack_from(">i", data, at + 8)
        if length < 0 or at + 12 + length > len(data):
            return
        yield data[at : at + 12 + length]
        at += 12 + length


def salvage(
    topic: str, partition: int, batch: bytes, *, why: str, first: int = 0
) -> Iterator[UnreadableRecord]:
    """Every record of a batch that the client could not read; why: what the client has said.

    Records without a fault are there too, with problem "". first: the offset from which on they are wanted, so that
    one with very many offsets is not gone through again and again.
    """
    if len(batch) < _HEADER.size or batch[16] != 2:
        (base,) = struct.unpack_from(">q", batch)
        yield UnreadableRecord(
            topic, partition, base, -1, "bad_batch", f"a batch that can't be read: {why}", raw=_cut(batch)
        )
        return
    base, _, _, _, _, attributes, last, base_ms, max_ms, _, _, _, count = _HEADER.unpack_from(batch)
    appended = max_ms if attributes & 8 else None
    body = batch[_HEADER.size :]
    last = min(max(last, 0), _AT_ONCE)
    try:
        body = _decompressed(body, attributes & 7)
    except Exception as error:
        name = _CODECS.get(attributes & 7, f"codec {attributes & 7}")
        message = f"a batch compressed with {name} can't be decompressed: {error}"
        for delta in range(max(0, first - base), last + 1):
            raw = _cut(batch) if delta == 0 else None
            yield UnreadableRecord(topic, partition, base + delta, max_ms, "bad_batch", message, raw=raw)
        return
    at, next_ = 0, 0
    for _ in range(min(count, _AT_ONCE)):
        try:
            length, start = _varint(body, at)
            stop = start + length
            if length <= 0 or stop > len(body):
                break
            at = stop
            found = _record(body, start, stop, base=base, base_ms=base_ms)
        except (ValueError, IndexError, struct.error):
            break
        if not next_ <= found.offset - base <= last:
            break
        found.topic, found.partition = topic, partition
        found.timestamp = found.timestamp if appended is None else appended
        next_ = found.offset - base + 1
        yield found
    else:
        return  # compaction may have left nothing behind the last one
    for delta in range(max(next_, first - base), last + 1):
        message = f"the record can't be read: {why}"
        raw = _cut(batch) if delta == next_ else None
        yield UnreadableRecord(topic, partition, base + delta, max_ms, "bad_batch", message, raw=raw)


def corrupt(
    topic: str, partition: int, batch: bytes, *, following: int | None = None, first: int = 0
) -> Iterator[UnreadableRecord]:
    """A batch whose checksum is wrong: nothing in it can be trusted but where it is.

    following: the first offset of the next batch, if that is known. first: as of `salvage`.
    """
    (base,) = struct.unpack_from(">q", batch)
    last, max_ms, count = 0, -1, 0
    if len(batch) >= _HEADER.size and batch[16] == 2:
        *_, last, _, max_ms, _, _, _, count = _HEADER.unpack_from(batch)
    # the two say the same unless one is wrong: an offset too few is fetched again, one too many would be lost
    end = base + max(min(last, count - 1), 0) if following is None else max(base, following - 1)
    stop = min(end, base + _AT_ONCE) + 1
    message = "the checksum of its batch is wrong: the bytes are not those that were sent"
    for offset in range(max(base, first), stop):
        raw = _cut(batch) if offset == base else None
        yield UnreadableRecord(topic, partition, offset, max_ms, "bad_batch", message, raw=raw)


def unframed(topic: str, partition: int, offset: int, *, why: str) -> UnreadableRecord:
    """In the place of an offset of which no batch can be made out."""
    return UnreadableRecord(topic, partition, offset, -1, "bad_batch", f"no record can be found here: {why}")


def last_offset(batch: bytes) -> int:
    """The last offset of a batch, whether there is a record at it or not."""
    (base,) = struct.unpack_from(">q", batch)
    if len(batch) < _HEADER.size or batch[16] != 2:
        return int(base)
    (last,) = struct.unpack_from(">i", batch, 23)
    return int(base + max(0, last))


def _record(body: bytes, at: int, stop: int, *, base: int, base_ms: int) -> UnreadableRecord:
    at += 1  # attributes, unused
    delta_ms, at = _varint(body, at)
    delta, at = _varint(body, at)
    key, at = _bytes(body, at, stop)
    value, at = _bytes(body, at, stop)
    count, at = _varint(body, at)
    headers, bad = [], []
    for _ in range(max(0, count)):
        name, at = _bytes(body, at, stop)
        content, at = _bytes(body, at, stop)
        name = name or b""
        try:
            text = name.decode("utf-8")
        except UnicodeDecodeError:
            text = name.decode("utf-8", "backslashreplace")
            bad.append(text)
        headers.append((text, content or b""))
    found = UnreadableRecord("", 0, base + delta, base_ms + delta_ms, "", "", key, value, tuple(headers))
    if bad:
        found.problem = "bad_headers"
        found.message = f"a header's name is not UTF-8: {', '.join(bad)[:200]}"
    return found


def _bytes(body: bytes, at: int, stop: int) -> tuple[bytes | None, int]:
    length, at = _varint(body, at)
    if length < 0:
        return None, at
    if at + length > stop:
        raise ValueError("longer than its record")
    return body[at : at + length], at + length


def _varint(body: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1) ^ -(value & 1), at
        shift += 7
        if shift > 63:
            raise ValueError("no varint")


def _decompressed(body: bytes, kind: int) -> bytes:
    if kind == 0:
        return body
    if kind not in decompression.BY_NUMBER:
        raise ValueError("the codec is not known")
    return decompression.BY_NUMBER[kind](body)


def _cut(batch: bytes) -> bytes:
    return batch[:MAX_RAW_BYTES]
