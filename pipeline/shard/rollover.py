"""The rollover: the as-of day of a shard, and how far its members have been brought to it.

When a day is over every score changes a little, which is too much work for one moment. So members are brought to the
new day block by block, and by any event of theirs; until that is done, a member's newest record is of one day or of
the other.
"""

import numpy as np

from pipeline.common.tile_keys import WINDOW
from pipeline.common.units import Day, Offset
from pipeline.rubric.model import Rubric
from pipeline.shard.day_recorder import DayRecorder
from pipeline.shard.member_state import MemberState
from schemas.ledger import Stamp, Turn

SLACK = 14
"""Days between two prunings of a block; with the window and `AHEAD` well within the ring."""


class Rollover:
    """Of the members of `state`. Records the days that are over by `rubric`.

    day: the as-of day, days since 1970; previous_day: the one before; rolled: blocks brought to the day.
    starts: the rollovers that a replay goes through.
    """

    def __init__(self, rubric: Rubric, day: Day, state: MemberState) -> None:
        self.state = state
        self.recorder = DayRecorder(rubric, state)
        self.day = day
        self.previous_day = day
        self.rolled = 0
        self.starts: list[Turn] = []
        self._known_blocks = 0

    @property
    def under_way(self) -> bool:
        """Whether there are members who were not brought to the as-of day yet."""
        return self.rolled < self.state.index.blocks

    def start(self, day: Day, frame: Offset) -> bool:
        """The as-of day is `day` after `frame`, if it was not yet; members are brought to it by `next_block`."""
        if day == self.day:
            return False
        if day - self.day > SLACK:
            # so far ahead that the ring would take stale days for new ones: drop these before any comes
            members = np.arange(len(self.state.index.names))
            self.state.tiles.prune(members, self.day, day - WINDOW + 1)
        if not self.under_way:  # else the days of the rollover before are still due
            self.previous_day = self.day
        self.starts.append(Turn(frame=frame, day=self.day))
        self.day = day
        self.rolled = 0
        return True

    def next_block(self) -> np.ndarray | None:
        """Record the days that are over of the next block; int64[n], its members, None when all blocks are done.

        Write the histories that the recorder has `outdated` before the next stamp.
        """
        if not self.under_way:
            return None
        number = self.rolled
        self.rolled += 1
        members = self.state.index.block(number)
        self.recorder.record(number, members, Day(self.previous_day - 1), today=self.day)
        if (number + self.day) % SLACK == 0 or self.day - self.previous_day >= SLACK:
            self.state.tiles.prune(members, self.day, self.day - WINDOW + 1)
        return members

    def restart(self) -> None:
        """Bring all members to the day again, whatever was done before: so all scores are emitted again."""
        self.rolled = 0

    def add_blocks(self) -> None:
        """Members were added: a block that is new today has no days that are over."""
        for number in range(self._known_blocks, self.state.index.blocks):
            self.recorder.last.setdefault(number, Day(self.day - 1))
            self.rolled += self.rolled == number
        self._known_blocks = self.state.index.blocks

    def skip_blocks(self) -> None:
        """The blocks that there are now were there before, as a replay shows."""
        self._known_blocks = self.state.index.blocks

    def recorded_through(self, members: np.ndarray) -> np.ndarray:
        """int64[n]: the last day on record of each of `members` int64[n]."""
        return self.recorder.through(members, Day(self.previous_day - 1))

    def unrecorded(self, members: np.ndarray) -> np.ndarray | None:
        """int64[n]: how many days that are over are not on record yet, by member; None when none is of anybody."""
        return self.day - 1 - self.recorded_through(members) if self.under_way else None

    def counted_on(self, offset: Offset) -> Day:
        """The as-of day when the frame at `offset` was counted, so that a replay comes to the same state.

        What has left the window since weighs nothing, but a day that is not on record yet still counts it, and the
        record of a member who had nothing else is still to be withdrawn.
        """
        day = next((start.day for start in self.starts if offset <= start.frame), self.day)
        return Day(max(day, self.day - SLACK))

    def oldest_score_day(self) -> Day:
        """The day of the oldest scores: during a rollover that of the blocks still to be done."""
        return min(self.previous_day, self.day) if self.under_way else self.day

    def restore(self, stamp: Stamp) -> None:
        """Continue with the rollover of a stamp."""
        self.rolled = stamp.rolled
        self.previous_day = Day(stamp.turned_from)
        self.starts = list(stamp.turns)
        self._known_blocks = self.state.index.blocks  # none of these is new
        for number in range(stamp.rolled):
            self.recorder.last.setdefault(number, Day(stamp.day - 1))

    def remove_starts(self, frame: Offset) -> None:
        """No replay will begin before `frame`: drop the rollovers that started before it."""
        self.starts = [start for start in self.starts if start.frame > frame]
