"""The topics on a real Kafka: made as they should be, and wrong ones found."""

import asyncio
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from agents.config.errors import UserError
from agents.config.settings import TOPICS, Settings
from agents.connection import refusals
from agents.kafka.clients import admin
from agents.topics.creation import delete, differences, ensure, fix
from agents.topics.specs import specs
from agents.topics.states import change


async def names(settings: Settings) -> set[str]:
    async with admin(settings) as client:
        return {name for name in await client.list_topics() if name.startswith(settings.prefix)}


async def make(settings: Settings, short: str, partitions: int, **configs: str) -> None:
    async with admin(settings) as client:
        settled = {name.replace("_", "."): value for name, value in configs.items()}
        await client.create_topics([NewTopic(settings.topic(short), partitions, 1, None, settled)])
    async with asyncio.timeout(10):
        # what was made is not listed at once
        while settings.topic(short) not in await names(settings):
            pass


async def test_makes_every_topic_as_specified_and_only_once(settings: Settings) -> None:
    made = await ensure(settings)
    assert [found.name for found in made] == [settings.prefix + name for name in TOPICS.values()]
    assert all(found.made for found in made)

    again = await ensure(settings)
    assert [(f.name, f.partitions) for f in again] == [(f.name, f.partitions) for f in made]
    assert not any(found.made for found in again)

    async with admin(settings) as client:
        for topic in specs(settings):
            asked = ConfigResource(
                ConfigResourceType.TOPIC, settings.topic(topic.short), dict.fromkeys(topic.configs)
            )
            (answer,) = await client.describe_configs([asked])
            (_, _, _, _, entries) = answer.resources[0]
            assert {entry[0]: entry[1] for entry in entries} == topic.configs
    await delete(settings)
    assert await names(settings) == set()


async def test_several_at_once_make_each_topic_once(settings: Settings) -> None:
    runs = await asyncio.gather(*(ensure(settings) for _ in range(4)))
    makers = Counter(found.name for run in runs for found in run if found.made)
    assert makers == dict.fromkeys(await names(settings), 1)


async def test_other_partitions_are_an_error_and_nothing_is_made(settings: Settings) -> None:
    await make(settings, "frames", 3)
    with pytest.raises(
        UserError, match=r"activity\.frames has 3 partitions, but the settings say 4"
    ) as caught:
        await ensure(settings)
    assert "\n" not in str(caught.value)
    assert await names(settings) == {settings.topic("frames")}


async def test_a_ledger_that_would_be_deleted_is_an_error(settings: Settings) -> None:
    await make(settings, "ledger", 4, cleanup_policy="delete")
    with pytest.raises(UserError, match=r"member\.ledger has cleanup\.policy=delete, but needs compact"):
        await ensure(settings)
    assert await names(settings) == {settings.topic("ledger")}


async def test_upstream_may_have_made_its_topic_its_own_way(settings: Settings) -> None:
    await make(settings, "events", 7, cleanup_policy="compact")
    found = {f.topic.short: f for f in await ensure(settings)}
    assert (found["events"].partitions, found["events"].made) == (7, False)


async def test_no_kafka_is_an_error_of_one_line(settings: Settings) -> None:
    refusals.forget()  # those of tests before, in this process
    with pytest.raises(UserError, match=r"Kafka at 127\.0\.0\.1:1: "):
        await ensure(settings.model_copy(update={"broker": "127.0.0.1:1"}))


@pytest.mark.parametrize("short", ["events", "frames"])
async def test_events_and_frames_bear_the_time_of_their_arrival(live: Settings, short: str) -> None:
    began = time.time() * 1000 - 1000
    producer = AIOKafkaProducer(bootstrap_servers=live.broker)
    await producer.start()
    try:
        sent = await producer.send_and_wait(live.topic(short), b"x", partition=0, timestamp_ms=1_000_000)
    finally:
        await producer.stop()
    assert sent.timestamp > began


async def alter(settings: Settings, short: str, **configs: str) -> None:
    """Change configs of a topic by hand, and wait until all brokers have them."""
    async with admin(settings) as client:
        wanted = {name.replace("_", "."): value for name, value in configs.items()}
        await change(client, {settings.topic(short): wanted})
        asked = ConfigResource(ConfigResourceType.TOPIC, settings.topic(short), dict.fromkeys(wanted))
        async with asyncio.timeout(20):
            while True:
                (answer,) = await client.describe_configs([asked])
                if {entry[0]: entry[1] for entry in answer.resources[0][4]} == wanted:
                    return
                await asyncio.sleep(0.05)  # between looks


async def test_a_topic_that_takes_its_timestamps_from_producers_is_found(live: Settings) -> None:
    assert await differences(live) == []
    await alter(live, "events", message_timestamp_type="CreateTime")
    [found] = await differences(live)
    assert (found.topic, found.setting, found.refused, found.fix) == (
        live.topic("events"),
        "message.timestamp.type",
        False,
        None,
    )
    await ensure(live)


async def test_what_can_be_changed_safely_is_and_nothing_else(live: Settings) -> None:
    await alter(live, "frames", retention_ms="60000", max_message_bytes="1000000", segment_ms="12345678")
    await alter(live, "ledger", cleanup_policy="delete")
    await alter(live, "events", retention_ms="60000")
    with pytest.raises(UserError, match=r"member\.ledger has cleanup\.policy=delete, but needs compact"):
        await ensure(live)
    changed = {(one.topic.removeprefix(live.prefix), one.setting): one.fix for one in await fix(live)}
    assert changed == {
        ("member.ledger", "cleanup.policy"): "compact",
        ("activity.frames", "retention.ms"): str(7 * 86_400_000),
        ("activity.frames", "max.message.bytes"): str(16 << 20),
    }
    [left] = await differences(live)
    assert (left.topic, left.setting) == (live.topic("events"), "retention.ms")
    async with admin(live) as client:
        asked = ConfigResource(ConfigResourceType.TOPIC, live.topic("frames"), {"segment.ms": None})
        (answer,) = await client.describe_configs([asked])
    assert answer.resources[0][4][0][1] == "12345678", "what nobody asked for stays as it is"


async def test_too_few_replicas_are_refused_and_nothing_is_made(settings: Settings) -> None:
    await make(settings, "ledger", 4, cleanup_policy="compact")
    strict = settings.model_copy(update={"required_replication": 3})
    with pytest.raises(UserError, match=r"member\.ledger has replication factor=1, but needs at least 3"):
        await ensure(strict)
    assert await names(settings) == {settings.topic("ledger")}
    await delete(settings)


async def test_the_command_shows_the_differences(live: Settings) -> None:
    def run(*arguments: str, **more: str) -> tuple[int, str]:
        environment = {"PILLARSCORE_BROKER": live.broker, "PILLARSCORE_PREFIX": live.prefix} | more
        done = subprocess.run(
            [sys.executable, "-m", "agents.cli", "topics", *arguments],
            env=os.environ | environment | {"COLUMNS": "250"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.stderr == ""
        return done.returncode, done.stdout

    await alter(live, "frames", retention_ms="60000")
    code, text = await asyncio.to_thread(run)
    assert code == 0
    assert re.search(r"activity\.frames +retention\.ms +60000 +at least 604800000 +warning +fix ", text)
    code, text = await asyncio.to_thread(run, "--fix")
    assert (code, "Changed: " in text, text.endswith("All topics are as required.\n")) == (0, True, True)
    code, text = await asyncio.to_thread(run, "--json", PILLARSCORE_REQUIRED_REPLICATION="2")
    found = json.loads(text)
    assert code == 1
    assert found["topics"] == []
    # a lost __consumer_offsets, which is there once a group has been, costs work but no correctness
    assert all(one["refused"] for one in found["differences"] if one["topic"] != "__consumer_offsets")
    assert {one["setting"] for one in found["differences"]} == {"replication factor"}
    assert len(found["differences"]) >= len(TOPICS)


async def test_a_transaction_is_seen_whole_once_committed(live: Settings) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=live.broker, transactional_id=f"{live.prefix}test")
    consumer = AIOKafkaConsumer(
        live.topic("scores"),
        bootstrap_servers=live.broker,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    await producer.start()
    await consumer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(live.topic("scores"), b"dropped", key=b"m", partition=0)
        await producer.abort_transaction()
        async with producer.transaction():
            await producer.send_and_wait(live.topic("scores"), b"kept", key=b"m", partition=0)
        record = await asyncio.wait_for(consumer.getone(), 20)
    finally:
        await consumer.stop()
        await producer.stop()
    assert record.value == b"kept"
