"""The topics: what each is for, how it is kept, and making those that are missing.

All are made here and never by accident; what is wrong with one that is there already is reported before any
worker reads from it.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code

from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.connection import refusals
from agents.kafka import clients

HOUR = 3_600_000
DAY = 24 * HOUR
MB = 1 << 20
WAIT_S = 20.0
TOPIC_EXISTS = 36

# Many small segments: only closed ones are compacted, and a restore reads what is not.
_COMPACTED = {
    "cleanup.policy": "compact",
    "segment.bytes": str(16 * MB),
    "segment.ms": str(HOUR // 6),
    "min.cleanable.dirty.ratio": "0.2",
    "max.compaction.lag.ms": str(HOUR),
}


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it should be. short: its name in the code (`agents.config.settings.TOPICS`); why: in one line."""

    short: str
    partitions: int
    why: str
    configs: dict[str, str] = field(default_factory=dict)
    ours: bool = True  # False: upstream may have made it its own way, with any number of partitions

    def __post_init__(self) -> None:
        # the broker's clock: which ids a shard drops does not depend on which worker wrote a frame, a worker whose
        # clock is wrong is not refused for it, and its answer gives a worker the time
        self.configs.setdefault("message.timestamp.type", "LogAppendTime")

    @property
    def policy(self) -> str:
        return self.configs["cleanup.policy"]


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as it is after `ensure`. made: just now."""

    name: str
    topic: Topic
    partitions: int
    made: bool


def specs(settings: Settings) -> list[Topic]:
    """All topics, in the order the data flows. One table, so it is long."""
    members = settings.frame_partitions
    return [
        Topic(
            "events",
            settings.event_partitions,
            "activity events from upstream; kept for a week, so that a worker that was down can catch up",
            _deleted(7 * DAY, 128 * MB),
            ours=False,
        ),
        Topic(
            "frames",
            members,
            "batches of events by member: the write-ahead log, kept far longer than the blocks need to be written",
            _deleted(7 * DAY, 128 * MB) | {"max.message.bytes": str(16 * MB)},
        ),
        Topic(
            "dead-letters",
            settings.letter_partitions,
            "events that can't be counted, unchanged; kept for a month",
            _deleted(30 * DAY, 64 * MB) | {"max.message.bytes": str(16 * MB)},
        ),
        Topic(
            "replays",
            1,
            "which dead letters were redriven, so that none is sent twice by accident; kept longer than the letters",
            _deleted(60 * DAY, 16 * MB) | {"cleanup.policy": "compact,delete"},
        ),
        Topic(
            "scores",
            members,
            "the latest score of every member; readers see every intermediate score for at least a minute",
            _COMPACTED | {"min.compaction.lag.ms": "60000"},
        ),
        Topic(
            "shadow",
            members,
            "the same by a second (shadow) rubric, if one is configured",
            _COMPACTED | {"min.compaction.lag.ms": "60000"},
        ),
        Topic(
            "ledger",
            members,
            "checkpoints (stamps and blocks): the state, read completely at a restore",
            _COMPACTED | {"max.message.bytes": str(64 * MB)},
        ),
        Topic(
            "bands", members, "band changes, for alerting; kept for a quarter", _deleted(90 * DAY, 64 * MB)
        ),
        Topic(
            "history",
            members,
            "one record per member and day; kept for two years",
            _deleted(2 * 366 * DAY, 64 * MB)
            # compacted too, so that the days of an erased member can be taken back by their keys
            | {"compression.type": "zstd", "cleanup.policy": "compact,delete"},
        ),
        Topic(
            "networks",
            members,
            "each member's rank among their connections, recomputed every day",
            dict(_COMPACTED),
        ),
        Topic(
            "distributions",
            1,
            "all scores in columns, without names: the input of benchmarks and ranks",
            dict(_COMPACTED),
        ),
        Topic("benchmarks", 1, "the latest benchmark of every cohort", dict(_COMPACTED)),
    ]


def _deleted(retention_ms: int, segment_bytes: int) -> dict[str, str]:
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(retention_ms),
        "segment.bytes": str(segment_bytes),
    }


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


@asynccontextmanager
async def admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client of the settings' broker, closed at the end; UserError when there is no broker."""
    client = clients.admin_client(settings)
    try:
        await client.start()
        yield client
    except KafkaError as error:
        refused = refusals.explained(error)
        raise UserError(refused or f"Kafka at {settings.broker}: {error}") from error
    finally:
        await client.close()


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
