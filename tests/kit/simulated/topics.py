"""Topics in memory."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.config.settings import Settings
from tests.kit.simulated.clock import SimClock


@dataclass(frozen=True, slots=True)
class SimRecord:
    """A record of a topic."""

    offset: int
    timestamp: int
    key: Any
    value: Any
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass
class Part:
    """A partition: its records, the first offset that is still there, and the next."""

    records: list[SimRecord] = field(default_factory=list)
    first: int = 0
    end: int = 0


class SimTopics:
    """Topics in memory, and what Kafka knows of transactions and groups."""

    def __init__(self, settings: Settings, clock: SimClock) -> None:
        self.settings = settings
        self.clock = clock
        self.parts: dict[tuple[str, int], Part] = defaultdict(Part)
        self.owners: dict[str, Any] = {}  # transactional id -> who began it last
        self.committed: dict[tuple[str, str, int], int] = {}
        self.sources: list[Any] = []  # the members of the ingest group
        self.refusing: set[str] = set()  # topics that take no record
        self.unanswered: list[bool] = []  # of the next ends of transactions: is it committed?
        self.latency_s = 0.0  # of each list of records that is read
        self.away = False  # whether nobody answers
        self.answered_at = 0.0

    def ask(self) -> None:
        """Raise OSError while nobody answers."""
        if self.away:
            raise OSError("Kafka is away")
        self.answered_at = self.clock.monotonic()

    def append(
        self, topic: str, partition: int, value: Any, key: Any = None, headers: Sequence[Any] = ()
    ) -> SimRecord:
        part = self.parts[topic, partition]
        record = SimRecord(part.end, self.clock.now_ms(), key, value, headers)
        part.records.append(record)
        part.end += 1
        return record

    def retain(self, topic: str, partition: int, first: int) -> None:
        """Retention removes what lies before `first`."""
        part = self.parts[topic, partition]
        part.first = min(first, part.end)
        part.records = [record for record in part.records if record.offset >= part.first]

    def compact(self, topic: str, partition: int) -> None:
        """Of each key only the newest record stays."""
        part = self.parts[topic, partition]
        newest = {record.key: record for record in part.records}
        part.records = [record for record in part.records if newest[record.key] is record]

    def newest(self, topic: str) -> dict[bytes, bytes]:
        """The newest value of each key of a topic, over all partitions."""
        found: dict[bytes, bytes | None] = {}
        for (name, _), part in self.parts.items():
            if name == self.settings.topic(topic):
                found.update((record.key, record.value) for record in part.records)
        return {key: value for key, value in found.items() if value is not None}
