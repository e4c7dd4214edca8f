"""What benchmarks and ranks cost, and how fresh they are with about 5,000 cohorts.

    python -m perf.cohorts [--events 1000000] [--members 100000] [--rounds 3] [--seconds 20]

Cost: the same events through a worker with cohorts and through one without, in turn, each in topics of its
own. All members have their registers from a worker before that; the one that is measured begins with all
events waiting. Freshness: a process sends 20,000 events/s, and now and then a member goes into a cohort
that nobody was in: how long until `score.benchmarks` has it. Uses the Kafka of PILLARSCORE_BROKER, else the
local one.
"""

import argparse
import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import numpy as np
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from agents.config.errors import UserError
from agents.config.settings import PREFIX, Settings
from perf.fresh import Plan, Sent, send
from perf.ground import accounted, ground, run, running
from perf.latency import busy_since, machine, process, receive, until
from perf.load import load
from perf.throughput import follow
from perf.worker_process import Worker, total, wait_shared
from perf.workload import COHORTS, events, registers

EVERY_S = 0.37
WARM = 0.1
"""Of the events, before cost is measured: restoring is over then, and the first scores are published."""
DRAIN_S = 10.0
_PROBE = (
    b'{"specversion":"1.0","id":"probe-%d","source":"/probe","type":"activity.member.updated",'
    b'"subject":"p-%d","time":"%b","data":{"team":"probe %d"}}'
)


def cost(count: int, members: int, cohorts: str) -> tuple[float, float, float]:
    """(events/s, CPU us/event, score records per event) of a worker with this setting of cohorts."""
    yesterday = datetime.now(UTC).date() - timedelta(1)
    more = {f"{PREFIX}COHORTS": cohorts}
    with ground("cohorts") as settings:
        asyncio.run(load(settings, registers(members, yesterday - timedelta(1))))
        with running(settings, more=more) as worker:
            follow(worker, members)
        asyncio.run(load(settings, events(count, members, yesterday)))
        with running(settings, more=more) as worker:
            marks = [mark for mark in follow(worker, members + count) if mark[0] >= members + count * WARM]
            scores = total(worker.metrics(), "pillarscore_scores_total")
    (n0, t0, c0), (n1, t1, c1) = marks[0], marks[-1]
    if n1 == n0:
        raise UserError("Too few events to measure: all were done at the first check")
    return (n1 - n0) / (t1 - t0), (c1 - c0) / (n1 - n0) * 1e6, scores / count


def costs(count: int, members: int, rounds: int) -> None:
    """Print what a worker takes with and without, in turn."""
    default = Settings.model_fields["cohorts"].default
    print(f"{'cohorts':<10} {'events/s':>10} {'CPU us/event':>13} {'records/event':>14}")
    ratios = []
    for _ in range(rounds):
        spent = {}
        for name, setting in (("without", "none"), ("with", default)):
            rate, cpu, records = cost(count, members, setting)
            spent[name] = cpu
            print(f"{name:<10} {rate:>10,.0f} {cpu:>13.2f} {records:>14.2f}", flush=True)
        ratios.append(spent["with"] / spent["without"])
    print(f"with / without, CPU: {', '.join(f'{r:.3f}' for r in ratios)}; median {np.median(ratios):.3f}")


def freshness(rate: int, members: int, *, seconds: float, warm: float, tick: float, roles: list[str]) -> None:
    """Print how long members take into a new cohort's benchmark while events come in; roles: of workers."""
    with ground("fresh-cohorts") as settings, ExitStack() as stack:
        alone = {f"{PREFIX}COHORT_MINIMUM": "1"}
        workers = [stack.enter_context(running(settings, more=alone, role=role)) for role in roles]
        for worker in workers:
            worker.wait_ready()
        wait_shared(*(w for w, role in zip(workers, roles, strict=True) if role != "ingest"))
        yesterday = datetime.now(UTC).date() - timedelta(1)
        asyncio.run(load(settings, registers(members, yesterday)))
        while counted(workers) < members:
            time.sleep(0.2)
        topic, partitions = settings.topic("events"), settings.event_partitions
        plan = Plan(settings.broker, topic, partitions, rate, members, warm + seconds, tick)
        with process(send, plan) as sender:
            begin = time.monotonic() + 0.2
            sender.send(begin)
            until(begin + warm)
            cpu, busy = [worker.cpu() for worker in workers], machine()
            with ThreadPoolExecutor(1) as aside:
                probes = aside.submit(asyncio.run, _probes(settings, begin + plan.seconds))
                until(begin + plan.seconds)
                cpu = [worker.cpu() - before for worker, before in zip(workers, cpu, strict=True)]
                full = busy_since(busy)
                behind = members + rate * plan.seconds - counted(workers)
                took = probes.result()
            sent: Sent = receive(sender, "sender")
        metrics = workers[0].metrics()
        merges = total(metrics, "pillarscore_rank_merge_seconds_count")
        spent = total(metrics, "pillarscore_rank_merge_seconds_sum")
        q = np.percentile(took, [50, 90, 100]) if took else [float("nan")] * 3
        print(
            f"{rate:,} events/s, {members:,} members, {total(metrics, 'pillarscore_cohorts'):,.0f} cohorts: "
            f"{len(took)} probes, p50 {q[0]:.2f} p90 {q[1]:.2f} max {q[2]:.2f} s"
        )
        print(f"at the end of sending {behind / rate:.2f} s of events were not counted yet")
        shares = " and ".join(f"{seconds_ / seconds:.0%}" for seconds_ in cpu)
        print(f"workers {shares} of a core; {merges:,.0f} merges of {spent / merges * 1e3:.1f} ms")
        print(f"sender {sent.cpu:.0%} of a core; machine {full:.0%} of {os.cpu_count()} cores busy")


def counted(workers: list[Worker]) -> float:
    """Events whose outcome is committed, by all of them."""
    return sum(accounted(worker.metrics()) for worker in workers)


async def _probes(settings: Settings, end: float) -> list[float]:
    """Seconds from sending each probe to its cohort's record."""
    sent: dict[bytes, float] = {}
    took: list[float] = []
    tp = TopicPartition(settings.topic("benchmarks"), 0)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=settings.broker, enable_auto_commit=False, isolation_level="read_committed"
    )
    consumer.assign([tp])
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker)
    await consumer.start()
    await producer.start()
    try:
        await consumer.seek_to_end(tp)
        await consumer.position(tp)
        at = 0.0
        probes = 0
        flying = []
        while time.monotonic() < end or (sent and time.monotonic() < end + DRAIN_S):
            now = time.monotonic()
            if end - 1 > now >= at:
                n, at, probes = probes, now + EVERY_S, probes + 1
                stamp = datetime.now(UTC).isoformat().encode()
                value = _PROBE % (n, n, stamp, n)
                sent[b"team:probe %d" % n] = now
                partition = n % settings.event_partitions
                flying.append(await producer.send(settings.topic("events"), value, partition=partition))
            got = await consumer.getmany(tp, timeout_ms=20)
            now = time.monotonic()
            for record in got.get(tp, []):
                if record.value is not None and record.key in sent:
                    took.append(now - sent.pop(record.key))
        await asyncio.gather(*flying)
    finally:
        await producer.stop()
        await consumer.stop()
    if sent:
        print(f"{len(sent)} of {probes} probes were never seen")
    return took


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3, help="of measuring the cost; 0: skip it")
    parser.add_argument("--rate", type=int, default=20_000, help="events/s while freshness is measured")
    parser.add_argument("--seconds", type=float, default=20, help="of measuring freshness; 0: skip it")
    parser.add_argument("--tick", type=float, default=0.02, help="seconds that the sender gathers events for")
    parser.add_argument(
        "--roles", default="all", help="of the workers for freshness, such as score,ingest or all,all"
    )
    given = parser.parse_args()
    print(f"{sum(COHORTS.values()) + 1:,} cohorts", flush=True)
    if given.rounds:
        costs(given.events, given.members, given.rounds)
    if given.seconds:
        freshness(
            given.rate,
            given.members,
            seconds=given.seconds,
            warm=5,
            tick=given.tick,
            roles=given.roles.split(","),
        )


if __name__ == "__main__":
    run(main)
