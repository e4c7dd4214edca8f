"""Decompression of record batches with a limit: a megabyte may expand to gigabytes, and would end the process.

aiokafka's own functions have no limit. They are still used where a batch can't expand that far.
"""

import sys
import zlib
from collections.abc import Callable
from typing import Any

import cramjam
from aiokafka import codec

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAX_BYTES = 128 << 20
"""What a batch may expand to: sixteen times the largest batch that the topics take."""
_JAVA_BLOCKS = b"\x82SNAPPY\0" + bytes([0, 0, 0, 1]) * 2
"""What snappy data in the blocks of the Java library begin with: a name and two versions."""
_GZIP_RATIO = 1032
_LZ4_RATIO = 256
"""Bytes that one byte can stand for at most."""


class TooLargeError(ValueError):
    """A batch would expand to more than MAX_BYTES."""

    def __init__(self) -> None:
        super().__init__(f"it expands to more than {MAX_BYTES >> 20} MiB")


def gzip(payload: Any) -> bytes:
    """The bytes that gzip data, of one or more members, expand to; raises TooLargeError."""
    if len(payload) * _GZIP_RATIO <= MAX_BYTES:
        return codec.gzip_decode(payload)
    found: list[bytes] = []
    size, rest = 0, bytes(payload)
    while rest:
        member = zlib.decompressobj(31)
        piece = member.decompress(rest, MAX_BYTES + 1 - size)
        size += len(piece)
        if size > MAX_BYTES:
            raise TooLargeError
        if not member.eof:
            raise EOFError("the gzip data are cut off")
        found.append(piece)
        rest = member.unused_data
    return b"".join(found)


def snappy(payload: Any) -> bytes:
    """The same of snappy data, raw or in the blocks of the Java library."""
    data = bytes(payload)
    at, size = (16, 0) if data.startswith(_JAVA_BLOCKS) and len(data) > 16 else (0, _snappy_size(data))
    while 0 < at < len(data):
        length = int.from_bytes(data[at : at + 4])
        size += _snappy_size(data[at + 4 : at + 4 + min(length, 16)])
        at += 4 + length
    if size > MAX_BYTES:
        raise TooLargeError
    return codec.snappy_decode(data)


def _snappy_size(data: bytes) -> int:
    """What raw snappy data expand to: a number of seven bits a byte that they begin with."""
    size = 0
    for at, byte in enumerate(data[:5]):
        size |= (byte & 0x7F) << 7 * at
        if byte < 0x80:
            break
    return size


def lz4(payload: Any) -> bytes:
    """The same of an LZ4 frame."""
    if len(payload) * _LZ4_RATIO <= MAX_BYTES:
        return codec.lz4_decode(payload)
    room = bytearray(MAX_BYTES)  # untouched pages take no memory
    try:
        size = cramjam.lz4.decompress_into(bytes(payload), room)
    except cramjam.DecompressionError as error:
        if "whole buffer" in str(error):
            raise TooLargeError from None
        raise
    return bytes(memoryview(room)[:size])


def zstandard(payload: Any) -> bytes:
    """The same of zstd data, of one or more frames."""
    found: list[bytes] = []
    size, rest = 0, bytes(payload)
    while rest:
        frame = zstd.ZstdDecompressor()
        piece = frame.decompress(rest, MAX_BYTES + 1 - size)
        size += len(piece)
        if size > MAX_BYTES:
            raise TooLargeError
        if not frame.eof:
            raise EOFError("the zstd data are cut off")
        found.append(piece)
        rest = frame.unused_data
    return found[0] if len(found) == 1 else b"".join(found)


BY_NUMBER: dict[int, Callable[[Any], bytes]] = {1: gzip, 2: snappy, 3: lz4, 4: zstandard}
"""The functions by the number of the codec in a batch."""
