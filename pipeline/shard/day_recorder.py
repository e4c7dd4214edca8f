"""The days that are over, on record: what each member's score was at the end, in memory and for the topic.

Block by block, each day once: which day was the last is known by block, and so is what the ledger lacks.
"""

import numpy as np

from pipeline.common.keyed_record import KeyedRecord
from pipeline.common.tile_keys import WINDOW, Pairs, key_days
from pipeline.common.units import Day, MemberSlot
from pipeline.rubric.model import Rubric
from pipeline.scoring.bands import UNKNOWN
from pipeline.scoring.scorer import Points, Scorer
from pipeline.shard.member_state import MemberState
from pipeline.shard.score_records import history_key, history_records
from schemas.ledger import WHOLE_DAYS, BlockHistory

HISTORY_DAYS = 2 * 366
"""For how long `member.history` keeps a day."""


class DayRecorder:
    """Fills the history of `state`, and makes the records of `member.history`."""

    def __init__(self, rubric: Rubric, state: MemberState) -> None:
        self.rubric = rubric
        self.state = state
        self.last: dict[int, Day] = {}  # block -> last day on record
        # blocks whose history in the ledger is not that in memory: in more than the day last recorded?
        self.outdated: dict[int, bool] = {}
        self._records: list[KeyedRecord] = []
        self._scorer: Scorer | None = None

    def record(self, number: int, members: np.ndarray, after: Day, *, today: Day) -> None:
        """Put the days before `today` of block `number` on record, of its members int64[n].

        after: the day before the first one due when nothing of the block is on record yet.
        """
        over = range(self.last.get(number, after) + 1, today)
        for day in over:
            self._record(members, Day(day), today)
        if over:
            self.last[number] = Day(today - 1)
            alone = len(over) == 1 and (number + today) % WHOLE_DAYS and number not in self.outdated
            self.outdated[number] = not alone

    def through(self, members: np.ndarray, after: Day) -> np.ndarray:
        """int64[n]: the last day on record of `members`; `after` where nothing of a block is."""
        blocks, which = np.unique(members // self.state.index.block_size, return_inverse=True)
        last = [self.last.get(block, after) for block in blocks.tolist()]
        return np.array(last, np.int64)[which]

    def _record(self, members: np.ndarray, day: Day, today: Day) -> None:
        if self._scorer is None or self._scorer.day != day:
            self._scorer = Scorer(self.rubric, day)
        pairs, numbers = self.state.counting(members, day), self.state.registers.numbers(members)
        points = self._scorer.points(len(members), pairs, numbers)
        there = self._was_there(members, pairs, day, today=today)
        self.state.history.record(members, day, points, there=there, bands=self.rubric.bands)
        at = np.flatnonzero(there)
        names = self.state.index.of(members[at])
        kept = Points(points.score[at], points.pillars[at], points.components[at], points.penalties[at])
        self._records += history_records(names, kept, day, rubric=self.rubric.id)

    def _was_there(self, members: np.ndarray, pairs: Pairs, day: Day, *, today: Day) -> np.ndarray:
        """bool[n]: of whom something was known by the end of a day; who came later had no score then."""
        # a register written since has lost the time at which it was known first
        there = (self.state.registers.slot[members] > 0) & (
            self.state.history.score(members, Day(day - 1)) != UNKNOWN
        )
        there |= self.state.registers.known_before(members, self.state.zone.end_ms(day))
        there &= ~self.state.quiet(members, day)
        if not there.all():
            on = key_days(today)[pairs.key]
            there[pairs.row[(on <= day) & (on > day - WINDOW)]] = True
        return there

    def load(self, saved: BlockHistory) -> None:
        """Take a history from the ledger; the whole one of a block must come first, then the days after it."""
        start = saved.number * self.state.index.block_size
        # a member new since then has an index beyond the end of it
        part = slice(start, start + len(saved.bands))
        history = self.state.history
        history.resize(part.stop)
        if saved.whole:
            history.restore(part, saved.points)
        elif saved.day > self.last.get(saved.number, -1):
            history.put(np.arange(part.start, part.stop), Day(saved.day), saved.points[:, 0])
        else:
            return
        history.band[part] = saved.bands
        history.since[part] = saved.since
        self.last[saved.number] = Day(saved.day)

    def erase(self, index: MemberSlot, last: Day, today: Day) -> None:
        """Take back the history of a member up to the day `last`, here and in the topic."""
        first = max(
            self.state.history.erase(index, last, today, bands=self.rubric.bands), last - HISTORY_DAYS
        )
        if first <= last:
            self.outdated[index // self.state.index.block_size] = True
            name = str(self.state.index.names[index])
            self._records += [
                (history_key(name, Day(day)), None) for day in range(first, min(last + 1, today))
            ]

    def drain(self) -> list[KeyedRecord]:
        """The records since the last call."""
        records, self._records = self._records, []
        return records
