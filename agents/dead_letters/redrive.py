"""Sending dead letters again: judged first as ingest will judge them, and remembered.

A letter's event and the note that it was sent go out in one transaction, under one transactional id: of
two replays at the same time the later takes over and what the earlier has not committed is taken back, so no
letter is sent twice by accident. Should one be, the pipeline drops the second as a duplicate, as far back as
its horizon reaches.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from aiokafka.errors import KafkaError

from agents.config.clock import clock
from agents.config.errors import UserError
from agents.config.new_intake import new_intake
from agents.config.settings import Settings
from agents.connection.refusals import explained
from agents.dead_letters.edits import headers_of
from agents.dead_letters.store import LetterId, StoredLetter
from agents.kafka.clients import admin
from agents.kafka.errors import EndUnanswered, Fenced, ProduceFailed
from agents.kafka.range_reader import reader
from agents.kafka.transactions import Transactions
from agents.topics.creation import existing
from schemas.letters import DeadLetter
from schemas.replays import Replay

HEADER = "pillarscore-letter"
Memory = dict[LetterId, Replay]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A letter with what would be sent for it. edited: the event is not the letter's own."""

    found: StoredLetter
    value: bytes | None
    edited: bool

    @property
    def headers(self) -> list[tuple[str, bytes]]:
        """Those of the event as it came, then where its letter lies."""
        letter = self.found.letter
        kept = headers_of(letter) if self.edited else letter.headers
        place = "{}:{}".format(*self.found.place).encode()
        return [(name, value) for name, value in kept if name != HEADER] + [(HEADER, place)]


@dataclass(frozen=True, slots=True)
class Judged:
    """fails: why it would be a dead letter again, (reason, message); before: an earlier replay of it."""

    candidate: Candidate
    fails: tuple[str, str] | None
    before: Replay | None


@dataclass(slots=True)
class _Record:
    """What the intake reads."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


class Judge:
    """Says what ingest would say, by the settings here."""

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.topic("events")
        self._intake = new_intake(settings, clock(settings).horizon_ms())

    def judge(self, candidates: Sequence[Candidate], memory: Memory, now: int) -> list[Judged]:
        """The candidates in their order, as if they were sent at `now`, ms since 1970."""
        records = [_Record(n, now, c.found.letter.key, c.value, c.headers) for n, c in enumerate(candidates)]
        rows = self._intake.rows(records, np.zeros(len(records), np.int64), self._topic)
        bad = {letter.offset: letter for letter in map(DeadLetter.unpack, rows.letters.values())}
        judged = []
        for n, candidate in enumerate(candidates):
            fails = (bad[n].reason, bad[n].message) if n in bad else None
            before = memory.get(candidate.found.place)
            if before is not None and before.letter_timestamp != candidate.found.timestamp:
                before = None  # of another letter: the topic was recreated
            judged.append(Judged(candidate, fails, before))
        return judged


async def remembered(settings: Settings) -> Memory:
    """Which letters were sent again before; none where there is no topic to say so."""
    memory: Memory = {}
    async with admin(settings) as client:
        if "replays" not in await existing(client, settings):
            return memory
    async with reader(settings, settings.topic("replays"), 0) as r:
        async for records in r.read(*await r.bounds()):
            for record in records:
                partition, _, offset = record.key.decode().partition(":")
                if record.value is not None:
                    memory[int(partition), int(offset)] = Replay.model_validate_json(record.value)
    return memory


class Sender:
    """Sends lots of letters, each lot in a transaction."""

    def __init__(self, out: Transactions, settings: Settings, count: int) -> None:
        self._out = out
        self._events = settings.topic("events")
        self._replays = settings.topic("replays")
        self._count = count

    async def send(self, lot: Sequence[Judged]) -> None:
        """Send all of a lot, or nothing of it; returns when it is committed. Raises UserError."""
        try:
            for judged in lot:
                for topic, partition, key, value, headers in self._records(judged):
                    await self._out.put_record(topic, partition, key, value=value, headers=headers)
            await self._out.commit()
        except ProduceFailed as error:
            raise UserError(f"{error}: no letter of this batch was sent") from None
        except EndUnanswered:
            raise UserError(
                "Kafka did not answer in time, some letters may have been sent: run this again, it skips those"
            ) from None
        except Fenced:
            raise UserError(
                "Another redrive was started: letters not reported as sent were not sent, run this again"
            ) from None

    def _records(
        self, judged: Judged
    ) -> Iterator[tuple[str, int, bytes | None, bytes | None, list[tuple[str, bytes]]]]:
        """(topic, partition, key, value, headers) of the event and of the note."""
        candidate = judged.candidate
        place, letter = candidate.found.place, candidate.found.letter
        if candidate.value is None and letter.key is None:
            raise UserError("{}:{} has neither value nor key, so it can't be sent".format(*place))
        # where it came from, so that it stays in line with its member's other events
        partition = letter.partition if letter.partition < self._count else letter.partition % self._count
        yield self._events, partition, letter.key, candidate.value, candidate.headers
        note = Replay(
            at=datetime.now(UTC),
            letter_timestamp=candidate.found.timestamp,
            edited=candidate.edited,
            forced=judged.fails is not None,
        )
        key = "{}:{}".format(*place).encode()
        yield self._replays, 0, key, note.model_dump_json().encode(), []


@asynccontextmanager
async def sender(settings: Settings) -> AsyncIterator[Sender]:
    """A Sender. It takes over from any that is at work: what that has committed can be read from now on."""
    out = Transactions(settings, f"{settings.prefix}replay")
    try:
        await out.start()
        async with admin(settings) as client:
            count = (await existing(client, settings))["events"]
        yield Sender(out, settings, count)
    except KafkaError as error:
        raise UserError(
            explained(error) or f"Kafka at {settings.broker} rejected the events: {error}"
        ) from error
    finally:
        await out.stop()
