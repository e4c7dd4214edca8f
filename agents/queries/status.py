"""How Pillarscore is doing, seen from Kafka alone: stamps, ends of topics, consumer groups, dead letters.

No worker is asked, so it also shows those that do not answer. A `Survey` looks again and again; what
changed between looks makes the rates.
"""

import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient

from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.kafka import consumer_groups
from agents.kafka.clients import admin, kafka_client
from agents.kafka.consumer_groups import Group
from agents.kafka.multi_reader import MultiReader, partitions
from agents.queries import problems
from agents.topics.creation import existing
from agents.topics.ids import topic_ids
from agents.topics.watch import require_allowed
from pipeline.common.ranges import Ranges
from pipeline.common.units import Day
from pipeline.shard.member_index import BLOCK_SIZE
from schemas.ledger import STAMP_KEY, Counters, Offsets, Stamp, readable_stamp
from schemas.letters import DeadLetter

MAX_LETTERS = 10_000
"""How many of the newest dead letters of a partition are looked at first."""
MARKERS = 100
"""A lag of up to so many offsets may be transaction markers alone, which nobody counts."""
WINDOW_MS = 10_000
COMMITS_MS = 1_000
"""The longest time between commits of a partition that has something to commit."""
NEEDED = ("events", "frames", "ledger", "dead-letters")
WORKER_BYTES, MEMBER_BYTES = 170_000_000, 1_100
"""Memory of a worker without members, and for each, roughly: docs/reference/performance.md says what it was with."""


@dataclass(frozen=True, slots=True)
class Lag:
    """Records not yet taken, and the age in seconds of the oldest of them; 0 and 0.0 when there is none."""

    records: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A partition of `activity.events`: its reader, and what is not in frames yet."""

    partition: int
    owner: str | None
    end: int
    lag: Lag


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """A partition of the members.

    scored_per_s: events whose actor is of this partition; None while it is unknown. committed_age_s:
    since the newest stamp; None when there never was one. unrolled: members not yet at the as-of day.
    """

    partition: int
    owner: str | None
    lag: Lag
    scored_per_s: float | None
    members: int
    unrolled: int
    day: Day | None
    committed_age_s: float | None


@dataclass(frozen=True, slots=True)
class Status:
    """All of it at one moment. at_ms: when, ms since 1970.

    settled: all partitions have counted equally far, so that `difference` must be 0. letters: by reason, of
    the newest dead letters, `letters_seen` of them. problems: one line each, see `agents.queries.problems`.
    broken: `difference` has stayed wrong for longer than a commit. missing, lost: source offsets of which no frame
    was counted yet, and those that no longer exist, each once.
    """

    at_ms: int
    broker: str
    prefix: str
    ingest: Group
    score: Group
    sources: list[SourceStatus]
    partitions: list[PartitionStatus]
    events: Counters
    difference: int
    settled: bool
    read_per_s: float | None
    scored_per_s: float | None
    members: int
    day: Day | None
    rubrics: list[str]
    letters: dict[str, int]
    letters_seen: int
    problems: list[str] = field(default_factory=list)
    broken: bool = False
    missing: int = 0
    lost: int = 0

    @property
    def workers(self) -> list[str]:
        """The workers in any group."""
        return sorted({*self.ingest.workers, *self.score.workers})

    @property
    def memory(self) -> dict[str, int]:
        """Bytes that each worker should roughly need for the members it has; for the real figure ask the worker."""
        found = dict.fromkeys(self.score.workers, WORKER_BYTES)
        for one in self.partitions:
            if one.owner is not None:
                found[one.owner] = found.get(one.owner, WORKER_BYTES) + one.members * MEMBER_BYTES
        return dict(sorted(found.items()))


@dataclass(slots=True)
class _Seen:
    """What was seen of a partition's stamps: the newest and its time; recent (time, read, scored)."""

    next: int | None = None
    stamp: Stamp | None = None
    timestamp: int = 0
    points: deque[tuple[int, int, int]] = field(default_factory=deque)


class Survey:
    """`look` gives the status of now."""

    def __init__(
        self,
        settings: Settings,
        client: Any,
        topic_client: AIOKafkaClient,
        *,
        reading: MultiReader,
        counts: dict[str, int],
    ) -> None:
        self._settings = settings
        self._client = client
        self._topic_client = topic_client
        self._names = {short: settings.topic(short) for short in problems.FATAL}
        self._reading = reading
        self._topics = {
            short: [TopicPartition(settings.topic(short), p) for p in range(counts[short])]
            for short in NEEDED
        }
        self._seen = [_Seen() for _ in self._topics["ledger"]]
        self._letters: Counter[str] = Counter()
        self._letters_next: dict[TopicPartition, int] = {}
        self._committed: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        self._wrong_since: float | None = None

    async def look(self) -> Status:
        """How it is now. Raises KafkaError."""
        s = self._settings
        now = int(time.time() * 1000)
        ingest = await consumer_groups.describe(self._client, f"{s.prefix}ingest", s.topic("events"))
        score = await consumer_groups.describe(self._client, f"{s.prefix}score", s.topic("frames"))
        await self._stamps(now)
        sources = await self._sources(ingest, now)
        rows = await self._partitions(score, now)
        await self._read_letters()
        stamps = [seen.stamp for seen in self._seen if seen.stamp is not None]
        events = Counters()
        for stamp in stamps:
            for name, value in stamp.counters:
                setattr(events, name, getattr(events, name) + value)
        marks = {tuple(sorted(stamp.watermarks.items())) for stamp in stamps}
        seen = [
            problems.PartitionView(
                row.partition, one.stamp, row.lag.records, row.committed_age_s, self._ends[row.partition]
            )
            for row, one in zip(rows, self._seen, strict=True)
        ]
        wrong = problems.problems(seen, self._committed, await self._ids(), names=self._names)
        settled = len(marks) <= 1 and len(stamps) in (0, len(self._seen)) and not wrong
        known = [rate for seen in self._seen if (rate := _rate(seen)) is not None]
        return Status(
            now,
            s.broker,
            s.prefix,
            ingest,
            score,
            sources,
            rows,
            events,
            events.difference(),
            settled,
            sum(read for read, _ in known) if known else None,
            sum(scored for _, scored in known) if known else None,
            sum(stamp.members for stamp in stamps),
            max((Day(stamp.day) for stamp in stamps), default=None),
            sorted({" ".join(one.split(" ")[:2]) for stamp in stamps for one in stamp.rubric.split(" + ")}),
            dict(self._letters.most_common()),
            self._letters.total(),
            wrong,
            self._broken(settled and events.difference() != 0),
            offsets(stamp.missing for stamp in stamps),
            offsets(stamp.lost for stamp in stamps),
        )

    def _broken(self, wrong: bool) -> bool:
        """Whether the sums have been wrong for longer than a commit takes; stamps are read one after the other."""
        now = time.monotonic()
        self._wrong_since = (self._wrong_since or now) if wrong else None
        return self._wrong_since is not None and now - self._wrong_since >= self.patience_s

    @property
    def patience_s(self) -> float:
        """For how long sums may be wrong."""
        return 2 * max(self._settings.commit_ms, COMMITS_MS) / 1000

    @property
    def doubtful(self) -> bool:
        """Whether the sums were wrong at the last look."""
        return self._wrong_since is not None

    async def _ids(self) -> dict[str, str]:
        found = await topic_ids(self._topic_client, list(self._names.values()))
        return {short: found[name] for short, name in self._names.items() if name in found}

    async def _stamps(self, now: int) -> None:
        """The newest stamp of each partition, read from the ledger's end."""
        bounds = await self._reading.bounds(self._topics["ledger"])
        for tp, (first, end) in bounds.items():
            seen = self._seen[tp.partition]
            # a stamp is the last of what a commit writes, so one is near the end
            size, start = 64, seen.next
            while True:
                begin = max(first, end - size if start is None else start)
                async for record in self._reading.read(tp, begin, end):
                    if record.key == STAMP_KEY and (stamp := readable_stamp(record.value)) is not None:
                        seen.stamp = stamp
                        seen.timestamp = record.timestamp
                if seen.stamp is not None or begin == first:
                    break
                size *= 4
            seen.next = end
            if seen.stamp is not None:
                counters = seen.stamp.counters
                # one that came since the last look belongs to the time of its commit, not to the look's
                at = min(max(seen.timestamp, now - COMMITS_MS), now)
                seen.points.append((at, counters.read, counters.scored))
                while len(seen.points) > 2 and seen.points[0][0] < now - WINDOW_MS:
                    seen.points.popleft()

    async def _sources(self, group: Group, now: int) -> list[SourceStatus]:
        bounds = await self._reading.bounds(self._topics["events"])
        committed = await self._client.list_consumer_group_offsets(group.name)
        rows = []
        for tp, (first, end) in bounds.items():
            # what is in a stamp was read, even if ingest has not committed it yet
            counted = [s.stamp.watermarks.get(tp.partition, 0) for s in self._seen if s.stamp is not None]
            at = committed[tp].offset if tp in committed else -1
            self._committed[tp.partition] = max(0, at)
            position = max(first, at, *counted) if counted else max(first, at)
            rows.append(
                SourceStatus(
                    tp.partition,
                    group.owners.get(tp.partition),
                    end,
                    await self._lag(tp, position, end, now=now),
                )
            )
        return rows

    async def _partitions(self, group: Group, now: int) -> list[PartitionStatus]:
        rows = []
        for tp, (first, end) in (await self._reading.bounds(self._topics["frames"])).items():
            seen = self._seen[tp.partition]
            stamp = seen.stamp
            self._ends[tp.partition] = end
            lag = await self._lag(tp, max(first, stamp.frame + 1 if stamp else 0), end, now=now)
            rate = _rate(seen)
            rows.append(
                PartitionStatus(
                    tp.partition,
                    group.owners.get(tp.partition),
                    lag,
                    None if rate is None else rate[1],
                    stamp.members if stamp else 0,
                    max(0, stamp.members - stamp.rolled * BLOCK_SIZE) if stamp else 0,
                    stamp.day if stamp else None,
                    max(0, now - seen.timestamp) / 1000 if stamp else None,
                )
            )
        return rows

    async def _lag(self, tp: TopicPartition, position: int, end: int, *, now: int) -> Lag:
        if position >= end:
            return Lag()
        few = end - position <= MARKERS
        count, oldest = 0, now
        async with aclosing(self._reading.read(tp, position, end)) as records:  # type: ignore[type-var]
            async for record in records:
                oldest = min(oldest, record.timestamp)
                count += 1
                if not few:
                    break
        return Lag(count if few else end - position, (now - oldest) / 1000)

    async def _read_letters(self) -> None:
        for tp, (first, end) in (await self._reading.bounds(self._topics["dead-letters"])).items():
            start = max(first, self._letters_next.get(tp, end - MAX_LETTERS))
            async for record in self._reading.read(tp, start, end):
                try:
                    letter = DeadLetter.from_record(record.key, record.value, record.headers)
                    self._letters[letter.reason] += 1
                except ValueError:
                    self._letters["unreadable"] += 1
            self._letters_next[tp] = end


def offsets(of: Iterable[Offsets]) -> int:
    """How many source offsets there are in the ranges of all member partitions, each once."""
    found: dict[int, Ranges] = {}
    for ranges in of:
        for source, pairs in ranges.items():
            mine = found.setdefault(source, Ranges())
            for start, stop in pairs:
                mine.add(start, stop)
    return sum(map(len, found.values()))


def _rate(seen: _Seen) -> tuple[float, float] | None:
    """(events read, events scored) a second, recently; None before there were two looks."""
    if len(seen.points) < 2:
        return None if seen.stamp is not None else (0.0, 0.0)
    (before, read, scored), (after, read_now, scored_now) = seen.points[0], seen.points[-1]
    seconds = max(1, after - before) / 1000
    return (read_now - read) / seconds, (scored_now - scored) / seconds


@asynccontextmanager
async def survey(settings: Settings) -> AsyncIterator[Survey]:
    """A Survey of the settings' broker and prefix; UserError when there is nothing to look at."""
    async with admin(settings) as client:
        counts = await existing(client, settings)
        missing = [settings.topic(short) for short in NEEDED if short not in counts]
        if missing:
            await require_allowed(settings, missing)
            raise UserError(
                f"Kafka at {settings.broker} has no topic {missing[0]}: create it with 'pillarscore topics', "
                "or correct PILLARSCORE_BROKER and PILLARSCORE_PREFIX"
            )
        tps = [TopicPartition(settings.topic(short), p) for short in NEEDED for p in range(counts[short])]
        async with partitions(settings, tps) as reading, kafka_client(settings) as topic_client:
            yield Survey(settings, client, topic_client, reading=reading, counts=counts)
