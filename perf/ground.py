"""What a performance measurement runs on: a Kafka, topics of its own and a worker, all of it gone at the end.

Also when it is broken off with Ctrl-C or SIGTERM. A local broker that ran before is left running.
"""

import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from agents.config.errors import UserError
from agents.config.settings import PREFIX, Settings
from agents.local.broker import Broker, connected
from agents.topics import creation
from perf.worker_process import Worker, total

ENDS = ("scored", "duplicate", "outside_window", "erased", "too_late", "dead_lettered")
"""What can become of an event."""


@contextmanager
def ground(name: str) -> Iterator[Settings]:
    """Settings with topics that nobody else has, below a prefix that begins with `name`."""
    settings = Settings.load(prefix=f"bench-{name}-{time.time_ns() // 1_000_000}-")
    broker = None if settings.broker else Broker.of(settings, _report)
    # set before it starts, so that one whose start was broken off is stopped too
    ours = broker is not None and broker.status().process is None
    try:
        settings = connected(settings, _report)
        try:
            asyncio.run(creation.ensure(settings))
            yield settings
        finally:
            asyncio.run(creation.delete(settings))
    finally:
        if broker is not None and ours:
            broker.stop()


@contextmanager
def running(
    settings: Settings,
    module: str = "agents.cli",
    more: dict[str, str] | None = None,
    *,
    role: str = "all",
) -> Iterator[Worker]:
    """A worker, as users start it; when the measurement fails, the end of its log is shown.

    module: what is run; more: of its environment.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "worker.log"
        environment = {
            f"{PREFIX}BROKER": settings.broker,
            f"{PREFIX}PREFIX": settings.prefix,
            f"{PREFIX}STATE_DIR": folder,
        }
        worker = Worker(environment | (more or {}), log, "--role", role, module=module)
        try:
            yield worker
        except Exception:
            print("".join(log.read_text("utf-8", "replace").splitlines(True)[-10:]), end="", file=sys.stderr)
            raise
        finally:
            worker.stop()


def accounted(metrics: dict[str, float]) -> float:
    """Events whose outcome is committed, by a worker's metrics."""
    return sum(total(metrics, "pillarscore_events", f'disposition="{end}"') for end in ENDS)


def run(main: Callable[[], None]) -> None:
    """Call `main`; SIGTERM is as Ctrl-C, and neither makes a traceback. Ends the program when it fails."""
    # by way of SIGINT, which asyncio turns into an orderly end of what is under way
    signal.signal(signal.SIGTERM, lambda number, frame: signal.raise_signal(signal.SIGINT))
    try:
        main()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    except UserError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


def _report(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
