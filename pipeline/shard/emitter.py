"""The emitter: makes score records of the members that have changed, and remembers what was emitted last."""

from collections.abc import Callable

import numpy as np

from pipeline.cohorts.membership import CohortMembership
from pipeline.common.json_columns import Piece
from pipeline.common.keyed_record import KeyedRecord
from pipeline.common.rubric_id import RubricId
from pipeline.common.tile_keys import Pairs
from pipeline.common.units import Day
from pipeline.rubric.model import Rubric
from pipeline.scoring.bands import BANDS, next_bands
from pipeline.scoring.scorer import Points, Scorer
from pipeline.shard.last_emitted import WITHDRAWN, LastEmitted, columns_of
from pipeline.shard.member_state import MemberState
from pipeline.shard.score_distribution import ScoreDistribution
from pipeline.shard.score_extras import ScoreExtras, band_changes
from pipeline.shard.score_records import Emission, band_records, score_records

Unrecorded = Callable[[np.ndarray], np.ndarray | None]
"""`Rollover.unrecorded`."""


class Emitter:
    """Of the members of `state`. revision: of the newest records.

    shadow: a second rubric, whose scores are emitted beside those of the first. cohorts: gets every score.
    """

    def __init__(
        self,
        rubric: Rubric,
        day: Day,
        state: MemberState,
        *,
        shadow: Rubric | None = None,
        cohorts: CohortMembership | None = None,
    ) -> None:
        self.state = state
        self.scorer = Scorer(rubric, day)
        self.shadow = Scorer(shadow, day) if shadow else None
        self.cohorts = cohorts
        self.revision = 0
        self.last = LastEmitted(len(rubric.components))
        self.distribution = ScoreDistribution()
        self.rolled: list[np.ndarray] = []  # changed by the rollover alone, and not emitted yet
        self._changed: list[np.ndarray] = []
        self._extras = ScoreExtras(rubric, state.history)

    @property
    def rubric(self) -> Rubric:
        """That of the scores."""
        return self.scorer.rubric

    @property
    def rubric_id(self) -> RubricId:
        """That of the scores."""
        return self.rubric.id

    def start_day(self, day: Day) -> None:
        """Scores are as of `day` from now on."""
        self.scorer = Scorer(self.rubric, day)
        if self.shadow is not None:
            self.shadow = Scorer(self.shadow.rubric, day)

    def resize(self) -> None:
        """Make room for all members of the state."""
        n = len(self.state.index.names)
        self.last.resize(n)
        if self.cohorts is not None:
            self.cohorts.resize(n)

    def next_revision(self) -> int:
        """A revision that no record has yet."""
        self.revision += 1
        return self.revision

    def continue_after(self, revision: int) -> None:
        """Records with revisions up to this one may have been emitted."""
        self.revision = max(self.revision, revision)

    def add(self, members: np.ndarray) -> None:
        """The state of `members` int64[n] has changed."""
        self._changed.append(members)

    def add_rolled(self, members: np.ndarray) -> None:
        """`members` int64[n] were brought to the as-of day: those whose newest record is older get another."""
        day = self.last.day[members]
        # who was withdrawn may be back from this day on, by an event counted before the day began
        late = members[(day < self.scorer.day) | (day == WITHDRAWN)]
        names = self.state.index.names
        # those of whom nothing is left too: they are withdrawn, if they are not yet
        late = late[[names[index] is not None for index in late.tolist()]]
        self._changed.append(late)
        self.rolled.append(late)

    def drain(self, emission: Emission, unrecorded: Unrecorded) -> None:
        """Add to the emission the scores of all members changed since the last call, under one new revision."""
        if not self._changed:
            return
        members = np.unique(np.concatenate(self._changed))
        self._changed = []
        if not len(members):
            return
        self.next_revision()
        pairs = self.state.counting(members, self.scorer.day)
        there = self.state.has_score(members, self.scorer.day, pairs)
        if not there.all():
            gone = members[~there]
            # of an erased member others' events change nothing that is to be seen
            self._withdraw(gone[self.last.day[gone] != WITHDRAWN], emission)
            members = members[there]
            pairs = self.state.counting(members, self.scorer.day)
        if len(members):
            self._emit(members, pairs, emission, unrecorded=unrecorded(members))

    def settle(self, under_way: bool) -> None:
        """After a restore: what was emitted last of each member follows from the state as of the stamp.

        under_way: whether a rollover is, so that what was emitted of some members last is not known.
        """
        if self.cohorts is not None:
            self.cohorts.held = under_way
        self.resize()
        members = self.state.scored(self.scorer.day)
        size = self.state.index.block_size
        for at in range(0, len(members), size):
            some = members[at : at + size]
            registers = self.state.registers.numbers(some)
            points = self.scorer.points(len(some), self.state.counting(some, self.scorer.day), registers)
            band = self._bands(some, points)
            self.distribution.replace(self.last.columns(some), columns := columns_of(points, band))
            self.last.set(some, columns, points.components)
            self._ranks(some, points, registers)

    def _bands(self, members: np.ndarray, points: Points) -> np.ndarray:
        return next_bands(self.state.history.band[members], points.score, self.rubric.bands)

    def _emit(
        self, members: np.ndarray, pairs: Pairs, emission: Emission, *, unrecorded: np.ndarray | None
    ) -> None:
        names = self.state.index.of(members)
        registers = self.state.registers.numbers(members)
        points = self.scorer.points(len(members), pairs, registers)
        before = self.last.columns(members)
        after = columns_of(points, self._bands(members, points))
        changes = points.components - self.last.components[members]
        if self.rolled:
            # at a rollover everything has decayed a little, which is no news of any component
            changes[np.isin(members, np.concatenate(self.rolled))] = 0
            self.rolled = []
        day = self.scorer.day
        extras = [
            self._extras.pieces(
                members, points, day=day, band=after[-1], changes=changes, unrecorded=unrecorded
            )
        ]
        self.last.set(members, after, points.components)
        # a member whose last days are not recorded yet gets another record when they are, with these in it
        self.last.day[members] = day if unrecorded is None else np.where(unrecorded > 0, day - 1, day)
        self.distribution.replace(before, after)
        if (ranks := self._ranks(members, points, registers)) is not None:
            extras.append(ranks)
        revision, rubric_id = self.revision, self.rubric_id
        moved = band_changes(np.maximum(before[-1], 0), after[-1])
        emission.scores += score_records(
            names, points, day=day, revision=revision, rubric=rubric_id, extras=extras
        )
        emission.bands += band_records(
            names, points, day=day, revision=revision, rubric=rubric_id, changes=moved
        )
        emission.entered += [BANDS[change.after] for change in moved]
        if self.shadow is not None:
            points = self.shadow.points(len(members), pairs, registers)
            emission.shadow += score_records(
                names, points, day=day, revision=revision, rubric=self.shadow.rubric.id
            )

    def _ranks(self, members: np.ndarray, points: Points, registers: np.ndarray) -> Piece | None:
        """Give the scores of `members` to the cohorts; their ranks, as pieces of JSON."""
        if self.cohorts is None:
            return None
        return self.cohorts.update(members, points.score, registers, texts=self.state.registers.texts.names)

    def _withdraw(self, members: np.ndarray, emission: Emission) -> None:
        """Remove all that was ever emitted of `members`, of whom nothing is known any more."""
        for index in members.tolist():
            gone: KeyedRecord = (str(self.state.index.names[index]).encode(), None)
            emission.scores.append(gone)
            if self.shadow is not None:
                emission.shadow.append(gone)
        self.distribution.remove(self.last.columns(members))
        self.last.remove(members)
        if self.cohorts is not None:
            self.cohorts.remove(members)
