"""A steady publisher: events of now and of the weeks before, each also written to a file for `pillarscore verify`."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.config.settings import Settings
from tests.kit.events import TYPES, dumps, random_events

TICK_S = 0.25
MEMBERS = 200
STOP_S = 60.0
_KINDS = [kind for kind in TYPES if kind not in ("activity.member.erased", "activity.spam.reported")]


class Upstream:
    """Publishes in a thread of its own, `rate` events/s, of which a share of `bad` can't be read.

    What Kafka does not acknowledge is sent again until it does: as duplicates, which count once.
    """

    def __init__(self, settings: Settings, file: Path, rate: float) -> None:
        self.file = file
        self.rate = rate
        self.bad = 0.0
        self.sent = 0
        self._settings = settings
        self._going, self._ended, self._idle = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)
        self._thread.start()

    def resume(self) -> None:
        """Go on."""
        self._idle.clear()
        self._going.set()

    def pause(self) -> None:
        """Publish nothing from now on; what was published is acknowledged and in the file."""
        self._going.clear()
        self._idle.clear()
        if not self._idle.wait(STOP_S):
            raise TimeoutError(f"Kafka has not acknowledged in {STOP_S:.0f} s what was published")

    def repeat(self, count: int) -> None:
        """Publish the last events again, as many; while paused."""
        values = self.file.read_bytes().splitlines()[-count:]

        async def send() -> None:
            producer = AIOKafkaProducer(bootstrap_servers=self._settings.broker)
            await producer.start()
            try:
                await self._send(producer, values)
            finally:
                await producer.stop()

        asyncio.run(send())

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Publish nothing meanwhile."""
        self.pause()
        yield
        self.resume()

    def stop(self) -> None:
        """For good, whatever state Kafka is in."""
        self._ended.set()
        self._thread.join(STOP_S)

    async def _run(self) -> None:
        with self.file.open("wb") as file:
            while not self._ended.is_set():
                with contextlib.suppress(KafkaError, OSError):
                    producer = AIOKafkaProducer(bootstrap_servers=self._settings.broker, linger_ms=5)
                    try:
                        await producer.start()
                        await self._publish(producer, file)
                    finally:
                        with contextlib.suppress(KafkaError, OSError, TimeoutError):
                            await asyncio.wait_for(producer.stop(), 5)
                await asyncio.sleep(TICK_S)

    async def _publish(self, producer: AIOKafkaProducer, file) -> None:
        while not self._ended.is_set():
            began = time.monotonic()
            if self._going.is_set():
                values = self._batch(round(self.rate * TICK_S))
                await self._send(producer, values)
                file.write(b"".join(value + b"\n" for value in values))
                file.flush()
                self.sent += len(values)
            else:
                self._idle.set()
            await asyncio.sleep(max(0.0, TICK_S - (time.monotonic() - began)))

    async def _send(self, producer: AIOKafkaProducer, values: list[bytes]) -> None:
        topic, partitions = self._settings.topic("events"), self._settings.event_partitions
        left = [(value, number % partitions) for number, value in enumerate(values)]
        while left and not self._ended.is_set():
            sends = []
            for value, partition in left:
                with contextlib.suppress(KafkaError):
                    sends.append((value, partition, await producer.send(topic, value, partition=partition)))
                    continue
                sends.append((value, partition, None))
                await asyncio.sleep(TICK_S)
            done = await asyncio.gather(*(s for *_, s in sends if s is not None), return_exceptions=True)
            answers = iter(done)
            left = [
                (value, partition)
                for value, partition, future in sends
                if future is None or isinstance(next(answers), BaseException)
            ]

    def _batch(self, count: int) -> list[bytes]:
        today = int(time.time() // 86_400)
        now = datetime.now(UTC).isoformat()
        values = []
        made = random_events(self.sent + 1, count, MEMBERS, today - 60, today - 1, _KINDS)
        for number, one in enumerate(made):
            value = dumps(one | {"time": now} if number % 3 else one)
            if (number * 0.618) % 1 < self.bad:
                value = value.replace(b'"type"', b'"typ"')
            values.append(value)
        return values
