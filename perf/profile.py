"""Where a busy worker spends its time: a flame graph of one that works off a backlog, by py-spy.

    python -m perf.profile [--events 1000000] [--members 100000] [--out .pillarscore/profile.svg]

The same load as `perf.throughput`, with py-spy looking into the worker from its start until the last event is
accounted for. Open the SVG in a browser: width is time on the CPU, a click zooms in, and the top of a stack is what
ran. Time in NumPy and Arrow is shown in the line that called them.
"""

import argparse
import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from agents.config.errors import UserError
from perf.ground import ground, run, running
from perf.load import load
from perf.throughput import follow, show
from perf.worker_process import Worker
from perf.workload import events

PER_SECOND = 200
WRITE_S = 60.0
"""For the SVG to be written."""
_PY_SPY = Path(sys.executable).with_name("py-spy")


@contextmanager
def recorded(worker: Worker, out: Path) -> Iterator[None]:
    """py-spy looks into the worker for as long as this is open. Raises UserError when it can't."""
    if not _PY_SPY.exists():
        raise UserError(f"{_PY_SPY} is missing: make .venv/dev")
    out.parent.mkdir(parents=True, exist_ok=True)
    command = [_PY_SPY, "record", "--pid", str(worker.pid), "--rate", str(PER_SECOND), "--output", out]
    # a session of its own: Ctrl-C is for us, who end it in order
    spy = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield
    finally:
        spy.send_signal(signal.SIGINT)
        try:
            _, output = spy.communicate(timeout=WRITE_S)
        except subprocess.TimeoutExpired:
            spy.kill()
            _, output = spy.communicate(timeout=WRITE_S)
    if spy.returncode:
        raise UserError(f"py-spy could not look into the worker: {' '.join(output.split())}")


def main() -> None:
    """Load, run under py-spy, say where the flame graph is."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--out", type=Path, default=Path(".pillarscore/profile.svg"))
    given = parser.parse_args()
    with ground("profile") as settings:
        made = events(given.events, given.members, datetime.now(UTC).date() - timedelta(1))
        count, _ = asyncio.run(load(settings, made))
        with running(settings, module="perf.profiled") as worker:
            with recorded(worker, given.out):
                marks = follow(worker, count)
            show(worker, marks, count)
    print(f"flame graph: {given.out}")


if __name__ == "__main__":
    run(main)
