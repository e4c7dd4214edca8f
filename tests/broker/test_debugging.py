"""A worker can be debugged as CONTRIBUTING.md says: it stops at a new frame, and goes on as if nothing had been."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from shlex import quote

from aiokafka import AIOKafkaProducer

from agents.config.settings import Settings
from agents.queries.commit_progress import counted
from perf.worker_process import free_port
from tests.kit.bounded import at_most
from tests.kit.events import dumps, event

ROOT = Path(__file__).parents[2]
WAIT_S = 60


def command() -> str:
    """The commands of the page that start the worker, for this Python."""
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.search(r"^line=.*\n.* -m pdb .*$", page, re.MULTILINE)
    assert found is not None
    return found[0].replace(".venv/bin/python", f"exec {quote(sys.executable)}")


async def _publish(settings: Settings) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker)
    await producer.start()
    try:
        made = event("activity.session.started", subject="ada", time=f"{settings.as_of}T12:00:00Z")
        await producer.send_and_wait(settings.topic("events"), dumps(made), partition=0)
    finally:
        await producer.stop()


def test_it_stops_and_goes_on(live: Settings) -> None:
    settings = live.model_copy(update={"as_of": "2025-11-20"})
    environment = {
        "PILLARSCORE_BROKER": settings.broker,
        "PILLARSCORE_PREFIX": settings.prefix,
        "PILLARSCORE_WEB_PORT": str(free_port()),
        "PILLARSCORE_AS_OF": settings.as_of,
        "PILLARSCORE_SESSION_TIMEOUT_S": "300",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": str(ROOT),
    }
    worker = subprocess.Popen(
        ["bash", "-c", command()],
        cwd=ROOT,
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert worker.stdin is not None
    assert worker.stdout is not None

    def reads(what: str) -> str:
        for line in iter(worker.stdout.readline, ""):
            if what in line:
                return line
        raise AssertionError(f"it ended without {what}")

    def says(line: str) -> None:
        worker.stdin.write(line + "\n")
        worker.stdin.flush()

    try:
        with at_most(WAIT_S, worker):
            reads("source partitions assigned")
            asyncio.run(_publish(settings))
            reads("shard.py(")
            says("p 'stopped', offset, self.members")
            assert "('stopped', 0, 0)" in reads("'stopped'")
            says("clear 1")
            says("continue")
            reads("Deleted breakpoint")
        assert asyncio.run(counted(settings, {0: 1}, within_s=WAIT_S)) is not None
        worker.terminate()
        says("quit")
        worker.stdin.close()
        with at_most(WAIT_S, worker):
            assert "Exit status: 0" in reads("Exit status")
    finally:
        worker.kill()
        worker.wait(10)
        worker.stdout.close()
