"""Who uses the local broker, so that the last command that leaves stops one which a command has started.

Each command holds a shared lock on a file while it runs; the system frees it if the command dies. A broker that a
person has started (`pillarscore broker start`) is left running.
"""

import fcntl
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from agents.config.errors import UserError

Report = Callable[[str], None]


class Stoppable(Protocol):
    """The local broker. temporary: it was started by a command, to be stopped again; started_here: by this one."""

    @property
    def folder(self) -> Path: ...

    @property
    def temporary(self) -> bool: ...

    @property
    def started_here(self) -> bool: ...

    def stop(self) -> bool: ...


_used: list[tuple[Stoppable, IO[str], Report]] = []


def join(broker: Stoppable, report: Report) -> None:
    """Use the broker until `leave`; waits while another command stops it."""
    users = opened(broker.folder / "users")
    fcntl.flock(users, fcntl.LOCK_SH)
    _used.append((broker, users, report))


def leave() -> None:
    """Stop each broker that this process used, if it is temporary and nobody else uses it; reports what happens."""
    while _used:
        broker, users, report = _used.pop()
        with users:
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                # a command that only used it expects that
                if broker.temporary and broker.started_here:
                    report("The local broker goes on, because another command uses it")
                continue
            if broker.temporary:
                report("Stopping the local broker …")
                with _uninterrupted():
                    broker.stop()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """A second Ctrl-C does not break off the stopping, which takes its time but has an end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def opened(path: Path) -> IO[str]:
    """A lock file, with its folder made; raises UserError when that is not possible."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("w")
    except OSError as error:
        raise UserError(
            f"Can't write to {error.filename or path} ({error.strerror}): make it writable, or set "
            "PILLARSCORE_STATE_DIR to another folder"
        ) from None
