"""How well `pillarscore audit` tells pods from others, and what it costs: towns of several seeds, and real messages.

    python -m perf.audit [--seeds 1 2 3] [--eager 0.2 0.35 0.5]
    python -m perf.audit --file EVENTS      time and memory for a file of your own

Exit code 1 if fewer than 95 % of those in pods are found, or more than 1 % of the others are named.
"""

import argparse
import gzip
import resource
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import orjson

from agents.config.rubric_file import load
from agents.config.settings import Settings
from agents.files.inputs import Input, Inputs
from agents.files.ndjson import Batch
from agents.offline.engine import Offline
from agents.publish.collegemsg import convert
from perf.calibration import LAST
from perf.town import EAGER, town
from pipeline.abuse.exchanges import Exchanges
from pipeline.abuse.findings import Report
from pipeline.abuse.search import audit
from pipeline.common import days
from pipeline.common.units import Day
from samples.life import Event
from samples.personas import POD, events

SEEDS = tuple(range(1, 21))
FOUND, WRONG = 0.95, 0.01
"""The least share of those in pods that is found, and the largest of the others that is named."""
ABUSIVE = frozenset(
    ("burst", "burst-poster", "invitation-spammer", "comment-bot", "message-spammer", *POD),
)
"""Personas who do what an audit looks for."""
_AT_ONCE = 4_000


@dataclass(slots=True)
class Events:
    """Events in memory, as an input of the offline engine."""

    made: Iterable[Event]

    def batches(self, number: int = 0) -> Iterator[Batch]:
        """See Input."""
        lines: list[bytes] = []
        for event in self.made:
            lines.append(orjson.dumps(event))
            if len(lines) == _AT_ONCE:
                yield Batch(list(range(number, number + len(lines))), lines)
                number, lines = number + len(lines), []
        if lines:
            yield Batch(list(range(number, number + len(lines))), lines)

    def place(self, number: int) -> str:
        """See Input."""
        return str(number)


def audited(made: Input, last: int = LAST, rubric: str = "ssi-2") -> Report:
    """The report on events, as of a day."""
    exchanges = Exchanges(Day(last))
    run = Offline(Settings(), load(Path(rubric)), last, on_rows=exchanges.add)
    run.read(made)
    return audit(run.rubric, Day(last), run.population.batches(), table=exchanges.table())


@dataclass(slots=True)
class Tally:
    """Members in pods and how many were found in one; others, how many are named, and how many in pods."""

    planted: int = 0
    found: int = 0
    others: int = 0
    named: int = 0
    in_pods: int = 0
    who: list[str] = field(default_factory=list)

    def add(self, report: Report, planted: set[str], others: set[str]) -> None:
        """Count a report."""
        in_pods = {one.member for pod in report.pods for one in pod.members}
        self.planted += len(planted)
        self.found += len(planted & in_pods)
        self.others += len(others)
        self.named += len(others & report.named)
        self.in_pods += len(others & in_pods)
        self.who += sorted(others & report.named)

    @property
    def kept(self) -> bool:
        """Whether enough were found, and few enough were named who are in none."""
        return self.found >= FOUND * self.planted and self.named <= WRONG * self.others

    def __str__(self) -> str:
        share = f"{self.found}/{self.planted} in pods found"
        return f"{share}; {self.named}/{self.others} others named, {self.in_pods} of them in pods"


def of_town(seed: int, tally: Tally, *, members: int = 200, eager: Sequence[float] = EAGER) -> None:
    """Audit a town."""
    made = town(seed, members, days=90, eager=eager)
    planted = {name for pod in made.pods.values() for name in pod}
    tally.add(audited(Events(made.events())), planted, set(made.others))


def of_personas(seed: int, tally: Tally) -> None:
    """Audit the personas, of whom those who do nothing wrong are the others."""
    made = [*events(seed)]
    others = {event["subject"] for event in made} - ABUSIVE
    tally.add(audited(Events(made)), set(POD), others)


def of_messages(path: Path, tally: Tally, *, as_comments: bool) -> None:
    """Audit real messages, as they are or as if each were a comment on something of the one who got it."""
    with gzip.open(path, "rt") as lines:
        made = [*convert(lines)]
    if as_comments:
        made = [_as_comment(event) for event in made]
    last = max(days.number(datetime.fromisoformat(event["time"]).date()) for event in made)
    for ago in (0, 60, 120):
        report = audited(Events(made), last - ago)
        names = {event["subject"] for event in made}
        tally.add(report, set(), names)


def _as_comment(event: Event) -> Event:
    if event["type"] != "activity.message.sent":
        return event
    data = {"author": event["data"]["recipient"], "words": 9}
    return event | {"type": "activity.comment.written", "data": data}


def main() -> None:
    """Measure, print, and say whether the bounds are kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--eager", nargs="+", type=float, default=EAGER)
    parser.add_argument("--messages", type=Path, default=Path("samples/collegemsg.txt.gz"))
    parser.add_argument("--file", type=Path)
    given = parser.parse_args()
    if given.file is not None:
        began, before = time.process_time(), _peak_mb()
        report = audited(Inputs([given.file]))
        took = time.process_time() - began
        print(f"{report.members:,} members, {len(report.named)} named; {took:.1f} s of CPU")
        print(f"{_peak_mb():.0f} MB at most, {before:.0f} MB of them before the events were read")
        return
    tallies = {"towns": Tally(), "personas": Tally(), "messages": Tally(), "messages as comments": Tally()}
    for seed in given.seeds:
        of_town(seed, tallies["towns"], eager=given.eager)
        of_personas(seed, tallies["personas"])
        print(seed, tallies["towns"], "|", tallies["personas"], flush=True)
    of_messages(given.messages, tallies["messages"], as_comments=False)
    of_messages(given.messages, tallies["messages as comments"], as_comments=True)
    for name, tally in tallies.items():
        print(f"{name}: {tally} {tally.who[:10]}")
    sys.exit(not all(tally.kept for tally in tallies.values()))


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
