"""Which partition a member belongs to: Kafka's own murmur2, vectorised.

The result is that of Kafka's default partitioner for the member's UTF-8 bytes as key, so that any
client finds a member's score in the partition it expects.
"""

import numpy as np
import pyarrow as pa

_SEED = np.uint32(0x9747B28C)
_M = np.uint32(0x5BD1E995)


def padded(texts: pa.Array) -> tuple[np.ndarray, np.ndarray]:
    """(uint8[n, w], int64[n]): the bytes of each text, with zeros up to a common multiple of 4; lengths."""
    n = len(texts)
    _, offsets_buffer, data = texts.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int32, n + 1, texts.offset * 4).astype(np.int64)
    lengths = np.diff(offsets)
    width = (int(lengths.max(initial=0)) + 3) // 4 * 4
    if not width:
        return np.zeros((n, 4), np.uint8), lengths
    raw = np.frombuffer(data, np.uint8)
    at = np.arange(width)
    index = np.minimum(offsets[:-1, None] + at, len(raw) - 1)
    return np.where(at < lengths[:, None], raw[index], np.uint8(0)), lengths


def murmur2(texts: pa.Array) -> np.ndarray:
    """uint32[n]: Kafka's murmur2 of the UTF-8 bytes of each text (a pa.string array without nulls)."""
    matrix, lengths = padded(texts)
    words = matrix.view("<u4")
    h = _SEED ^ lengths.astype(np.uint32)
    for i in range(words.shape[1]):
        word = words[:, i]
        k = word * _M
        k ^= k >> np.uint32(24)
        k *= _M
        whole = lengths >= 4 * (i + 1)
        # the padding is zero, so xor with the last, partial word is just the three-case tail of murmur2
        tail = ~whole & (lengths > 4 * i)
        h = np.where(whole, (h * _M) ^ k, np.where(tail, (h ^ word) * _M, h))
    h ^= h >> np.uint32(13)
    h *= _M
    h ^= h >> np.uint32(15)
    return h


def partitions(members: pa.Array, count: int) -> np.ndarray:
    """int64[n]: the partition, 0..count-1, of each member."""
    return ((murmur2(members) & np.uint32(0x7FFFFFFF)) % np.uint32(count)).astype(np.int64)
