"""Scores from files, without a broker: the engine of the worker, fed with lines instead of frames.

So a score from a file and a live one are the same by construction, and `verify` compares the two. Memory
grows with the members, not with the events.
"""

import bisect
import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from agents.config.clock import zone
from agents.config.seniority_file import credit_table
from agents.config.settings import Settings
from agents.files.inputs import Input
from agents.files.ndjson import Batch
from agents.files.parquet import Columns
from agents.files.rejected import PLACES, FileCounts, Rejected, Sink
from agents.offline.day_count import DayCount, FileCounters, encoded
from pipeline.intake.column_intake import ColumnIntake
from pipeline.intake.framer import runs_of
from pipeline.intake.record_intake import Intake
from pipeline.intake.rows import Line, Rows, without
from pipeline.reports.population import Population
from pipeline.rubric.model import Rubric
from pipeline.scoring.member import Member
from pipeline.shard.score_records import score_records
from schemas.frames import Cover, Frame, Side
from schemas.ledger import Counters
from schemas.letters import DeadLetter

_AT_ONCE = 4_000
_ALL = 1 << 62
_WAS_REFUSED = {
    "future_time": "time: was too far ahead when it was read live",
    "too_late": "time: was too long ago when it was read live",
    "not_allowed": "source: was not allowed to publish it when it was read live",
}


@dataclass(slots=True)
class ScoreTable:
    """Scores as of a day, in hundredths, one row for each member, in no particular order.

    score: int64[n]; pillars: int64[n, 4] in the order of `PILLARS`; components: int16[n, C] in the order of
    the rubric, or without columns where they were not asked for.
    """

    day: int
    members: list[str]
    score: np.ndarray
    pillars: np.ndarray
    components: np.ndarray = field(default_factory=lambda: np.zeros((0, 0), np.int16))

    def __len__(self) -> int:
        return len(self.members)

    def best_first(self) -> list[int]:
        """The rows by falling score, then by name."""
        columns = pa.table({"score": self.score, "member": pa.array(self.members, pa.string())})
        # bytes of UTF-8 have the order of the characters
        return pc.sort_indices(columns, [("score", "descending"), ("member", "ascending")]).to_pylist()


@dataclass(frozen=True, slots=True)
class AsLive:
    """What live has decided, and files alone can't know.

    latest_ms: what happened later is a dead letter (`future_time`), as it would have been live at that moment; the
    end of the day unless given (`Clock.latest_ms`). refused: by id (`event_id`) the reasons for which events with it
    were dead letters live; so many of them are left out, and are dead letters here too. now_ms: when given, what is
    later than `latest_ms` but not ahead of this is an event after the day, and no dead letter.
    """

    latest_ms: int | None = None
    refused: Mapping[int, Sequence[str]] = field(default_factory=dict)
    now_ms: int | None = None


class Offline:
    """Reads events and has the scores as of a day, or of several days.

    day: days since 1970. The same (source, id, subject) counts once, for both sides, among as many events as all
    partitions together remember rows of live. Scores don't depend on the order of the lines, unless an id is used
    again for something else: then the first counts. networks: whether to keep who is connected with whom; scoring
    alone does without. rejected: gets every dead letter. on_rows: see FileShard.

    earlier: further days, ascending and before `day`, of which there are scores too, and the `latest_ms` of each.
    Each has a state of its own, so memory grows with the days.
    """

    def __init__(
        self,
        settings: Settings,
        rubric: Rubric,
        day: int,
        *,
        networks: bool = False,
        rejected: Sink | None = None,
        as_live: "AsLive | None" = None,
        on_rows: Callable[[Frame, np.ndarray], object] | None = None,
        earlier: Mapping[int, int] | None = None,
    ) -> None:
        as_live = as_live or AsLive()
        self.rubric = rubric
        self.day = day
        self.dead: dict[str, Rejected] = {}
        self.files = FileCounts()
        self._rejected = rejected
        days_in, ahead = zone(settings.zone), int(settings.ahead_s * 1000)
        latest = days_in.end_ms(day) if as_live.latest_ms is None else as_live.latest_ms
        how = (
            settings.hash_seed,
            ahead,
            credit_table(settings),
            latest if as_live.now_ms is None else max(latest, as_live.now_ms),
        )
        self._refused = {which: list(reasons) for which, reasons in as_live.refused.items()}
        self._refused_ids = np.array(list(self._refused), np.uint64)
        self._intake = Intake(*how, networks, 0)
        self._columns = ColumnIntake(*how, PLACES if rejected is None else _ALL, networks)
        self._days = [
            DayCount(settings, rubric, one, latest_ms=end, networks=networks, on_rows=on_rows)
            for one, end in [*(earlier or {}).items(), (day, latest)]
        ]
        self._shard = self._days[-1].shard
        self._next = 0

    @property
    def counters(self) -> Counters:
        """What became of the events so far, by the dispositions of live; those after the day are in none."""
        return self._shard.counters

    @property
    def account(self) -> FileCounters:
        """What became of the events so far, for the last of the days."""
        return self._days[-1].account()

    @property
    def population(self) -> Population:
        """The members of whom anything is known."""
        return Population([self._shard], self.day)

    def read(self, events: Input, on_progress: Callable[[int], object] = lambda events: None) -> None:
        """Count all events; `on_progress` gets the number of events after each batch."""
        read_into([self], events, on_progress)

    def _take(self, batch: Batch | Columns, base: int, place: Callable[[int], str]) -> None:
        self.files.read(batch.file, len(batch))
        if isinstance(batch, Columns):
            self._add_columns(batch, base, place)
            return
        for start in range(0, len(batch), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            self._add(Batch(batch.numbers[part], batch.lines[part], batch.file), base, place)

    def _add(self, batch: Batch, base: int, place: Callable[[int], str]) -> None:
        numbers = np.array(batch.numbers, np.int64) + base
        records = [Line(*one) for one in zip(batch.lines, numbers.tolist(), strict=True)]
        rows = self._intake.rows(records, np.zeros(len(records), np.int64), "")
        out = self._apply(rows, runs_of(numbers))
        for _, reason in out:
            self._count_dead(reason, 1)
        letters = map(DeadLetter.unpack, rows.letters.values())
        dead = [(letter.offset, letter.reason, letter.message) for letter in letters]
        dead += [(offset, reason, _WAS_REFUSED[reason]) for offset, reason in out]
        for offset, reason, message in sorted(dead):
            where = place(offset - base)
            self._bury(batch.file, reason, 1, [(where, message)])
            if self._rejected is not None:
                line = batch.lines[bisect.bisect_left(batch.numbers, offset - base)]
                self._rejected(where, reason, message, line)

    def _add_columns(self, batch: Columns, base: int, place: Callable[[int], str]) -> None:
        first = base + batch.number
        outcome = self._columns.rows(batch.events, first)
        out = self._apply(outcome.rows, [(first, first + len(batch))])
        for offset, reason in out:
            count, before = outcome.dead.get(reason, (0, []))
            outcome.dead[reason] = count + 1, sorted([*before, (offset - first, _WAS_REFUSED[reason])])
        dead: list[tuple[int, str, str]] = []
        for reason, (count, shown) in outcome.dead.items():
            self._count_dead(reason, count)
            self._bury(
                batch.file, reason, count, [(place(at + batch.number), text) for at, text in shown[:PLACES]]
            )
            dead += [(at, reason, text) for at, text in shown]
        if self._rejected is not None:
            for at, reason, text in sorted(dead):
                self._rejected(place(at + batch.number), reason, text, None)

    def _count_dead(self, reason: str, count: int) -> None:
        for day in self._days:
            if reason == "too_late":
                day.shard.counters.too_late += count
            else:
                day.shard.counters.dead_lettered += count

    def _apply(self, rows: Rows, runs: list[tuple[int, int]]) -> list[tuple[int, str]]:
        """Count the rows, but for those of events that were dead letters live: (offset, reason) of these."""
        out = self._left_out(rows)
        stop = runs[-1][1]
        cover = Cover(0, self._next, stop, tuple(runs))
        self._next = stop
        counted = encoded(without(rows, [offset for offset, _ in out]) if out else rows)
        for day in self._days:
            day.apply(counted, cover)
        return out

    def _left_out(self, rows: Rows) -> list[tuple[int, str]]:
        """(offset, reason) of events that were dead letters live."""
        if not self._refused:
            return []
        out = []
        for row in np.flatnonzero((rows.side == Side.ACTOR) & np.isin(rows.id, self._refused_ids)).tolist():
            which = int(rows.id[row])
            if self._refused[which]:
                out.append((int(rows.offset[row]), self._refused[which].pop()))
        return out

    def _bury(self, file: str, reason: str, count: int, shown: Sequence[tuple[str, str]]) -> None:  # noqa: PLR0917
        self.dead.setdefault(reason, Rejected()).add(count, shown)
        self.files.rejected(file, reason, count, shown)

    def standings(self, components: bool = False) -> ScoreTable:
        """The scores of all members of whom anything is known; with the components if these are asked for."""
        return self._standings(self._days[-1], components)

    def each_day(self, components: bool = False) -> Iterator[ScoreTable]:
        """The standings of each of the days, in order."""
        return (self._standings(day, components) for day in self._days)

    def _standings(self, day: DayCount, components: bool) -> ScoreTable:
        shard = day.shard
        members = shard.scored()
        names = shard.state.index.names
        width = len(self.rubric.components) if components else 0
        found = ScoreTable(
            day.day,
            [str(names[index]) for index in members.tolist()],
            np.zeros(len(members), np.int64),
            np.zeros((len(members), 4), np.int64),
            np.zeros((len(members), width), np.int16),
        )
        for at in range(0, len(members), _AT_ONCE):
            part = slice(at, at + _AT_ONCE)
            points = shard.points(members[part])
            found.score[part], found.pillars[part] = points.score, points.pillars
            if components:
                found.components[part] = points.components
        return found

    def nbytes(self) -> tuple[int, int]:
        """Bytes of what grows: the members' tiles and registers; the ids remembered, up to their horizon."""
        shard = self._shard
        return shard.state.tiles.nbytes() + shard.state.registers.nbytes(), shard.recent_ids.nbytes()

    def records(self, standings: ScoreTable, rows: Sequence[int]) -> Iterator[bytes]:
        """The rows as the values of `member.scores` records, with revision 0."""
        for at in range(0, len(rows), _AT_ONCE):
            part = rows[at : at + _AT_ONCE]
            names = [standings.members[row] for row in part]
            chosen = np.array(part, np.int64)
            points = ScoreTable(standings.day, names, standings.score[chosen], standings.pillars[chosen])
            for _, value in score_records(
                names, points, day=standings.day, revision=0, rubric=self.rubric.id
            ):
                assert value is not None
                yield value

    def member(self, name: str) -> Member | None:
        """What is counted and known of a member; None when nothing is."""
        shard = self._shard
        if name not in shard.state.index:
            return None
        one = np.array([shard.state.index[name]])
        if one[0] not in shard.scored():
            return None
        return Member.of(self.day, shard.state.counting(one, shard.day), shard.state.registers.numbers(one))

    def like(self, name: str, most: int = 3) -> list[str]:
        """Members with a name like this one, for who has mistyped it."""
        names = [str(other) for other in self._shard.state.index.names if other is not None]
        return difflib.get_close_matches(name, names, most)


def read_into(
    runs: Sequence[Offline], events: Input, on_progress: Callable[[int], object] = lambda events: None
) -> None:
    """Count all events in each of the runs, reading them once; `on_progress` gets the number after each batch."""
    bases = [run._next for run in runs]
    for batch in events.batches():
        for run, base in zip(runs, bases, strict=True):
            run._take(batch, base, events.place)
        on_progress(len(batch))
