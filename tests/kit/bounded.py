"""Reads of a child's output can't be given a deadline of their own; the child can."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def at_most(seconds: float, process: "subprocess.Popen[Any]") -> Iterator[None]:
    """Kill the process when the block takes longer, so that its output ends and the read with it."""
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
