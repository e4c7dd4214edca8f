"""A record before it is written: its topic and partition are up to whoever writes it."""

KeyedRecord = tuple[bytes, bytes | None]
"""Key and value; value None deletes what was written under the key before (a tombstone)."""
