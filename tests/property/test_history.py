"""The day's turn: every day of every member is recorded once, whatever dies in between."""

import numpy as np
import orjson
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.common.keyed_record import KeyedRecord
from pipeline.scoring.bands import UNKNOWN, bands_of
from pipeline.shard import checkpoint
from pipeline.shard.shard import Shard
from schemas.history import Day
from schemas.ledger import BlockHistory
from tests.kit.memory_ledger import MemoryLedger
from tests.kit.shards import SMALL_BLOCKS, new_shard
from tests.property.test_restore import NOW, RUBRIC, Log, ingest, make_shard, stream


class Keeper(MemoryLedger):
    """A ledger in memory, and the topic of days."""

    def __init__(self) -> None:
        super().__init__(lambda day: new_shard(RUBRIC, day, 40, block_size=SMALL_BLOCKS), make_shard().day)
        self.days: list[KeyedRecord] = []

    def keep(self, shard: Shard) -> None:
        """One transaction: scores, days, outdated histories, a block, the stamp."""
        self.days += shard.drain().history
        self.commit(shard, 1)

    def revive(self) -> tuple[Shard, int]:
        shard, at = self.restore()
        shard.settle()
        return shard, at


def live_through(log: Log, turns: dict[int, int], deaths: list[bool]) -> tuple[Shard, Keeper]:
    """All frames; before frame n the day moves on by turns[n] and all members are brought to it.

    deaths: one for each moment at which a worker may die, in turn; after the last nobody dies any more.
    """
    fate = iter(deaths)
    keeper = Keeper()
    shard, at = keeper.revive()
    while at < len(log.frames):
        shard.start_day(make_shard().day + sum(by for n, by in turns.items() if n <= at))
        if not shard.roll_block():
            keeper.apply(shard, log.frames[at], at, NOW + at)
            at += 1
        match next(fate, None):
            case True:
                shard, at = keeper.revive()
            case None:
                keeper.keep(shard)
            case False if at % 3 == 0:
                keeper.keep(shard)
    keeper.keep(shard)
    return shard, keeper


@settings(max_examples=10, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    steps=st.lists(st.sampled_from([1, 1, 1, 1, 1, 4]), min_size=17, max_size=22),
    deaths=st.sets(st.integers(0, 21)),
)
def test_a_restore_finds_the_days_written_alone_and_those_written_whole(seed, steps, deaths):
    log, *_ = ingest(stream(seed, 40, 20), [9], [])
    lived = []
    for mortal in (set(), deaths):
        shard, keeper = begun(log)
        day = shard.day
        for at, step in enumerate(steps):
            day += step
            shard.start_day(day)
            while shard.roll_block():
                keeper.keep(shard)
            if at in mortal:
                shard, _ = keeper.revive()
        _check_lines(shard, keeper)
        lived.append(history(shard))
    assert lived[0] == lived[1]


def begun(log: Log) -> tuple[Shard, Keeper]:
    """A shard that has had all frames, and its ledger."""
    keeper = Keeper()
    shard, _ = keeper.revive()
    for at, frame in enumerate(log.frames):
        keeper.apply(shard, frame, at, NOW + at)
    keeper.keep(shard)
    return shard, keeper


def test_most_turns_write_a_day_alone():
    log, *_ = ingest(stream(3, 40, 20), [9], [])
    shard, _ = begun(log)
    whole = []
    for day in range(shard.day + 1, shard.day + 33):
        shard.start_day(day)
        while shard.roll_block():
            outdated = sorted(shard.rollover.recorder.outdated)
            whole += [checkpoint.dump_history(shard, number).whole for number in outdated]
    assert whole.count(True) == 2 * shard.state.index.blocks
    assert len(whole) == 32 * shard.state.index.blocks


def test_a_history_of_the_version_before_is_read():
    points = np.arange(2 * 90 * 5, dtype=np.int16).reshape(2, 90, 5)
    head = {"v": 1, "block": 3, "day": 20_000, "shape": [2, 90, 5], "names": ["a", None]}
    columns = {"points": points, "bands": np.array([1, 2], np.int8), "since": np.array([7, 8], np.int32)}
    batch = pa.record_batch({name: pa.array([column.tobytes()]) for name, column in columns.items()})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema.with_metadata({b"pillarscore": orjson.dumps(head)})) as writer:
        writer.write_batch(batch)
    read = BlockHistory.load(sink.getvalue().to_pybytes())
    assert (read.number, read.day, read.names, read.whole) == (3, 20_000, ["a", None], True)
    assert (read.points == points).all()
    assert read.bands.tolist() == [1, 2]
    assert read.since.tolist() == [7, 8]


def history(shard: Shard) -> dict[str, tuple[bytes, int]]:
    kept = {}
    for name, index in shard.state.index.items():
        line = shard.state.history.line(index, shard.day)
        if (line != UNKNOWN).any():
            kept[name] = (line.tobytes(), int(shard.state.history.band[index]))
    return kept


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    members=st.sampled_from([20, 200]),
    turns=st.dictionaries(st.integers(0, 25), st.integers(1, 3), min_size=1, max_size=4),
    deaths=st.lists(st.booleans(), min_size=20, max_size=60),
)
def test_days_are_recorded_once_whatever_dies(seed, members, turns, deaths):
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
        index = shard.state.index[day.member]
        line = shard.state.history.line(index, shard.day)
        at = 90 - (shard.day - (day.day.toordinal() - 719_163))
        assert line[at].tolist() == [
            day.score,
            day.pillars.brand,
            day.pillars.find,
            day.pillars.engage,
            day.pillars.relate,
        ]
    for index in shard.state.index.values():
        line = shard.state.history.line(index, shard.day)[:, 0].astype(np.int64)
        assert shard.state.history.band[index] == bands_of(line[None], RUBRIC.bands)[0]
        assert sum(d.member == shard.state.index.names[index] for d in days) == (line != UNKNOWN).sum()


def test_a_rollover_goes_on_after_a_restore_that_had_nothing_to_replay():
    """What comes before the next block is brought to the day makes no block one that is new today."""
    log, *_ = ingest(stream(9, 80, 30), [9], [])
    keeper = Keeper()
    shard, _ = keeper.revive()
    for at, data in enumerate(log.frames[:-1]):
        keeper.apply(shard, data, at, NOW + at)
    shard.drain()
    keeper.commit(shard, 100)  # all is in blocks
    shard.start_day(shard.day + 1)
    keeper.commit(shard, 100)
    shard, at = keeper.revive()
    assert not keeper.image().starting(b"frame/"), "nothing is to be replayed"
    blocks = shard.state.index.blocks
    assert blocks > 2
    keeper.apply(shard, log.frames[at], at, NOW + at)
    assert shard.rollover.rolled <= shard.state.index.blocks - blocks
    while shard.roll_block():
        keeper.keep(shard)
    recorded = {orjson.loads(value)["member"] for _, value in keeper.days if value}
    scored = {shard.state.index.names[i] for i in shard.scored().tolist()}
    assert scored <= recorded
