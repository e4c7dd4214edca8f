"""A proxy between clients and one Kafka node that loses, holds back and doubles the ends of transactions.

It reads the protocol only as far as needed: requests are taken apart into frames, and of each its kind is known.
A connection that is cut is cut as by a network: the client learns nothing of what became of its request.
"""

import asyncio
import contextlib
import random
import struct
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum

ADD_PARTITIONS, END_TXN = 24, 26
MOST_ADDED = 4
ANSWER_S = 30.0
"""For Kafka to answer a request, at most."""


class Fate(Enum):
    """What becomes of an EndTxn."""

    PASS = "pass"
    LOSE_REQUEST = "lose the request"
    LOSE_ANSWER = "lose the answer"
    HOLD = "hold the request until the next transaction has begun"
    DOUBLE = "send the request twice"
    DELAY = "delay the request"


@dataclass(frozen=True, slots=True)
class Request:
    """A request: its kind, and the transactional id of an AddPartitionsToTxn or EndTxn."""

    kind: int
    transactional_id: str
    data: bytes

    @classmethod
    def of(cls, data: bytes) -> "Request":
        kind, version, _, name = struct.unpack_from(">hhih", data)
        if kind not in (ADD_PARTITIONS, END_TXN):
            return cls(kind, "", data)
        assert version < 3, "of these versions the header and strings are of the older kind"
        at = 10 + max(0, name)
        (length,) = struct.unpack_from(">h", data, at)
        return cls(kind, data[at + 2 : at + 2 + length].decode(), data)


class Proxy:
    """Forwards to `upstream`, (host, port). fate: what becomes of each EndTxn.

    rng: says how many AddPartitionsToTxn of the next transaction are answered before a held EndTxn is let go.
    """

    def __init__(
        self, upstream: tuple[str, int], fate: Callable[[Request], Fate], rng: random.Random
    ) -> None:
        self.upstream = upstream
        self.fate = fate
        self.rng = rng
        self.fates: Counter[Fate] = Counter()
        self.released = 0  # held requests that reached Kafka after all
        self._held: dict[str, list[bytes]] = {}
        self._wait: dict[str, int] = {}  # for how many AddPartitionsToTxn that is
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """One connection of a client."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            answers, out = await asyncio.open_connection(*self.upstream)
        except OSError:
            back.close()
            return
        swallow: set[int] = set()  # correlation ids of requests sent twice
        begins: dict[int, str] = {}  # those of AddPartitionsToTxn, and the transactional id
        cut = asyncio.Event()
        returning = asyncio.create_task(self._answers(answers, back, swallow, begins, cut))
        try:
            while not cut.is_set():
                data = await _frame(client)
                if data is None:
                    break
                request = Request.of(data)
                (number,) = struct.unpack_from(">i", data, 4)
                if request.kind != END_TXN:
                    if request.kind == ADD_PARTITIONS:
                        begins[number] = request.transactional_id
                    out.write(_framed(data))
                    continue
                fate = self.fate(request)
                self.fates[fate] += 1
                if fate is Fate.LOSE_REQUEST:
                    break
                if fate is Fate.HOLD:
                    self._held.setdefault(request.transactional_id, []).append(data)
                    self._wait[request.transactional_id] = self.rng.randint(1, MOST_ADDED)
                    break
                if fate is Fate.DELAY:
                    await asyncio.sleep(0.03)
                if fate is Fate.DOUBLE:
                    swallow.add(number)
                    out.write(_framed(data))
                if fate is Fate.LOSE_ANSWER:
                    cut.set()
                    out.write(_framed(data))
                    async with asyncio.timeout(ANSWER_S):
                        await returning  # ends with the answer
                    break
                out.write(_framed(data))
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError):
            pass
        finally:
            returning.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError, TimeoutError):
                await returning
            for writer in (out, back):
                # aborted, so that nothing that waits to be sent goes out
                writer.transport.abort()
            self._tasks.discard(task)

    async def _answers(
        self,
        answers: asyncio.StreamReader,
        back: asyncio.StreamWriter,
        swallow: set[int],
        begins: dict[int, str],
        cut: asyncio.Event,
    ) -> None:
        while (data := await _frame(answers)) is not None:
            if cut.is_set():
                return
            (number,) = struct.unpack_from(">i", data)
            if number in swallow:
                swallow.discard(number)
                continue
            if number in begins:
                await self._release(begins.pop(number))
            back.write(_framed(data))
        back.transport.abort()

    async def _release(self, transactional_id: str) -> None:
        """Send what is held of this id, if it is time, each on a connection of its own; wait for the answer."""
        if transactional_id not in self._held:
            return
        self._wait[transactional_id] -= 1
        if self._wait[transactional_id] > 0:
            return
        for data in self._held.pop(transactional_id):
            reader, writer = await asyncio.open_connection(*self.upstream)
            writer.write(_framed(data))
            async with asyncio.timeout(ANSWER_S):
                await _frame(reader)
            self.released += 1
            writer.close()

    async def stop(self) -> None:
        """Cut all connections."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _frame(reader: asyncio.StreamReader) -> bytes | None:
    """The next request or answer; None at the end."""
    try:
        (size,) = struct.unpack(">i", await reader.readexactly(4))
        return await reader.readexactly(size)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def _framed(data: bytes) -> bytes:
    return struct.pack(">i", len(data)) + data


@asynccontextmanager
async def proxy(
    port: int, upstream: tuple[str, int], fate: Callable[[Request], Fate], rng: random.Random
) -> AsyncIterator[Proxy]:
    """A proxy at 127.0.0.1:port."""
    made = Proxy(upstream, fate, rng)
    server = await asyncio.start_server(made.serve, "127.0.0.1", port)
    try:
        yield made
    finally:
        server.close()
        await made.stop()
