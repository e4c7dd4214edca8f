"""The benchmarks of cohorts as records, from the merged view; and the ends of days for the change of a week.

The ends of days stand in the records themselves, so whoever publishes next reads them back from there. A
day's end is what a benchmark was last while all partitions were at that day: in a day's turn, when some
members are a day on already, the end of the day before stays as it is.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import orjson

from pipeline.bands import BANDS
from pipeline.cohorts import kind_of
from pipeline.components import PILLARS
from pipeline.days import calendar, number
from pipeline.merged import ALL, Merged
from schemas.benchmarks import Benchmark

WEEK = 7
_TENTHS = np.arange(1, 10)
_MEDIAN = 4
_BANDS = [str(band) for band in BANDS]
_PILLARS = [str(pillar) for pillar in PILLARS]
Record = tuple[bytes, bytes | None]


class Benchmarks:
    """Makes records of the cohorts that have changed. least: members a cohort must have to be shown."""

    def __init__(self, least: int) -> None:
        self.least = least
        self._days: dict[str, dict[int, tuple[int, int, int]]] = {}  # size, and mean and median in hundredths
        self._published: set[str] = set()
        self._as_of: tuple[int, bool] | None = None

    def load(self, key: bytes, value: bytes | None) -> None:
        """A record that was published before, in order."""
        cohort = key.decode()
        if value is None:
            self._published.discard(cohort)
            self._days.pop(cohort, None)
            return
        self._published.add(cohort)
        read = Benchmark.model_validate_json(value)
        self._days[cohort] = {
            number(day.day): (day.size, round(day.mean * 100), round(day.median * 100)) for day in read.days
        }

    def records(self, merged: Merged, at_once: int = 200) -> Iterator[list[Record]]:
        """Records of all cohorts that changed since the last call, in lots; all of them on another day."""
        assert merged.totals is not None
        heads = [source.head for source in merged.sources.values()]
        as_of, newest = min(head.as_of for head in heads), max(head.day for head in heads)
        settled = as_of == newest
        if self._as_of != (as_of, settled):
            merged.changed[:] = True
        self._as_of = (as_of, settled)
        changed = np.flatnonzero(merged.changed)
        merged.changed = np.zeros(len(merged.changed), bool)
        chosen = changed[changed >= ALL]
        unknown = self._published - {merged.name(at) for at in range(ALL, len(merged.cohorts))}
        if unknown:
            yield [self._gone(cohort) for cohort in sorted(unknown)]
        rubrics = {(head.rubric, head.rubric_version) for head in heads}
        about: dict[str, Any] = {
            "as_of": calendar(as_of).isoformat(),
            "benchmark": merged.offset,
            "rubric": None,
        }
        if len(rubrics) == 1:
            [(name, version)] = rubrics
            about["rubric"] = {"name": name, "version": version}
        for start in range(0, len(chosen), at_once):
            yield self._lot(merged, chosen[start : start + at_once], about, as_of, settled)

    def _gone(self, cohort: str) -> Record:
        self._published.discard(cohort)
        self._days.pop(cohort, None)
        return cohort.encode(), None

    def _lot(
        self, merged: Merged, chosen: np.ndarray, about: dict[str, Any], as_of: int, settled: bool
    ) -> list[Record]:
        totals = merged.totals
        assert totals is not None
        size = totals.size[chosen]
        made: list[Record] = []
        for at in np.flatnonzero(size < self.least).tolist():
            cohort = merged.name(int(chosen[at]))
            if size[at]:
                made.append(self._small(cohort, about))
            elif cohort in self._published:
                made.append(self._gone(cohort))
        chosen, size = chosen[size >= self.least], size[size >= self.least]
        sums = totals.sums[chosen]
        means = (2 * sums + size[:, None]) // (2 * size[:, None])
        deciles = _deciles(merged, chosen)
        columns = zip(
            chosen.tolist(),
            size.tolist(),
            means.tolist(),
            deciles.tolist(),
            totals.bands[chosen].tolist(),
            totals.histogram[chosen].tolist(),
            totals.pillars[chosen].tolist(),
            strict=True,
        )
        for numbered, members, mean, tenths, bands, histogram, pillars in columns:
            cohort = merged.name(numbered)
            kind, value = merged.cohorts[numbered]
            now = (members, mean[0], tenths[_MEDIAN])
            days = self._days.setdefault(cohort, {})
            if settled:
                days[as_of] = now
            for day in [day for day in days if not as_of - WEEK <= day <= as_of]:
                del days[day]
            record = {
                "cohort": cohort,
                "kind": kind,
                "value": value or None,
                **about,
                "fewer_than": None,
                "size": members,
                "mean": mean[0] / 100,
                "median": tenths[_MEDIAN] / 100,
                "deciles": [score / 100 for score in tenths],
                "bands": dict(zip(_BANDS, bands, strict=True)),
                "histogram": histogram,
                "pillars": {
                    pillar: {"mean": points / 100, "histogram": counts}
                    for pillar, points, counts in zip(_PILLARS, mean[1:], pillars, strict=True)
                },
                "week": _week(now, days.get(as_of - WEEK)),
                "days": _told(days),
            }
            self._published.add(cohort)
            made.append((cohort.encode(), orjson.dumps(record)))
        return made

    def _small(self, cohort: str, about: dict[str, Any]) -> Record:
        """A cohort of which only is said that it is too small; its past is forgotten too."""
        self._days.pop(cohort, None)
        self._published.add(cohort)
        kind, value = kind_of(cohort)
        nothing = dict.fromkeys(
            ("size", "mean", "median", "deciles", "bands", "histogram", "pillars", "week")
        )
        record = {"cohort": cohort, "kind": kind, "value": value or None, **about, "fewer_than": self.least}
        return cohort.encode(), orjson.dumps(record | nothing | {"days": []})


def _deciles(merged: Merged, chosen: np.ndarray) -> np.ndarray:
    """int64[n, 9] of cohorts that have members."""
    found = np.zeros((len(chosen), len(_TENTHS)), np.int64)
    kinds = [merged.cohorts[at][0] for at in chosen.tolist()]
    for kind in sorted(set(kinds)):
        mine = np.flatnonzero([other == kind for other in kinds])
        found[mine] = merged.ladder_of(kind).quantiles(chosen[mine], _TENTHS)
    return found


def _week(now: Sequence[int], then: Sequence[int] | None) -> dict[str, float] | None:
    if then is None:
        return None
    size, mean, median = (a - b for a, b in zip(now, then, strict=True))
    return {"size": size, "mean": mean / 100, "median": median / 100}


def _told(days: dict[int, tuple[int, int, int]]) -> list[dict[str, Any]]:
    return [
        {"day": calendar(day).isoformat(), "size": size, "mean": mean / 100, "median": median / 100}
        for day, (size, mean, median) in sorted(days.items())
    ]
