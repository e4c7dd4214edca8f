"""Records as a consumer would deliver them, for tests of what is behind the consumer."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

NOW = 1_780_000_000_000


@dataclass(frozen=True, slots=True)
class FakeRecord:
    """What the intake reads of a consumer record."""

    value: bytes | None
    partition: int = 0
    offset: int = 0
    timestamp: int = NOW
    topic: str = "activity.events"
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


def records(values: Iterable[bytes | None], partitions: int = 2, timestamp: int = NOW) -> list[FakeRecord]:
    """The values spread over source partitions in turn, with ascending offsets."""
    return [FakeRecord(value, n % partitions, n // partitions, timestamp) for n, value in enumerate(values)]
