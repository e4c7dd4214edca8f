"""Commands that run until Ctrl-C, and end at the first one."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

AGAIN_S = 1.0


async def until_interrupted(work: Coroutine[Any, Any, None]) -> None:
    """Run until it ends or Ctrl-C comes; what it raises is raised.

    A cancellation may be lost: `asyncio.wait_for` of Python 3.11 forgets one that comes just when what it waits for
    is done. So it is repeated; `work` must only read.
    """
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, interrupted.set)
    working = asyncio.create_task(work)
    waiting = asyncio.create_task(interrupted.wait())
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
        while interrupted.is_set() and not working.done():
            working.cancel()
            await asyncio.wait({working}, timeout=AGAIN_S)
        if not working.cancelled():
            working.result()
    finally:
        waiting.cancel()
        loop.remove_signal_handler(signal.SIGINT)
