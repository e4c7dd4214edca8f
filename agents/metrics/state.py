"""How the score partitions of this worker stand, read from them at the scrape.

A partition that was revoked is not among them any more, and one that is fenced or restoring has no state to
show. All that is read is kept up anyway, so a scrape costs the same for ten members and for a million.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from agents.metrics.lag import Lag
from pipeline.shard.checkpoint import start_of
from pipeline.shard.score_distribution import COLUMNS, WIDTHS
from pipeline.shard.shard import Shard
from schemas.ledger import Stamp


class Refreshed(Protocol):
    """What is read of the networks of a partition that has a shard."""

    def unrefreshed(self) -> int:
        """Members whose networks are still to be emitted."""

    def age(self) -> float | None:
        """Seconds since the refresh that the oldest networks are of; None when there was none."""


class Refilled(Protocol):
    """What is read of what a partition misses."""

    missing: int


class Partition(Protocol):
    """What is read of a runner. stamp: the last one committed; progress: of the restore, 0 to 1."""

    @property
    def live(self) -> bool: ...
    @property
    def progress(self) -> float: ...
    @property
    def shard(self) -> Shard | None: ...
    @property
    def stamp(self) -> Stamp | None: ...

    @property
    def refill(self) -> Refilled:
        """What is missing of it."""

    @property
    def networks(self) -> Refreshed:
        """Its networks; to be asked only when there is a shard."""

    @property
    def restore_s(self) -> float:
        """How long the last restore took, or takes so far."""

    def lag(self) -> Lag | None:
        """How far it is behind the frames; None while that is unknown."""


class _Gauge(NamedTuple):
    """A gauge: what it is called, and its samples of one partition as (further labels, value)."""

    name: str
    about: str
    labels: tuple[str, ...]
    read: Callable[[Any], Iterator[tuple[tuple[str, ...], float]]]


Samples = Iterator[tuple[tuple[str, ...], float]]


def _one(value: Callable[[Any], float]) -> Callable[[Any], Samples]:
    """Without further labels."""
    return lambda of: iter([((), value(of))])


def _sources(stamp: Stamp) -> Samples:
    return (((str(source),), offset) for source, offset in stamp.watermarks.items())


def _dispositions(stamp: Stamp) -> Samples:
    return (((name,), value) for name, value in stamp.counters)


def _bands(shard: Shard) -> Samples:
    return (((band,), count) for band, count in shard.emitter.distribution.bands().items())


def _bytes(shard: Shard) -> Samples:
    directory = shard.state.index
    sizes = {
        "tiles": shard.state.tiles.nbytes(),
        "registers": shard.state.registers.nbytes(),
        "history": shard.state.history.nbytes(),
        "seen": shard.recent_ids.nbytes(),
        "standing": shard.emitter.last.nbytes(),
        "networks": shard.state.network.nbytes(),
        "directory": sys.getsizeof(directory) + sys.getsizeof(directory.names),
    }
    return (((kind,), size) for kind, size in sizes.items())


OF_RUNNER = (
    _Gauge(
        "pillarscore_partition_live",
        "1 when the partition is live, 0 while it restores.",
        (),
        _one(lambda runner: runner.live),
    ),
    _Gauge(
        "pillarscore_restore_progress_ratio",
        "Progress of the restore by offsets: the ledger is the first half, frames the second.",
        (),
        _one(lambda runner: runner.progress),
    ),
    _Gauge(
        "pillarscore_missing_offsets",
        "Source offsets whose frames are missing; their events are read again.",
        (),
        _one(lambda runner: runner.refill.missing),
    ),
    _Gauge(
        "pillarscore_restore_seconds",
        "Duration of the last restore, or of the current one so far.",
        (),
        _one(lambda runner: runner.restore_s),
    ),
)
OF_LAG = (
    _Gauge(
        "pillarscore_score_lag_frames",
        "Frames not counted yet.",
        (),
        _one(lambda lag: lag.messages),
    ),
    _Gauge(
        "pillarscore_score_lag_seconds",
        "Age of the oldest frame not scored; 0: there is none. While Kafka is silent, time since its last answer.",
        (),
        _one(lambda lag: lag.seconds),
    ),
)
OF_STAMP = (
    _Gauge(
        "pillarscore_events",
        "Events by disposition, from the stamp.",
        ("disposition",),
        _dispositions,
    ),
    _Gauge(
        "pillarscore_conservation_difference",
        "Events admitted by the partition minus those scored, duplicate, outside the window, erased or dead; "
        "must always be 0.",
        (),
        _one(lambda stamp: stamp.counters.unaccounted()),
    ),
    _Gauge("pillarscore_watermark_offset", "Next source offset to count.", ("source",), _sources),
    _Gauge("pillarscore_frame_offset", "Last frame whose scores are committed.", (), _one(lambda s: s.frame)),
    _Gauge(
        "pillarscore_replay_frames",
        "Frames a restore would have to replay.",
        (),
        _one(lambda stamp: stamp.frame - (stamp.start.frame if stamp.start else start_of(stamp) - 1)),
    ),
    _Gauge(
        "pillarscore_lost_offsets",
        "Source offsets lost before they were counted; each is at most one event.",
        (),
        _one(lambda stamp: sum(stop - start for ranges in stamp.lost.values() for start, stop in ranges)),
    ),
)
OF_SHARD = (
    _Gauge("pillarscore_day", "As-of day of the scores, days since 1970.", (), _one(lambda s: s.day)),
    _Gauge(
        "pillarscore_unrolled_members",
        "Members not yet rolled over to the as-of day.",
        (),
        _one(lambda s: max(0, s.members - s.rollover.rolled * s.state.index.block_size)),
    ),
    _Gauge("pillarscore_members", "Members with state.", (), _one(lambda shard: shard.members)),
    _Gauge(
        "pillarscore_tiles",
        "Counts kept: one per member, signal and day with activity.",
        (),
        _one(lambda shard: int(shard.state.tiles.fill.sum())),
    ),
    _Gauge(
        "pillarscore_state_bytes",
        "Memory allocated for the state, without the text of names.",
        ("kind",),
        _bytes,
    ),
    _Gauge(
        "pillarscore_network_members",
        "Members with connections, as of the last sweep.",
        (),
        _one(lambda shard: shard.state.network.size()[0]),
    ),
    _Gauge(
        "pillarscore_network_connections",
        "Their connections, each counted on both sides.",
        (),
        _one(lambda shard: shard.state.network.size()[1]),
    ),
    _Gauge("pillarscore_band_members", "Members with a score, by band.", ("band",), _bands),
)
OF_NETWORKS = (
    _Gauge(
        "pillarscore_network_age_seconds",
        "Age of the oldest records of networks: time since the refresh that wrote them.",
        (),
        lambda networks: (((), age) for age in [networks.age()] if age is not None),
    ),
    _Gauge(
        "pillarscore_network_unrefreshed_members",
        "Members whose network the current refresh has not emitted yet, in whole blocks.",
        (),
        _one(lambda networks: networks.unrefreshed()),
    ),
)
_LEVELS = (
    (OF_RUNNER, "runner"),
    (OF_LAG, "lag"),
    (OF_STAMP, "stamp"),
    (OF_SHARD, "shard"),
    (OF_NETWORKS, "networks"),
)


class State(Collector):
    """The gauges of the partitions; `runners`: by partition, as the worker has them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.runners: Mapping[int, Partition] = {}
        registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """All families, also those without samples."""
        found = [(str(number), _of(runner)) for number, runner in sorted(self.runners.items())]
        for gauges, level in _LEVELS:
            for gauge in gauges:
                family = GaugeMetricFamily(gauge.name, gauge.about, labels=["partition", *gauge.labels])
                for partition, of in found:
                    if of[level] is not None:
                        for labels, value in gauge.read(of[level]):
                            family.add_metric([partition, *labels], value)
                yield family
        yield _scores({partition: of["shard"] for partition, of in found if of["shard"] is not None})


def _of(runner: Partition) -> dict[str, Any]:
    """What the gauges of each level are read from; None: there is nothing to show."""
    networks = None if runner.shard is None else runner.networks
    return {
        "runner": runner,
        "lag": runner.lag(),
        "stamp": runner.stamp,
        "shard": runner.shard,
        "networks": networks,
    }


def _scores(shards: Mapping[str, Any]) -> HistogramMetricFamily:
    """Members by points."""
    family = HistogramMetricFamily(
        "pillarscore_member_score",
        "Members by points of the score and of each pillar. Shows the current scores, so counts can also fall.",
        labels=["partition", "pillar"],
    )
    for partition, shard in shards.items():
        for number, column in enumerate(COLUMNS):
            counts, hundredths = shard.emitter.distribution.histogram(column)
            width = WIDTHS[number > 0]
            ends = [floatToGoString((at + 1) * width / 100) for at in range(len(counts))]
            cumulated = np.cumsum(counts).tolist()
            buckets = [*zip(ends, cumulated, strict=True), ("+Inf", cumulated[-1])]
            family.add_metric([partition, column], buckets, hundredths / 100)
    return family
