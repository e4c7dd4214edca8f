"""Benchmarks and ranks for people: what is in `score.benchmarks` now, and a member's ranks now."""

import numpy as np
import pyarrow as pa

from agents.config.settings import Settings
from agents.queries.benchmarks import merged
from pipeline.cohorts.cohort_table import ALL, NONE
from pipeline.cohorts.kinds import EVERYONE, name_of, registers_of
from pipeline.cohorts.merged_scores import is_active
from pipeline.cohorts.rank import CohortRank, rank, rank_among
from pipeline.cohorts.rank_records import counts_around
from pipeline.cohorts.sources import Source
from pipeline.common.partitioner import partitions
from pipeline.common.rubric_id import RubricId
from pipeline.common.units import MemberSlot
from pipeline.reports.population import Population
from pipeline.rubric.model import Rubric
from pipeline.shard.shard import Shard
from schemas.distributions import GONE
from schemas.scores import Rank

_AT_ONCE = 4_000


RanksByCohort = dict[str, Rank | None]
"""A member's rank by the name of each of their cohorts; None where the cohort is too small."""


def in_file(population: Population, member: str, settings: Settings) -> RanksByCohort | None:
    """The ranks of a member among all of a population; None when there are to be no cohorts."""
    kinds = settings.cohort_kinds
    if kinds is None:
        return None
    scores, values, actives, own = [], [], [], None
    for shard in population.shards:
        members = shard.scored()
        parts = np.array_split(members, len(members) // _AT_ONCE + 1)
        points = [shard.points(part) for part in parts]
        score = np.concatenate([part.score for part in points])
        actives += [is_active(part.pillars) for part in points]
        texts = np.array(shard.state.registers.texts.names, object)
        value = texts[shard.state.registers.numbers(members)[:, registers_of(kinds)]]
        scores.append(score)
        values.append(value)
        at = np.flatnonzero(members == shard.state.index.get(member, -1))
        if len(at):
            own = int(score[at[0]]), value[at[0]].tolist()
    if own is None:
        return {}
    everyone, everywhere, active = map(np.concatenate, (scores, values, actives))
    found: RanksByCohort = {EVERYONE: _shown(rank_among(everyone, own[0]), int(active.sum()), settings)}
    for column, (kind, value) in enumerate(zip(kinds, own[1], strict=True)):
        if value:
            mine = everywhere[:, column] == value
            among = rank_among(everyone[mine], own[0])
            found[name_of(kind, value)] = _shown(among, int(active[mine].sum()), settings)
    return found


async def live(
    settings: Settings, rubric: Rubric, population: Population, *, member: str
) -> RanksByCohort | None:
    """The ranks of a member as they are now, among the others as published last.

    population: of the one partition that has the member. None before all partitions have published, and when
    what is published is by another rubric.
    """
    kinds = settings.cohort_kinds
    if kinds is None:
        return None
    view = await merged(settings, kinds)
    [partition] = partitions(pa.array([member], pa.string()), settings.frame_partitions).tolist()
    [shard] = population.shards
    assert isinstance(shard, Shard)
    index = shard.state.index.get(member)
    heads = {RubricId(source.head.rubric, source.head.rubric_version) for source in view.sources.values()}
    if index is None or not view.complete or heads != {rubric.id}:
        return None
    one = np.array([index])
    score, numbers = shard.points(one).score, shard.state.registers.numbers(one)[0]
    values = [shard.state.registers.texts.names[numbers[register]] for register in registers_of(kinds)]
    found: RanksByCohort = {}
    for column, (kind, value) in enumerate(zip((EVERYONE, *kinds), ("", *values), strict=True)):
        if column and not value:
            continue
        now, scores = np.array([view.number(kind, value)]), view.sorted_scores[column]
        if now[0] in (NONE, view.table.others[column - 1] if column else NONE):
            found[name_of(kind, value)] = None
            continue
        was, old = _published(view.sources[partition], shard, index, column=column)
        if was is None:  # too new for its slot to be known: taken out by the score
            was, old = int(now[0]) * bool(scores.above(now, score)[1][0]), int(score[0])
        counted = counts_around(scores, now, score, was=np.array([was]), old=np.array([old]))
        made = rank(*(int(n[0]) for n in counted))
        found[name_of(kind, value)] = _shown(made, int(view.active[now[0]]), settings)
    return found


def _published(source: Source, shard: Shard, index: MemberSlot, *, column: int) -> tuple[int | None, int]:
    """(cohort, score) as published of a member; cohort None when it is unknown which slot is theirs.

    A slot is a member's for good once it is in a block of the ledger.
    """
    if not shard.in_ledger(index):
        return None, 0
    if index >= len(source.numbers) or source.numbers[index, 0] == GONE:
        return 0, 0
    cohort = int(source.cohort[source.codes[index, column - 1]]) if column else ALL
    return cohort, int(source.numbers[index, 0])


def _shown(made: CohortRank, active: int, settings: Settings) -> Rank | None:
    if made.of < settings.cohort_minimum:
        return None
    return Rank(place=float(made.rank), of=made.of, active=min(active, made.of), top=made.top / 100)
