"""The topics: what each is for, how many partitions it has, and how it is kept."""

from dataclasses import dataclass, field

from agents.config.settings import Settings

HOUR = 3_600_000
DAY = 24 * HOUR
MB = 1 << 20

# Many small segments: only closed ones are compacted, and a restore reads what is not.
_COMPACTED = {
    "cleanup.policy": "compact",
    "segment.bytes": str(16 * MB),
    "segment.ms": str(HOUR // 6),
    "min.cleanable.dirty.ratio": "0.2",
    "max.compaction.lag.ms": str(HOUR),
}


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic as it should be. short: its name in the code (`agents.config.settings.TOPICS`); why: in one line."""

    short: str
    partitions: int
    why: str
    configs: dict[str, str] = field(default_factory=dict)
    ours: bool = True  # False: upstream may have made it its own way, with any number of partitions

    def __post_init__(self) -> None:
        # the broker's clock: which ids a shard drops does not depend on which worker wrote a frame, a worker whose
        # clock is wrong is not refused for it, and its answer gives a worker the time
        self.configs.setdefault("message.timestamp.type", "LogAppendTime")

    @property
    def policy(self) -> str:
        return self.configs["cleanup.policy"]


def specs(settings: Settings) -> list[Topic]:
    """All topics, in the order the data flows. One table, so it is long."""
    found = _specs(settings)
    if settings.required_replication > 1:
        for topic in found:
            topic.configs["min.insync.replicas"] = str(least_in_sync(settings))
    return found


def least_in_sync(settings: Settings) -> int:
    """How many replicas have to have a record: all but one, so that one broker may be away."""
    return max(1, settings.required_replication - 1)


def _specs(settings: Settings) -> list[Topic]:
    members = settings.frame_partitions
    return [
        Topic(
            "events",
            settings.event_partitions,
            "activity events from upstream; kept for a week, so that a worker that was down can catch up",
            _deleted(7 * DAY, 128 * MB),
            ours=False,
        ),
        Topic(
            "frames",
            members,
            "batches of events by member: the write-ahead log, kept far longer than the blocks need to be written",
            _deleted(7 * DAY, 128 * MB) | {"max.message.bytes": str(16 * MB)},
        ),
        Topic(
            "dead-letters",
            settings.letter_partitions,
            "events that can't be counted, unchanged; kept for a month",
            _deleted(30 * DAY, 64 * MB) | {"max.message.bytes": str(16 * MB)},
        ),
        Topic(
            "replays",
            1,
            "which dead letters were redriven, so that none is sent twice by accident; kept longer than the letters",
            _deleted(60 * DAY, 16 * MB) | {"cleanup.policy": "compact,delete"},
        ),
        Topic(
            "scores",
            members,
            "the latest score of every member; readers see every intermediate score for at least a minute",
            _COMPACTED | {"min.compaction.lag.ms": "60000"},
        ),
        Topic(
            "shadow",
            members,
            "the same by a second (shadow) rubric, if one is configured",
            _COMPACTED | {"min.compaction.lag.ms": "60000"},
        ),
        Topic(
            "ledger",
            members,
            "checkpoints (stamps and blocks): the state, read completely at a restore",
            _COMPACTED | {"max.message.bytes": str(64 * MB)},
        ),
        Topic(
            "bands", members, "band changes, for alerting; kept for a quarter", _deleted(90 * DAY, 64 * MB)
        ),
        Topic(
            "history",
            members,
            "one record per member and day; kept for two years",
            _deleted(2 * 366 * DAY, 64 * MB)
            # compacted too, so that the days of an erased member can be taken back by their keys
            | {"compression.type": "zstd", "cleanup.policy": "compact,delete"},
        ),
        Topic(
            "networks",
            members,
            "each member's rank among their connections, recomputed every day",
            dict(_COMPACTED),
        ),
        Topic(
            "distributions",
            1,
            "all scores in columns, without names: the input of benchmarks and ranks",
            dict(_COMPACTED),
        ),
        Topic("benchmarks", 1, "the latest benchmark of every cohort", dict(_COMPACTED)),
    ]


def _deleted(retention_ms: int, segment_bytes: int) -> dict[str, str]:
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(retention_ms),
        "segment.bytes": str(segment_bytes),
    }
