"""Networks without a broker: a refresh of everybody's rank, exact, and what taking in ties costs.

    python -m perf.network [--members 1000000] [--connections 200] [--partitions 4] [--events 800000]

The refresh is all that a day needs: taking everybody's score from the records of `member.scores` (JSON),
folding what has changed since the day before, the ranks, their records, and the blocks for the ledger. Only
Kafka is left out. A random sample of members is compared with a plain sort.
"""

import argparse
import resource
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import numpy as np

from agents.config.rubric_file import load
from agents.worker.score_census import Census
from perf.workload import events
from pipeline.common import days
from pipeline.common.rubric_id import RubricId
from pipeline.intake.credit_rules import credits
from pipeline.intake.framer import Framer, runs_of
from pipeline.intake.record_intake import Intake
from pipeline.intake.rows import Line
from pipeline.network.graph import NetworkGraph
from pipeline.network.journal import Journal
from pipeline.network.latest_scores import LatestScores
from pipeline.network.link_block import OWNERS, LinkColumns, connected
from pipeline.network.member_hash import member_hashes
from pipeline.network.peer_ranks import UNKNOWN, plain_rank
from pipeline.network.sweep import RecordContext, Sweep, sweep_block
from pipeline.scoring.scorer import Points
from pipeline.shard.score_records import score_records
from pipeline.shard.shard import Shard, ShardConfig
from schemas.frames import decode
from schemas.network import NetworkStanding

TODAY = days.number(datetime.now(UTC).date())
RUBRIC = RubricId("ssi", "1")
CHANGED = 0.01
"""Links that have changed since the sweep before, as a share of all."""
SAMPLE = 2_000
BATCH = 10_000


def name(number: int) -> str:
    return f"m-{number:08d}"


def graph(
    members: range, everybody: np.ndarray, connections: int, *, rng: np.random.Generator
) -> NetworkGraph:
    """The networks of some members: so many links to everybody (uint64 hashes), 1 in 50 of them removed."""
    network = NetworkGraph()
    network.codes.extend(everybody)
    network.enlist(0, np.arange(members.start, members.stop, dtype=np.uint32))
    for number in range(len(network.blocks)):
        owners = min(OWNERS, len(members) - number * OWNERS)
        fill = rng.poisson(connections, owners)
        owner = np.repeat(np.arange(owners, dtype=np.uint64), fill)
        key = np.unique(owner << np.uint64(32) | rng.integers(0, len(everybody), len(owner), np.uint64))
        k = len(key)
        start = np.searchsorted(key, np.arange(owners + 1, dtype=np.uint64) << np.uint64(32))
        second = rng.integers(700_000_000, 800_000_000, k)
        day = np.where(rng.random(k) < 0.1, TODAY - rng.integers(0, 120, k), 0)
        state = (second << 1 | (rng.random(k) < 0.02)).astype(np.uint32)
        network.blocks[number] = LinkColumns.of_days(
            start, key.astype(np.uint32), state, day=day.astype(np.uint16)
        )
    network.member[: len(members)] = np.arange(members.start, members.stop)
    return network


def change(network: NetworkGraph, rng: np.random.Generator) -> None:
    """A day's changes: half of them of links that are there."""
    count = int(len(network) * CHANGED)
    owner = rng.integers(0, network.owners, count).astype(np.uint64)
    peer = rng.integers(0, len(network.codes), count)
    for at in range(count // 2):
        links = network.blocks[int(owner[at]) // OWNERS]
        mine = links.part(int(owner[at]) % OWNERS)
        peer[at] = links.peer[mine.start + at % max(1, mine.stop - mine.start)]
    day = np.full(count, TODAY, np.uint16)
    network.overlay.take(
        owner << np.uint64(32) | peer.astype(np.uint64), np.zeros(count, np.uint32), day, fresh=True
    )


def census(members: int, score: np.ndarray) -> tuple[Census, float]:
    """Everybody's score from records as in `member.scores`; CPU seconds without making the records."""
    gathering, spent = LatestScores(), 0.0
    for start in range(0, members, BATCH):
        some = np.arange(start, min(start + BATCH, members))
        pillars = np.repeat(score[some, None] // 4, 4, axis=1)
        points = Points(score[some], pillars, pillars, pillars[:, :0])
        records = score_records(
            [name(i) for i in some.tolist()], points, day=TODAY, revision=1, rubric=RUBRIC
        )
        began = time.process_time()
        for at in range(0, len(records), 500):
            gathering.add(records[at : at + 500])
        spent += time.process_time() - began
    began = time.process_time()
    taken = Census(*gathering.columns(), 0)
    return taken, spent + time.process_time() - began


class Names(Sequence[str]):
    """Everybody's name, made when asked for."""

    def __len__(self) -> int:
        raise NotImplementedError  # a Sequence has to have it, and nobody asks

    def __getitem__(self, number: Any) -> Any:
        return name(number)


def refresh(
    network: NetworkGraph, taken: Census, keep: dict[int, NetworkStanding], *, sample: set[bytes]
) -> tuple[int, int, float]:
    """(records, bytes of the ledger, longest piece in s) of a whole sweep; the sample's records are kept."""
    journal = Journal(network)
    scores = np.full(len(network.codes), UNKNOWN, np.int16)
    scores[network.codes.find(taken.hash)] = taken.score
    journal.begin()
    out = written = 0
    longest = 0.0
    context = RecordContext(Names(), 5, 1, RUBRIC)
    sweep = Sweep([*range(len(network.blocks))], TODAY, True, 1, scores)
    for number in sweep.left:
        began = time.process_time()
        for records, kept in sweep_block(sweep, journal, number, context=context):
            longest = max(longest, time.process_time() - began)
            out += len(records)
            written += sum(len(value or b"") for _, value in kept)
            for key, value in records:
                if key in sample:
                    keep[int(key[2:])] = NetworkStanding.model_validate_json(value or b"")
            began = time.process_time()
    journal.finish()
    return out, written, longest


def wrong(
    network: NetworkGraph, kept: dict[int, NetworkStanding], score: np.ndarray, *, sample: set[int]
) -> int:
    """How many of the sample's members of this network have a record that a plain sort would not give."""
    bad = 0
    for owner, number in enumerate(network.member[: network.owners].tolist()):
        if number in sample:
            links = network.links(owner)
            now = np.flatnonzero(connected(links.state))
            known = [None if s == UNKNOWN else s for s in score[links.peer[now]].tolist()]
            own = None if score[number] == UNKNOWN else int(score[number])
            plain = plain_rank(own, zip(known, links.engaged(TODAY - 90)[now].tolist(), strict=True))
            standing = kept[number]
            rank, top = (standing.rank.place, standing.rank.top) if standing.rank else (None, None)
            percent = [
                None if v is None else round(v * 100) for v in (top, standing.average, standing.engaging)
            ]
            got = [standing.connections, standing.scored, None if rank is None else round(rank * 2), *percent]
            bad += got != [plain[k] for k in ("connections", "scored", "place", "top", "average", "engaging")]
    return bad


def refreshed(members: int, connections: int, partitions: int) -> None:
    """Make the networks, refresh them, print."""
    rng = np.random.default_rng(5)
    score = rng.integers(0, 10_001, members)
    score[rng.random(members) < 0.05] = UNKNOWN
    everybody = np.concatenate(
        [
            member_hashes([name(i) for i in range(at, min(at + BATCH, members))])
            for at in range(0, members, BATCH)
        ]
    )
    bounds = np.linspace(0, members, partitions + 1).astype(int).tolist()
    networks = []
    for first, stop in pairwise(bounds):
        networks.append(graph(range(first, stop), everybody, connections, rng=rng))
        change(networks[-1], rng)
    links = sum(map(len, networks))
    scored = np.flatnonzero(score > UNKNOWN)
    taken, reading = census(members, np.where(score == UNKNOWN, 0, score))
    there = np.isin(taken.hash, everybody[scored])
    taken = Census(taken.hash[there], taken.score[there], taken.day[there], 0)
    sample = set(rng.integers(0, members, SAMPLE).tolist())
    kept: dict[int, NetworkStanding] = {}
    began = time.process_time()
    keys = {name(number).encode() for number in sample}
    results = [refresh(network, taken, kept, sample=keys) for network in networks]
    spent = time.process_time() - began
    size = sum(network.nbytes() for network in networks)
    sides = sum(network.size()[1] for network in networks)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    bad = sum(wrong(network, kept, score, sample=sample) for network in networks)
    records = sum(result[0] for result in results)
    print(f"{members:,} members, {links:,} links, {sides:,} of them connections, {partitions} partitions")
    print(f"  CPU s of a full refresh   {reading + spent:8.1f}   of which reading scores {reading:.1f}")
    print(f"  records                   {records:8,}")
    print(f"  longest piece, ms         {max(r[2] for r in results) * 1e3:8.0f}")
    print(f"  blocks in the ledger, MB  {sum(r[1] for r in results) / 1e6:8.0f}")
    print(f"  state, MB                 {size / 1e6:8.0f}   {size / links:.1f} bytes a link")
    print(f"  peak memory, MB           {peak:8.0f}   of the whole process, making the graph too")
    print(f"  not as a plain sort       {bad:8}   of {len(kept):,} members")


class Path:
    """Intake, framing and the shards of four partitions, with ties or without."""

    def __init__(self, ties: bool) -> None:
        self.intake, self.framer = Intake(0, 900_000, credits(5), days.end_ms(TODAY), ties), Framer(4)
        self.framer.begin(0, 0)
        self.shards = [Shard(ShardConfig(load(None), 1_000_000, 86_400_000), TODAY) for _ in range(4)]
        self.journals = [Journal(shard.state.network) for shard in self.shards]

    def run(self, part: list[Line]) -> None:
        rows = self.intake.rows(part, np.zeros(len(part), np.int64), "")
        first = part[0].offset
        read = {0: (runs_of(np.arange(first, first + len(part))), first + len(part))}
        for p, data in self.framer.frames(rows, read).items():
            self.shards[p].apply(decode(data), self.shards[p].frame + 1, 1)
        for shard in self.shards:
            shard.drain()

    def save(self) -> None:
        """What writing a minute of ties costs."""
        for journal in self.journals:
            journal.save()


def ties_cost(count: int, members: int) -> None:
    """CPU of everything from the event to the score record, Kafka apart, with and without ties.

    The two take turns batch by batch, so that what else runs on the machine is the same for both.
    """
    until = datetime.now(UTC).date()
    lines = [Line(value, n) for n, (_, value) in enumerate(events(count, members, until))]
    paths = {ties: Path(ties) for ties in (False, True)}
    halves = []
    for half in (lines[: count // 2], lines[count // 2 :]):
        spent = {False: 0.0, True: 0.0}
        for at in range(0, len(half), BATCH):
            for ties, path in paths.items():
                began = time.process_time()
                path.run(half[at : at + BATCH])
                if at + BATCH >= len(half):
                    path.save()
                spent[ties] += time.process_time() - began
        halves.append([spent[ties] / len(half) * 1e6 for ties in paths])
    print(f"{count:,} events of {members:,} members, from event to score record, without Kafka")
    for name_, (off, on) in zip(("first", "second"), halves, strict=True):
        print(
            f"  CPU us an event, {name_:6} half: without ties {off:6.2f}, with {on:6.2f}, {on / off - 1:+.1%}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--members", type=int, default=1_000_000)
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--events", type=int, default=800_000)
    given = parser.parse_args()
    if given.members:
        refreshed(given.members, given.connections, given.partitions)
    if given.events:
        ties_cost(given.events, 100_000)


if __name__ == "__main__":
    main()
