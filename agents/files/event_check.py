"""What ingest would refuse of events, and why, before or after they are sent: `check` and `publish` ask it.

It is the intake of the workers, with the settings of this shell; only scoring is left out.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from agents.config.clock import clock, zone
from agents.config.new_intake import new_intake
from agents.config.seniority_file import credit_table
from agents.config.settings import Settings
from agents.files.ndjson import Batch
from agents.files.parquet import Columns
from agents.files.rejected import Rejected, Sink
from agents.metrics.event_sources import EventSources
from pipeline.common.tile_keys import WINDOW
from pipeline.intake.column_intake import ColumnIntake
from pipeline.intake.event_columns import EventColumns
from pipeline.intake.rows import Line, Rows, SourceRecord
from schemas.frames import Side
from schemas.letters import DeadLetter

_AT_ONCE = 4_000
_ALL = 1 << 62


class EventCheck:
    """Validates events and keeps what is refused; everything is judged as if it was published now.

    Args:
        settings: those of the workers, as far as they concern events, such as `ahead_s`, `late_days` and `sources`.
        rejected: gets every refused event of a file.

    Attributes:
        read: events so far.
        refused: by reason how many would be dead letters, and the first of them.
        sources: by `source` of the event how many of these, with the labels of the metric (EventSources).
        reused: by `source` how many events have the id of an earlier event with other content, as far as it is
            noticed; these are not refused, but only the first of them counts. Not of Parquet files.
        old: valid events that happened before the window of a score; their actions earn no points.
    """

    def __init__(self, settings: Settings, rejected: Sink | None = None) -> None:
        self.read = 0
        self.refused: dict[str, Rejected] = {}
        self.sources: Counter[str] = Counter()
        self.reused: Counter[str] = Counter()
        self.old = 0
        self._rejected = rejected
        self._clock = clock(settings)
        self._days_in = zone(settings.zone)
        self._labels = EventSources()
        ahead_ms, horizon_ms = int(settings.ahead_s * 1000), self._clock.horizon_ms()
        table = credit_table(settings)
        self._intake = new_intake(settings, horizon_ms)
        self._topic = settings.topic("events")
        fixed = self._clock.now_ms() if horizon_ms is None else horizon_ms
        self._columns = ColumnIntake(settings.hash_seed, ahead_ms, table, fixed, first=_ALL)

    @property
    def total_refused(self) -> int:
        """Events that would be dead letters."""
        return sum(one.count for one in self.refused.values())

    def add(self, batch: Batch | Columns, place: Callable[[int], str]) -> None:
        """Check a batch of a file. place: from the number of an event to `file:line`."""
        if isinstance(batch, Columns):
            self._add_columns(batch, place)
            return
        for start in range(0, len(batch), _AT_ONCE):
            lines = batch.lines[start : start + _AT_ONCE]
            # a line has no timestamp, so it is judged by the time of reading
            records = [Line(line, number) for number, line in enumerate(lines)]
            numbers = batch.numbers[start : start + _AT_ONCE]
            for letter in self._letters(records, np.zeros(len(records), np.int64)):
                where, line = place(numbers[letter.offset]), lines[letter.offset]
                self._refuse(letter.reason, letter.message, where, letter.attribute("source"), line=line)

    def add_records(self, records: Sequence[SourceRecord], partition: int) -> None:
        """Check records of a partition of `activity.events`: what ingest has said, or will say."""
        for letter in self._letters(records, np.full(len(records), partition)):
            where = f"{partition}:{letter.offset}"
            self._refuse(letter.reason, letter.message, where, letter.attribute("source"))

    def _letters(self, records: Sequence[SourceRecord], sources: np.ndarray) -> list[DeadLetter]:
        rows = self._intake.rows(records, sources, self._topic, read_ms=self._clock.now_ms())
        self._count(len(records), rows)
        letters = map(DeadLetter.unpack, rows.letters.values())
        return sorted(letters, key=lambda letter: letter.offset)

    def _add_columns(self, batch: Columns, place: Callable[[int], str]) -> None:
        outcome = self._columns.rows(batch.events, 0)
        self._count(len(batch), outcome.rows)
        dead = [(at, reason, text) for reason, (_, found) in outcome.dead.items() for at, text in found]
        dead += self._not_permitted(EventColumns(batch.events), {at for at, _, _ in dead})
        for at, reason, message in sorted(dead):
            source = _text(batch.events.column("source")[at])
            self._refuse(reason, message, place(at + batch.number), source)

    def _not_permitted(self, events: EventColumns, dead: set[int]) -> Iterator[tuple[int, str, str]]:
        """(row, reason, message) of events that are valid, but too late or not allowed; dead: the others."""
        kinds = list(zip(events.source.at.tolist(), events.kind.at.tolist(), strict=True))
        free = {kind: self._free(events, kind) for kind in set(kinds)}
        some = [row for row, kind in enumerate(kinds) if row not in dead and not free[kind]]
        values = zip(some, events.json(np.array(some, np.int64)), strict=True)
        records = [Line(value, row) for row, value in values if isinstance(value, bytes)]
        rows = self._intake.rows(
            records, np.zeros(len(records), np.int64), self._topic, read_ms=self._clock.now_ms()
        )
        for letter in map(DeadLetter.unpack, rows.letters.values()):
            yield letter.offset, letter.reason, letter.message

    def _free(self, events: EventColumns, kind: tuple[int, int]) -> bool:
        """Whether all events of a source and type (places among the texts) are allowed, whenever they come."""
        permissions = self._intake.permissions
        if permissions is None or min(kind) < 0:
            return True  # an event without one of them is not valid
        source, type_ = events.source.values[kind[0]], events.kind.values[kind[1]]
        return permissions.of_topic(self._topic).find(_text(source), _text(type_)).free

    def _count(self, events: int, rows: Rows) -> None:
        self.read += events
        self.reused.update({self._labels.label(name): count for name, count in rows.conflicting.items()})
        actors = rows.side == Side.ACTOR
        first_day = self._clock.today() - WINDOW + 1
        self.old += int(np.count_nonzero(self._days_in.of(rows.time[actors]) < first_day))

    def _refuse(  # noqa: PLR0917
        self, reason: str, message: str, where: str, source: str, *, line: bytes | None = None
    ) -> None:
        self.refused.setdefault(reason, Rejected()).add(1, [(where, message)])
        self.sources[self._labels.label(source)] += 1
        if self._rejected is not None:
            self._rejected(where, reason, message, line)

    def as_json(self) -> dict[str, Any]:
        """All of it for programs. `first`: the first few of each reason."""
        return {
            "events": self.read,
            "refused": self.total_refused,
            "reasons": {
                reason: {
                    "count": found.count,
                    "first": [{"place": where, "message": message} for where, message in found.first],
                }
                for reason, found in sorted(self.refused.items())
            },
            "sources": dict(self.sources.most_common()),
            "reused_ids": dict(self.reused.most_common()),
            "outside_window": self.old,
        }


def _text(scalar: Any) -> str:
    """A text of a column; empty where there is none, or it is not UTF-8."""
    try:
        return str(scalar.as_py() or "")
    except UnicodeDecodeError:
        return ""
