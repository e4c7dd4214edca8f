"""The private parts of aiokafka that we use do what we rely on; an upgrade that changes one fails here."""

import asyncio
import math
from typing import Any

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka import client as aiokafka_client
from aiokafka.abc import AbstractTokenProvider
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import SaslAuthenticationFailed
from aiokafka.producer import sender
from aiokafka.protocol.admin import (
    SaslAuthenticateRequest,
    SaslAuthenticateResponse_v0,
    SaslAuthenticateResponse_v1,
)

from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.kafka import clients, connections, consumer_groups, internals
from agents.kafka.clients import admin, kafka_client
from agents.kafka.internals import EndTxnOnce, as_it_is, batch_bytes, batch_of, check_version
from agents.kafka.transactions import Transactions
from agents.topics.creation import delete, ensure
from agents.topics.ids import topic_ids

RECORDS = [(b"k%d" % n, b"v" * 100) for n in range(50)]
WAIT_S = 20.0


async def _read(settings: Settings, count: int, **options: Any) -> list[Any]:
    tp = TopicPartition(settings.topic("events"), 0)
    consumer = clients.consumer(settings, **options)
    consumer.assign([tp])
    await consumer.start()
    try:
        found: list[Any] = []
        async with asyncio.timeout(WAIT_S):
            while len(found) < count:
                found += (await consumer.getmany(tp, timeout_ms=200)).get(tp, [])
        return found
    finally:
        await consumer.stop()


@pytest.mark.parametrize("make", [clients.consumer, clients.producer, clients.connection])
async def test_another_version_is_refused_with_what_to_do(live: Settings, monkeypatch, make) -> None:
    check_version()
    monkeypatch.setattr(internals, "version", lambda name: "0.99.0")
    with pytest.raises(UserError, match=r"aiokafka 0\.99\.0 is installed.*requirements\.txt"):
        make(live)


async def test_all_clients_connect_through_our_function(live: Settings) -> None:
    assert aiokafka_client.create_conn is connections.create_conn
    async with kafka_client(live) as client, admin(live) as of_admin:
        for each in (client, of_admin._client):
            opened = await each._get_conn(each.get_random_node())
            assert isinstance(opened, internals.Connection)


async def test_a_connection_gives_way_to_a_new_one_only_when_no_request_is_under_way(live: Settings) -> None:
    topics = [live.topic("events")]
    async with kafka_client(live) as client:
        node = client.get_random_node()
        before = await client._get_conn(node)
        before._renew_at = 0.0
        before._requests.append(None)
        assert before.connected(), "a request is under way"
        before._requests.pop()
        assert set(await topic_ids(client, topics)) == set(topics)
        assert not before.connected()
        after = await client._get_conn(node)
        assert after is not before
        assert after.connected()


@pytest.mark.parametrize(
    ("answer", "mechanism", "renewed"),
    [
        (SaslAuthenticateResponse_v1(0, None, b"", 60_000), "PLAIN", True),
        (SaslAuthenticateResponse_v1(0, None, b"", 0), "PLAIN", False),
        (SaslAuthenticateResponse_v0(0, None, b""), "PLAIN", False),
        (SaslAuthenticateResponse_v1(0, None, b"refused", 0), "OAUTHBEARER", None),
    ],
)
async def test_an_answer_to_sasl_decides_how_long_a_connection_lives(
    monkeypatch: pytest.MonkeyPatch, answer: Any, mechanism: str, renewed: bool | None
) -> None:
    async def answered(*_: Any) -> Any:
        return answer

    monkeypatch.setattr(AIOKafkaConnection, "send", lambda *_: answered())
    connection = internals.Connection(
        "127.0.0.1", 1, sasl_mechanism=mechanism, sasl_oauth_token_provider=_Token()
    )
    sent = connection.send(SaslAuthenticateRequest(b""))
    if renewed is None:
        with pytest.raises(SaslAuthenticationFailed, match="refused"):
            await sent
    else:
        assert await sent is answer
        assert (connection._renew_at < math.inf) is renewed


class _Token(AbstractTokenProvider):
    async def token(self) -> str:
        return "token"


async def test_batches_are_filled_by_their_builder_and_read_back_as_they_were(live: Settings) -> None:
    producer = clients.producer(live, max_batch_size=2_000)
    await producer.start()
    try:
        left, batches = 0, 0
        while left < len(RECORDS):
            batch, count = batch_of(
                producer, RECORDS, first=left, timestamp_ms=1_700_000_000_000, headers={b"k3": [("h", b"x")]}
            )
            assert 0 < batch_bytes(batch) <= 2_000
            sent = await producer.send_batch(batch, live.topic("events"), partition=0)
            left, batches = left + count, batches + 1
            await sent
    finally:
        await producer.stop()
    assert batches > 1
    found = await _read(live, len(RECORDS))
    assert [(record.key, record.value) for record in found] == RECORDS
    assert [record.headers for record in found if record.headers] == [(("h", b"x"),)]


async def test_a_consumer_that_asks_for_them_gets_the_parsers_records_and_others_do_not(
    live: Settings,
) -> None:
    producer = clients.producer(live)
    await producer.start()
    try:
        await producer.send_and_wait(live.topic("events"), b"v", key=b"k", partition=0, headers=[("h", b"x")])
    finally:
        await producer.stop()
    [raw] = await _read(live, 1, value_deserializer=as_it_is)
    assert not isinstance(raw, ConsumerRecord)
    assert (raw.offset, raw.key, raw.value, list(raw.headers)) == (0, b"k", b"v", [("h", b"x")])
    assert raw.timestamp > 1_700_000_000_000
    [copied] = await _read(live, 1)
    assert isinstance(copied, ConsumerRecord)


async def test_an_end_of_transaction_is_sent_by_our_handler(live: Settings, monkeypatch) -> None:
    assert sender.EndTxnHandler is EndTxnOnce
    ended = []
    do = EndTxnOnce.do

    async def counted(self: Any, node_id: int) -> bool:
        ended.append(node_id)
        return await do(self, node_id)

    monkeypatch.setattr(EndTxnOnce, "do", counted)
    out = Transactions(live, f"{live.prefix}internals")
    await out.start()
    try:
        await out.put(live.topic("events"), 0, RECORDS)
        await out.commit()
    finally:
        await out.stop()
    assert ended
    assert len(await _read(live, len(RECORDS))) == len(RECORDS)


async def test_what_ended_a_sender_is_found_behind_the_error_of_an_acknowledgement(live: Settings) -> None:
    producer = clients.producer(live)
    await producer.start()
    try:
        assert producer._sender.sender_task is not None, "cause_of looks at it"
        assert producer._txn_manager is not None
        assert not producer._txn_manager.is_fatal_error()
        cause = ValueError("x")
        wrapped = RuntimeError("general")
        wrapped.__cause__ = cause
        assert internals.cause_of(producer, wrapped) is cause
    finally:
        await producer.stop()


async def test_a_topic_that_is_made_again_has_another_id(live: Settings) -> None:
    names = [live.topic("events"), live.topic("frames"), f"{live.prefix}nobody"]
    async with kafka_client(live) as client:
        before = await topic_ids(client, names)
    assert set(before) == set(names[:2])
    await delete(live)
    await ensure(live)
    async with kafka_client(live) as client, asyncio.timeout(WAIT_S):
        while set(after := await topic_ids(client, names)) != set(names[:2]):
            await asyncio.sleep(0.05)  # between looks
    assert all(after[name] != before[name] for name in names[:2])


async def test_the_assignment_of_a_group_is_decoded(live: Settings) -> None:
    consumer = clients.consumer(live, group_id=f"{live.prefix}g", client_id="pillarscore@here:1")
    await consumer.start()
    try:
        consumer.subscribe([live.topic("events")])
        async with asyncio.timeout(WAIT_S):
            while len(consumer.assignment()) < live.event_partitions:
                await consumer.getmany(timeout_ms=100)
        async with admin(live) as client:
            group = await consumer_groups.describe(client, f"{live.prefix}g", live.topic("events"))
        assert group.owners == dict.fromkeys(range(live.event_partitions), "here:1")
    finally:
        await consumer.stop()
