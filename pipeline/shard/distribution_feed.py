"""What a shard tells others of its scores, once its members' records are in the transaction."""

import numpy as np

from pipeline.shard.member_index import BLOCK
from pipeline.shard.shard import Shard


def as_of(shard: Shard) -> int:
    """The day of the shard's oldest scores: in a day's turn, that of the blocks still to be rolled."""
    return shard.day if shard.rolled >= shard.blocks else min(shard.turned_from, shard.day)


def has_news(shard: Shard) -> bool:
    """Whether there is anything to publish since `published` was called last.

    Not after a restore in the middle of a day's turn, until it is over: which members had been brought to the
    new day is not known, and so not what was said of them.
    """
    cohorts = shard.cohorts
    if cohorts is None:
        return False
    cohorts.held = cohorts.held and shard.rolled < shard.blocks
    return not cohorts.held and cohorts.due(as_of(shard))


def emitted_scores(shard: Shard, members: int) -> tuple[np.ndarray, np.ndarray]:
    """(int16[members] scores in hundredths, UNKNOWN without; int32[members] the days these are of).

    Of members 0..members-1, as they were put out last, whether that is committed yet or not.
    """
    scores, day = shard.spread.scores(members), np.full(members, shard.day, np.int32)
    rest = slice(min(shard.rolled * BLOCK, members), members)
    turned = shard.emitted[rest] == shard.day
    day[rest] = np.where(turned, shard.day, shard.turned_from)
    for waiting in shard.turned:
        day[waiting] = shard.turned_from
    return scores, day


def published(shard: Shard) -> list[tuple[bytes, bytes]]:
    """Records for `score.distributions`, for all that was drained so far."""
    assert shard.cohorts is not None
    about = (shard.rubric.name, str(shard.rubric.version))
    places = len(shard.directory.names)
    return shard.cohorts.publish(places, shard.day, as_of(shard), shard.sequence, about)
