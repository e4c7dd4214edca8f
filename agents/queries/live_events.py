"""The events that Kafka still has, read from outside as a file is: for what the state does not keep."""

from collections.abc import Callable, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from agents.config.settings import Settings
from agents.files.ndjson import Batch
from agents.kafka.multi_reader import partitions
from agents.offline.engine import Offline
from agents.topics.partitions import partitions_of
from schemas.cloudevents import NotAnEvent, structured

_AT_ONCE = 4_000


@dataclass(slots=True)
class EventsRead:
    """How many events were read, and when the oldest record was written; None if there are none."""

    count: int = 0
    oldest: datetime | None = None


@dataclass(slots=True)
class _Lines:
    """Records as an input of the offline engine."""

    lines: list[bytes]

    def batches(self, number: int = 0) -> Iterator[Batch]:
        yield Batch(list(range(number, number + len(self.lines))), self.lines)

    def place(self, number: int) -> str:
        return str(number)


async def read(
    settings: Settings, run: Offline, *, on_progress: Callable[[int, float, int], object]
) -> EventsRead:
    """Give all events there are to `run`, partition by partition; what is no event is one of its dead letters.

    on_progress: gets (events so far, partitions done, of how many).
    """
    tps = await partitions_of(settings, "events")
    found = EventsRead()
    async with partitions(settings, tps) as reading:
        for done, (tp, (first, end)) in enumerate((await reading.bounds(tps)).items()):
            lines: list[bytes] = []
            async with aclosing(reading.read(tp, first, end)) as records:  # type: ignore[type-var]
                async for record in records:
                    at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
                    found.oldest = at if found.oldest is None else min(found.oldest, at)
                    lines.append(_line(record))
                    if len(lines) == _AT_ONCE:
                        found.count += _give(run, lines)
                        lines = []
                        on_progress(found.count, done, len(tps))
            found.count += _give(run, lines)
            on_progress(found.count, done + 1, len(tps))
    return found


def _give(run: Offline, lines: list[bytes]) -> int:
    if lines:
        run.read(_Lines(lines))
    return len(lines)


def _line(record: Any) -> bytes:
    """A record as a line of a file; nothing where it is no event, which the engine then says."""
    try:
        return bytes(structured(record.headers or (), record.value) or b"")
    except NotAnEvent:
        return b""
