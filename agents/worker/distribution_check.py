"""What does not belong into score.distributions or score.benchmarks, or does not add up.

It is reported, and whoever owns a partition whose scores are wrong there publishes them again.
"""

import math

from agents.config.settings import Settings
from agents.metrics.ranks import RankMetrics
from agents.ports import Clock
from agents.worker.health import SHOWN_S, Health
from pipeline.cohorts.membership import CohortMembership
from pipeline.cohorts.merged_scores import MergedScores

PATIENCE_S = 5.0
"""For so long records may be missing without anybody doing something: the next publication has them, mostly."""
GIVE_UP_S = 60.0
"""After this the topic is read again from its beginning."""
_WHERE = "distributions"


class DistributionCheck:
    """Looks at the merged view after each merge. owned: what the partitions here publish, by partition."""

    def __init__(self, settings: Settings, clock: Clock, *, metrics: RankMetrics, health: Health) -> None:
        self._topic = settings.topic("distributions")
        self._clock = clock
        self._metrics = metrics
        self._health = health
        self.owned: dict[int, CohortMembership] = {}
        self._seen: dict[int, int] = {}  # by partition, the epoch of ours that readers had
        self._restarted: set[int] = set()
        self._again = -math.inf  # when something was published again last
        self._since: float | None = None

    def release(self, partition: int) -> None:
        """The partition is not published here any more."""
        self.owned.pop(partition, None)
        self._restarted.discard(partition)

    def refused(self, topic: str, offset: int, why: Exception) -> None:
        """A record of distributions or benchmarks can't be read, and is left out."""
        self._metrics.foreign.inc()
        first = str(why).splitlines()[0]
        self._report(f"the record at offset {offset} of {topic} is ignored: {first}")

    def merged(self, merged: MergedScores) -> None:
        """After a merge, whether it could be done or not."""
        self._metrics.incomplete.set(len(merged.incomplete))
        now = self._clock.monotonic()
        if not merged.incomplete:
            self._since = None
        elif self._since is None:
            self._since = now
        self._publish_again(merged, now)

    def give_up(self, merged: MergedScores) -> bool:
        """Whether records have been missing for so long that all should be read again."""
        now = self._clock.monotonic()
        if not merged.incomplete or self._since is None or now - self._since < PATIENCE_S:
            return False
        self._publish_again(merged, now)
        partition, why = next(iter(merged.incomplete.items()))
        self._report(
            f"{len(merged.incomplete)} partitions of {self._topic} do not add up, among them {partition}: {why}; "
            "benchmarks and ranks stay as they were"
        )
        if now - self._since < GIVE_UP_S:
            return False
        self._since = None
        return True

    def _publish_again(self, merged: MergedScores, now: float) -> None:
        """Let the partitions here publish all they have, where readers have something else."""
        wrong = [partition for partition in self.owned if self._is_wrong(merged, partition, now)]
        if not wrong or now - self._again < PATIENCE_S:
            return
        self._again = now
        for partition in wrong:
            self._restarted.add(partition)
            self.owned[partition].start_over(self._clock.now_ns())

    def _is_wrong(self, merged: MergedScores, partition: int, now: float) -> bool:
        epoch = self.owned[partition].epoch
        if partition in merged.incomplete:
            return self._since is not None and now - self._since >= PATIENCE_S
        source = merged.sources.get(partition)
        if source is None:
            return False
        if source.head.epoch != epoch:
            return self._seen.get(partition) == epoch
        self._seen[partition] = epoch
        if partition in self._restarted:
            # only now, since a worker that has lost the partition and does not know yet gets here too
            self._restarted.discard(partition)
            self._report(
                f"the scores of partition {partition} in {self._topic} were not those that its worker has "
                "published; they are published again"
            )
        return False

    def _report(self, text: str) -> None:
        self._health.report("foreign", _WHERE, f"{text} (see the runbook, ForeignRecords)", for_s=SHOWN_S)
