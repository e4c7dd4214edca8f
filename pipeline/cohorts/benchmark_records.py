"""The benchmarks of cohorts as records, from the merged view; and the ends of days for the change of a week.

The ends of days are in the records themselves, so the next publisher reads them back from there. A day's end is
what a benchmark was last while all partitions were at that day: during a rollover, when some members are a day
ahead already, the end of the day before stays as it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import orjson

from pipeline.cohorts.cohort_table import ALL
from pipeline.cohorts.kinds import kind_of, name_of
from pipeline.cohorts.merged_scores import MergedScores
from pipeline.common.days import calendar, number
from pipeline.common.json_columns import TEXTS, ZERO
from pipeline.common.keyed_record import KeyedRecord
from pipeline.common.rubric_id import RubricId
from pipeline.common.units import Day
from schemas.benchmarks import Benchmark

WEEK = 7
_TENTHS = np.arange(1, 10)
_MEDIAN = 4
Values = tuple[int, int, int]
"""Size, and mean and median in hundredths."""
_RECORD = (
    b'{%b,%b,"fewer_than":null,"size":%d,"mean":%b,"median":%b,"deciles":[%b],'
    b'"bands":{"low":%d,"middle":%d,"high":%d,"top":%d},"histogram":[%b],'
    b'"pillars":{"brand":{"mean":%b,"histogram":[%b]},"find":{"mean":%b,"histogram":[%b]},'
    b'"engage":{"mean":%b,"histogram":[%b]},"relate":{"mean":%b,"histogram":[%b]}},"week":%b,"days":[%b]}'
)
_SMALL = (
    b'{%b,%b,"fewer_than":%d,"size":null,"mean":null,"median":null,"deciles":null,"bands":null,'
    b'"histogram":null,"pillars":null,"week":null,"days":[]}'
)
_DAY = b'%b"size":%d,"mean":%b,"median":%b}'
_WEEK = b'{"size":%d,"mean":%b,"median":%b}'


@dataclass(slots=True)
class _Cohort:
    """What is known of a cohort: how its records begin, whether there is one, the ends of its days.

    closed: those before the as-of day `closed_at`, as JSON with a comma behind each.
    """

    key: bytes
    begin: bytes
    published: bool = False
    days: dict[Day, Values] = field(default_factory=dict)
    closed_at: Day | None = None
    closed: bytes = b""

    @classmethod
    def of(cls, name: str) -> "_Cohort":
        kind, value = kind_of(name)
        about = {"cohort": name, "kind": kind, "value": value or None}
        return cls(name.encode(), orjson.dumps(about)[1:-1])

    def clear_days(self) -> None:
        """Drop its past, which is not shown any more."""
        self.days.clear()
        self.closed_at = None

    def close(self, as_of: Day) -> None:
        """Drop the days that are too old, and write down those before `as_of`."""
        self.days = {day: self.days[day] for day in sorted(self.days) if as_of - WEEK <= day <= as_of}
        before = [
            _DAY % (_opened(day), *_as_texts(values)) for day, values in self.days.items() if day != as_of
        ]
        self.closed = b"".join(text + b"," for text in before)
        self.closed_at = as_of


class Benchmarks:
    """Makes records of the cohorts that have changed. minimum: members a cohort must have to be shown."""

    def __init__(self, minimum: int) -> None:
        self.minimum = minimum
        self._cohorts: dict[str, _Cohort] = {}
        self._loaded: set[str] = set()  # of those published before, not looked for in the merged view yet
        self._as_of: tuple[Day, bool] | None = None

    def load(self, key: bytes | None, value: bytes | None) -> None:
        """A record that was published before, in order; ValueError when it is no benchmark."""
        name = (key or b"").decode()
        if value is None:
            self._cohorts.pop(name, None)
            self._loaded.discard(name)
            return
        cohort = _Cohort.of(name)
        read = Benchmark.model_validate_json(value)
        self._loaded.add(name)
        self._cohorts[name] = cohort
        cohort.published = True
        cohort.days = {
            number(day.day): (day.size, round(day.mean * 100), round(day.median * 100)) for day in read.days
        }

    def records(self, merged: MergedScores, at_once: int = 200) -> Iterator[list[KeyedRecord]]:
        """Records of all cohorts that changed since the last call, in lots; all of them on another day."""
        assert merged.totals is not None
        heads = [source.head for source in merged.sources.values()]
        as_of, newest = Day(min(head.as_of for head in heads)), max(head.day for head in heads)
        settled = as_of == newest
        if self._as_of != (as_of, settled):
            merged.changed[:] = True
        self._as_of = (as_of, settled)
        changed = np.flatnonzero(merged.changed)
        merged.changed = np.zeros(len(merged.changed), bool)
        chosen = changed[changed >= ALL]
        if self._loaded:
            there = {name_of(*cohort) for cohort in merged.cohorts}
            unknown = sorted(self._loaded - there)
            self._loaded.clear()
            yield [self._gone(self._cohorts[name]) for name in unknown]
        rubrics = {RubricId(head.rubric, head.rubric_version) for head in heads}
        rubric = None
        if len(rubrics) == 1:
            rubric = rubrics.pop()._asdict()
        about = orjson.dumps(
            {"as_of": calendar(as_of).isoformat(), "benchmark": merged.offset, "rubric": rubric}
        )[1:-1]
        deciles = _deciles(merged, chosen[merged.totals.size[chosen] > 0])
        for start in range(0, len(chosen), at_once):
            yield self._lot(
                merged,
                chosen[start : start + at_once],
                deciles=deciles,
                about=about,
                as_of=as_of,
                settled=settled,
            )

    def _of(self, merged: MergedScores, number: int) -> _Cohort:
        name = merged.name(number)
        cohort = self._cohorts.get(name)
        if cohort is None:
            cohort = self._cohorts[name] = _Cohort.of(name)
        return cohort

    def _gone(self, cohort: _Cohort) -> KeyedRecord:
        self._cohorts.pop(cohort.key.decode(), None)
        return cohort.key, None

    def _small(self, cohort: _Cohort, about: bytes) -> KeyedRecord:
        """Only that the cohort is too small; its past is cleared too."""
        cohort.clear_days()
        cohort.published = True
        return cohort.key, _SMALL % (cohort.begin, about, self.minimum)

    def _lot(
        self,
        merged: MergedScores,
        chosen: np.ndarray,
        *,
        deciles: np.ndarray,
        about: bytes,
        as_of: Day,
        settled: bool,
    ) -> list[KeyedRecord]:
        """Records of the `chosen` cohorts int64[k]; deciles: of all cohorts; about: what is the same in each."""
        assert merged.totals is not None
        size = merged.totals.size[chosen]
        large = size >= self.minimum
        made = self._too_small(merged, chosen[~large], size[~large], about=about)
        chosen = chosen[large]
        if not len(chosen):
            return made
        today = _opened(as_of)
        for at, values, texts in _statistics(merged, chosen, deciles):
            cohort = self._of(merged, at)
            cohort.published = True
            if cohort.closed_at != as_of:
                cohort.close(as_of)
            if settled:
                cohort.days[as_of] = values
                days = cohort.closed + _DAY % (today, *texts[:3])
            elif as_of in cohort.days:
                days = cohort.closed + _DAY % (today, *_as_texts(cohort.days[as_of]))
            else:
                days = cohort.closed[:-1]
            then = cohort.days.get(Day(as_of - WEEK))
            week = b"null" if then is None else _week(values, then)
            made.append((cohort.key, _RECORD % (cohort.begin, about, *texts, week, days)))
        return made

    def _too_small(
        self, merged: MergedScores, chosen: np.ndarray, size: np.ndarray, *, about: bytes
    ) -> list[KeyedRecord]:
        """Records of cohorts that have too few members to be shown, or none."""
        made = []
        for at, members in zip(chosen.tolist(), size.tolist(), strict=True):
            cohort = self._of(merged, at)
            if members:
                made.append(self._small(cohort, about))
            elif cohort.published:
                made.append(self._gone(cohort))
        return made


def _statistics(
    merged: MergedScores, chosen: np.ndarray, deciles: np.ndarray
) -> Iterator[tuple[int, Values, tuple[bytes | int, ...]]]:
    """Of each of the `chosen` cohorts: its number, its values, and all statistics in the order of `_RECORD`."""
    totals = merged.totals
    assert totals is not None
    size = totals.size[chosen]
    means = (2 * totals.sums[chosen] + size[:, None]) // (2 * size[:, None])
    deciles = deciles[chosen]
    pillars = _texts(totals.pillars[chosen].reshape(4 * len(chosen), -1))
    columns = zip(
        chosen.tolist(),
        size.tolist(),
        means[:, 0].tolist(),
        deciles[:, _MEDIAN].tolist(),
        _texts(means / 100),
        _texts(deciles / 100),
        totals.bands[chosen].tolist(),
        _texts(totals.histogram[chosen]),
        *(pillars[which::4] for which in range(4)),
        strict=True,
    )
    for at, n, mean, median, averages, tenths, bands, histogram, *by_pillar in columns:
        overall, *of_pillars = averages.split(b",")
        both = chain.from_iterable(zip(of_pillars, by_pillar, strict=True))
        yield at, (n, mean, median), (n, overall, TEXTS[median + ZERO], tenths, *bands, histogram, *both)


def _week(now: Values, then: Values) -> bytes:
    size, mean, median = (a - b for a, b in zip(now, then, strict=True))
    return _WEEK % (size, TEXTS[mean + ZERO], TEXTS[median + ZERO])


def _as_texts(values: Values) -> tuple[int, bytes, bytes]:
    """A day's size, mean and median as they are written."""
    size, mean, median = values
    return size, TEXTS[mean + ZERO], TEXTS[median + ZERO]


def _deciles(merged: MergedScores, chosen: np.ndarray) -> np.ndarray:
    """int64[G, 9]: the deciles of `chosen` cohorts, which have members, by cohort; zeros for the others."""
    found = np.zeros((len(merged.cohorts), len(_TENTHS)), np.int64)
    column = np.array(merged.table.columns)[chosen]
    for at, scores in enumerate(merged.sorted_scores):
        mine = chosen[column == at]
        found[mine] = scores.quantiles(mine, _TENTHS)
    return found


def _texts(rows: np.ndarray) -> list[bytes]:
    """Each row of numbers as the inside of a JSON array; there is one row at least."""
    data = orjson.dumps(np.ascontiguousarray(rows), option=orjson.OPT_SERIALIZE_NUMPY)
    return data[2:-2].split(b"],[")


def _opened(day: Day) -> bytes:
    return b'{"day":"%b",' % calendar(day).isoformat().encode()
