"""How much a worker logs: lines and bytes per hour while all is well, and while Kafka is away.

python -m perf.log_volume --seconds 120 --rate 200
"""

import argparse
import asyncio
import os
import shutil
import tempfile
import time
import uuid
from collections import Counter
from pathlib import Path

import orjson
from aiokafka import AIOKafkaProducer

from agents.config.settings import Settings
from agents.local.broker import Broker
from agents.topics.creation import ensure
from perf.worker_process import Worker
from tests.kit.events import dumps, random_events


def lines(log: Path, start: int) -> tuple[int, int, Counter[str]]:
    """(lines, bytes, lines by event) of a log of JSON lines from a position on."""
    data = log.read_bytes()[start:]
    kinds: Counter[str] = Counter()
    for line in data.splitlines():
        try:
            found = orjson.loads(line)
            kinds[f"{found['logger']}: {found['event'][:60]}"] += 1
        except (orjson.JSONDecodeError, LookupError):
            kinds["not JSON"] += 1
    return data.count(b"\n"), len(data), kinds


async def publish(settings: Settings, seconds: float, rate: int) -> None:
    """Events at a steady rate."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker)
    await producer.start()
    values = [dumps(event) for event in random_events(1, int(seconds * rate), members=2000)]
    began, sent = time.monotonic(), []
    for number, value in enumerate(values):
        sent.append(await producer.send(settings.topic("events"), value))
        if number % rate == 0:
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
    await asyncio.gather(*sent)
    await producer.stop()


def show(what: str, seconds: float, found: tuple[int, int, Counter[str]]) -> None:
    """One phase."""
    count, size, kinds = found
    hours = seconds / 3600
    an_hour = f"{count / hours:,.0f} lines and {size / hours / 1e6:.2f} MB an hour"
    print(f"{what}: {count} lines in {seconds:.0f} s = {an_hour}", flush=True)
    for kind, number in kinds.most_common(12):
        print(f"  {number:5}  {kind}")


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--rate", type=int, default=200)
    given = parser.parse_args()
    root = Path(tempfile.mkdtemp(prefix="pillarscore-"))
    broker = Broker(root / "kafka", jars=Path(".pillarscore/jars").absolute())
    address = broker.start()
    try:
        settings = Settings(broker=address, prefix=f"log{uuid.uuid4().hex[:6]}.", state_dir=root / "state")
        asyncio.run(ensure(settings))
        environment = {
            "PILLARSCORE_BROKER": address,
            "PILLARSCORE_PREFIX": settings.prefix,
            "PILLARSCORE_STATE_DIR": str(settings.state_dir),
            "PILLARSCORE_LOG_FORMAT": "json",
        }
        worker = Worker(environment, root / "worker.log")
        try:
            worker.wait_ready()
            for what in ("steady", "Kafka away"):
                start = os.path.getsize(worker.log)
                if what == "steady":
                    asyncio.run(publish(settings, given.seconds, given.rate))
                else:
                    broker.stop()
                    time.sleep(given.seconds)
                show(what, given.seconds, lines(worker.log, start))
        finally:
            worker.stop(kill=True)
    finally:
        broker.stop()
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
