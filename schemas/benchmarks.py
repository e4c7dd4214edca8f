"""What a cohort's scores look like: the records of `score.benchmarks`, keyed by cohort (`industry:software`).

Compacted, so the last record of a cohort is its benchmark, and a record without a value means that nobody is
in it any more.
"""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from schemas.scores import RubricName


class PillarBenchmark(BaseModel):
    """One pillar in a cohort."""

    model_config = ConfigDict(frozen=True)

    mean: float = Field(ge=0, le=25, description="Rounded half up to two decimals.")
    histogram: list[int] = Field(
        description="Members by points: 10 bins of 2.5 points, [0, 2.5) first, [22.5, 25] last."
    )


class PillarBenchmarks(BaseModel):
    """The four pillars in a cohort."""

    model_config = ConfigDict(frozen=True)

    brand: PillarBenchmark
    find: PillarBenchmark
    engage: PillarBenchmark
    relate: PillarBenchmark


class BandSizes(BaseModel):
    """Members by band."""

    model_config = ConfigDict(frozen=True)

    low: int
    middle: int
    high: int
    top: int


class BenchmarkDay(BaseModel):
    """A benchmark at the end of a day."""

    model_config = ConfigDict(frozen=True)

    day: date
    size: int
    mean: float
    median: float


class WeekChange(BaseModel):
    """Change since the end of the day a week before the as-of day."""

    model_config = ConfigDict(frozen=True)

    size: int
    mean: float
    median: float


class Benchmark(BaseModel):
    """The scores of a cohort, merged from all partitions. Fields may be added.

    In a cohort smaller than `PILLARSCORE_COHORT_MINIMUM`, everything that would reveal scores is null.
    """

    model_config = ConfigDict(frozen=True)

    cohort: str = Field(description="`everyone`, or kind and value, such as `industry:software`.")
    kind: str = Field(description="`everyone`, or the register: `industry`, `team`, `role` …")
    value: str | None = Field(description="The register's text; null for `everyone`.")
    as_of: date = Field(description="The day of the oldest score in it; during a rollover others are newer.")
    benchmark: int = Field(description="It includes `score.distributions` up to this offset. Increases.")
    rubric: RubricName | None = Field(description="Null while partitions switch to another rubric.")
    fewer_than: int | None = Field(
        description="For a cohort too small to be shown: it has fewer members than this."
    )
    size: int | None = Field(description="Members; null if the cohort is too small.")
    mean: float | None = Field(description="Mean score, rounded half up to two decimals.")
    median: float | None = Field(description="The fifth decile.")
    deciles: list[float] | None = Field(
        description="Nine values: the n-th is the smallest score that n tenths of the members do not exceed."
    )
    bands: BandSizes | None = None
    histogram: list[int] | None = Field(
        description="Members by score: 20 bins of 5 points, [0, 5) first, [95, 100] last."
    )
    pillars: PillarBenchmarks | None = None
    week: WeekChange | None = Field(
        description="Change since a week ago; null if nothing was shown for that day."
    )
    days: list[BenchmarkDay] = Field(
        description="The last days (a week at most) at their end, oldest first; last the as-of day so far."
    )
