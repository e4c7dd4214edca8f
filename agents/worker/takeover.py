"""Becoming the owner of a partition: its state from the ledger, and whether that can be gone on from.

The partition's producer has to be started before, so that no older owner can commit any more.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.worker import restore as restoring
from agents.worker.context import Context
from agents.worker.emitted import Tail, tail
from agents.worker.health import SHOWN_S
from agents.worker.ledger import Ledger
from agents.worker.restore import START_OVER, Restored
from pipeline.common import days
from pipeline.common.units import Day
from pipeline.network.journal import Journal
from pipeline.shard import checkpoint
from pipeline.shard.shard import Shard
from schemas.ledger import Stamp

log = structlog.get_logger()
SKEW_S = 60.0
"""How old a measurement of the clock may be when a new day is to begin."""
STATE_TOPICS = ("events", "frames", "ledger")
"""Topics that the state is of: when one was created again, a partition can't go on."""


class TopicRecreated(UserError):
    """A topic is not the one that the state is of."""


@dataclass(slots=True)
class Taken:
    """topics: the ids of the topics that the state is of, by short names; replayed: frames that were in no block."""

    shard: Shard
    journal: Journal
    replayed: int
    topics: dict[str, str]
    end: Tail


async def take_over(
    context: Context, partition: int, ledger: Ledger, *, on_progress: Callable[[float], object]
) -> Taken:
    """Restore a partition and let its ledger go on from there; UserError when that can't be done."""
    settings, ids = context.settings, dict(context.topics.ids)
    cohorts = None if context.benchmarks is None else context.benchmarks.cohorts(partition)
    rubrics = context.rubric, context.shadow
    today = context.clock.today()
    found = await restoring.restore(
        context.log,
        settings,
        rubrics,
        partition=partition,
        today=today,
        cohorts=cohorts,
        on_progress=on_progress,
    )
    stamp, shard = found.stamp, found.shard
    if stamp and context.clock.as_of and stamp.day > today:
        raise UserError(
            f"partition {partition} is already at {days.calendar(Day(stamp.day))}: --as-of can't go back"
        )
    known = stamp.topics if stamp else {}
    check_topics(settings, known, ids)
    end = await tail(context.log, settings, partition, stamp=stamp)
    _check_start(settings, partition, stamp, end=end)
    _report(context, partition, found, end=end)
    if stamp and stamp.rubric != checkpoint.rubrics_of(shard):
        log.info("the rubric has changed: rescoring all members", before=stamp.rubric, partition=partition)
        shard.rollover.restart()
    for short in ("scores", "shadow"):
        if known.get(short, ids.get(short)) != ids.get(short):
            log.warning("a topic was recreated: emitting all scores again", topic=settings.topic(short))
            shard.rollover.restart()
    if end.torn:
        shard.counters.torn += 1
        # revisions have to rise for readers too who have seen what no stamp accounts for
        shard.emitter.continue_after(end.revision)
        shard.rollover.restart()
    # of a source that is new here all is wanted: its first frames may have been refused or removed
    shard.watermarks.start_at_zero()
    ledger.resume(stamp, found.image, end.end)
    shard.settle()
    return Taken(shard, found.journal, found.replayed, known | ids, end)


def _check_start(settings: Settings, partition: int, stamp: Stamp | None, *, end: Tail) -> None:
    """Raise UserError when the ledger is empty although the partition has worked before."""
    if stamp is None and end.unaccounted:
        raise UserError(
            f"{settings.topic('ledger')} partition {partition} has no stamp, but {settings.topic('scores')} has "
            f"scores: the ledger was deleted or truncated. To continue, {START_OVER}"
        )


def _report(context: Context, partition: int, found: Restored, *, end: Tail) -> None:
    """Report what the restore has found that should not be."""
    settings, where = context.settings, f"partition {partition}"
    metrics = context.metrics.of(partition)
    foreign = [(one.offset, one.key, one.why) for one in found.image.foreign]
    for offset, key, why in foreign[:10]:
        log.error(
            "a foreign record of the ledger is ignored",
            partition=partition,
            offset=offset,
            key=None if key is None else key.decode("ascii", "backslashreplace")[:80],
            why=why,
        )
    if foreign or end.foreign:
        metrics.foreign.inc(len(foreign) + len(end.foreign))
        topic = settings.topic("ledger" if foreign else "scores")
        first = foreign[0][0] if foreign else end.foreign[0]
        context.health.report(
            "foreign",
            where,
            f"{len(foreign) + len(end.foreign)} records that no worker wrote are ignored, the first at offset "
            f"{first} of {topic} partition {partition} (see the runbook, ForeignRecords)",
            for_s=SHOWN_S,
        )
    if found.gone:
        log.error(
            "frames that an older ledger needs were removed; scores may miss events", partition=partition
        )
    for offset in found.image.breaks():
        context.health.report(
            "torn",
            where,
            f"the stamp at offset {offset} of {where} does not follow the one before",
            for_s=SHOWN_S,
        )


def report_torn(context: Context, partition: int, end: Tail) -> None:
    """Report that stamp and scores were not of one transaction, if so.

    Only once this worker has committed: to one that was fenced while it read, the scores of the new owner look like
    that.
    """
    if end.torn:
        where = f"partition {partition}"
        context.metrics.of(partition).torn.inc()
        context.health.report(
            "torn",
            where,
            f"the last transaction of {where} is incomplete: {end.unaccounted:,} score records that no stamp "
            f"accounts for, {end.missing:,} missing; all scores are emitted again (see the runbook, "
            "TransactionTorn)",
            for_s=SHOWN_S,
        )


def check_topics(settings: Settings, known: Mapping[str, str], ids: Mapping[str, str]) -> None:
    """Raise TopicRecreated when a topic that the state is of was deleted and made again, or is gone.

    known, ids: the ids that the state is of, and those of now, by the topics' short names.
    """
    for short in STATE_TOPICS:
        if known.get(short) and ids and ids.get(short) != known[short]:
            what = "recreated" if short in ids else "not recreated"
            raise TopicRecreated(
                f"{settings.topic(short)} was deleted and {what} since it was last read: its offsets now mean "
                f"other records, so nothing is counted. The scores stay as they are; to continue, {START_OVER} (see "
                "the runbook, "
                "TopicRecreated)"
            )


def same_events(settings: Settings, known: dict[str, str], events: str) -> dict[str, str]:
    """The known ids, with that of the events' topic from a frame; UserError when it is another topic's."""
    if events and known.get("events") != events:
        check_topics(settings, known, {**known, "events": events})
        return known | {"events": events}
    return known
