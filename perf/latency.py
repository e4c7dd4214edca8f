"""How long after an event its score can be read: from before the send to the record in a reader's hands.

    python -m perf.latency [--rate 20000] [--warm 10] [--seconds 20] [--members 100000] [--turn N]

Uses the Kafka of PILLARSCORE_BROKER, else the local one, which is started if need be and then stopped too.
One worker in both roles, in topics of its own. A process sends fresh events at an even pace,
two others read member.scores, one read_uncommitted and one read_committed, and each measures by itself.
What is sent in the first `--warm` seconds is not counted. "Unanswered": no score came before the member's
next event or the end. The measuring processes share the machine with what they measure; what they took is
printed, with a warning when it was too much.

--turn N: halfway through, the worker has a rollover with N members more; what was sent before it and while it
went on is shown apart. A member's record of the rollover itself may be taken for an answer to an event under way:
of the events sent meanwhile that happens to about the share that latency has of the rollover's duration.
"""

import argparse
import asyncio
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from agents.config.errors import UserError
from agents.config.settings import Settings
from perf.fresh import KINDS, PAIRED, Plan, Sent, send
from perf.ground import accounted, ground, run, running
from perf.load import load
from perf.midnight import midnight
from perf.observer import Seen, observe
from perf.worker_process import Worker, total

LEVELS = ("read_uncommitted", "read_committed")
DRAIN_S = 10.0
LOAD, START_S = 15_000, 45.0
"""For a rollover: members loaded in a second, and seconds to start, at least."""
BUSY = 0.8
"""Share of a core from which on a measuring process is taken for a bottleneck; of all cores: the machine."""


@contextmanager
def process(target: Callable[..., None], *arguments: Any) -> Iterator[Connection]:
    """A process that runs `target(*arguments, pipe)`, ready; ours is the other end of the pipe."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=target, args=(*arguments, theirs), daemon=True)
    resource_tracker.ensure_running()  # else start() does, and lets Ctrl-C through again
    # Ctrl-C is for us alone: the child inherits that it is held back
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        child.start()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    theirs.close()
    try:
        receive(ours, target.__name__)
        yield ours
        child.join(5)
    finally:
        child.kill()


def receive(pipe: Connection, name: str) -> Any:
    """What a process sends next; raises UserError when it has ended."""
    try:
        return pipe.recv()
    except EOFError:
        raise UserError(f"The measuring process '{name}' has failed: see above") from None


def latencies(sent: np.ndarray, seen: Seen, members: int) -> np.ndarray:
    """float64[n]: seconds from each event to its score; nan where none came before the member's next event.

    sent: float64[n], when event n, of member n % members, was sent.
    """
    n = len(sent)
    member = np.concatenate([np.arange(n) % members, seen.member])
    at = np.concatenate([sent, seen.at])
    answer = np.arange(len(at)) >= n
    order = np.lexsort((answer, at, member))
    before, after = order[:-1], order[1:]
    pair = ~answer[before] & answer[after] & (member[before] == member[after])
    found = np.full(n, np.nan)
    found[before[pair]] = at[after[pair]] - at[before[pair]]
    return found


def machine() -> tuple[float, float]:
    """Jiffies of all cores so far: (busy, all)."""
    fields = [int(x) for x in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    return sum(fields) - fields[3] - fields[4], sum(fields)


def busy_since(before: tuple[float, float]) -> float:
    """The share of all cores that was busy since `machine` returned that."""
    busy, all_ = machine()
    return (busy - before[0]) / (all_ - before[1])


Phase = tuple[str, float, float]
"""A title, and from when to when, by `time.monotonic`."""


def measure(
    settings: Settings,
    worker: Worker,
    plan: Plan,
    *,
    warm: float,
    begin: float | None = None,
    phases: Callable[[float], list[Phase]] | None = None,
) -> None:
    """Send, read, print.

    begin: when to send the first event, by `time.monotonic`; phases: called while events are sent, with
    the end of that, and returns the phases whose latencies are shown apart.
    """
    scores = (settings.broker, settings.topic("scores"), settings.frame_partitions)
    with (
        process(observe, *scores, LEVELS[0]) as uncommitted,
        process(observe, *scores, LEVELS[1]) as committed,
        process(send, plan) as sender,
    ):
        before = accounted(worker.metrics())
        begin = begin or time.monotonic() + 0.2
        if begin < time.monotonic():
            raise UserError("Loading the members took too long: use fewer")
        sender.send(begin)
        until(begin + warm)
        cpu, busy = worker.cpu(), machine()
        apart = phases(begin + plan.seconds) if phases else [("", begin, begin + plan.seconds)]
        until(begin + plan.seconds)
        cpu, full = worker.cpu() - cpu, busy_since(busy)
        sent: Sent = receive(sender, "sender")
        drain(worker, before + len(sent.at))
        readers = (uncommitted, committed)
        for reader in readers:
            reader.send(None)
        seen: list[Seen] = [receive(reader, "reader") for reader in readers]
    counted = sent.at >= begin + warm
    show(plan, warm, sent, counted=counted)
    found = [latencies(sent.at, some, plan.members) * 1e3 for some in seen]
    for title, first, last in apart:
        if title:
            print(f"{title}, {last - max(first, begin + warm):.1f} s")
        table(found, counted & (sent.at >= first) & (sent.at < last))
    share = cpu / (plan.seconds - warm)
    print(f"worker            {cpu / counted.sum() * 1e6:.1f} us of CPU per event, {share:.0%} of a core")
    plans = begin + np.arange(len(sent.at)) / plan.rate
    costs(sent, seen, float((sent.at - plans)[counted].max()), busy=full)


def table(found: list[np.ndarray], chosen: np.ndarray) -> None:
    """Quantiles of the latencies found (ms, by level) of the events chosen (bool[n])."""
    for level, all_ in zip(LEVELS, found, strict=True):
        ms = all_[chosen]
        answered = ms[~np.isnan(ms)]
        q = np.percentile(answered, [50, 90, 99, 100]) if len(answered) else np.full(4, np.nan)
        lost = len(ms) - len(answered)
        print(f"{level:<17} {q[0]:6.0f} {q[1]:6.0f} {q[2]:6.0f} {q[3]:6.0f}   {lost:,} unanswered")


def rollover_phases(worker: Worker, begin: float, rollover_at: float, *, end: float) -> list[Phase]:
    """Wait for the rollover, at `rollover_at`, and until all members are rolled over: before it, and during it."""
    until(rollover_at + 1)
    while total(worker.metrics(), "pillarscore_unrolled_members"):
        if time.monotonic() > end:
            raise UserError("The rollover took longer than events were sent: use more --seconds")
        time.sleep(0.5)
    return [
        ("before the rollover", begin, rollover_at),
        ("during the rollover", rollover_at, time.monotonic()),
    ]


async def fill(settings: Settings, members: int) -> None:
    """Publish an event for each of so many idle members, and wait until all of them have a score."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").encode()
    made = (
        (
            b"z-%08d" % n,
            b'{"specversion":"1.0","id":"z%d","source":"/fill","type":"activity.post.published",'
            b'"subject":"z-%08d","time":"%b","data":{}}' % (n, n, now),
        )
        for n in range(members)
    )
    await load(settings, made)


def until(moment: float) -> None:
    time.sleep(max(0.0, moment - time.monotonic()))


def drain(worker: Worker, count: float) -> None:
    """Wait until all is committed, and a little for the readers."""
    end = time.monotonic() + DRAIN_S
    while accounted(worker.metrics()) < count and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(0.5)


def show(plan: Plan, warm: float, sent: Sent, *, counted: np.ndarray) -> None:
    """What was sent."""
    at = sent.at[counted]
    rate = (len(at) - 1) / (at[-1] - at[0])
    share = len(PAIRED) / len(KINDS)
    print(
        f"{rate:,.0f} events/s sent for {plan.seconds - warm:.0f} s after {warm:.0f} s of warming up, "
        f"{plan.members:,} members in rotation, {share:.0%} with a counterpart"
    )
    print(f"{'ms':<17} {'p50':>6} {'p90':>6} {'p99':>6} {'max':>6}")


def costs(sent: Sent, seen: list[Seen], late: float, *, busy: float) -> None:
    """What the measuring took, and whether that was too much."""
    print(
        f"measuring         sender {sent.cpu:.0%} of a core, at most {late * 1e3:.0f} ms late; "
        f"readers {seen[0].cpu:.0%} and {seen[1].cpu:.0%}"
    )
    print(f"machine           {busy:.0%} of {os.cpu_count()} cores busy")
    tight = [
        name
        for name, cpu in zip(("sender", *LEVELS), (sent.cpu, *(s.cpu for s in seen)), strict=True)
        if cpu > BUSY
    ]
    if tight:
        print(f"NOT VALID: saturated while measuring: {', '.join(tight)}. Use a lower --rate.")
    if busy > (1 + BUSY) / 2:
        print("The machine was fully loaded: the figures include waiting for a CPU core.")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=int, default=20_000, help="events/s")
    parser.add_argument("--warm", type=float, default=10, help="seconds")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--turn", type=int, default=0, metavar="N", help="members to roll over")
    given = parser.parse_args()
    if given.members < given.rate:
        raise UserError("--members must be at least --rate, otherwise events of a member overtake each other")
    at = time.time() + given.turn / LOAD + START_S + given.warm + given.seconds / 2 if given.turn else None
    rollover_at = None if at is None else time.monotonic() + at - time.time()
    with (
        ground("latency") as settings,
        midnight(at) if at is not None else nullcontext({}) as zone,
        running(settings, more=zone) as worker,
    ):
        worker.wait_ready()
        if given.turn:
            asyncio.run(fill(settings, given.turn))
            while accounted(worker.metrics()) < given.turn:
                time.sleep(0.2)
        plan = Plan(
            settings.broker,
            settings.topic("events"),
            settings.event_partitions,
            given.rate,
            given.members,
            given.warm + given.seconds,
        )
        if rollover_at is None:
            measure(settings, worker, plan, warm=given.warm)
        else:
            begin = rollover_at - (plan.seconds + given.warm) / 2
            measure(
                settings,
                worker,
                plan,
                warm=given.warm,
                begin=begin,
                phases=lambda end: rollover_phases(worker, begin, rollover_at, end=end),
            )


if __name__ == "__main__":
    run(main)
