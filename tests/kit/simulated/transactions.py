"""Transactions on topics in memory."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from agents import ports
from agents.kafka.errors import EndUnanswered, Fenced, ProduceFailed
from tests.kit.simulated.topics import SimTopics


class SimTransactions:
    """Nothing is seen before the commit, and all of it at once then."""

    def __init__(self, log: SimTopics, transactional_id: str, skew: ports.ObserveSkew | None) -> None:
        self._log, self._id, self._skew = log, transactional_id, skew
        self._token: object = object()
        self._records: list[tuple[str, int, bytes | None, bytes | None, Any]] = []
        self.open = False
        self.counts: Counter[str] = Counter()
        self.ends: dict[tuple[str, int], int] = {}

    async def start(self) -> None:
        await asyncio.sleep(0)
        self._log.ask()
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
        if self._log.away:
            await self._log.clock.sleep(40)
            raise ProduceFailed("ledger", 0, records=1, size_bytes=1, cause=OSError("Kafka is away"))
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
        self._log.ask()
        self._check()
        self._log.owners[self._id] = self._token = object()
        self.open = False

    async def resend(self) -> None:
        await self.begin()
        await self.commit()

    def clear(self) -> None:
        self._records, self.open = [], False
        self.counts.clear()
