"""Workers and what they have counted, as `pillarscore status` sees it."""

import asyncio
from collections.abc import Iterator

from agents.config.settings import Settings
from agents.queries.doctor.finding import Finding
from agents.queries.next_steps import next_steps
from agents.queries.status import Status, survey


async def running(settings: Settings) -> list[Finding]:
    """Raises UserError, KafkaError."""
    async with survey(settings) as seen:
        found = await seen.look()
        while seen.doubtful and not found.broken:
            await asyncio.sleep(min(1.0, seen.patience_s))
            found = await seen.look()
    return list(findings(found))


def findings(status: Status) -> Iterator[Finding]:
    """Problems as problems, and the next steps for what is late or not counted as warnings."""
    if status.workers:
        count = len(status.workers)
        yield Finding("workers", "ok", f"{count} running: {', '.join(status.workers)}")
    else:
        yield Finding("workers", "warning", "none is running", "start one: 'pillarscore worker'")
    if status.broken:
        todo = "keep logs and topics, and run 'pillarscore verify' (runbook, ConservationBroken)"
        yield Finding("events", "problem", f"not every event has one outcome ({status.difference:+,})", todo)
    for line in status.problems:
        yield Finding("events", "problem", line)
    steps = next_steps(status) if status.workers else []
    for line in steps:
        if "ConservationBroken" not in line:
            yield Finding("events", "warning", line)
    if not (status.broken or status.problems or steps):
        yield Finding("events", "ok", f"{status.events.read:,} counted, each with one outcome")
