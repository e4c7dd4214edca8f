"""The topics on a real Kafka: made as they should be, and wrong ones found."""

import asyncio
import time
from collections import Counter

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from agents.config.errors import UserError
from agents.config.settings import TOPICS, Settings
from agents.kafka.clients import admin
from agents.topics.creation import delete, ensure, with_create_time
from agents.topics.specs import specs


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


async def test_a_topic_that_takes_its_timestamps_from_producers_is_found(live: Settings) -> None:
    assert await with_create_time(live) == []
    async with admin(live) as client:
        config = {"message.timestamp.type": "CreateTime"}
        topic = ConfigResource(ConfigResourceType.TOPIC, live.topic("events"), configs=config)
        await client.alter_configs([topic])
    async with asyncio.timeout(20):
        while await with_create_time(live) != [live.topic("events")]:
            await asyncio.sleep(0.1)  # between looks


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
