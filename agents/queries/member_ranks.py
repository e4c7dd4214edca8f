"""Benchmarks and ranks for people: what `score.benchmarks` says now, and where a member stands now."""

import difflib
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from agents.config.settings import Settings
from agents.kafka.range_reader import reader
from agents.screens.console import printable
from pipeline.cohorts.membership import EVERYONE, name_of, registers_of
from pipeline.cohorts.merged_scores import ALL, Merged, Source
from pipeline.cohorts.rank import Place, rank, rank_among
from pipeline.cohorts.rank_records import places
from pipeline.common.partitioner import partitions
from pipeline.reports.population import Population
from pipeline.rubric.components import PILLARS
from pipeline.rubric.model import Rubric
from pipeline.shard.shard import Shard
from schemas.benchmarks import Benchmark
from schemas.distributions import GONE
from schemas.scores import Rank

_AT_ONCE = 4_000
_BAR = 40
_STEP = 5
"""Points of a bin of the histogram."""


async def benchmarks(settings: Settings) -> dict[str, Benchmark]:
    """The newest committed benchmark of each cohort."""
    found: dict[bytes, bytes | None] = {}
    async with reader(settings.broker, settings.topic("benchmarks"), 0) as r:
        async for records in r.read(*await r.bounds()):
            found.update((record.key, record.value) for record in records)
    made = (Benchmark.model_validate_json(value) for value in found.values() if value is not None)
    return {benchmark.cohort: benchmark for benchmark in made}


def nearest(cohort: str, known: Sequence[str]) -> str:
    """A hint for a cohort that there isn't."""
    near = difflib.get_close_matches(cohort, known, 1)
    return f"; did you mean {printable(near[0])}?" if near else ""


def table(found: Iterable[Benchmark]) -> Table:
    """Benchmarks, a line each."""
    shown = Table(box=None, pad_edge=False)
    shown.add_column("cohort", overflow="fold")
    for column in ("members", "mean", "median", "best tenth over", "mean in a week"):
        shown.add_column(column, justify="right")
    for b in found:
        name = Text(printable(b.cohort))
        if b.mean is None or b.median is None or b.deciles is None:
            shown.add_row(name, f"under {b.fewer_than}", *[""] * 4)
            continue
        numbers = [f"{b.size:,}", *(f"{points:.2f}" for points in (b.mean, b.median, b.deciles[8]))]
        shown.add_row(name, *numbers, f"{b.week.mean:+.2f}" if b.week is not None else "")
    return shown


def detail(b: Benchmark) -> Iterator[RenderableType]:
    """One benchmark in full."""
    yield Text(f"{printable(b.cohort)}, as of {b.as_of}", "bold")
    if b.mean is None or b.deciles is None or b.histogram is None or b.bands is None or b.pillars is None:
        yield Text(f"fewer than {b.fewer_than} members: no averages are shown")
        return
    yield Text(f"{b.size:,} members, mean {b.mean:.2f}, median {b.median:.2f}")
    if b.week is not None:
        size, mean, median = b.week.size, b.week.mean, b.week.median
        yield Text(f"since a week ago: members {size:+,}, mean {mean:+.2f}, median {median:+.2f}")
    yield Text("deciles " + ", ".join(f"{score:.2f}" for score in b.deciles))
    yield Text(", ".join(f"{band} {size:,}" for band, size in b.bands.model_dump().items()))
    means = ", ".join(f"{pillar} {getattr(b.pillars, pillar).mean:.2f}" for pillar in PILLARS)
    yield Text(f"pillar means: {means}")
    bars = Table(box=None, pad_edge=False, show_header=False)
    for _ in range(2):
        bars.add_column(justify="right")
    most = max(b.histogram)
    for at, count in enumerate(b.histogram):
        bars.add_row(f"{at * _STEP}–{(at + 1) * _STEP}", f"{count:,}", "█" * -(-count * _BAR // most))
    yield bars


async def merged(settings: Settings, kinds: Sequence[str]) -> Merged:
    """All published scores up to now, as the workers merge them."""
    found = Merged(settings.frame_partitions, kinds)
    async with reader(settings.broker, settings.topic("distributions"), 0) as r:
        async for records in r.read(*await r.bounds()):
            for record in records:
                if record.value is not None:
                    found.take(record.key, record.value, record.offset)
    for _ in found.merge():
        pass
    return found


Standing = dict[str, Rank | None]
"""A member's rank by the name of each of their cohorts; None where the cohort is too small."""


def in_file(population: Population, member: str, settings: Settings) -> Standing | None:
    """The ranks of a member among all of a population; None when there are to be no cohorts."""
    kinds = settings.cohort_kinds
    if kinds is None:
        return None
    scores, values, own = [], [], None
    for shard in population.shards:
        members = shard.scored()
        parts = np.array_split(members, len(members) // _AT_ONCE + 1)
        score = np.concatenate([shard.points(part).score for part in parts])
        texts = np.array(shard.registers.texts.names, object)
        value = texts[shard.registers.numbers(members)[:, registers_of(kinds)]]
        scores.append(score)
        values.append(value)
        at = np.flatnonzero(members == shard.directory.get(member, -1))
        if len(at):
            own = int(score[at[0]]), value[at[0]].tolist()
    if own is None:
        return {}
    everyone, everywhere = np.concatenate(scores), np.concatenate(values)
    found: Standing = {EVERYONE: _shown(rank_among(everyone, own[0]), settings)}
    for column, (kind, value) in enumerate(zip(kinds, own[1], strict=True)):
        if value:
            cohort = everyone[everywhere[:, column] == value]
            found[name_of(kind, value)] = _shown(rank_among(cohort, own[0]), settings)
    return found


async def live(settings: Settings, rubric: Rubric, population: Population, member: str) -> Standing | None:
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
    index = shard.directory.get(member)
    heads = {(source.head.rubric, source.head.rubric_version) for source in view.sources.values()}
    if index is None or not view.complete or heads != {(rubric.name, str(rubric.version))}:
        return None
    one = np.array([index])
    score, numbers = shard.points(one).score, shard.registers.numbers(one)[0]
    values = [shard.registers.texts.names[numbers[register]] for register in registers_of(kinds)]
    found: Standing = {}
    for column, (kind, value) in enumerate(zip((EVERYONE, *kinds), ("", *values), strict=True)):
        if value or not column:
            now, ladder = np.array([view.number(kind, value)]), view.ladders[column]
            was, old = _published(view.sources[partition], shard, index, column)
            if was is None:  # too new for its place to be known: taken out by the score
                was, old = int(now[0]) * bool(ladder.above(now, score)[1][0]), int(score[0])
            counted = places(ladder, now, score, np.array([was]), np.array([old]))
            found[name_of(kind, value)] = _shown(rank(*(int(n[0]) for n in counted)), settings)
    return found


def _published(source: Source, shard: Shard, index: int, column: int) -> tuple[int | None, int]:
    """(cohort, score) as published of a member; cohort None when it can't be told which place is theirs.

    A place is a member's for good once it stands in a block of the ledger.
    """
    if index >= len(shard.durable) or shard.durable[index] < 0:
        return None, 0
    if index >= len(source.numbers) or source.numbers[index, 0] == GONE:
        return 0, 0
    cohort = int(source.cohort[source.codes[index, column - 1]]) if column else ALL
    return cohort, int(source.numbers[index, 0])


def _shown(made: Place, settings: Settings) -> Rank | None:
    if made.of < settings.cohort_minimum:
        return None
    return Rank(place=float(made.place), of=made.of, top=made.top / 100)
