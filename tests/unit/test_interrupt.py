"""Ctrl-C ends a command that watches, also when the first cancellation is lost."""

import asyncio
import contextlib
import os
import signal

import pytest

from agents.cli import _interrupt
from agents.cli._interrupt import until_interrupted


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_interrupt, "AGAIN_S", 0.01)


@pytest.mark.parametrize("lost", [0, 1, 3])
async def test_ctrl_c_ends_it(lost: int) -> None:
    async def work() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(lost):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)
        await asyncio.sleep(60)

    await asyncio.wait_for(until_interrupted(work()), 20)


async def test_what_it_raises_is_raised_and_its_end_is_the_end() -> None:
    async def fails() -> None:
        raise ValueError("so")

    with pytest.raises(ValueError, match="so"):
        await until_interrupted(fails())

    async def ends() -> None:
        await asyncio.sleep(0)

    await until_interrupted(ends())
