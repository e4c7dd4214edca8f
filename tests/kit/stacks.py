"""Where the coroutines of a loop wait: what a test that hangs shows beside the stacks of its threads."""

import asyncio
from collections.abc import Iterable
from typing import Any


def waiting(tasks: Iterable[asyncio.Task[Any]]) -> str:
    """A paragraph for each task: its name, and the lines it waits in, the innermost last."""
    return "\n".join("\n  ".join([f"Task {task.get_name()} waits in", *_lines(task)]) for task in tasks)


def _lines(task: asyncio.Task[Any]) -> list[str]:
    # task.get_stack() has no more than the outermost coroutine of one that waits
    found, awaited = [], task.get_coro()
    while (frame := getattr(awaited, "cr_frame", None)) is not None:
        code = frame.f_code
        found.append(f"{code.co_filename}:{frame.f_lineno} {code.co_name}")
        awaited = getattr(awaited, "cr_await", None)
    return found
