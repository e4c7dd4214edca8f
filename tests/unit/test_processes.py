"""Processes: only the very one that was meant is signalled."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from agents.local.processes import Process, find
from tests.kit.bounded import at_most

WAIT = "import sys; print('up', flush=True); sys.stdin.read()"
DEAF = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + WAIT

Child = subprocess.Popen[bytes]


def child(program: str) -> Iterator[Child]:
    """A process that has begun, and ends with the test."""
    process = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    with at_most(60, process):
        assert process.stdout.readline() == b"up\n"
    yield process
    process.kill()
    process.communicate(timeout=10)


@pytest.fixture
def waiting() -> Iterator[Child]:
    yield from child(WAIT)


@pytest.fixture
def deaf() -> Iterator[Child]:
    yield from child(DEAF)


def test_a_process_is_known_again(waiting: Child) -> None:
    found = find(waiting.pid)
    assert found is not None
    assert found == find(waiting.pid)
    assert found.alive
    assert found != find(os.getpid())


def test_another_with_the_same_pid_is_left_alone(waiting: Child) -> None:
    former = Process(waiting.pid, "some earlier start")
    assert not former.alive
    assert former.end(0.1)
    assert waiting.poll() is None


def test_an_orderly_end(waiting: Child) -> None:
    found = find(waiting.pid)
    assert found is not None
    assert found.end(20)
    # not waited for by its parent, that is us: it has ended all the same
    assert find(waiting.pid) is None
    assert waiting.wait(10) == -signal.SIGTERM


def test_one_that_does_not_listen_is_ended_by_force(deaf: Child) -> None:
    found = find(deaf.pid)
    assert found is not None
    assert not found.end(0.1)
    assert deaf.wait(10) == -signal.SIGKILL


def test_nobody_has_this_pid() -> None:
    assert find(2**22 + 1) is None
