"""What benchmarks and ranks have to be, from a plain list of all scores: only sorting and counting."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from pipeline.rubric.components import PILLARS
from schemas.benchmarks import Benchmark
from schemas.scores import Rank


@dataclass(frozen=True, slots=True)
class Scored:
    """A member's score, pillars and band (hundredths; its name), and the values of their registers."""

    score: int
    pillars: tuple[int, int, int, int]
    band: str
    values: tuple[tuple[str, str], ...] = ()

    @property
    def cohorts(self) -> list[str]:
        return ["everyone", *(f"{kind}:{value}" for kind, value in self.values if value)]


def cohorts_of(members: Sequence[Scored]) -> dict[str, list[Scored]]:
    """The members of each cohort."""
    found: dict[str, list[Scored]] = {}
    for member in members:
        for cohort in member.cohorts:
            found.setdefault(cohort, []).append(member)
    return found


def expected(members: Sequence[Scored]) -> dict:
    """The fields of a benchmark that follow from the scores of its members, in hundredths."""
    scores = sorted(member.score for member in members)
    n = len(scores)
    tenths = [next(s for s in scores if 10 * sum(o <= s for o in scores) >= q * n) for q in range(1, 10)]
    return {
        "size": n,
        "mean": _rounded(sum(scores), n),
        "deciles": tenths,
        "bands": {band: sum(m.band == band for m in members) for band in ("low", "middle", "high", "top")},
        "histogram": _bins(scores, 500, 20),
        "pillars": [
            (_rounded(sum(points), n), _bins(points, 250, 10))
            for points in ([m.pillars[at] for m in members] for at in range(4))
        ],
    }


def fields_of(benchmark: Benchmark) -> dict:
    """The same fields as they were published."""
    assert benchmark.mean is not None
    assert benchmark.deciles is not None
    assert benchmark.bands is not None
    assert benchmark.pillars is not None
    assert benchmark.median == benchmark.deciles[4]
    pillars = [getattr(benchmark.pillars, pillar) for pillar in PILLARS]
    return {
        "size": benchmark.size,
        "mean": round(benchmark.mean * 100),
        "deciles": [round(score * 100) for score in benchmark.deciles],
        "bands": benchmark.bands.model_dump(),
        "histogram": benchmark.histogram,
        "pillars": [(round(pillar.mean * 100), pillar.histogram) for pillar in pillars],
    }


def placed(rank: Rank, others: Sequence[int], score: int) -> None:
    """Assert that a published rank is that of `score` beside the scores of the others."""
    above, ties = sum(o > score for o in others), sum(o == score for o in others) + 1
    of = len(others) + 1
    place = Fraction(sum(range(above + 1, above + ties + 1)), ties)
    assert (Fraction(rank.place), rank.of) == (place, of)
    share = (place - Fraction(1, 2)) / of * 100
    assert 0 <= Fraction(round(rank.top * 100), 100) - share < Fraction(1, 100)


def _rounded(total: int, n: int) -> int:
    return (2 * total + n) // (2 * n)


def _bins(points: Sequence[int], width: int, bins: int) -> list[int]:
    counts = Counter(min(p // width, bins - 1) for p in points)
    return [counts[at] for at in range(bins)]
