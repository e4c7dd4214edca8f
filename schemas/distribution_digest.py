"""A digest of what a partition has published: its rows and the names of its cohorts, in any order.

Compaction removes old records while somebody reads, so a reader may have a head and not all that it stands for.
The head has the digest of the whole; only who has exactly that has its state. It is a sum modulo 2**64, so that a
change costs what has changed, and records may be read in any order.
"""

from collections.abc import Mapping
from functools import cache
from hashlib import blake2b

import numpy as np

MASK = (1 << 64) - 1
_MIX = np.uint64(0x9E3779B97F4A7C15)
_AGAIN = np.uint64(0xBF58476D1CE4E5B9)
_HIGH = np.uint64(31)


def row_hashes(place: np.ndarray, columns: Mapping[str, np.ndarray], gone: np.ndarray) -> np.ndarray:
    """uint64[n]: of each place with its values, 0 for nobody.

    A column of zeros counts as much as none: so a reader who knows other kinds of cohorts gets the same.

    Args:
        place: int64[n].
        columns: whole numbers by name, [n] each, `place` not among them.
        gone: bool[n], where nobody is.
    """
    found = _mixed((place.astype(np.uint64) + np.uint64(1)) * _MIX)
    for name, values in columns.items():
        found += values.astype(np.uint64) * _of_column(name)
    found = _mixed(found)
    found[gone] = 0
    return found


def name_hash(kind: str, value: str) -> int:
    """Of a cohort's name: 64 bits, not 0."""
    return _hash(f"{kind}:{value}") or 1


def names_sum(hashes: np.ndarray) -> int:
    """What the names of a partition's cohorts 0, 1, … add; hashes: uint64[n], the first is not counted."""
    odd = 2 * np.arange(len(hashes), dtype=np.uint64) + np.uint64(1)
    return int((hashes[1:] * odd[1:]).sum(dtype=np.uint64))


def rows_sum(hashes: np.ndarray) -> int:
    """What rows with these hashes (uint64[n]) add."""
    return int(hashes.sum(dtype=np.uint64))


def digest_of(rows: int, names: int) -> str:
    """As it stands in the head."""
    return f"{(rows + names) & MASK:016x}"


@cache
def _of_column(name: str) -> np.uint64:
    return np.uint64(_hash(f"column {name}") | 1)


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest(), "little")


def _mixed(numbers: np.ndarray) -> np.ndarray:
    numbers ^= numbers >> _HIGH
    numbers *= _AGAIN
    numbers ^= numbers >> _HIGH
    return numbers
