"""What the worker's logic needs of the world outside: a log, transactions, groups, and a clock.

The worker reaches Kafka, Faust and time only through these, so all of it can run in one process on a simulated log
(`tests/kit/simulated`). `agents.adapters` has them on Kafka, `agents.config.clock` the clock.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import date
from typing import Any, NamedTuple, Protocol

from pipeline.common.units import Day

Headers = list[tuple[str, bytes]]
NO_HEADERS: Headers = []
KeyValue = tuple[bytes | None, bytes | None]
"""A record to be sent; a value of None removes the key."""
ObserveSkew = Callable[[int, int, int], object]
"""Takes (broker's ms, our ms when sent, our ms when acknowledged) of an acknowledgement with the broker's time."""
LOG_APPEND_TIME = 1
"""The type of a time-stamp that the broker has given."""


class TopicPartition(NamedTuple):
    """A partition of a topic; equal to the tuple that aiokafka uses."""

    topic: str
    partition: int


class Record(Protocol):
    """A record that was read. timestamp: ms since 1970."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> Any: ...
    @property
    def value(self) -> Any: ...


class Appended(Protocol):
    """The acknowledgement of a record."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def timestamp_type(self) -> int: ...


class Clock(Protocol):
    """Time, as a value that tests can set. Days are those of the settings' zone; as_of: a fixed day, or None."""

    @property
    def as_of(self) -> date | None: ...
    def now_ms(self) -> int:
        """Milliseconds since 1970, corrected by what is known of this machine's clock."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970 by this machine's clock, for spans and epochs."""

    def today(self) -> Day:
        """The as-of day, days since 1970."""

    def horizon_ms(self) -> int | None:
        """What event times are judged against; None: each against its record's own time-stamp."""

    def monotonic(self) -> float:
        """Seconds since some moment; never goes back."""

    def cpu(self) -> float:
        """Seconds of CPU that this thread has used."""

    def process_cpu(self) -> float:
        """Seconds of CPU that the process has used."""

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds; after 0, others have run."""


class PartitionReader(Protocol):
    """Reads ranges of one partition, outside of any group."""

    async def bounds(self) -> tuple[int, int]:
        """(first offset there is, offset after the last)."""

    def read(self, start: int, stop: int, max_records: int | None = None) -> AsyncIterator[Sequence[Record]]:
        """The records from `start` up to `stop`, in lists of at most `max_records`; there may be gaps."""


class Tail(Protocol):
    """Follows one partition from its beginning, without end. end: where it ended when this was opened."""

    @property
    def end(self) -> int: ...

    async def poll(self, seconds: float) -> Sequence[Record]:
        """The records that came; waits so long for one."""

    async def position(self) -> int:
        """The offset that is read next."""

    def silent_s(self) -> float:
        """Seconds since Kafka has last answered that there is something, or nothing; inf before the first time."""


class Appender(Protocol):
    """Appends single records, outside of transactions; what is sent again after an error is written once."""

    async def append(self, topic: str, partition: int, value: bytes) -> Awaitable[Appended]:
        """Queue a record; the result is to be awaited, and raises when Kafka refused the record."""


class Offsets(Protocol):
    """What others have read, and where partitions end."""

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        """By partition the offset that a group has committed, of those with one."""

    async def ends(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """By partition the offset after the last record."""


class Transactions(Protocol):
    """Transactions of one id, one after the other. Any call raises Fenced when another has the id now."""

    @property
    def open(self) -> bool:
        """Whether a transaction is under way."""

    @property
    def counts(self) -> Mapping[str, int]:
        """Its records by topic."""

    @property
    def ends(self) -> Mapping[tuple[str, int], int]:
        """After a commit, by topic and partition the offset behind the records acknowledged last."""

    async def start(self) -> None:
        """Fence the producer that had the id, and abort what it left open."""

    async def stop(self) -> None:
        """Abort what is open and close; raises nothing."""

    async def begin(self) -> None:
        """Open a transaction unless one is open."""

    async def put(
        self,
        topic: str,
        partition: int,
        records: Sequence[KeyValue],
        *,
        headers: Mapping[bytes, Headers] | None = None,
    ) -> None:
        """Queue records of the open transaction, or of a new one; headers by key."""

    async def put_record(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        *,
        value: bytes | None,
        headers: Headers = NO_HEADERS,
    ) -> None:
        """Queue one record of any size that the topic takes."""

    async def commit(self) -> None:
        """Commit; raises ProduceFailed (nothing is committed) or EndUnanswered (not known: see `renew`)."""

    async def renew(self) -> None:
        """After EndUnanswered: make sure that it is settled; then `clear` if it was committed, else `resend`."""

    async def resend(self) -> None:
        """Put the same records into a new transaction and commit it; raises as `commit` does."""

    def clear(self) -> None:
        """Drop what was sent: it is committed after all."""


class SourceListener(Protocol):
    """Is notified of the partitions of `activity.events` that this member of the group has."""

    async def assigned(self, partitions: set[int]) -> None:
        """These are ours from now on."""

    async def revoked(self) -> None:
        """None is ours any more, once this returns."""


class Source(Protocol):
    """`activity.events`, read as a member of a group."""

    async def start(self, listener: SourceListener) -> None:
        """Join the group."""

    async def stop(self) -> None:
        """Leave it; raises nothing."""

    async def fetch(self, seconds: float, max_records: int) -> dict[int, list[Any]]:
        """Records by partition; waits so long for one."""

    async def committed(self, partition: int) -> int | None:
        """The offset that the group has committed."""

    async def commit(self, offsets: Mapping[int, int]) -> bool:
        """Commit offsets by partition; False when a rebalance came in between."""

    async def bounds(self, partitions: Iterable[int]) -> dict[int, tuple[int, int]]:
        """(first offset there is, offset after the last) of each."""

    def seek(self, partition: int, offset: int) -> None:
        """Fetch from here next."""

    async def position(self, partition: int) -> int | None:
        """The offset that is fetched next; None when the partition is not ours any more."""

    def end(self, partition: int) -> int:
        """Where the partition ends, as of the last answer; 0 when nothing is known."""

    def pause(self) -> None:
        """Fetch nothing until `resume`."""

    def resume(self) -> None:
        """Fetch again."""


class FrameGroup(Protocol):
    """The group that shares out the partitions of `activity.frames`."""

    def subscribe(
        self,
        deliver: Callable[[int, int, int, bytes | None], Awaitable[None]],
        assigned: Callable[[set[int]], Awaitable[None]],
    ) -> None:
        """deliver: takes (partition, offset, time-stamp in ms, value); assigned: exactly these are ours now."""

    async def owner(self, partition: int) -> str | None:
        """The worker that the group has given a partition to; this one is `member`."""

    @property
    def member(self) -> str:
        """What the group calls this worker."""


class Log(Protocol):
    """Topics: all that the worker does with them."""

    def reader(self, topic: str, partition: int) -> AbstractAsyncContextManager[PartitionReader]:
        """Reads committed records of one partition."""

    def tail(self, topic: str, partition: int) -> AbstractAsyncContextManager[Tail]:
        """Follows committed records of one partition."""

    def appender(self) -> AbstractAsyncContextManager[Appender]:
        """Appends records; at the end all are sent."""

    def offsets(self, committed: bool = False) -> AbstractAsyncContextManager[Offsets]:
        """Asks for offsets; committed: partitions end at the first transaction that is still open."""

    def transactions(
        self, transactional_id: str, compression: str | None = None, skew: ObserveSkew | None = None
    ) -> Transactions:
        """Transactions of this id; not started yet."""

    def source(self) -> Source:
        """A member of the ingest group; not started yet."""


async def wait(event: Any, clock: Clock, seconds: float) -> bool:
    """Wait until an asyncio.Event is set, but not longer than so many seconds of the clock; whether it is."""
    if event.is_set() or seconds <= 0:
        await clock.sleep(0)
        return bool(event.is_set())
    waiting = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(clock.sleep(seconds))]
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
    return bool(event.is_set())
