"""How long scores take while everybody's networks are refreshed, beside how long they take before that.

    python -m perf.refresh [--networks 20000] [--connections 200] [--rate 10000] [--seconds 60]

Members with so many connections each are loaded first; the worker then refreshes all networks every
`ROUND_S` seconds. Events of other members are sent at an even pace, and their latency is measured as by
`perf.latency`. What was sent during a refresh is shown apart: from the moment it was due until the
last network was out. With 20,000 networks of 200 it takes three and a half minutes.
"""

import argparse
import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, TopicPartition

from agents.config.errors import UserError
from agents.config.settings import PREFIX, Settings
from perf.fresh import Plan
from perf.ground import accounted, ground, run, running
from perf.latency import Phase, measure, until
from perf.load import load

ROUND_S = 120
BEFORE_S = 20.0
"""Of events that are measured before the refresh."""
STUCK_S = 100.0


def ties(members: int, connections: int) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) of the events that connect each member with so many others, in a ring."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").encode()
    for n in range(members):
        for far in range(1, connections // 2 + 1):
            yield (
                b"z-%08d" % n,
                b'{"specversion":"1.0","id":"%d-%d","source":"/fill","type":"activity.invitation.accepted",'
                b'"subject":"z-%08d","time":"%b","data":{"inviter":"z-%08d"}}'
                % (n, far, n, now, (n + far * 7) % members),
            )


class Refreshes:
    """Sees networks go out; `due` is when the next ones are, by `time.monotonic`."""

    def __init__(self, settings: Settings, members: int) -> None:
        self.settings = settings
        self.members = members

    @staticmethod
    def due(after: float) -> float:
        """The first round that begins `after` seconds from now, or later."""
        now = time.time()
        return time.monotonic() + -(-(now + after) // ROUND_S) * ROUND_S - now

    async def seen(self, end: float) -> float:
        """Wait until so many records as there are members came out from now on: when the last one did."""
        topic, partitions = self.settings.topic("networks"), self.settings.frame_partitions
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.settings.broker,
            enable_auto_commit=False,
            isolation_level="read_committed",
        )
        consumer.assign([TopicPartition(topic, p) for p in range(partitions)])
        await consumer.start()
        try:
            await consumer.seek_to_end()
            count, last = 0, time.monotonic()
            while count < self.members:
                got = await consumer.getmany(timeout_ms=100)
                count += sum(map(len, got.values()))
                if got:
                    last = time.monotonic()
                elif time.monotonic() > end:
                    raise UserError(
                        f"Only {count:,} of {self.members:,} networks arrived: use more --seconds"
                    )
            return last
        finally:
            await consumer.stop()

    def phases(self, begin: float, moment: float, end: float) -> list[Phase]:
        """Before the refresh that is due at `moment`, and during it."""
        until(moment - 1)
        last = asyncio.run(self.seen(end))
        return [("before the refresh", begin, moment), ("during the refresh", moment, last)]


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", type=int, default=20_000, help="members with connections")
    parser.add_argument("--connections", type=int, default=200, help="of each of them")
    parser.add_argument("--rate", type=int, default=10_000, help="events/s")
    parser.add_argument("--members", type=int, default=100_000, help="members that the events are about")
    parser.add_argument("--warm", type=float, default=8, help="seconds")
    parser.add_argument(
        "--seconds", type=float, default=60, help="of measuring, 20 of them before the refresh"
    )
    given = parser.parse_args()
    count = given.networks * (given.connections // 2)
    with (
        ground("refresh") as settings,
        running(settings, more={f"{PREFIX}NETWORK_HOURS": str(ROUND_S / 3600)}) as worker,
    ):
        worker.wait_ready()
        asyncio.run(load(settings, ties(given.networks, given.connections)))
        while accounted(worker.metrics()) < count:
            time.sleep(1)
        refreshes = Refreshes(settings, given.networks)
        # one that is measured is of all networks as they are, after one that has taken them all in
        moment = refreshes.due(5)
        until(moment - 1)
        asyncio.run(refreshes.seen(moment + STUCK_S))
        moment = refreshes.due(given.warm + BEFORE_S + 3)
        topic, partitions = settings.topic("events"), settings.event_partitions
        seconds = given.warm + given.seconds
        plan = Plan(settings.broker, topic, partitions, given.rate, given.members, seconds)
        begin = moment - BEFORE_S - given.warm
        until(begin - 3)
        measure(
            settings,
            worker,
            plan,
            warm=given.warm,
            begin=begin,
            phases=lambda end: refreshes.phases(begin, moment, end),
        )


if __name__ == "__main__":
    run(main)
