"""What all tests share."""

import asyncio
import contextlib
import faulthandler
import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import pytest_timeout
from hypothesis import settings as hypothesis_settings

from tests.kit.stacks import waiting

# How long an example takes says something about the machine, not about the code under test.
hypothesis_settings.register_profile(
    "house", deadline=None, max_examples=int(os.environ.get("EXAMPLES", "60"))
)
hypothesis_settings.load_profile("house")

# A run in the background begins with Ctrl-C ignored, and so would all that it starts; some tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

AGAIN_S = 30.0
"""A test that goes on after its time is up, since a task took the failure for its own, is failed again."""
TEARDOWN_S = 180.0
STDERR = pytest.StashKey[int]()
"""The stderr of the process, of which pytest holds back what tests write."""


def pytest_configure(config: pytest.Config) -> None:
    config.stash[STDERR] = os.dup(2)


@pytest.hookimpl(wrapper=True)
def pytest_timeout_set_timer(settings: Any) -> Iterator[None]:
    """Before a test fails because its time is up, it shows where its coroutines wait."""
    done = yield
    fail: Any = signal.getsignal(signal.SIGALRM)
    if settings.method == "signal" and callable(fail):

        def over(number: int, frame: Any) -> None:
            if not pytest_timeout.is_debugging():
                with contextlib.suppress(RuntimeError):  # no loop runs
                    print(waiting(asyncio.all_tasks()), file=sys.stderr)
            fail(number, frame)

        signal.signal(signal.SIGALRM, over)
        signal.setitimer(signal.ITIMER_REAL, settings.timeout, AGAIN_S)
    return done


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """What a failed test leaves behind may hang too, when its timer is off: then the process ends, with stacks."""
    faulthandler.dump_traceback_later(TEARDOWN_S, exit=True, file=item.config.stash[STDERR])
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()
