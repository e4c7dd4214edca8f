"""Making the topics that are missing, and checking those that are there.

All are made here and never by accident; what is wrong with one that is there already is reported before any
worker reads from it.
"""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import for_code

from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.connection import refusals
from agents.kafka.clients import admin
from agents.topics.specs import Topic, specs

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
        before = await _there(client, settings, wanted)
        await _check(client, settings, wanted, before)
        missing = [topic for topic in wanted if settings.topic(topic.short) not in before]
        others = await _make(client, settings, missing)
        after = await _led(client, settings, wanted)
        if others:
            await _check(client, settings, wanted, after)
        made = {topic.short for topic in missing} - others
    return [Found(n, t, after[n], t.short in made) for t in wanted if (n := settings.topic(t.short))]


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
                _raise(name, code, None)
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


async def _check(client: Any, settings: Settings, wanted: list[Topic], there: dict[str, int]) -> None:
    for topic in wanted:
        name = settings.topic(topic.short)
        if topic.ours and there.get(name, topic.partitions) != topic.partitions:
            raise UserError(
                f"Topic {name} has {there[name]} partitions, but the settings say {topic.partitions}: "
                f"set them to {there[name]}, or start over under another PILLARSCORE_PREFIX"
            )
    ours = [n for t in wanted if t.ours and (n := settings.topic(t.short)) in there]
    policies = await _configs(client, ours, "cleanup.policy")
    for topic in wanted:
        name = settings.topic(topic.short)
        if policies.get(name, topic.policy) != topic.policy:
            raise UserError(
                f"Topic {name} has cleanup.policy={policies[name]}, but needs {topic.policy}: "
                "change it, or start over under another PILLARSCORE_PREFIX"
            )


async def with_create_time(settings: Settings) -> list[str]:
    """The topics that take their timestamps from producers, which may be wrong. Raises UserError."""
    async with admin(settings) as client:
        there = await _there(client, settings, specs(settings))
        types = await _configs(client, sorted(there), "message.timestamp.type")
    return [name for name, kind in types.items() if kind == "CreateTime"]


async def _configs(client: Any, names: list[str], key: str) -> dict[str, str]:
    """The value of a topic's setting, by topic."""
    if not names:
        return {}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name, {key: None}) for name in names]
    found = {}
    for answer in await client.describe_configs(asked):
        for code, message, _, name, entries in answer.resources:
            _raise(name, code, message)
            found[name] = next(entry[1] for entry in entries if entry[0] == key)
    return found


async def _make(client: Any, settings: Settings, missing: list[Topic]) -> set[str]:
    """Make them; the short names of those that somebody else has made meanwhile."""
    if not missing:
        return set()
    shorts = {settings.topic(topic.short): topic.short for topic in missing}
    # aiokafka takes -1 copies, Kafka's own default, only with an (empty) assignment of replicas
    assignment: dict[int, list[int]] | None = {} if settings.replication == -1 else None
    new = [
        NewTopic(settings.topic(t.short), t.partitions, settings.replication, assignment, t.configs)
        for t in missing
    ]
    answer = await client.create_topics(new)
    others = set()
    for name, code, message in answer.topic_errors:
        if code == TOPIC_EXISTS:
            others.add(shorts[name])
        else:
            _raise(name, code, message)
    return others


def _raise(name: str, code: int, message: str | None) -> None:
    if code:
        denied = refusals.denied(for_code(code)(name))
        raise UserError(denied or f"Topic {name}: {message or for_code(code).__name__}")


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
