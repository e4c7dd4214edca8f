"""The worker's world in one process: a log, groups and a clock that stand still until they are moved.

`World` runs whole workers (ingest and score role) on it, kills them at any moment, and has Kafka's faults as methods.
Time passes only in `World.run`, as fast as the machine allows.
"""

import asyncio
import heapq
import itertools
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from types import SimpleNamespace
from typing import Any

import numpy as np

from agents import ports
from agents.config.clock_skew import Skew
from agents.config.settings import TOPICS, Settings
from agents.kafka.errors import EndUnanswered, Fenced, ProduceFailed
from agents.metrics import Metrics
from agents.worker.background_budget import BackgroundBudget
from agents.worker.context import Context
from agents.worker.coverage import Coverage
from agents.worker.health import Health
from agents.worker.ingest_role import IngestRole
from agents.worker.partition_runner import PartitionRunner
from agents.worker.rank_role import RankFollower
from agents.worker.round_length import RoundLength
from agents.worker.score_census import CensusCache, CensusReader
from agents.worker.score_role import ScoreRole, live_shard
from pipeline.common import days
from pipeline.common.units import Day
from pipeline.rubric.model import Rubric

CREATE_TIME, LOG_APPEND_TIME = 0, 1


class SimClock:
    """Begins at `start_ms`; `advance` lets sleepers go on, one moment after the other."""

    as_of: date | None = None

    def __init__(self, start_ms: int) -> None:
        self._start_ms = start_ms
        self._now = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def now_ms(self) -> int:
        return self._start_ms + int(self._now * 1000)

    def now_ns(self) -> int:
        return self.now_ms() * 1_000_000

    def today(self) -> Day:
        return Day(int(days.UTC.of(np.array(self.now_ms()))))

    def horizon_ms(self) -> int | None:
        return None

    def monotonic(self) -> float:
        return self._now

    def cpu(self) -> float:
        return self._now / 100

    process_cpu = cpu

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._numbers), future))
        await future

    def jump(self, seconds: float) -> None:
        """Nobody ran for so long, as when a machine was asleep."""
        self._now += seconds

    async def advance(self) -> None:
        """Let everybody run who can, then go to the moment at which the next sleeper wakes."""
        ready: Any = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
        await asyncio.sleep(0)
        while ready:
            await asyncio.sleep(0)
        while self._sleepers:
            at, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                self._now = max(self._now, at)
                future.set_result(None)
                return


@dataclass(frozen=True, slots=True)
class SimRecord:
    """A record of a topic."""

    offset: int
    timestamp: int
    key: Any
    value: Any
    headers: Sequence[tuple[str, bytes]] = ()


@dataclass
class _Part:
    """A partition: its records, the first offset that is still there, and the next."""

    records: list[SimRecord] = field(default_factory=list)
    first: int = 0
    end: int = 0


class SimLog:
    """Topics in memory, with what Kafka does to transactions and groups."""

    def __init__(self, settings: Settings, clock: SimClock) -> None:
        self.settings = settings
        self.clock = clock
        self.parts: dict[tuple[str, int], _Part] = defaultdict(_Part)
        self.owners: dict[str, Any] = {}  # transactional id -> who began it last
        self.committed: dict[tuple[str, str, int], int] = {}
        self.sources: list[SimSource] = []
        self.refusing: set[str] = set()  # topics that take no record
        self.unanswered: list[bool] = []  # of the next ends of transactions: is it committed?
        self.latency_s = 0.0  # of each list of records that is read

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

    # --- the port ---------------------------------------------------------------------------------------

    @asynccontextmanager
    async def reader(self, topic: str, partition: int) -> AsyncIterator[Any]:
        await asyncio.sleep(0)
        yield _Reader(self, self.parts[topic, partition])

    @asynccontextmanager
    async def tail(self, topic: str, partition: int) -> AsyncIterator[Any]:
        yield _Tail(self, self.parts[topic, partition])

    @asynccontextmanager
    async def appender(self) -> AsyncIterator[Any]:
        yield _Appender(self)

    @asynccontextmanager
    async def offsets(self) -> AsyncIterator[Any]:
        yield _Offsets(self)

    def transactions(
        self, transactional_id: str, compression: str | None = None, skew: ports.ObserveSkew | None = None
    ) -> "SimTransactions":
        return SimTransactions(self, transactional_id, skew)

    def source(self) -> "SimSource":
        return SimSource(self)


class _Reader:
    def __init__(self, log: SimLog, part: _Part) -> None:
        self._log, self._part = log, part

    async def bounds(self) -> tuple[int, int]:
        return self._part.first, self._part.end

    async def read(
        self, start: int, stop: int, max_records: int | None = None
    ) -> AsyncIterator[list[SimRecord]]:
        found = [record for record in self._part.records if start <= record.offset < stop]
        size = max_records or 500
        for at in range(0, len(found), size):
            await self._log.clock.sleep(self._log.latency_s)
            yield found[at : at + size]


class _Tail:
    def __init__(self, log: SimLog, part: _Part) -> None:
        self._log, self._part = log, part
        self.end = part.end
        self._next = 0

    async def poll(self, seconds: float) -> list[SimRecord]:
        found = [record for record in self._part.records if record.offset >= self._next]
        if not found:
            await self._log.clock.sleep(seconds)
        self._next = self._part.end
        return found

    async def position(self) -> int:
        return self._next


class _Appender:
    def __init__(self, log: SimLog) -> None:
        self._log = log

    async def append(self, topic: str, partition: int, value: bytes) -> Awaitable[Any]:
        future = asyncio.get_running_loop().create_future()
        if topic in self._log.refusing:
            future.set_exception(OSError(f"{topic} takes nothing"))
        else:
            record = self._log.append(topic, partition, value)
            future.set_result(
                SimpleNamespace(
                    offset=record.offset, timestamp=record.timestamp, timestamp_type=LOG_APPEND_TIME
                )
            )
        await asyncio.sleep(0)
        return future


class _Offsets:
    def __init__(self, log: SimLog) -> None:
        self._log = log

    async def committed(self, group: str, topic: str) -> dict[int, int]:
        return {p: at for (name, of, p), at in self._log.committed.items() if (name, of) == (group, topic)}

    async def ends(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        return {number: self._log.parts[topic, number].end for number in partitions}


class SimTransactions:
    """Nothing is seen before the commit, and all of it at once then."""

    def __init__(self, log: SimLog, transactional_id: str, skew: ports.ObserveSkew | None) -> None:
        self._log, self._id, self._skew = log, transactional_id, skew
        self._token: object = object()
        self._records: list[tuple[str, int, bytes | None, bytes | None, Any]] = []
        self.open = False
        self.counts: Counter[str] = Counter()
        self.ends: dict[tuple[str, int], int] = {}

    async def start(self) -> None:
        await asyncio.sleep(0)
        self._log.owners[self._id] = self._token = object()

    async def stop(self) -> None:
        await asyncio.sleep(0)
        self.clear()

    def _check(self) -> None:
        if self._log.owners.get(self._id) is not self._token:
            raise Fenced

    async def begin(self) -> None:
        self._check()
        self.open = True

    async def put(
        self,
        topic: str,
        partition: int,
        records: Sequence[ports.KeyValue],
        headers: Mapping[bytes, Any] | None = None,
    ) -> None:
        await self.begin()
        self._records += [
            (topic, partition, key, value, (headers or {}).get(key or b"", ())) for key, value in records
        ]
        self.counts[topic] += len(records)
        await asyncio.sleep(0)

    async def put_record(
        self, topic: str, partition: int, key: bytes | None, value: bytes | None, headers: Any = ()
    ) -> None:
        await self.begin()
        self._records.append((topic, partition, key, value, headers))
        self.counts[topic] += 1

    async def commit(self) -> None:
        if not self.open:
            return
        await asyncio.sleep(0)
        self._check()
        refused = next((record[0] for record in self._records if record[0] in self._log.refusing), None)
        if refused is not None:
            raise ProduceFailed(refused, 0, records=1, size_bytes=1, cause=OSError("refused"))
        answered, committed = True, True
        if self._log.unanswered:
            answered, committed = False, self._log.unanswered.pop(0)
        if committed:
            self._write()
        if not answered:
            raise EndUnanswered("no answer")
        self.clear()

    def _write(self) -> None:
        now = self._log.clock.now_ms()
        for topic, partition, key, value, headers in self._records:
            record = self._log.append(topic, partition, value, key, headers)
            self.ends[topic, partition] = record.offset + 1
        for topic, partition in {(topic, partition) for topic, partition, *_ in self._records}:
            self._log.parts[topic, partition].end += 1  # the marker of the transaction
        if self._skew is not None:
            self._skew(now, now, now)

    async def renew(self) -> None:
        await asyncio.sleep(0)
        self._check()
        self._log.owners[self._id] = self._token = object()
        self.open = False

    async def resend(self) -> None:
        await self.begin()
        await self.commit()

    def clear(self) -> None:
        self._records, self.open = [], False
        self.counts.clear()


class SimSource:
    """A member of the ingest group, which has all partitions when it is the newest member."""

    def __init__(self, log: SimLog) -> None:
        self._log = log
        self._topic = log.settings.topic("events")
        self._group = f"{log.settings.prefix}ingest"
        self._positions: dict[int, int] = {}
        self._listener: ports.SourceListener | None = None

    async def start(self, listener: ports.SourceListener) -> None:
        self._listener = listener
        before, self._log.sources = self._log.sources, [self]
        for other in before:
            await other.leave()
        numbers = set(range(self._log.settings.event_partitions))
        self._positions = dict.fromkeys(numbers, 0)
        await listener.assigned(numbers)

    async def leave(self) -> None:
        """Lose all partitions, as in a rebalance."""
        if self._listener is not None and self._positions:
            await self._listener.revoked()
        self._positions = {}

    async def stop(self) -> None:
        if self in self._log.sources:
            self._log.sources.remove(self)
        self._positions = {}

    async def fetch(self, seconds: float, max_records: int) -> dict[int, list[Any]]:
        found = {}
        for number, start in self._positions.items():
            records = [r for r in self._log.parts[self._topic, number].records if r.offset >= start]
            if records := records[:max_records]:
                found[number] = records
                self._positions[number] = records[-1].offset + 1
        if found:
            await asyncio.sleep(0)
        else:
            await self._log.clock.sleep(seconds)
        return found

    async def committed(self, partition: int) -> int | None:
        return self._log.committed.get((self._group, self._topic, partition))

    async def commit(self, offsets: Mapping[int, int]) -> bool:
        await asyncio.sleep(0)
        if not self._positions or self not in self._log.sources:
            return False
        for partition, offset in offsets.items():
            self._log.committed[self._group, self._topic, partition] = offset
        return True

    async def bounds(self, partitions: Iterable[int]) -> dict[int, tuple[int, int]]:
        parts = {number: self._log.parts[self._topic, number] for number in partitions}
        return {number: (part.first, part.end) for number, part in parts.items()}

    def seek(self, partition: int, offset: int) -> None:
        if partition in self._positions:
            self._positions[partition] = offset

    async def position(self, partition: int) -> int | None:
        return self._positions.get(partition)

    def end(self, partition: int) -> int:
        return self._log.parts[self._topic, partition].end

    def pause(self) -> None: ...
    def resume(self) -> None: ...


class SimGroup:
    """The group of the score workers: whoever is assigned last has its partitions, and frames are delivered."""

    def __init__(self, log: SimLog, owners: dict[int, str], member: str) -> None:
        self._log, self._owners, self.member = log, owners, member
        self._mine: dict[int, int] = {}
        self.lossy = False  # whether deliveries are left out

    def subscribe(
        self,
        deliver: Callable[[int, int, int, bytes | None], Awaitable[None]],
        assigned: Callable[[set[int]], Awaitable[None]],
    ) -> None:
        self._deliver, self._assigned = deliver, assigned

    async def owner(self, partition: int) -> str | None:
        return self._owners.get(partition)

    async def assign(self, partitions: Iterable[int]) -> None:
        topic = self._log.settings.topic("frames")
        self._mine = {p: self._mine.get(p, self._log.parts[topic, p].end) for p in partitions}
        self._owners.update(dict.fromkeys(self._mine, self.member))
        await self._assigned(set(self._mine))

    async def pump(self) -> None:
        """Deliver frames, for ever."""
        topic = self._log.settings.topic("frames")
        while True:
            for partition, start in list(self._mine.items()):
                for record in self._log.parts[topic, partition].records[:]:
                    if record.offset >= start and not (self.lossy and record.offset % 3 == 1):
                        await self._deliver(partition, record.offset, record.timestamp, record.value)
                    self._mine[partition] = max(self._mine.get(partition, 0), record.offset + 1)
            await self._log.clock.sleep(0.02)


class SimWorker:
    """A worker with both roles, on a world."""

    def __init__(self, world: "World", name: str) -> None:
        s, log, clock = world.settings, world.log, world.clock
        runners: dict[int, PartitionRunner] = {}
        budget, rounds = BackgroundBudget(clock), RoundLength(s.cycle_ms / 1000, clock)
        metrics = Metrics()
        self.group = SimGroup(log, world.owners, name)
        self.context = Context(
            settings=s,
            rubric=world.rubric,
            shadow=None,
            clock=clock,
            log=log,
            group=self.group,
            metrics=metrics,
            health=Health(),
            skew=Skew(clock.monotonic),
            ends=SimpleNamespace(get=lambda tp: log.parts[tuple(tp)].end),  # type: ignore[arg-type]
            topics=SimpleNamespace(ids=world.ids),  # type: ignore[arg-type]
            coverage=Coverage(log, clock, s, lambda: list(runners)),
            budget=budget,
            rounds=rounds,
            censuses=CensusCache(
                clock, lambda: CensusReader(log, clock, s, budget, lambda p: live_shard(runners, p))
            ),
            benchmarks=None
            if s.cohort_kinds is None
            else RankFollower(log, clock, s, metrics, budget, rounds),
        )
        self.score = ScoreRole(self.context, runners)
        self.ingest = IngestRole(self.context)
        self.runners = runners
        self._tasks: list[asyncio.Task[Any]] = []

    def start(self, roles: str) -> None:
        self._tasks = [asyncio.create_task(self.group.pump()), asyncio.create_task(self._begin(roles))]

    async def _begin(self, roles: str) -> None:
        if roles in ("all", "score"):
            await self.group.assign(range(self.context.settings.frame_partitions))
            self.context.coverage.start()
        if roles in ("all", "ingest"):
            self.ingest.start()

    def live(self) -> bool:
        """Whether all partitions are restored and events are read."""
        count = self.context.settings.frame_partitions
        return len(self.runners) == count and self.score.ready and self.ingest.ready


class World:
    """Kafka and its workers. `run` lets time pass."""

    def __init__(self, settings: Settings, rubric: Rubric, start_ms: int) -> None:
        self.settings = settings
        self.rubric = rubric
        self.clock = SimClock(start_ms)
        self.log = SimLog(settings, self.clock)
        self.ids = {short: f"id-{short}" for short in TOPICS}
        self.owners: dict[int, str] = {}
        self._names = itertools.count()

    def publish(self, values: Iterable[bytes]) -> None:
        """Events, to the partitions in turn."""
        for number, value in enumerate(values):
            partition = number % self.settings.event_partitions
            self.log.append(self.settings.topic("events"), partition, value)

    def worker(self, roles: str = "all") -> SimWorker:
        """Start a worker, which takes over everything; roles: `all`, `ingest` or `score`."""
        made = SimWorker(self, f"worker-{next(self._names)}")
        made.start(roles)
        return made

    async def run(self, until: Callable[[], bool], seconds: float = 600) -> None:
        """Let time pass until something is so; AssertionError when it is not in so many (simulated) seconds."""
        end = self.clock.monotonic() + seconds
        while not until():
            assert self.clock.monotonic() < end, "not so in time"
            await self.clock.advance()

    async def run_for(self, seconds: float) -> None:
        """Let so much time pass."""
        waking = asyncio.ensure_future(self.clock.sleep(seconds))
        while not waking.done():
            await self.clock.advance()

    async def kill(self) -> None:
        """kill -9 of all workers: whatever runs ends where it is, and nothing of it reaches the log any more."""
        mine = {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}
        self.log.sources.clear()
        for task in mine:
            task.cancel()
        self.log.owners.clear()
        for _ in range(200):
            if not any(not task.done() for task in mine):
                break
            await asyncio.sleep(0)
            for task in mine:
                if not task.done():
                    task.cancel()
        self.log.owners.clear()

    def counted(self, worker: SimWorker) -> bool:
        """Whether all that was published is scored and committed."""
        s, events = self.settings, self.settings.topic("events")
        ends = {n: self.log.parts[events, n].end for n in range(s.event_partitions)}
        for runner in worker.runners.values():
            stamp = runner.stamp
            if stamp is None or any(stamp.watermarks.get(n, 0) < end for n, end in ends.items() if end):
                return False
            if stamp.missing or stamp.rolled * 1000 < stamp.members or stamp.day < self.clock.today():
                return False
        return len(worker.runners) == s.frame_partitions
