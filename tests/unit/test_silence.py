"""For how long Kafka leaves clients without an answer: on real connections to a server that is silent."""

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.conn import CloseReason
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.admin import ApiVersionRequest

from agents.connection import silence
from agents.connection.silence import TRIED_S, ClientId, Silence
from agents.kafka import connections


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def asking(who: str, address: str = "a:1", opened_at: float = 0.0) -> Any:
    """A connection; weakly referenced, so keep it."""

    class One(SimpleNamespace):
        __hash__ = object.__hash__

    return One(who=who, address=address, opened_at=opened_at, asked_at=None)


def test_what_is_answered_is_not_silence_however_long_ago_that_was() -> None:
    clock = Clock()
    seen = Silence(clock)
    one = asking("reader")
    seen.opened(one)
    clock.now += 500
    assert seen.seconds() == {"reader": 0.0}
    one.asked_at = clock.now
    clock.now += 7
    assert seen.seconds() == {"reader": 7.0}
    assert seen.longest() == ("reader", 7.0)
    one.asked_at = None
    assert seen.seconds() == {"reader": 0.0}


def test_attempts_that_fail_are_one_silence_until_one_is_answered() -> None:
    clock = Clock()
    seen = Silence(clock)
    one = asking("reader")
    seen.opened(one)
    for _ in range(10):
        seen.failed(one, clock.now)
        clock.now += 20
    assert seen.seconds() == {"reader": 200.0}
    other = asking("reader", "b:1", opened_at=clock.now - 30)
    seen.opened(other)
    seen.answered(other)
    assert seen.seconds() == {"reader": 200.0}, (
        "that another broker answers on a connection of old says nothing"
    )
    seen.answered(one)
    assert seen.seconds() == {"reader": 0.0}


def test_a_client_that_has_found_another_broker_waits_no_more() -> None:
    clock = Clock()
    seen = Silence(clock)
    one = asking("reader")
    seen.opened(one)
    seen.failed(one, clock.now)
    other = asking("reader", "b:1", opened_at=clock.now + 1)
    clock.now += 5
    seen.opened(other)
    seen.answered(other)
    assert seen.seconds() == {"reader": 0.0}


def test_who_does_not_try_again_is_not_waiting() -> None:
    clock = Clock()
    seen = Silence(clock)
    one = asking("reader")
    seen.opened(one)
    seen.failed(one, clock.now)
    clock.now += TRIED_S - 1
    assert seen.seconds() == {"reader": TRIED_S - 1}
    clock.now += 1
    assert seen.seconds() == {"reader": 0.0}
    seen.failed(one, clock.now)
    clock.now += 1
    assert seen.seconds() == {"reader": 1.0}, "a new silence begins when it is tried again"


@asynccontextmanager
async def server(answers: asyncio.Event) -> AsyncIterator[int]:
    """A Kafka that answers what versions it knows when `answers` is set."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (size,) = struct.unpack(">i", await reader.readexactly(4))
                request = await reader.readexactly(size)
                await asyncio.wait_for(answers.wait(), 30)
                body = request[4:8] + struct.pack(">hi", 0, 0)
                writer.write(struct.pack(">i", len(body)) + body)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    made = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield made.sockets[0].getsockname()[1]
    finally:
        made.close()


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Silence:
    made = Silence()
    monkeypatch.setattr(silence, "OF_PROCESS", made)
    return made


async def waits(seen: Silence, who: str, above: float) -> None:
    async with asyncio.timeout(10):
        while not seen.seconds().get(who, 0.0) > above:
            await asyncio.sleep(0.01)


async def test_a_server_that_accepts_and_does_not_answer_is_silent(seen: Silence) -> None:
    answers = asyncio.Event()
    async with server(answers) as port:
        client_id = ClientId("pillarscore@here:1", "reader")
        connecting = asyncio.create_task(connections.create_conn("127.0.0.1", port, client_id=client_id))
        await waits(seen, "reader", 0.05)
        answers.set()
        made = await connecting
        assert seen.seconds() == {"reader": 0.0}
        answers.clear()
        sent = [asyncio.ensure_future(made.send(ApiVersionRequest()))]
        await waits(seen, "reader", 0.05)
        made.close(reason=CloseReason.CONNECTION_TIMEOUT)
        assert seen.seconds()["reader"] > 0.05, "a connection that was given up was not answered"
        answers.set()
        again = await connections.create_conn("127.0.0.1", port, client_id=client_id)
        assert seen.seconds() == {"reader": 0.0}
        answers.clear()
        sent.append(asyncio.ensure_future(again.send(ApiVersionRequest())))
        again.close()
        assert seen.seconds() == {"reader": 0.0}, "who closes a connection does not wait for its answers"
        await asyncio.gather(*sent, return_exceptions=True)


async def test_a_server_that_is_not_there_is_silent_from_the_first_attempt(seen: Silence) -> None:
    async with server(asyncio.Event()) as port:
        pass
    for _ in range(2):
        with pytest.raises((OSError, KafkaConnectionError)):
            await connections.create_conn("127.0.0.1", port, client_id="pillarscore@here:1")
    await waits(seen, "score-consumer", 0.0)


async def test_what_is_no_client_of_a_worker_is_not_watched(seen: Silence) -> None:
    async with server(asyncio.Event()) as port:
        pass
    with pytest.raises(OSError):
        await connections.create_conn("127.0.0.1", port, client_id="aiokafka-0.14")
    assert seen.seconds() == {}
