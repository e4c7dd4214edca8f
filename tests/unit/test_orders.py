"""What a worker learns through its standard input."""

import os
from collections.abc import Iterator
from datetime import date

import pytest

from agents.config.clock import Clock
from agents.local.orders import Orders


class Pipe:
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
def pipe() -> Iterator[Pipe]:
    made = Pipe()
    yield made
    made.end()
    assert made.stopped


def test_a_day_is_today_from_then_on(pipe: Pipe) -> None:
    pipe.say(b"2026-02-03\n")
    assert pipe.clock.as_of == date(2026, 2, 3)
    pipe.say(b"2026-02-04\n2026-02-05\n")
    assert pipe.clock.as_of == date(2026, 2, 5)
    pipe.say(b"\n")
    assert pipe.clock.as_of is None
    assert not pipe.stopped


def test_a_day_may_come_in_parts(pipe: Pipe) -> None:
    pipe.say(b"2026-0")
    assert pipe.clock.as_of == date(2026, 1, 1)
    pipe.say(b"2-03\n")
    assert pipe.clock.as_of == date(2026, 2, 3)


@pytest.mark.parametrize("line", [b"tomorrow\n", b"\xff\n", b"2026-13-01\n"])
def test_what_is_no_day_stops_the_worker(pipe: Pipe, line: bytes) -> None:
    pipe.say(line)
    assert pipe.stopped == 1
    assert pipe.clock.as_of == date(2026, 1, 1)
