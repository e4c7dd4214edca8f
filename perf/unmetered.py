"""`pillarscore` without metrics, to be compared with: python -m perf.unmetered worker

All that is there for metrics alone is put out of the way before the worker is made, so that the program
itself needs no switch for it.
"""

from typing import Any

import agents.worker.worker
import pipeline.shard.emitter
import pipeline.shard.shard
from agents.cli import main


class Nothing:
    """In the place of a metric, of their collection, and of what is kept up for them: it does nothing."""

    def __init__(self, *arguments: Any) -> None:
        """Whatever it is made from."""

    def __getattr__(self, name: str) -> "Nothing":
        return self

    def __call__(self, *arguments: Any, **named: Any) -> "Nothing":
        return self


class NoEnds(Nothing):
    """Asks the broker nothing."""

    def get(self, partition: Any) -> int:
        """Unknown."""
        return 0

    async def stop(self) -> None:
        """Nothing was started."""


if __name__ == "__main__":
    vars(agents.worker.worker).update(Metrics=Nothing, EndOffsets=NoEnds)
    vars(pipeline.shard.emitter).update(ScoreDistribution=Nothing)
    vars(pipeline.shard.shard).update(SourceCounts=Nothing)
    main()
