"""End to end: events/s of one worker from activity.events to committed member.scores.

    python -m benchmarks.throughput [--events 2000000] [--members 100000]

Needs a broker: PILLARSCORE_BROKER, else the local one is used (and started). The events are loaded first;
the clock runs from the worker's first counted event to the commit that accounts for the last one.
"""

import argparse
import asyncio
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from agents import topics
from agents.broker import connected
from agents.settings import Settings
from benchmarks.load import load
from benchmarks.workload import events
from tests.kit.process import Worker, total

_ENDS = ("scored", "duplicate", "outside_window", "erased", "dead_lettered")


def _accounted(metrics: dict[str, float]) -> float:
    """Events whose outcome is committed."""
    return sum(total(metrics, "pillarscore_events", f'disposition="{end}"') for end in _ENDS)


def _measure(settings: Settings, count: int, log: Path) -> None:
    worker = Worker(
        {"PILLARSCORE_BROKER": settings.broker, "PILLARSCORE_PREFIX": settings.prefix}, log, "--role", "all"
    )
    try:
        marks: list[tuple[float, float, float]] = []
        end = time.monotonic() + 600
        while time.monotonic() < end:
            try:
                metrics = worker.metrics()
            except OSError:
                time.sleep(0.05)
                continue
            done = _accounted(metrics)
            if done:
                marks.append((done, time.monotonic(), worker.cpu()))
            if done >= count:
                break
            time.sleep(0.05)
        (n0, t0, c0), (n1, t1, c1) = marks[0], marks[-1]
        half = next(m for m in marks if m[0] >= (n0 + n1) / 2)
        rate = (n1 - n0) / (t1 - t0)
        late = (n1 - half[0]) / (t1 - half[1])
        print(f"events accounted for  {n1:,.0f} of {count:,}")
        print(f"events/s              {rate:,.0f}   second half {late:,.0f}")
        print(f"CPU us/event          {(c1 - c0) / (n1 - n0) * 1e6:.2f}")
        print(f"peak RSS              {worker.peak_mb():,.0f} MB")
        metrics = worker.metrics()
        for name in (*_ENDS, "credits"):
            count_ = total(metrics, "pillarscore_events", f'"{name}"')
            print(f"  {name:<19} {count_:,.0f}")
        print(f"  score records       {total(metrics, 'pillarscore_scores_total'):,.0f}")
    finally:
        worker.stop()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--members", type=int, default=100_000)
    given = parser.parse_args()
    settings = connected(Settings.load(prefix=f"bench-{int(time.time())}-"))
    asyncio.run(topics.ensure(settings))
    try:
        made = events(given.events, given.members, datetime.now(UTC).date())
        count, seconds = asyncio.run(load(settings, made))
        print(f"loaded {count:,} events of {given.members:,} members in {seconds:.0f} s")
        with tempfile.TemporaryDirectory() as folder:
            _measure(settings, count, Path(folder) / "worker.log")
    finally:
        asyncio.run(topics.delete(settings))


if __name__ == "__main__":
    main()
