"""Reading the dead letters, and choosing among them."""

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from aiokafka import TopicPartition

from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.kafka.multi_reader import MultiReader, partitions
from agents.topics.partitions import partitions_of
from schemas.letters import DeadLetter

LetterId = tuple[int, int]
"""Partition and offset in `activity.dead-letters`."""


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A dead letter where it lies. timestamp: when it was written, ms since 1970."""

    place: LetterId
    timestamp: int
    letter: DeadLetter

    @property
    def type(self) -> str:
        """The event's type as far as one can be read, else an empty text."""
        return self.letter.attribute("type")

    @property
    def source(self) -> str:
        """The event's source as far as one can be read, else an empty text."""
        return self.letter.attribute("source")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which letters: all conditions given must hold. places: these alone; since, until: ms since 1970."""

    places: tuple[LetterId, ...] = ()
    reasons: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    since: int | None = None
    until: int | None = None

    @property
    def filters(self) -> bool:
        """Whether there is any condition beside places."""
        return bool(
            self.reasons or self.types or self.sources or self.since is not None or self.until is not None
        )

    def takes(self, found: StoredLetter) -> bool:
        """Whether a letter is wanted, apart from its place. A type or source that ends in * is a beginning."""
        return (
            (not self.reasons or found.letter.reason in self.reasons)
            and (not self.types or any(_matches(found.type, wanted) for wanted in self.types))
            and (not self.sources or any(_matches(found.source, wanted) for wanted in self.sources))
            and (self.since is None or found.timestamp >= self.since)
            and (self.until is None or found.timestamp < self.until)
        )


def _matches(text: str, wanted: str) -> bool:
    return text.startswith(wanted[:-1]) if wanted.endswith("*") else text == wanted


class Letters:
    """The letters of a Kafka, as they are when asked."""

    def __init__(self, reading: MultiReader, tps: Sequence[TopicPartition]) -> None:
        self._reading = reading
        self._tps = tps

    async def read(self, wanted: Wanted) -> AsyncIterator[StoredLetter]:
        """The letters wanted, by partition and offset. Raises UserError for a place where there is none."""
        bounds = await self._reading.bounds(self._tps)
        if wanted.places:
            for place in wanted.places:
                found = await self._at(place, bounds)
                if wanted.takes(found):
                    yield found
            return
        for tp, (first, end) in bounds.items():
            start = first if wanted.since is None else await self._reading.since(tp, wanted.since)
            if start is None:
                continue
            async with aclosing(self._reading.read(tp, max(first, start), end)) as records:  # type: ignore[type-var]
                async for record in records:
                    found = _letter(tp.partition, record)
                    if wanted.takes(found):
                        yield found

    async def _at(self, place: LetterId, bounds: dict[TopicPartition, tuple[int, int]]) -> StoredLetter:
        partition, offset = place
        for tp, (first, end) in bounds.items():
            if tp.partition == partition and first <= offset < end:
                async with aclosing(self._reading.read(tp, offset, offset + 1)) as records:  # type: ignore[type-var]
                    async for record in records:
                        return _letter(partition, record)
        raise UserError(
            f"There is no dead letter at {partition}:{offset}: see 'pillarscore dead-letters list'"
        )


def _letter(partition: int, record: object) -> StoredLetter:
    key, value, headers = record.key, record.value, record.headers  # type: ignore[attr-defined]
    offset, timestamp = record.offset, record.timestamp  # type: ignore[attr-defined]
    try:
        letter = DeadLetter.from_record(key, value, headers)
    except ValueError as error:
        # not written by a worker; shown all the same
        letter = DeadLetter(
            "unreadable", str(error), "", partition, offset, timestamp, key, value, tuple(headers)
        )
    return StoredLetter((partition, offset), timestamp, letter)


@asynccontextmanager
async def letters(settings: Settings) -> AsyncIterator[Letters]:
    """The letters of the settings' broker; UserError when there is no topic of them."""
    tps = await partitions_of(settings, "dead-letters")
    async with partitions(settings, tps) as reading:
        yield Letters(reading, tps)


def places(texts: Sequence[str]) -> tuple[LetterId, ...]:
    """Places as they are typed, `0:123`; UserError for any other text."""
    found = []
    for text in texts:
        partition, colon, offset = text.partition(":")
        if not (colon and partition.isdecimal() and offset.isdecimal()) or len(text) > 30:
            raise UserError(f"{text}: give a letter as PARTITION:OFFSET, such as 0:123")
        found.append((int(partition), int(offset)))
    return tuple(dict.fromkeys(found))


def now_ms() -> int:
    """Now, ms since 1970."""
    return int(time.time() * 1000)
