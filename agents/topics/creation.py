"""Making the topics that are missing, and checking those that are there.

All are made here and never by accident; what is wrong with one that is there already is reported before any
worker reads from it.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import NewTopic

from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.kafka.clients import admin
from agents.topics.requirements import OFFSETS, TRANSACTIONS, Difference, State, compare
from agents.topics.specs import Topic, specs
from agents.topics.states import change, raise_for, states

WAIT_S = 20.0
TOPIC_EXISTS = 36


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as it is after `ensure`. made: just now."""

    name: str
    topic: Topic
    partitions: int
    made: bool


async def ensure(settings: Settings) -> list[Found]:
    """Make what is missing, check what is there, and wait until every partition has a leader.

    settings.broker must be set. Raises UserError when a topic is there that won't do, and nothing is
    changed then. May be called again, and by several at once.
    """
    wanted = specs(settings)
    async with admin(settings) as client:
        before = await _states(client, settings, wanted)
        refuse(compare(settings, wanted, before))
        missing = [topic for topic in wanted if settings.topic(topic.short) not in before]
        others = await _make(client, settings, missing)
        after = await _led(client, settings, wanted)
        if missing:
            refuse(compare(settings, wanted, await _states(client, settings, wanted)))
        made = {topic.short for topic in missing} - others
    return [Found(n, t, after[n], t.short in made) for t in wanted if (n := settings.topic(t.short))]


def refuse(found: list[Difference]) -> None:
    """Raise UserError when any of the differences is one with which nothing may start."""
    refused = [one for one in found if one.refused]
    if refused:
        more = f" (and {len(refused) - 1} more: see 'pillarscore topics')" if len(refused) > 1 else ""
        raise UserError(f"{refused[0]}{more}")


async def differences(settings: Settings) -> list[Difference]:
    """Where the topics that are there are not as required, those that are refused first. Raises UserError."""
    wanted = specs(settings)
    async with admin(settings) as client:
        return compare(settings, wanted, await _states(client, settings, wanted))


async def fix(settings: Settings) -> list[Difference]:
    """Change what can be changed safely; what was changed. Raises UserError when Kafka does not let us."""
    wanted = specs(settings)
    async with admin(settings) as client:
        found = [one for one in compare(settings, wanted, await _states(client, settings, wanted)) if one.fix]
        changes: dict[str, dict[str, str]] = {}
        for one in found:
            changes.setdefault(one.topic, {})[one.setting] = str(one.fix)
        if changes:
            await change(client, changes)
            deadline = time.monotonic() + WAIT_S
            # brokers learn of it a moment later
            while any(one.fix for one in compare(settings, wanted, await _states(client, settings, wanted))):
                if time.monotonic() > deadline:
                    raise UserError("Kafka has taken the changes, but does not show them yet: look again")
                await asyncio.sleep(0.05)
        return found


async def existing(client: Any, settings: Settings) -> dict[str, int]:
    """The topics that are there, by their short names, with their numbers of partitions; makes none."""
    there = await _there(client, settings, specs(settings))
    return {t.short: there[n] for t in specs(settings) if (n := settings.topic(t.short)) in there}


async def delete(settings: Settings) -> list[str]:
    """Delete all topics of this prefix, with what is in them; their names."""
    async with admin(settings) as client:
        names = sorted(await _there(client, settings, specs(settings)))
        if names:
            answer = await client.delete_topics(names)
            for name, code in answer.topic_error_codes:
                raise_for(name, code, None)
        # what was deleted is still listed for a moment
        deadline = time.monotonic() + WAIT_S
        while await _there(client, settings, specs(settings)) and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        return names


async def _there(client: Any, settings: Settings, wanted: list[Topic]) -> dict[str, int]:
    """Those of the wanted that exist: full name to number of partitions."""
    names = {settings.topic(topic.short) for topic in wanted}
    # all, since asking for a name that is not there may make it where Kafka is set to do that
    return {t["topic"]: len(t["partitions"]) for t in await client.describe_topics() if t["topic"] in names}


async def _states(client: Any, settings: Settings, wanted: list[Topic]) -> dict[str, State]:
    names = [settings.topic(topic.short) for topic in wanted]
    return await states(client, names, optional=(TRANSACTIONS, OFFSETS))


async def _make(client: Any, settings: Settings, missing: list[Topic]) -> set[str]:
    """Make them; the short names of those that somebody else has made meanwhile."""
    if not missing:
        return set()
    shorts = {settings.topic(topic.short): topic.short for topic in missing}
    copies = settings.replication
    if copies == -1 and settings.required_replication > 1:
        copies = settings.required_replication
    # aiokafka takes -1 copies, Kafka's own default, only with an (empty) assignment of replicas
    assignment: dict[int, list[int]] | None = {} if copies == -1 else None
    new = [NewTopic(settings.topic(t.short), t.partitions, copies, assignment, t.configs) for t in missing]
    answer = await client.create_topics(new)
    others = set()
    for name, code, message in answer.topic_errors:
        if code == TOPIC_EXISTS:
            others.add(shorts[name])
        else:
            raise_for(name, code, message)
    return others


async def _led(client: Any, settings: Settings, wanted: list[Topic]) -> dict[str, int]:
    """Wait until all wanted topics are there with a leader for each partition: name to partitions."""
    names = {settings.topic(topic.short) for topic in wanted}
    deadline = time.monotonic() + WAIT_S
    while True:
        led = {
            t["topic"]: len(t["partitions"])
            for t in await client.describe_topics()
            if t["topic"] in names and all(p["leader"] >= 0 for p in t["partitions"])
        }
        if led.keys() == names:
            return led
        if time.monotonic() > deadline:
            raise UserError(
                f"Kafka has no leader for {', '.join(sorted(names - led.keys()))}: see the Kafka log"
            )
        await asyncio.sleep(0.02)
