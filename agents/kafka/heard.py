"""Connections of which it is known for how long they have had no answer: see `agents.connection.silence`."""

import asyncio
import itertools
import math
import time
from collections.abc import Awaitable
from typing import Any

from aiokafka.conn import CloseReason
from aiokafka.protocol.group import JoinGroupRequest, SyncGroupRequest

from agents.connection import silence
from agents.kafka.internals import Connection

_HELD = (JoinGroupRequest, SyncGroupRequest)
"""Kafka answers these when all members of the group have asked."""
_LOST = (CloseReason.CONNECTION_BROKEN, CloseReason.CONNECTION_TIMEOUT, CloseReason.OUT_OF_SYNC)
_OF_FAUST = ("pillarscore@", "score-consumer")
"""How the client id begins of the one client that `agents.kafka.clients` does not make, and what that is for."""


class HeardConnection(Connection):
    """who: what its client is for; None: nobody wants to know."""

    def __init__(self, host: str, port: int, **options: Any) -> None:
        self._numbers = itertools.count()
        self._asked: dict[
            int, float
        ] = {}  # when requests were sent that are not answered; inf: one that is held
        self._connecting_at: float | None = None
        self.opened_at = 0.0
        super().__init__(host, port, **options)
        self.who, self.address = _who(options.get("client_id")), f"{host}:{port}"

    @property
    def asked_at(self) -> float | None:
        """When the oldest request was sent that is not answered, or the connection asked for."""
        since = min(list(self._asked.values()), default=math.inf)
        if self._connecting_at is not None:
            since = min(since, self._connecting_at)
        return since if since < math.inf else None

    async def connect(self) -> Any:
        """As in aiokafka."""
        self._connecting_at = self.opened_at = time.monotonic()
        silence.OF_PROCESS.opened(self)
        try:
            return await super().connect()
        except asyncio.CancelledError:
            raise
        except BaseException:
            silence.OF_PROCESS.failed(self, self._connecting_at)
            raise
        finally:
            self._connecting_at = None

    def send(self, request: Any, expect_response: bool = True) -> Any:
        """As in aiokafka."""
        sent = super().send(request, expect_response)
        if not expect_response:
            return sent
        number = next(self._numbers)
        self._asked[number] = math.inf if isinstance(request, _HELD) else time.monotonic()
        return self._answered(sent, number)

    async def _answered(self, sent: Awaitable[Any], number: int) -> Any:
        try:
            answer = await sent
            silence.OF_PROCESS.answered(self)
            return answer
        except TimeoutError:
            if (since := self._asked.get(number, math.inf)) < math.inf:
                silence.OF_PROCESS.failed(self, since)
            raise
        finally:
            self._asked.pop(number, None)

    def close(self, reason: Any = None, exc: Any = None) -> Any:
        """As in aiokafka; who closes a connection by intention does not wait for its answers."""
        if reason in _LOST and (since := self.asked_at) is not None:
            silence.OF_PROCESS.failed(self, since)
        self._asked.clear()
        return super().close(reason, exc)


def _who(client_id: str | None) -> str | None:
    if isinstance(client_id, silence.ClientId):
        return client_id.who
    beginning, who = _OF_FAUST
    return who if client_id is not None and client_id.startswith(beginning) else None
