"""A shard that only counts: for runs over files, where the state at the end is all that is asked for.

It takes frames as a shard does and comes to the same state, but remembers neither what has changed nor any
history, which would be the larger part of its memory.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa

from pipeline.common.days import UTC, Zone
from pipeline.common.units import Day, Offset
from pipeline.rubric.model import Rubric
from pipeline.scoring.scorer import Points, Scorer
from pipeline.shard import quiet_period
from pipeline.shard.accounting import count_dispositions
from pipeline.shard.dedupe import RecentIds
from pipeline.shard.distinct import once_a_day
from pipeline.shard.member_state import MemberState
from pipeline.shard.watermarks import Watermarks
from schemas.frames import Frame, Side
from schemas.ledger import Counters


class FileShard:
    """Counts frames that are given once, in order, and never again, as of `day`.

    Both rows of an event are in one frame, so whether an event is a duplicate is decided once, for both sides.
    recent_ids: of the events counted. networks: whether to keep who is connected with whom. on_rows: gets each frame,
    its members dictionary-encoded, and int64[k], the rows of events that are no dead letters and seen for the first
    time.
    quiet_days: see `pipeline.shard.quiet_period`.
    """

    def __init__(
        self,
        rubric: Rubric,
        day: int,
        recent_ids: RecentIds,
        *,
        zone: Zone = UTC,
        networks: bool = False,
        on_rows: Callable[[Frame, np.ndarray], object] | None = None,
        quiet_days: int = quiet_period.DAYS,
    ) -> None:
        self.rubric = rubric
        self.on_rows = on_rows
        self.networks = networks
        self.day = Day(day)
        self.recent_ids = recent_ids
        self.state = MemberState(zone, quiet_days=quiet_days)
        self.scorer = Scorer(rubric, self.day)
        self.watermarks = Watermarks()
        self.counters = Counters()
        self.ahead = 0
        """How many of the events scored are of a later day: within the time that a clock may be ahead."""

    def apply(self, frame: Frame, offset: int, timestamp: int) -> None:
        """Count a frame. Its members may come dictionary-encoded."""
        if not pa.types.is_dictionary(frame.member.type):
            frame = replace(frame, member=frame.member.dictionary_encode())
        self.recent_ids.start_frame(timestamp)
        admission = self.watermarks.admit(frame)
        live = np.flatnonzero(admission.rows & (frame.side != Side.DEAD))
        fresh = self._fresh(frame, live)
        if self.on_rows is not None:
            self.on_rows(frame, live[fresh])
        frame = once_a_day(frame, live[fresh], self.state.zone, seen=self.recent_ids)
        if not self.networks:
            frame = replace(frame, peer=None)
        applied = self.state.apply(
            frame, live[fresh], as_of=self.day, counted_on=self.day, offset=Offset(offset)
        )
        _, scored, _ = count_dispositions(
            self.counters, frame, admission, live=live, fresh=fresh, applied=applied
        )
        self.ahead += int(np.count_nonzero(applied.day[scored] > self.day))

    def _fresh(self, frame: Frame, live: np.ndarray) -> np.ndarray:
        """bool[n]: which of the rows `live` int64[n] are of events seen for the first time."""
        acting = frame.side[live] == Side.ACTOR
        actors = live[acting]
        first = self.recent_ids.first(frame.id[actors])
        fresh = np.ones(len(live), bool)
        if first.all():
            return fresh
        fresh[acting] = first
        again = frame.offset[actors[~first]]
        fresh[~acting] = ~np.isin(frame.offset[live[~acting]], again)
        return fresh

    def scored(self) -> np.ndarray:
        """int64[n]: the members that have a score, because something is known of them."""
        return self.state.scored(self.day)

    def points(self, members: np.ndarray) -> Points:
        """The points of `members` (int64[n]) as of the day."""
        pairs, registers = self.state.counting(members, self.day), self.state.registers.numbers(members)
        return self.scorer.points(len(members), pairs, registers)
