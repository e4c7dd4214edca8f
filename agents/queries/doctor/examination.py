"""All checks, one after the other; what depends on something that does not work is skipped."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from aiokafka.errors import KafkaError

from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.connection.refusals import explained
from agents.local.broker import Broker
from agents.queries.doctor.access_check import topics_and_acls
from agents.queries.doctor.clock_check import clock
from agents.queries.doctor.connection import connection
from agents.queries.doctor.finding import Finding
from agents.queries.doctor.machine import machine
from agents.queries.doctor.running import running

PATIENCE_S = 60.0
"""How long a check of Kafka may take."""
BEHIND = ("acls", "topics", "clock", "workers", "events")
"""Checks that need a Kafka which lets us in."""


async def examine(settings: Settings, user: str) -> AsyncIterator[Finding]:
    """The findings as they come. user: whose access is checked, of `agents.topics.access.USERS`."""
    for one in machine(settings):
        yield one
    local = not settings.broker
    if local:
        status = Broker.of(settings).status()
        if not status.answers:
            yield Finding(
                "kafka", "skipped", "the local broker is not running", "start it: 'pillarscore broker start'"
            )
            for one in _skipped(BEHIND, "no Kafka"):
                yield one
            return
        settings = settings.model_copy(update={"broker": status.address})
    reached = True
    for one in await _checked("kafka", lambda: _all(connection(settings))):
        reached = reached and not (one.check == "kafka" and one.state == "problem")
        yield one
    if not reached:
        for one in _skipped(BEHIND, "Kafka does not let us in"):
            yield one
        return
    async for one in _in_kafka(settings, user, local):
        yield one


async def _in_kafka(settings: Settings, user: str, local: bool) -> AsyncIterator[Finding]:
    """local: Kafka is the local broker, and has the clock of this machine."""
    found = await _checked("topics", lambda: topics_and_acls(settings, user))
    for one in found:
        yield one
    if any(one.state == "problem" for one in found if one.check == "acls"):
        for one in _skipped(BEHIND[2:], "not all is allowed"):
            yield one
        return
    if local:
        yield Finding("clock", "ok", "the local broker has the same one")
    else:
        for one in await _checked("clock", lambda: _single(clock(settings, user))):
            yield one
    if user != "tools":
        for one in _skipped(BEHIND[3:], "only seen with the access of the role tools"):
            yield one
        return
    if any(one.state == "problem" for one in found):
        for one in _skipped(BEHIND[3:], "topics are missing, or not as required"):
            yield one
        return
    for one in await _checked("workers", lambda: running(settings)):
        yield one


async def _checked(check: str, work: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    """What the work finds, or why it could not."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            return await work()
    except TimeoutError:  # an OSError too
        return [Finding(check, "problem", f"no answer of Kafka within {PATIENCE_S:g} s")]
    except NotImplementedError:
        return [Finding(check, "problem", "this Kafka lacks a request of version 2.3", "use a newer one")]
    except (UserError, KafkaError, OSError) as error:
        said = str(error) if isinstance(error, UserError) else explained(error) or f"Kafka: {error}"
        return [Finding(check, "problem", " ".join(said.split()))]


async def _all(findings: AsyncIterator[Finding]) -> list[Finding]:
    return [one async for one in findings]


async def _single(finding: Awaitable[Finding]) -> list[Finding]:
    return [await finding]


def _skipped(checks: tuple[str, ...], why: str) -> list[Finding]:
    return [Finding(check, "skipped", why) for check in checks]
