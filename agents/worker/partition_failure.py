"""What ended a session of a partition: reported once, where it belongs, and how long to rest before the next."""

import structlog

from agents.config.errors import UserError
from agents.kafka.errors import ProduceFailed
from agents.kafka.outage import away, of_kafka
from agents.kafka.outage import report as report_outage
from agents.worker.context import Context
from agents.worker.takeover import TopicRecreated

log = structlog.get_logger()
REFUSED_S = 60.0
"""A partition that can't go on from its state waits so long: somebody has to do something first."""
MAX_PAUSE_S = 30.0


def report_failure(context: Context, partition: int, error: Exception, *, failures: int) -> float:
    """Report an error that ended a session, other than fencing.

    Args:
        context: of the worker.
        partition: which one.
        error: what ended the session.
        failures: how many sessions in a row have failed, this one included.

    Returns:
        The seconds to rest.
    """
    where, metrics = f"partition {partition}", context.metrics.of(partition)
    if isinstance(error, UserError):
        kind = "topic" if isinstance(error, TopicRecreated) else "state"
        context.health.report(kind, where, str(error))
        return REFUSED_S
    metrics.failures.inc()
    if isinstance(error, ProduceFailed) and not away(error):
        metrics.refused(error.topic, error.records)
        context.health.report(
            "refused",
            where,
            f"{error}; the transaction is aborted, the partition restores and retries (see the runbook, "
            "RecordsRefused)",
        )
    elif of_kafka(error):
        report_outage(where, error)
    else:
        log.error("partition failed; restoring from its ledger", partition=partition, exc_info=error)
    return min(MAX_PAUSE_S, float(2 ** min(failures - 1, 5)))
