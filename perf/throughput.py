"""End to end: events/s of one worker from activity.events to committed member.scores.

    python -m perf.throughput [--events 2000000] [--members 100000]

Uses the Kafka of PILLARSCORE_BROKER, else the local one, which is started if need be and then stopped too.
The events of `perf.workload` are loaded first, into topics of its own; then a worker is
started that reads them from the beginning. The clock runs from the first commit seen in its metrics
(polled every 50 ms) to the one that accounts for the last event, so a start does not count. "Second half":
from when half of these were done, with warm caches and grown state. CPU is the worker's, of all threads,
user and system, over the same time.
"""

import argparse
import asyncio
import time
from datetime import UTC, datetime, timedelta

from agents.config.errors import UserError
from perf.ground import ENDS, accounted, ground, run, running
from perf.load import load
from perf.worker_process import Worker, total
from perf.workload import events

MAX_S = 600
Mark = tuple[float, float, float]
"""Events accounted for, time, seconds of the worker's CPU."""


def follow(worker: Worker, count: int) -> list[Mark]:
    """A mark at each look, from the first with anything accounted for to the one with all."""
    marks: list[Mark] = []
    end = time.monotonic() + MAX_S
    worker.wait_ready()
    while time.monotonic() < end:
        now, cpu, done = time.monotonic(), worker.cpu(), accounted(worker.metrics())
        if done and (not marks or done > marks[-1][0]):
            marks.append((done, now, cpu))
        if done >= count:
            return marks
        time.sleep(0.05)
    raise UserError(f"{marks[-1][0] if marks else 0:,.0f} of {count:,} events in {MAX_S} s: see the log")


def show(worker: Worker, marks: list[Mark], count: int) -> None:
    """Print the figures."""
    (n0, t0, c0), (n1, t1, c1) = marks[0], marks[-1]
    if n1 == n0:
        raise UserError("Too few events to measure: all were done at the first check")
    half = next(m for m in marks if m[0] >= (n0 + n1) / 2)
    late = f"   second half {(n1 - half[0]) / (t1 - half[1]):,.0f}" if n1 > half[0] else ""
    print(
        f"events accounted for  {n1:,.0f} of {count:,}, the clock ran for {n1 - n0:,.0f} and {t1 - t0:.1f} s"
    )
    print(f"events/s              {(n1 - n0) / (t1 - t0):,.0f}{late}")
    print(f"CPU us/event          {(c1 - c0) / (n1 - n0) * 1e6:.2f}")
    print(f"peak RSS              {worker.peak_mb():,.0f} MB")
    metrics = worker.metrics()
    for name in (*ENDS, "credits"):
        found = total(metrics, "pillarscore_events", f'"{name}"')
        print(f"  {name:<19} {found:,.0f}")
    print(f"  score records       {total(metrics, 'pillarscore_scores_total'):,.0f}")


def main() -> None:
    """Load, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=2_000_000)
    parser.add_argument("--members", type=int, default=100_000)
    given = parser.parse_args()
    with ground("throughput") as settings:
        # all of today would lie in part too far ahead, the more the earlier it is
        yesterday = datetime.now(UTC).date() - timedelta(1)
        made = events(given.events, given.members, yesterday)
        count, seconds = asyncio.run(load(settings, made))
        print(f"loaded {count:,} events of {given.members:,} members in {seconds:.0f} s", flush=True)
        with running(settings) as worker:
            show(worker, follow(worker, count), count)


if __name__ == "__main__":
    run(main)
