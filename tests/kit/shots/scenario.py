"""Minutes of two workers on a real Kafka, watched by a real Prometheus: load, bad events, a kill, a rollover."""

import asyncio
import contextlib
import json
import os
import shutil
import struct
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from aiokafka import AIOKafkaProducer

from agents.config.settings import Settings
from agents.local.broker import Broker
from agents.topics.creation import ensure
from perf.worker_process import Worker
from tests.kit.dashboards import ROOT
from tests.kit.events import TYPES, dumps, random_events
from tests.kit.monitoring import Prometheus

JARS = ROOT / ".pillarscore" / "jars"
SPAN_S = 330
"""The whole scenario; each step begins so many seconds after the start."""
BAD_S, KILL_S, BACK_S, MIDNIGHT_S = (90, 130), 165, 215, 270
BATCH, PAUSE_S = 120, 0.25
ZONE = "Shots/Midnight"
_KINDS = [kind for kind in TYPES if kind not in ("activity.member.erased", "activity.spam.reported")]


def record(out: Path) -> None:
    """Play it, and keep Prometheus' data and what to ask it (`asked.json`) in a folder."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    with TemporaryDirectory() as temporary:
        folder = Path(temporary)
        broker = Broker(folder / "kafka", jars=JARS)
        address = broker.start()
        prometheus = Prometheus(folder / "prometheus", "127.0.0.1:9")
        try:
            began, instance = asyncio.run(_play(folder, address, prometheus))
        finally:
            prometheus.stop()
            broker.stop()
        shutil.move(folder / "prometheus" / "data", out / "data")
        for log in folder.glob("worker-*.log"):
            shutil.copy(log, out)
    asked = {"start": began, "end": began + SPAN_S, "step": 2, "rate": "20s", "job": "pillarscore"}
    asked |= {"instance": instance, "killed": began + BACK_S - 5}
    (out / "asked.json").write_text(json.dumps(asked))


async def _play(folder: Path, address: str, prometheus: Prometheus) -> tuple[int, str]:
    """(when it began, the worker that lives through all of it)."""
    settings = Settings(broker=address, prefix="shots.")
    began = int(time.time()) + 25  # when both are ready
    environment = _midnight(folder / "zones", began + MIDNIGHT_S)
    environment |= {"PILLARSCORE_BROKER": address, "PILLARSCORE_PREFIX": "shots.", "PILLARSCORE_ZONE": ZONE}
    environment |= {"PILLARSCORE_SESSION_TIMEOUT_S": "10"}
    await ensure(settings)
    workers = [Worker(environment, folder / f"worker-{number}.log") for number in range(2)]
    try:
        for worker in workers:
            await asyncio.to_thread(worker.wait_ready)
        await asyncio.to_thread(prometheus.scrape, [worker.port for worker in workers])
        loading = asyncio.create_task(_load(settings, began))
        await _until(began + KILL_S)
        workers[1].stop(kill=True)
        await _until(began + BACK_S)
        workers.append(Worker(environment, folder / "worker-2.log"))
        await asyncio.to_thread(prometheus.scrape, [workers[0].port, workers[2].port])
        await _until(began + SPAN_S)
        loading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await loading
    finally:
        for worker in workers:
            with contextlib.suppress(ProcessLookupError):
                worker.stop()
    return began, f"127.0.0.1:{workers[0].port}"


async def _until(moment: float) -> None:
    """A scenario is a matter of time; nothing is awaited here but that."""
    await asyncio.sleep(max(0.0, moment - time.time()))


async def _load(settings: Settings, began: float) -> None:
    """Events of now and of the weeks before; a few can't be read, and for a while many."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker, linger_ms=5)
    await producer.start()
    today = (datetime.now(UTC).date() - datetime(1970, 1, 1).date()).days
    seed = 0
    try:
        while True:
            seed += 1
            sent = []
            bad = 3 if BAD_S[0] < time.time() - began < BAD_S[1] else 60
            made = random_events(seed, BATCH, 150, today - 60, today - 1, _KINDS, duplicates=0.05)
            now = (datetime.now(UTC) - timedelta(milliseconds=80)).isoformat()
            for number, one in enumerate(made):
                value = dumps(one | {"time": now} if number % 3 else one)
                if number % bad == 1:
                    value = (
                        b"no event",
                        value.replace(b'"type"', b'"typ"'),
                        value.replace(b"activity.", b"x."),
                    )[seed % 3]
                sent.append(
                    await producer.send(
                        settings.topic("events"), value, partition=number % settings.event_partitions
                    )
                )
            await asyncio.gather(*sent)
            await asyncio.sleep(PAUSE_S)
    finally:
        await producer.stop()


def _midnight(folder: Path, moment: float) -> dict[str, str]:
    """Environment with a time zone in which a day begins at a moment: a rollover without another clock.

    The file is in the first format of RFC 8536, with one type of local time and no changes.
    """
    offset = -int(moment) % 86_400
    offset = offset - 86_400 if offset > 43_200 else offset
    head = b"TZif" + b"\0" * 16 + struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    file = folder / ZONE
    file.parent.mkdir(parents=True)
    file.write_bytes(head + struct.pack(">lBB", offset, 0, 0) + b"XXX\0")
    system = next(path for path in ("/usr/share/zoneinfo", "/usr/lib/zoneinfo") if Path(path).is_dir())
    return {"PYTHONTZPATH": os.pathsep.join([str(folder), system])}
