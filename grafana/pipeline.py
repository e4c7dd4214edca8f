"""Pipeline: health, lag, correctness and latency."""

from typing import Any

from grafana import inside
from grafana.frame import dashboard
from grafana.inside import RATE
from grafana.panels import GREEN, RED, YELLOW, Panel, heat, number, series, states
from grafana.queries import Query, share

UID = "pillarscore-pipeline"
ENDS = "scored|duplicate|outside_window|erased|too_late|dead_lettered"


def build() -> dict[str, Any]:
    """The dashboard, as Grafana's JSON model."""
    return dashboard(
        UID,
        "Pillarscore / Pipeline",
        "All workers together: health, throughput and lag, correctness, latency.",
        [
            ("Health", [_numbers(), [_alerts()]]),
            ("Partitions", [[inside.partitions()]]),
            ("Throughput and lag", _pace()),
            ("Correctness", _truth()),
            ("Commits, event loop and batches", inside.time()),
            ("Workers and their partitions", inside.workers()),
            ("Objectives", _objectives()),
        ],
    )


def _numbers() -> list[Panel]:
    # one table of panels, so it is long
    return [
        number(
            "Workers ready",
            "short",
            "Workers whose partitions are all assigned and restored, of those that Prometheus should reach.",
            "Red: some are missing. None: alert PillarscoreNoWorker. Otherwise the table of workers below shows "
            "which; see PillarscoreNotReady and PillarscoreWorkerDown.",
            share("(sum(pillarscore_ready<J>) or vector(0))", "count(up<J>)"),
            steps=[(1, GREEN)],
            below=True,
            names=True,
            now=True,
        ),
        number(
            "Partitions live",
            "short",
            "Partitions of members that a worker is scoring now, of those that the topic has.",
            "Red: the others are restoring, or no worker owns them (PillarscorePartitionUnowned). Their scores "
            "are not updated, but no event is lost.",
            share(
                "(sum(max by (partition) (pillarscore_partition_live<J>)) or vector(0))",
                'max(pillarscore_expected_partitions<J,role="score">)',
            ),
            steps=[(1, GREEN)],
            below=True,
            names=True,
            now=True,
        ),
        number(
            "Events",
            "eps",
            "Events read from activity.events per second.",
            "0 with a lag of 0: upstream sends nothing (PillarscoreNoEvents). 0 with a lag: ingest is stalled "
            "(PillarscoreIngestStalled).",
            Query(f"sum(rate(pillarscore_ingest_events_total<W>{RATE}))"),
        ),
        number(
            "Ingest lag",
            "s",
            "Time since the newest event read was published, in the worst partition; 0 when caught up.",
            "Seconds: a burst. Minutes and growing: PillarscoreIngestLagGrowing.",
            Query("max(pillarscore_ingest_lag_seconds<W>)"),
            steps=[(30, YELLOW), (900, RED)],
        ),
        number(
            "Scoring lag",
            "s",
            "Time since the newest frame counted was written, in the worst partition; 0 when caught up.",
            "During a restore it starts at the length of the outage and falls. Growing: "
            "PillarscoreScoreLagGrowing.",
            Query("max(pillarscore_score_lag_seconds<P>)"),
            steps=[(30, YELLOW), (900, RED)],
        ),
        number(
            "Latency, p99",
            "s",
            "99 % of events have their score committed within this time after their timestamp. Events that "
            "arrived more than 10 minutes late are excluded.",
            "See 'Commits, event loop and batches' below, and PillarscoreLatencyHigh.",
            Query(
                "histogram_quantile(0.99, sum by (le) "
                f'(rate(pillarscore_event_latency_seconds_bucket<W,stage="committed">{RATE})))'
            ),
            steps=[(2, YELLOW), (5, RED)],
        ),
        number(
            "Unaccounted events",
            "short",
            "Events without a disposition. By the conservation law it must always be 0.",
            "Anything but 0: a bug in Pillarscore, scores may be wrong. PillarscoreConservationBroken.",
            Query(
                "sum(abs(pillarscore_conservation_difference<P>))"
                " + (sum(abs(pillarscore_ingest_conservation_difference<W>)) or vector(0))"
            ),
            steps=[(1, RED)],
        ),
        number(
            "Dead letters",
            "percentunit",
            "Share of events that can't be counted.",
            "Above a few percent, an upstream system has changed its events: the dashboard Data quality shows "
            "which, PillarscoreDeadLetterRatioHigh what to do.",
            Query(
                f"sum(rate(pillarscore_ingest_invalid_events_total<W>{RATE}))"
                f" / (sum(rate(pillarscore_ingest_events_total<W>{RATE})) > 0) or vector(0)"
            ),
            steps=[(0.01, YELLOW), (0.05, RED)],
            decimals=2,
        ),
    ]


def _alerts() -> Panel:
    return states(
        "Alerts",
        "short",
        "Which alerts fire and since when; the number says for how many partitions or workers. Empty if no alert "
        "fires, or if the rules of prometheus/rules are not loaded.",
        "Each alert has a section in the runbook, docs/runbook.md. If several fire, start with the one that "
        "fired first.",
        Query(
            "count by (alertname, severity) "
            '(ALERTS{alertname=~"Pillarscore.+",alertstate="firing",severity!="none",job="$job"})',
            "{{alertname}} ({{severity}})",
        ),
        steps=[(1, RED)],
        width=24,
        height=9,
    )


def _pace() -> list[list[Panel]]:
    # one table of panels, so it is long
    return [
        [
            series(
                "Events read",
                "eps",
                "Events read per second, by worker.",
                "A worker at 0 while others read: it has no partition of activity.events (more workers than "
                "partitions), or its ingest fails: see its log.",
                Query(f"sum by (instance) (rate(pillarscore_ingest_events_total<W>{RATE}))", "{{instance}}"),
                stack=True,
            ),
            series(
                "Unread events, by source partition",
                "short",
                "Unread events in activity.events.",
                "All partitions grow: more events arrive than are read, add workers. Only one grows: its keys are "
                "skewed, or its worker has a problem.",
                Query("max by (source) (pillarscore_ingest_lag_events<W>)", "source {{source}}"),
                stack=True,
            ),
            series(
                "Ingest lag, by source partition",
                "s",
                "Time since the newest event read was published; 0 when caught up.",
                "A line that rises by one second per second: that partition is stalled, PillarscoreIngestStalled. "
                "After an outage it falls without action: divide it by its slope to get the remaining time.",
                Query("max by (source) (pillarscore_ingest_lag_seconds<W>)", "source {{source}}"),
                steps=[(30, YELLOW), (900, RED)],
            ),
        ],
        [
            series(
                "Scores emitted",
                "recps",
                "Records of member.scores per second, by partition. Fewer than events: several events of a member "
                "in one flush make one record.",
                "0 in one partition while events arrive: PillarscoreScoresStalled. A peak at the rollover is "
                "normal: all members are rescored.",
                Query(
                    f"sum by (partition) (rate(pillarscore_scores_total<P>{RATE}))", "partition {{partition}}"
                ),
                stack=True,
            ),
            series(
                "Unread frames, by partition",
                "short",
                "Frames that are written but not counted yet.",
                "Growing: scoring does not keep up, add workers up to the number of partitions. One "
                "partition alone: look at its worker in the dashboard One worker.",
                Query("max by (partition) (pillarscore_score_lag_frames<P>)", "partition {{partition}}"),
                stack=True,
            ),
            series(
                "Scoring lag, by partition",
                "s",
                "Time since the newest frame counted was written; 0 when caught up.",
                "A line that rises by one second per second: that partition is stalled, PillarscoreScoresStalled.",
                Query("max by (partition) (pillarscore_score_lag_seconds<P>)", "partition {{partition}}"),
                steps=[(30, YELLOW), (900, RED)],
            ),
        ],
        [
            series(
                "Event-to-score latency",
                "s",
                "Time from an event's timestamp until its score is queued (emitted: visible to read_uncommitted "
                "readers) and committed (visible to read_committed readers).",
                "Both high: the delay is before scoring, see the lags above; or upstream publishes late. Only "
                "committed is high: commits are slow, see below.",
                *[
                    Query(
                        f"histogram_quantile({q}, sum by (stage, le) "
                        f"(rate(pillarscore_event_latency_seconds_bucket<W>{RATE})))",
                        f"{name} {{{{stage}}}}",
                    )
                    for q, name in ((0.5, "p50"), (0.99, "p99"))
                ],
                width=12,
                steps=[(5, RED)],
            ),
            heat(
                "Event-to-score latency, distribution",
                "s",
                "Number of events by time until their score was committed. A second band above the main one is a "
                "source or a partition that is slower than the others.",
                "The band moves up: compare with lag and commit duration at the same time. A single column is a "
                "restore or a rebalance: see the annotations.",
                Query(
                    "sum by (le) (increase("
                    f'pillarscore_event_latency_seconds_bucket<W,stage="committed">{RATE}))',
                    "{{le}}",
                ),
                width=12,
            ),
        ],
    ]


def _objectives() -> list[list[Panel]]:
    about = "Needs the rules of prometheus/rules; the objectives are in prometheus/slos.yml."
    return [
        [
            series(
                "Error budget left",
                "percentunit",
                f"What is left of the errors that each objective allows for 30 days. {about}",
                "Falling: see the alert of that objective, such as PillarscoreAvailabilityBurnsFast. Below 0: the "
                "objective is missed; changes that are not urgent should wait.",
                Query("max by (slo) (job_slo:pillarscore_slo_budget_left:ratio<J>)", "{{slo}}"),
                width=12,
                least=-1,
                most=1,
            ),
            series(
                "Errors against the objectives",
                "percentunit",
                f"Share of events that were late (freshness), and of partitions that were not available or not "
                f"correct, within an hour. {about}",
                "correctness above 0: PillarscoreCorrectnessViolated. The others: the alert of that objective.",
                Query("max by (slo) (job_slo:pillarscore_slo_errors:ratio_rate1h<J>)", "{{slo}}"),
                width=12,
            ),
        ],
    ]


def _truth() -> list[list[Panel]]:
    # one table of panels, so it is long
    return [
        [
            series(
                "Events by disposition",
                "eps",
                "Every event is scored, a duplicate, outside the last 90 days, erased, or a dead letter; counted at "
                "the commit.",
                "Scored falls and another one rises: see the dashboard Data quality.",
                Query(
                    f'sum by (disposition) (rate(pillarscore_events<P,disposition=~"{ENDS}">{RATE}))',
                    "{{disposition}}",
                ),
                stack=True,
                colors={"scored": GREEN, "dead_lettered": RED},
            ),
            series(
                "Unaccounted events",
                "short",
                "By partition: events admitted minus events with a disposition. For ingest: events read minus "
                "events framed. Must always be 0.",
                "Anything but 0 is a bug in Pillarscore: PillarscoreConservationBroken says what to keep.",
                Query(
                    "max by (partition) (abs(pillarscore_conservation_difference<P>))",
                    "partition {{partition}}",
                ),
                Query(
                    "sum by (instance) (abs(pillarscore_ingest_conservation_difference<W>))",
                    "ingest {{instance}}",
                ),
                steps=[(1, RED)],
                most=5,
            ),
            series(
                "Missing or unreadable",
                "short",
                "In the last hour: offsets of activity.events lost before they were counted, frames removed before "
                "they were counted (missing), unreadable frames, and records that no worker wrote (foreign).",
                "Anything but 0: scores may miss events. PillarscoreEventsLost, PillarscoreFramesMissing, "
                "PillarscoreFramesUnreadable.",
                Query(
                    'sum(max by (partition) (delta(pillarscore_events<P,disposition="lost">[1h])))',
                    "events lost",
                ),
                Query("sum(increase(pillarscore_missing_frames_total<P>[1h]))", "frames missing"),
                Query("sum(increase(pillarscore_unreadable_frames_total<P>[1h]))", "frames unreadable"),
                Query("sum(increase(pillarscore_foreign_records_total<P>[1h]))", "foreign records ignored"),
                Query(
                    "sum(increase(pillarscore_foreign_distributions_total<P>[1h]))",
                    "foreign distributions ignored",
                ),
                Query(
                    "max(pillarscore_incomplete_distributions<P>)",
                    "partitions whose distributions do not add up",
                ),
                steps=[(1, RED)],
            ),
        ],
        [
            series(
                "Problems",
                "short",
                "Current problems of the workers by kind; /ready describes them.",
                "Anything but 0: look at /ready of the worker, or at `pillarscore status`. The corresponding alerts "
                "say what to do.",
                Query("sum by (kind) (pillarscore_problems<W>)", "{{kind}}"),
                steps=[(1, RED)],
                most=5,
                width=6,
            ),
            series(
                "Missing and lost offsets",
                "short",
                "Offsets of activity.events whose frames were removed. Missing: their events are read again. Lost: "
                "their events no longer exist either.",
                "Missing for minutes: PillarscoreEventsMissing. Lost: PillarscoreEventsLost.",
                Query("sum(max by (partition) (pillarscore_missing_offsets<P>))", "missing"),
                Query("sum(max by (partition) (pillarscore_lost_offsets<P>))", "lost"),
                steps=[(1, RED)],
                width=6,
            ),
            series(
                "Refused, unanswered and incomplete commits",
                "short",
                "In the last hour: records that Kafka refused (their transaction was aborted), commits without an "
                "answer, and transactions that a restore found incomplete.",
                "Refused: PillarscoreRecordsRefused. Unanswered: a problem of Kafka or the network, nothing is lost. "
                "Incomplete: PillarscoreTransactionTorn.",
                Query("sum(increase(pillarscore_produce_failures_total<P>[1h])) or vector(0)", "refused"),
                Query(
                    "sum(increase(pillarscore_unanswered_commits_total<P>[1h])) or vector(0)",
                    "unanswered",
                ),
                Query("sum(increase(pillarscore_torn_transactions_total<P>[1h]))", "incomplete"),
                Query("sum(increase(pillarscore_benchmark_failures_total<W>[1h]))", "refused benchmarks"),
                width=6,
            ),
            series(
                "Scores read back",
                "short",
                "In the last hour: scores that workers read back after the commit, and those that differ from what "
                "was committed.",
                "Any that differ: PillarscoreReadersDiffer. None read back for an hour although scores are "
                "emitted: see the log.",
                Query("sum(increase(pillarscore_audited_scores_total<P>[1h]))", "read back"),
                Query("sum(increase(pillarscore_audit_differences_total<P>[1h]))", "differ"),
                colors={"differ": RED},
                width=6,
            ),
        ],
    ]
