"""Connections to the pages of a worker: so many at a time, and each for so long.

aiohttp has no limit of its own for how long a client may take to send a request, or to read the answer. Here each
connection has a deadline that only a whole request moves.
"""

import asyncio

from aiohttp import web

HANDSHAKE_S = 5.0
"""For TLS."""
REQUEST_S = 10.0
"""To send the first request."""
ANSWER_S = 40.0
"""To read the answer and send the next request: longer than usual between two scrapes."""


class Guard:
    """Makes the protocols of a server's connections."""

    def __init__(self, server: web.Server, most: int) -> None:
        self.server = server
        self.most = most
        self.open: set[Guarded] = set()

    def connection(self) -> asyncio.Protocol:
        """For one connection."""
        return Guarded(self)


class Guarded(web.RequestHandler):
    """A connection of aiohttp with a deadline."""

    __slots__ = ("_deadline", "_guard")

    def __init__(self, guard: Guard) -> None:
        super().__init__(
            guard.server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type]
            keepalive_timeout=ANSWER_S,
            lingering_time=0.0,
            max_line_size=2048,
            max_field_size=4096,
            max_headers=64,
        )
        self._guard = guard
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Refuse it when there are too many."""
        super().connection_made(transport)
        self._guard.open.add(self)
        if len(self._guard.open) > self._guard.most:
            self._expired()
        else:
            self._expire_in(REQUEST_S)

    def connection_lost(self, exc: BaseException | None) -> None:
        """It is over."""
        self._guard.open.discard(self)
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def answering(self) -> None:
        """A whole request has come."""
        self._expire_in(ANSWER_S)

    def _expire_in(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = asyncio.get_running_loop().call_later(seconds, self._expired)

    def _expired(self) -> None:
        if isinstance(self.transport, asyncio.Transport):
            self.transport.abort()
