"""What the process that started a worker tells it, through its standard input.

A line is the day that is to be today from then on, or empty for the real day. When the input ends, the worker stops,
so it can't outlive the one who started it unnoticed.
"""

import os
from asyncio.subprocess import Process
from collections.abc import Callable
from datetime import date

from agents.config.clock import Clock

_MOST = 4096


class Orders:
    """Carries them out. `take` is to be called whenever there is something to read.

    Args:
        input_fd: of the pipe, not blocking.
        clock: of the worker.
        stop: ends the worker.
    """

    def __init__(self, input_fd: int, clock: Clock, stop: Callable[[], object]) -> None:
        self._fd = input_fd
        self._clock = clock
        self._stop = stop
        self._rest = b""

    def take(self) -> None:
        """Read what there is, and do it; a line that is no day stops the worker."""
        data = os.read(self._fd, _MOST)
        if not data:
            self._stop()
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            try:
                self._clock.as_of = date.fromisoformat(line.decode("ascii")) if line else None
            except ValueError:
                self._stop()


async def set_today(worker: Process, day: date | None) -> None:
    """Tell a worker what day is today; None: the real one. Raises BrokenPipeError if it has ended."""
    assert worker.stdin is not None
    worker.stdin.write(b"%b\n" % (b"" if day is None else day.isoformat().encode()))
    await worker.stdin.drain()
