"""The state of all members as of one day, counted from rows of events that may be of any day."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa

from agents.config.clock import zone
from agents.config.settings import Settings
from pipeline.intake.rows import Rows, kept
from pipeline.rubric.model import Rubric
from pipeline.shard.dedupe import RecentIds
from pipeline.shard.file_shard import FileShard
from schemas.frames import Cover, Frame, Side
from schemas.ledger import Counters

_FOR_EVER = 1 << 62


class FileCounters(Counters):
    """What became of the events of files: as live, but events after the day of the scores are counted apart."""

    after_day: int = 0

    def ended(self) -> int:
        """Events of which it is settled what became of them."""
        return super().ended() + self.after_day


class DayCount:
    """Counts what had happened by the end of a day, and leaves out what happened later.

    day: days since 1970. latest_ms: the end of the day, or now while it is not over; what is later by more than a
    clock may be ahead is left out, as after the day. networks, on_rows: see FileShard.
    """

    def __init__(
        self,
        settings: Settings,
        rubric: Rubric,
        day: int,
        *,
        latest_ms: int,
        networks: bool = False,
        on_rows: Callable[[Frame, np.ndarray], object] | None = None,
    ) -> None:
        self.day = day
        self._latest = latest_ms + int(settings.ahead_s * 1000)
        days_in = zone(settings.zone)
        self._over = latest_ms >= days_in.end_ms(day)
        self.shard = FileShard(
            rubric,
            day,
            RecentIds(settings.dedupe_events * settings.frame_partitions, _FOR_EVER),
            zone=days_in,
            networks=networks,
            on_rows=on_rows,
            quiet_days=settings.erasure_quiet_days,
        )
        self._after = 0
        self._frames = 0

    def apply(self, rows: Rows, cover: Cover) -> None:
        """Count the rows of a batch that are not after the day; cover: of which events the batch is."""
        late = (rows.time > self._latest) & (rows.side != Side.DEAD)
        if late.any():
            self._after += int(np.count_nonzero(late & (rows.side == Side.ACTOR)))
            rows = kept(rows, np.flatnonzero(~late))
        self.shard.apply(_frame(rows, cover), self._frames, 1)
        self._frames += 1

    def account(self) -> FileCounters:
        """What became of the events so far.

        Events within the time that a clock may be ahead are scored, as live, but are not of a day that is over.
        """
        counters = self.shard.counters
        ahead = self.shard.ahead if self._over else 0
        found = {"scored": counters.scored - ahead, "after_day": self._after + ahead}
        return FileCounters.model_validate(counters.model_dump() | found)


def encoded(rows: Rows) -> Rows:
    """The rows with dictionary-encoded members: once for all days that count them."""
    if pa.types.is_dictionary(rows.member.type):
        return rows
    return replace(rows, member=rows.member.dictionary_encode())


def _frame(rows: Rows, cover: Cover) -> Frame:
    """The rows as a frame that was never on the wire; the letters stay out of it."""
    n = len(rows.time)
    registers = pa.nulls(n, pa.binary())
    if rows.registers:
        at = np.full(n, -1)
        at[list(rows.registers)] = np.arange(len(rows.registers))
        known = pa.array(list(rows.registers.values()), pa.binary())
        registers = known.take(pa.array(at, mask=at < 0))
    return Frame(
        rows.member,
        rows.time,
        rows.signals,
        rows.source,
        rows.offset,
        rows.id,
        rows.side,
        registers,
        pa.nulls(n, pa.binary()),
        [cover],
        rows.peer,
    )
