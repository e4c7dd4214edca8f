"""Workers with metrics, scraped every second, and workers without, in turn, on a real Kafka.

    python -m perf.metrics_live [--events 600000] [--members 100000] [--rounds 3]

Uses the Kafka of PILLARSCORE_BROKER, else the local one, which is started if need be and then stopped too.
Each run has topics of its own, loaded before its worker starts. Workers without metrics are those of
`perf.unmetered`. Progress is read from the ledger's stamps, every 50 ms in both. It means something only
on a machine that does nothing else; `perf.metrics_cost` shows what the metrics cost by themselves.
"""

import argparse
import asyncio
import statistics
import threading
import time
from typing import NamedTuple

from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.queries.commit_progress import stamps
from perf.ground import ground, run, running
from perf.inprocess import fresh
from perf.load import load
from perf.worker_process import Worker

MAX_S = 300
MODULES = {"without": "perf.unmetered", "with": "agents.cli"}
Mark = tuple[int, float, float]
"""Events accounted for, time, seconds of the worker's CPU."""


class Figure(NamedTuple):
    """Of one run."""

    rate: float
    cpu_us: float


async def follow(settings: Settings, worker: Worker, count: int) -> list[Mark]:
    """A mark at each look, from the first with anything committed to the one with all."""
    marks: list[Mark] = []
    end = time.monotonic() + MAX_S
    async with stamps(settings) as seen:
        while time.monotonic() < end:
            await seen.look()
            now, cpu, done = time.monotonic(), worker.cpu(), seen.counters().ended()
            if done and (not marks or done > marks[-1][0]):
                marks.append((done, now, cpu))
            if done >= count:
                return marks
            await asyncio.sleep(0.05)
    raise UserError(f"{marks[-1][0] if marks else 0:,} of {count:,} events in {MAX_S} s")


def scrape(worker: Worker, stop: threading.Event) -> None:
    """Every second until stopped."""
    while not stop.wait(1.0):
        worker.metrics()


def measure(kind: str, count: int, members: int) -> Figure:
    """One run of a worker with or without metrics."""
    with ground(f"metrics-{kind}") as settings:
        loaded, _ = asyncio.run(load(settings, fresh(count, members)))
        stop = threading.Event()
        with running(settings, MODULES[kind]) as worker:
            worker.wait_ready()
            scraper = threading.Thread(target=scrape, args=(worker, stop), daemon=True)
            if kind == "with":
                scraper.start()
            try:
                marks = asyncio.run(follow(settings, worker, loaded))
            finally:
                stop.set()
                if kind == "with":
                    scraper.join()
    (n0, t0, c0), (n1, t1, c1) = marks[0], marks[-1]
    if n1 == n0:
        raise UserError("Too few events to measure: all were done at the first check")
    return Figure((n1 - n0) / (t1 - t0), (c1 - c0) / (n1 - n0) * 1e6)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=600_000)
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    found: dict[str, list[Figure]] = {"without": [], "with": []}
    print(f"{'metrics':<8} {'events/s':>9} {'CPU us/event':>13}")
    for number in range(given.rounds):
        for kind in sorted(found, reverse=number % 2 == 0):
            figure = measure(kind, given.events, given.members)
            found[kind].append(figure)
            print(f"{kind:<8} {figure.rate:>9,.0f} {figure.cpu_us:>13.2f}", flush=True)
    middle = {kind: Figure(*map(statistics.median, zip(*rows, strict=True))) for kind, rows in found.items()}
    off, on = middle["without"], middle["with"]
    print(f"medians with metrics: events/s {on.rate / off.rate - 1:+.1%}, ", end="")
    print(f"CPU per event {on.cpu_us / off.cpu_us - 1:+.1%}")


if __name__ == "__main__":
    run(main)
