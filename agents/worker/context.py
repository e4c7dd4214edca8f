"""What the partitions of a worker share, in one object instead of a dozen parameters."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.benchmarks import Follower
from agents.census import Censuses
from agents.config.clock import Clock
from agents.config.clock_skew import Skew
from agents.config.settings import Settings
from agents.kafka.end_offsets import Ends
from agents.kafka.topic_watch import TopicWatch
from agents.load import Load
from agents.metrics import Metrics
from agents.pace import Pace
from agents.worker.coverage import Coverage
from agents.worker.health import Health
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
