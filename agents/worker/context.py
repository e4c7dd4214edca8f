"""What the partitions of a worker share, in one object instead of a dozen parameters."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.config.clock import Clock
from agents.config.clock_skew import Skew
from agents.config.settings import Settings
from agents.kafka.end_offsets import Ends
from agents.kafka.topic_watch import TopicWatch
from agents.metrics import Metrics
from agents.worker.background_share import Pace
from agents.worker.coverage import Coverage
from agents.worker.health import Health
from agents.worker.rank_role import Follower
from agents.worker.round_length import Load
from agents.worker.score_census import Censuses
from pipeline.rubric.model import Rubric

if TYPE_CHECKING:
    from agents.tracing.spans import Tracing


@dataclass(slots=True)
class Context:
    """Of one worker. shadow: a second rubric; benchmarks: None where there are no cohorts."""

    settings: Settings
    rubric: Rubric
    shadow: Rubric | None
    clock: Clock
    metrics: Metrics
    health: Health
    skew: Skew
    ends: Ends
    topics: TopicWatch
    coverage: Coverage
    pace: Pace
    load: Load
    censuses: Censuses
    benchmarks: Follower | None = None
    tracing: "Tracing | None" = None
