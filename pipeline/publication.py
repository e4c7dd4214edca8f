"""What a shard publishes of its scores, for benchmarks: once its members' records are in the transaction."""

from pipeline.shard import Shard


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


def published(shard: Shard) -> list[tuple[bytes, bytes]]:
    """Records for `score.distributions`, for all that was drained so far."""
    assert shard.cohorts is not None
    about = (shard.rubric.name, str(shard.rubric.version))
    places = len(shard.directory.names)
    return shard.cohorts.publish(places, shard.day, as_of(shard), shard.sequence, about)
