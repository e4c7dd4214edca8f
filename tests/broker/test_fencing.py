"""Every call reports to a fenced producer that it is fenced, also when it noticed that between two calls."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from agents.config.settings import Settings
from agents.kafka.errors import Fenced
from agents.kafka.transactions import Transactions

CALLS: dict[str, Callable[[Transactions, str], Awaitable[None]]] = {
    "put": lambda mine, topic: mine.put(topic, 0, [(b"k", b"v")]),
    "put_record": lambda mine, topic: mine.put_record(topic, 0, b"k", value=b"v"),
    "commit": lambda mine, topic: mine.commit(),
}


@pytest.mark.parametrize("call", CALLS)
async def test_every_call_says_that_another_has_the_id(live: Settings, call: str) -> None:
    topic, mine = live.topic("events"), f"{live.prefix}fenced"
    earlier, later = Transactions(live, mine), Transactions(live, mine)
    await earlier.start()
    await later.start()
    try:
        await earlier.put(topic, 0, [(b"k", b"v")])
        async with asyncio.timeout(30):
            while not earlier._producer._txn_manager.is_fatal_error():
                await asyncio.sleep(0.01)  # between looks, the condition is the wait
        with pytest.raises(Fenced):
            await CALLS[call](earlier, topic)
    finally:
        await later.stop()
        earlier.open = False
        await earlier.stop()
