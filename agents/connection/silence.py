"""For how long Kafka has left each client without an answer.

A client that has nothing to ask is not waiting; so what counts is the oldest request, or attempt to connect, that is
not answered. `agents.kafka.heard` keeps this up to date for every client, Faust's too, whose consumer runs
in a thread of its own.
"""

import threading
import time
from collections.abc import Callable
from typing import Protocol
from weakref import WeakSet

TRIED_S = 60.0
"""A failed attempt counts for so long: who does not try again is not waiting any more."""


class ClientId(str):
    """A client id that also says what its client is for: `who`, a value of the metric's label."""

    who: str

    def __new__(cls, name: str, who: str) -> "ClientId":
        """name: as Kafka sees it."""
        made = super().__new__(cls, name)
        made.who = who
        return made


class Asking(Protocol):
    """A connection. asked_at: of its oldest request without an answer, monotonic; None: all are answered."""

    who: str | None
    address: str
    opened_at: float

    @property
    def asked_at(self) -> float | None: ...


class Silence:
    """The clients of a process. monotonic: the clock."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._connections: WeakSet[Asking] = WeakSet()
        self._failing: dict[tuple[str, str], tuple[float, float]] = {}  # since when, and the latest failure
        self._known: set[str] = set()

    def opened(self, connection: Asking) -> None:
        """A connection is about to be made."""
        if connection.who is not None:
            with self._lock:
                self._connections.add(connection)
                self._known.add(connection.who)

    def answered(self, connection: Asking) -> None:
        """Kafka has answered on a connection: what failed there before counts no more.

        Nor does what failed elsewhere before the connection was opened: a client looks for a broker that answers.
        """
        if connection.who is not None and self._failing:
            with self._lock:
                for (who, address), (_, until) in list(self._failing.items()):
                    if who == connection.who and (
                        address == connection.address or until < connection.opened_at
                    ):
                        del self._failing[who, address]

    def failed(self, connection: Asking, since: float) -> None:
        """A connection has ended, and what was asked on it at `since` was not answered."""
        if connection.who is not None:
            now, key = self._monotonic(), (connection.who, connection.address)
            with self._lock:
                before, until = self._failing.get(key, (since, now))
                self._failing[key] = (min(before, since) if now - until < TRIED_S else since), now

    def seconds(self) -> dict[str, float]:
        """By what a client is for, how long the one has waited that waits longest; 0 when none does."""
        now = self._monotonic()
        with self._lock:
            connections = list(self._connections)
            self._failing = {k: times for k, times in self._failing.items() if now - times[1] < TRIED_S}
            waiting = [(who, since) for (who, _), (since, _) in self._failing.items()]
            found = dict.fromkeys(sorted(self._known), 0.0)
        waiting += [(one.who, at) for one in connections if one.who and (at := one.asked_at) is not None]
        for who, since in waiting:
            found[who] = max(found.get(who, 0.0), now - since)
        return found

    def longest(self) -> tuple[str, float]:
        """The client that has waited longest, and how long; ("", 0.0) when none waits."""
        return max(self.seconds().items(), key=lambda one: one[1], default=("", 0.0))


OF_PROCESS = Silence()
"""That of all clients of this process."""
