"""Record batches that no client would send."""

import struct
import sys
import time

from aiokafka.record._crc32c import crc
from aiokafka.record.default_records import DefaultRecordBatchBuilder

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def with_body(batch: bytes, body: bytes) -> bytes:
    """A record batch (version 2) with another body; its length and checksum are right."""
    head = bytearray(batch[:61])
    struct.pack_into(">i", head, 8, 49 + len(body))
    struct.pack_into(">I", head, 17, crc(bytes(head[21:]) + body))
    return bytes(head) + body


def with_bad_header_name(batch: bytes) -> bytes:
    """The batch with bytes that are not UTF-8 in the place of the header name XX."""
    return with_body(batch, batch[61:].replace(b"XX", b"\xe4\xf6"))


def expanding(size: int) -> bytes:
    """A batch, compressed with zstd, of one record whose value is so many zero bytes: a few hundredths of that."""
    value = bytes([0, 0, 0, 1]) + _varint(size)  # attributes, time, offset, no key
    end = b"\0"  # no headers
    packer = zstd.ZstdCompressor()
    parts = [packer.compress(_varint(len(value) + size + len(end)) + value)]
    parts += [packer.compress(bytes(min(1 << 20, size - at))) for at in range(0, size, 1 << 20)]
    parts += [packer.compress(end), packer.flush()]
    builder = DefaultRecordBatchBuilder(2, 0, False, -1, -1, 0, 1 << 10)
    builder.append(0, time.time_ns() // 1_000_000, None, b"", [])
    head = bytearray(builder.build())
    struct.pack_into(">h", head, 21, 4)
    return with_body(bytes(head), b"".join(parts))


def _varint(number: int) -> bytes:
    left, out = (number << 1) ^ (number >> 63), bytearray()
    while left > 0x7F:
        out.append(left & 0x7F | 0x80)
        left >>= 7
    return bytes([*out, left])


def with_checksum(batch: bytes) -> bytes:
    """Any bytes as one record batch (version 2): as a broker would take it, by its length and checksum."""
    return with_body(batch[:16].ljust(16, b"\0") + b"\x02" + batch[17:61].ljust(44, b"\0"), batch[61:])
