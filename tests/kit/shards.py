"""Shards for tests."""

from typing import Any

from pipeline.cohorts.membership import CohortMembership
from pipeline.rubric.model import Rubric
from pipeline.shard.shard import Shard, ShardConfig

SMALL_BLOCKS = 7
"""Members of a block, so that a few dozen members fill several."""


def new_shard(
    rubric: Rubric,
    day: int,
    keep: int = 10**6,
    horizon_ms: int = 10**12,
    *,
    cohorts: CohortMembership | None = None,
    **more: Any,
) -> Shard:
    """An empty shard; more: of its `ShardConfig`."""
    return Shard(ShardConfig(rubric, keep, horizon_ms, **more), day, cohorts)
