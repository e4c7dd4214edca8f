"""What counting members once a day costs per event, and what a grace costs per score, side by side in one process.

    python -m perf.kinds

The first compares the whole way from records to scores with the same whose events credit no distinct signals; the
second a rubric with the same whose rates all have a grace and need trials.
"""

import argparse
import statistics
import time
from collections.abc import Mapping
from pathlib import Path

from agents.config.rubric_file import load
from perf.inprocess import Pipeline, compare, fresh, show
from perf.scoring import DAY, crowd
from perf.unmetered import Nothing
from pipeline.intake.credit_rules import Credit, Data, Rule, credits
from pipeline.intake.record_intake import Intake
from pipeline.network.member_hash import COUNTED
from pipeline.rubric.components import Rate
from pipeline.scoring.scorer import Scorer

MEMBERS = 1_000
"""Scored at once."""


def masked(table: Mapping[str, Rule], bits: int) -> dict[str, Rule]:
    """The rules with these signals only."""

    def stripped(rule: Rule) -> Rule:
        def credit(data: Data) -> Credit:
            actor, counterpart, received, registers = rule(data)
            return actor & bits, counterpart, received & bits, registers

        return credit

    return {kind: stripped(rule) for kind, rule in table.items()}


def distinct(events: int, members: int, batch: int) -> None:
    """Print CPU and bytes with and without counting members."""
    pipelines = {"without": Pipeline(Nothing()), "with": Pipeline(Nothing())}
    every = (1 << 64) - 1
    for kind, bits in (("with", every), ("without", every ^ int(COUNTED))):
        pipelines[kind].intake = Intake(0, 900_000, masked(credits(5), bits))
    show(*compare(pipelines, fresh(events, members), batch, skip=events // 5), "distinct")
    for kind, pipeline in pipelines.items():
        tables = sum(shard.recent_ids.nbytes() for shard in pipeline.shards)
        ids = sum(shard.recent_ids.young.size for shard in pipeline.shards)
        tiles = sum(shard.state.tiles.nbytes() for shard in pipeline.shards)
        count = sum(int(shard.state.tiles.fill.sum()) for shard in pipeline.shards)
        print(
            f"{kind:<8} {ids / events:.2f} seen ids an event ({tables / 1e6:.0f} MB of tables), "
            f"{count:,} tiles ({tiles / 1e6:.0f} MB)"
        )


def grace(rounds: int) -> None:
    """Print what a score costs with a grace, as a ratio: the median of rounds in changing order."""
    rubric = load(Path("ssi"))  # version 1, whose rates have neither
    parts = tuple(
        part.model_copy(update={"grace": 7, "needs_trial": True})
        if isinstance(part, Rate) and part.trials
        else part
        for part in rubric.components
    )
    scorers = [Scorer(one, DAY) for one in (rubric, rubric.model_copy(update={"components": parts}))]
    members, ratios = crowd(MEMBERS), []
    for _ in range(rounds):
        spent = []
        for scorer in scorers:
            began = time.thread_time()
            scorer.points(*members)
            spent.append(time.thread_time() - began)
        ratios.append(spent[1] / spent[0])
        scorers.reverse()
        if len(ratios) % 2 == 0:
            ratios[-1] = 1 / ratios[-1]
    print(f"grace    {statistics.median(ratios) - 1:+.1%} CPU for a score; no state")


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=500_000)
    parser.add_argument("--members", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=100)
    given = parser.parse_args()
    distinct(given.events, given.members, given.batch)
    grace(given.rounds)


if __name__ == "__main__":
    main()
