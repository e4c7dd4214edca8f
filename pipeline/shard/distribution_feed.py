"""What a shard publishes of its scores for the cohorts, once its members' records are in the transaction."""

import numpy as np

from pipeline.shard.shard import Shard


def is_due(shard: Shard) -> bool:
    """Whether there is anything to publish since `published` was called last.

    Not after a restore in the middle of a rollover, until it is over: which members had been brought to the
    new day is not known, and so not what was emitted of them.
    """
    cohorts, rollover = shard.emitter.cohorts, shard.rollover
    if cohorts is None:
        return False
    cohorts.held = cohorts.held and rollover.under_way
    return not cohorts.held and cohorts.due(rollover.oldest_score_day())


def emitted_scores(shard: Shard, members: int) -> tuple[np.ndarray, np.ndarray]:
    """(int16[members] scores in hundredths, UNKNOWN without; int32[members] the days these are of).

    Of members 0..members-1, as they were emitted last, whether that is committed yet or not.
    """
    shard.resize()
    rollover, last = shard.rollover, shard.emitter.last
    day = np.full(members, shard.day, np.int32)
    rest = slice(min(rollover.rolled * shard.state.index.block_size, members), members)
    day[rest] = np.where(last.day[rest] == shard.day, shard.day, rollover.previous_day)
    for waiting in shard.emitter.rolled:
        day[waiting] = rollover.previous_day
    return last.numbers[:members, 0].copy(), day


def published(shard: Shard) -> list[tuple[bytes, bytes]]:
    """Records for `score.distributions`, for all that was drained so far."""
    emitter = shard.emitter
    assert emitter.cohorts is not None
    shard.resize()
    numbers = emitter.last.numbers[: len(shard.state.index.names)]
    return emitter.cohorts.publish(
        numbers,
        day=shard.day,
        as_of=shard.rollover.oldest_score_day(),
        revision=emitter.revision,
        rubric=emitter.rubric_id,
    )
