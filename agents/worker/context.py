"""What the partitions of a worker share, in one object instead of a dozen parameters."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.config.clock_skew import Skew
from agents.config.settings import Settings
from agents.metrics import Metrics
from agents.ports import Clock, FrameGroup, Log
from agents.topics.watch import TopicWatch
from agents.worker.background_budget import BackgroundBudget
from agents.worker.coverage import Coverage
from agents.worker.end_offsets import EndOffsets
from agents.worker.health import Health
from agents.worker.rank_role import RankFollower
from agents.worker.round_length import RoundLength
from agents.worker.score_census import CensusCache
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
    ends: EndOffsets
    topics: TopicWatch
    coverage: Coverage
    log: Log
    group: FrameGroup
    budget: BackgroundBudget
    rounds: RoundLength
    censuses: CensusCache
    benchmarks: RankFollower | None = None
    tracing: "Tracing | None" = None
