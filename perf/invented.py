"""What somebody who may publish does to a worker by inventing members and teams.

    python -m perf.invented [--members 300000] [--teams 400000] [--known 20000] [--text 20]

Without Kafka, in this process, as `perf.cohorts_cost`: first `--known` members with the usual 5,000 cohorts, then one
update of the profile for each invented team, each of a team that nobody is in, by `--members` invented members in
turn. Scores are published and merged every 20,000 events. Printed are the memory of the process, the CPU that merging
and the records of benchmarks took, and how many cohorts there are. It ends with an error when a known cohort has lost
its benchmark.
"""

import argparse
import itertools
import resource
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from agents.config.settings import Settings
from perf.cohorts_cost import Compared
from perf.fake_records import FakeRecord
from perf.inprocess import PARTITIONS
from perf.workload import registers

EVERY = 20_000
"""Events between two publications."""
_UPDATE = (
    '{"specversion":"1.0","id":"i-%d","source":"/invented","type":"activity.member.updated","subject":"x-%08d",'
    '"time":"%s","datacontenttype":"application/json","data":{"team":"%s"}}'
)


def invented(members: int, teams: int, day: date, *, length: int) -> Iterator[tuple[bytes, bytes]]:
    """(key, value) of updates by invented members, each with a team of its own; length: of its name."""
    moment = datetime.combine(day, datetime.min.time(), UTC).isoformat()
    for n in range(teams):
        who, team = n % members, f"{n:x}".rjust(length, "z")
        yield b"x-%08d" % who, (_UPDATE % (n, who, moment, team)).encode()


class Attacked(Compared):
    """Keeps which cohorts have a benchmark that is shown."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, EVERY)
        self.shown: set[bytes] = set()

    def make_records(self) -> None:
        """The records of the cohorts that changed, all at once as they are sent."""
        made = list(itertools.chain.from_iterable(self.benchmarks.records(self.merged)))
        self.made += len(made)
        for key, value in made:
            if value is not None and b'"fewer_than":null' in value:
                self.shown.add(key)
            else:
                self.shown.discard(key)

    def bring_up(self) -> None:
        """Publish, merge and make records, as a worker does."""
        self.timed("publishing", self.publish)
        self.timed("merging", self.merge)
        self.timed("records", self.make_records)


def rss() -> int:
    """Bytes that the process has in memory now."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--members", type=int, default=300_000)
    parser.add_argument("--teams", type=int, default=400_000)
    parser.add_argument("--known", type=int, default=20_000)
    parser.add_argument("--text", type=int, default=20, help="characters of a team's name")
    given = parser.parse_args()
    today = datetime.now(UTC).date()
    worker = Attacked(Settings.load())
    moment = int(time.time() * 1000)
    made = itertools.chain(
        registers(given.known, today), invented(given.members, given.teams, today, length=given.text)
    )
    records = (
        FakeRecord(value, n % PARTITIONS, n // PARTITIONS, moment) for n, (_, value) in enumerate(made)
    )
    done, known = 0, set[bytes]()
    while batch := list(itertools.islice(records, EVERY)):
        worker.count(batch)
        worker.bring_up()
        if done < given.known:
            known = set(worker.shown)
        done += len(batch)
        spent = ", ".join(f"{what} {seconds:.1f} s" for what, seconds in worker.spent.items())
        print(
            f"{done:>8,} events, {worker.merged.size():>7,} cohorts, {rss() / 1e6:>5,.0f} MB; CPU: {spent}",
            flush=True,
        )
    lost = known - worker.shown
    print(f"{len(known):,} benchmarks before, of which {len(lost):,} are lost")
    raise SystemExit(1 if lost else 0)


if __name__ == "__main__":
    main()
