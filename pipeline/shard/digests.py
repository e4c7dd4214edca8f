"""A digest of all records that a compacted partition holds, kept up to date with every record that is written.

The exclusive or of the records' hashes: a record that replaces another takes the other's hash out. So a
reader of the newest record of every key can check that it is all there is, and nothing else.
"""

from collections.abc import Mapping

import xxhash


def record_hash(key: bytes, value: bytes) -> int:
    """64 bits of one record."""
    return xxhash.xxh3_64_intdigest(value, xxhash.xxh3_64_intdigest(key))


class Digest:
    """The digest of a set of records by key."""

    def __init__(self) -> None:
        self.value = 0
        self._hashes: dict[bytes, int] = {}

    @classmethod
    def of(cls, records: Mapping[bytes, bytes]) -> "Digest":
        """That of these records."""
        made = cls()
        for key, value in records.items():
            made.put(key, value)
        return made

    def put(self, key: bytes, value: bytes | None) -> None:
        """A record is written; None takes the key out."""
        self.value ^= self._hashes.pop(key, 0)
        if value is not None:
            hashed = self._hashes[key] = record_hash(key, value)
            self.value ^= hashed

    def __str__(self) -> str:
        return f"{self.value:016x}"
