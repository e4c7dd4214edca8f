"""What a worker is told through its standard input."""

import os
from collections.abc import Iterator
from datetime import date

import pytest

from agents.config.clock import Clock
from agents.local.orders import Orders


class Told:
    """A worker's end of a pipe, and ours."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self.clock = Clock(date(2026, 1, 1))
        self.stopped = 0
        self._orders = Orders(self._read, self.clock, self._stop)

    def _stop(self) -> None:
        self.stopped += 1

    def say(self, data: bytes) -> None:
        """Write, and let it be taken."""
        os.write(self._write, data)
        self._orders.take()

    def end(self) -> None:
        """Close our end, and let it be noticed."""
        os.close(self._write)
        self._orders.take()
        os.close(self._read)


@pytest.fixture
def told() -> Iterator[Told]:
    made = Told()
    yield made
    made.end()
    assert made.stopped


def test_a_day_is_today_from_then_on(told: Told) -> None:
    told.say(b"2026-02-03\n")
    assert told.clock.as_of == date(2026, 2, 3)
    told.say(b"2026-02-04\n2026-02-05\n")
    assert told.clock.as_of == date(2026, 2, 5)
    told.say(b"\n")
    assert told.clock.as_of is None
    assert not told.stopped


def test_a_day_may_come_in_parts(told: Told) -> None:
    told.say(b"2026-0")
    assert told.clock.as_of == date(2026, 1, 1)
    told.say(b"2-03\n")
    assert told.clock.as_of == date(2026, 2, 3)


@pytest.mark.parametrize("line", [b"tomorrow\n", b"\xff\n", b"2026-13-01\n"])
def test_what_is_no_day_stops_the_worker(told: Told, line: bytes) -> None:
    told.say(line)
    assert told.stopped == 1
    assert told.clock.as_of == date(2026, 1, 1)
