"""The benchmarks of cohorts as records, from the merged view; and the ends of days for the change of a week.

The ends of days stand in the records themselves, so whoever publishes next reads them back from there. A
day's end is what a benchmark was last while all partitions were at that day: in a day's turn, when some
members are a day on already, the end of the day before stays as it is.
"""

from collections.abc import Iterator

import numpy as np
import orjson

from pipeline.cohorts import kind_of
from pipeline.days import calendar, number
from pipeline.merged import ALL, Merged
from pipeline.standing import TEXTS, ZERO
from schemas.benchmarks import Benchmark

WEEK = 7
_TENTHS = np.arange(1, 10)
_MEDIAN = 4
Record = tuple[bytes, bytes | None]
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


class Benchmarks:
    """Makes records of the cohorts that have changed. least: members a cohort must have to be shown."""

    def __init__(self, least: int) -> None:
        self.least = least
        self._days: dict[str, dict[int, Values]] = {}
        self._closed: dict[str, tuple[int, bytes]] = {}  # the ends of days before an as-of day, as JSON
        self._begins: dict[str, bytes] = {}
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
        rubric = None
        if len(rubrics) == 1:
            [(name, version)] = rubrics
            rubric = {"name": name, "version": version}
        about = orjson.dumps(
            {"as_of": calendar(as_of).isoformat(), "benchmark": merged.offset, "rubric": rubric}
        )[1:-1]
        deciles = _deciles(merged, chosen[merged.totals.size[chosen] > 0])
        for start in range(0, len(chosen), at_once):
            yield self._lot(merged, chosen[start : start + at_once], deciles, about, as_of, settled)

    def _gone(self, cohort: str) -> Record:
        self._published.discard(cohort)
        self._days.pop(cohort, None)
        self._closed.pop(cohort, None)
        return cohort.encode(), None

    def _lot(
        self,
        merged: Merged,
        chosen: np.ndarray,
        deciles: np.ndarray,
        about: bytes,
        as_of: int,
        settled: bool,
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
        if not len(chosen):
            return made
        sums = totals.sums[chosen]
        means = (2 * sums + size[:, None]) // (2 * size[:, None])
        deciles = deciles[chosen]
        mean, median = means[:, 0].tolist(), deciles[:, _MEDIAN].tolist()
        today = _opened(as_of)
        columns = zip(
            map(merged.names.__getitem__, chosen.tolist()),
            zip(size.tolist(), mean, median, strict=True),
            _texts(means / 100),
            _texts(deciles / 100),
            totals.bands[chosen].tolist(),
            _texts(totals.histogram[chosen]),
            _fours(_texts(totals.pillars[chosen].reshape(4 * len(chosen), -1))),
            strict=True,
        )
        for cohort, now, averages, tenths, bands, histogram, pillars in columns:
            overall, brand, find, engage, relate = averages.split(b",")
            week, days = self._past(cohort, now, as_of, settled, today)
            record = _RECORD % (
                self._begin(cohort),
                about,
                now[0],
                overall,
                TEXTS[now[2] + ZERO],
                tenths,
                *bands,
                histogram,
                brand,
                pillars[0],
                find,
                pillars[1],
                engage,
                pillars[2],
                relate,
                pillars[3],
                week,
                days,
            )
            self._published.add(cohort)
            made.append((cohort.encode(), record))
        return made

    def _past(self, cohort: str, now: Values, as_of: int, settled: bool, today: bytes) -> tuple[bytes, bytes]:
        """The change of a week and the ends of days, as JSON; `now` becomes that of today."""
        days = self._days.setdefault(cohort, {})
        if settled:
            days[as_of] = now
        closed = self._closed.get(cohort)
        if closed is None or closed[0] != as_of:
            for day in [day for day in days if not as_of - WEEK <= day <= as_of]:
                del days[day]
            before = b"".join(_day(_opened(day), days[day]) + b"," for day in sorted(days) if day != as_of)
            closed = self._closed[cohort] = (as_of, before)
        told = closed[1] + _day(today, days[as_of]) if as_of in days else closed[1][:-1]
        then = days.get(as_of - WEEK)
        if then is None:
            return b"null", told
        size, mean, median = (a - b for a, b in zip(now, then, strict=True))
        return _WEEK % (size, TEXTS[mean + ZERO], TEXTS[median + ZERO]), told

    def _begin(self, cohort: str) -> bytes:
        begin = self._begins.get(cohort)
        if begin is None:
            kind, value = kind_of(cohort)
            about = {"cohort": cohort, "kind": kind, "value": value or None}
            begin = self._begins[cohort] = orjson.dumps(about)[1:-1]
        return begin

    def _small(self, cohort: str, about: bytes) -> Record:
        """A cohort of which only is said that it is too small; its past is forgotten too."""
        self._days.pop(cohort, None)
        self._closed.pop(cohort, None)
        self._published.add(cohort)
        return cohort.encode(), _SMALL % (self._begin(cohort), about, self.least)


def _deciles(merged: Merged, chosen: np.ndarray) -> np.ndarray:
    """int64[G, 9]: the deciles of `chosen` cohorts, which have members, at their places."""
    found = np.zeros((len(merged.cohorts), len(_TENTHS)), np.int64)
    column = np.array(merged.columns)[chosen]
    for at, ladder in enumerate(merged.ladders):
        mine = chosen[column == at]
        found[mine] = ladder.quantiles(mine, _TENTHS)
    return found


def _texts(rows: np.ndarray) -> list[bytes]:
    """Each row of numbers as the inside of a JSON array; there is one row at least."""
    data = orjson.dumps(np.ascontiguousarray(rows), option=orjson.OPT_SERIALIZE_NUMPY)
    return data[2:-2].split(b"],[")


def _fours(texts: list[bytes]) -> list[list[bytes]]:
    return [texts[at : at + 4] for at in range(0, len(texts), 4)]


def _opened(day: int) -> bytes:
    return b'{"day":"%b",' % calendar(day).isoformat().encode()


def _day(opened: bytes, values: Values) -> bytes:
    size, mean, median = values
    return _DAY % (opened, size, TEXTS[mean + ZERO], TEXTS[median + ZERO])
