"""Record batches that no client would send."""

import struct

from aiokafka.record._crc32c import crc


def with_body(batch: bytes, body: bytes) -> bytes:
    """A record batch (version 2) with another body; its length and checksum are right."""
    head = bytearray(batch[:61])
    struct.pack_into(">i", head, 8, 49 + len(body))
    struct.pack_into(">I", head, 17, crc(bytes(head[21:]) + body))
    return bytes(head) + body


def with_bad_header_name(batch: bytes) -> bytes:
    """The batch with bytes that are not UTF-8 in the place of the header name XX."""
    return with_body(batch, batch[61:].replace(b"XX", b"\xe4\xf6"))
