"""The day's turn: every day of every member is recorded once, whatever dies in between."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import blocks
from pipeline.bands import UNKNOWN, bands_of
from pipeline.shard import Shard
from schemas.frames import decode
from schemas.history import Day
from schemas.ledger import BlockHistory, Stamp
from tests.property.test_restore import NOW, RUBRIC, Log, Store, ingest, make_shard, small_blocks, stream


class Keeper(Store):
    """A ledger in memory with histories, and the topic of days."""

    def __init__(self) -> None:
        super().__init__()
        self.histories: dict[int, bytes] = {}
        self.days: list[tuple[bytes, bytes | None]] = []

    def keep(self, shard: Shard) -> None:
        """One transaction: scores, days, outdated histories, a block, the stamp."""
        self.days += shard.drain().history
        for number in sorted(shard.outdated):
            self.histories[number] = blocks.dump_history(shard, number).dump()
        self.commit(shard, 1)

    def revive(self, log: Log) -> tuple[Shard, int]:
        if self.stamp is None:
            return make_shard(), 0
        stamp = Stamp.model_validate_json(self.stamp)
        shard = Shard(RUBRIC, stamp.day, 40, 10**12)
        histories = [BlockHistory.load(data) for data in self.histories.values()]
        blocks.load(shard, [blocks.Block.load(data) for data in self.blocks.values()], stamp, histories)
        for offset in range(blocks.start_of(stamp), stamp.frame + 1):
            shard.apply(decode(log.frames[offset]), offset, NOW + offset, replay=True)
        shard.settle()
        return shard, stamp.frame + 1


def live_through(log: Log, turns: dict[int, int], deaths: list[bool]) -> tuple[Shard, Keeper]:
    """All frames; before frame n the day moves on by turns[n] and all members are brought to it.

    deaths: one for each moment at which a worker may die, in turn; after the last nobody dies any more.
    """
    fate = iter(deaths)
    keeper, shard, at = Keeper(), make_shard(), 0
    while at < len(log.frames):
        shard.turn_day(make_shard().day + sum(by for n, by in turns.items() if n <= at))
        if shard.roll() is None:
            shard.apply(decode(log.frames[at]), at, NOW + at)
            at += 1
        match next(fate, None):
            case True:
                shard, at = keeper.revive(log)
            case None:
                keeper.keep(shard)
            case False if at % 3 == 0:
                keeper.keep(shard)
    keeper.keep(shard)
    return shard, keeper


def history(shard: Shard) -> dict[str, tuple[bytes, int]]:
    kept = {}
    for name, index in shard.directory.items():
        if shard.tiles.fill[index] or shard.registers.slot[index]:
            line = shard.history.line(index, shard.day)
            kept[name] = (line.tobytes(), int(shard.history.band[index]))
    return kept


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    members=st.sampled_from([20, 200]),
    turns=st.dictionaries(st.integers(0, 25), st.integers(1, 3), min_size=1, max_size=4),
    deaths=st.lists(st.booleans(), max_size=60),
)
def test_days_are_recorded_once_whatever_dies(seed, members, turns, deaths):
    with small_blocks():
        for log in ingest(stream(seed, 120, members), [9], []):
            shard, keeper = live_through(log, turns, deaths)
            expected, wanted = live_through(log, turns, [])
            assert history(shard) == history(expected)
            got = [key for key, value in keeper.days if value is not None]
            assert len(got) == len(set(got)), "no day of a member twice"
            assert dict(keeper.days) == dict(wanted.days)
            _check_lines(shard, keeper)


def _check_lines(shard: Shard, keeper: Keeper) -> None:
    """What is in memory is what went out, and the band is that of the whole history."""
    newest = dict(keeper.days)
    days = [Day.model_validate_json(value) for value in newest.values() if value is not None]
    for day in days:
        index = shard.directory[day.member]
        line = shard.history.line(index, shard.day)
        at = 90 - (shard.day - (day.day.toordinal() - 719_163))
        assert line[at].tolist() == [
            day.score,
            day.pillars.brand,
            day.pillars.find,
            day.pillars.engage,
            day.pillars.relate,
        ]
    for index in shard.directory.values():
        line = shard.history.line(index, shard.day)[:, 0].astype(np.int64)
        assert shard.history.band[index] == bands_of(line[None], RUBRIC.bands)[0]
        assert sum(d.member == shard.directory.names[index] for d in days) == (line != UNKNOWN).sum()
