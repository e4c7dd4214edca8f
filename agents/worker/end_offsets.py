"""Where the partitions that this worker reads end now, asked of Kafka every few seconds.

A client's own high watermark stands still when it does not fetch, which is when lag matters most.
"""

from collections import deque
from collections.abc import Callable, Iterable

from agents.metrics.lag import Lag
from agents.ports import Clock, Log, Offsets, TopicPartition
from agents.worker.offset_watch import OffsetWatch

EVERY_S = 3.0
OLD_MS = 10_000
"""From here on it is not taken for granted any more that a partition ends where it did."""
MAX_LOOKS = 2_000


class EndOffsets(OffsetWatch):
    """The offset after the last message, by partition; of those that `wanted` named recently."""

    def __init__(self, topics: Log, clock: Clock, wanted: Callable[[], Iterable[TopicPartition]]) -> None:
        super().__init__(topics, clock, name="lag", every_s=EVERY_S, committed=True)
        self._wanted = wanted
        self._looks: dict[TopicPartition, deque[tuple[int, int]]] = {}  # (when last seen, end), ascending

    def get(self, partition: TopicPartition) -> int:
        """The end of a partition as of the last look; 0 before the first."""
        looks = self._looks.get(partition)
        return looks[-1][1] if looks else 0

    def lag(self, partition: TopicPartition, position: int, read_ms: int, *, end: int = 0) -> Lag:
        """How far a reader is behind.

        Args:
            partition: that it reads.
            position: the offset that it reads next.
            read_ms: a time before which nothing unread was appended: of the newest message read, ms since 1970.
            end: where the partition ends at least, by what else is known.

        Returns:
            The messages, and the age of the oldest of them, by a few seconds more at most. Without an answer of Kafka
            the age is that of the last answer by which there was none.
        """
        now, looks = self._clock.now_ms(), self._looks.get(partition, ())
        caught_up = next((at for at, seen in reversed(looks) if seen <= position), None)
        behind = max(0, max(self.get(partition), end) - position)
        since = read_ms if caught_up is None else max(read_ms, caught_up)
        age = max(0, now - since)
        return Lag(behind, 0.0 if not behind and age < OLD_MS else age / 1000)

    async def _look(self, offsets: Offsets) -> None:
        by_topic: dict[str, list[int]] = {}
        for topic, partition in self._wanted():
            by_topic.setdefault(topic, []).append(partition)
        for topic, partitions in by_topic.items():
            asked = self._clock.now_ms()  # what is appended after this may be in the answer, or not
            for partition, end in (await offsets.ends(topic, partitions)).items():
                self._seen(TopicPartition(topic, partition), end, asked)

    def _seen(self, partition: TopicPartition, end: int, at_ms: int) -> None:
        looks = self._looks.setdefault(partition, deque(maxlen=MAX_LOOKS))
        if looks and looks[-1][1] >= end:
            looks.pop()
        looks.append((at_ms, end))
