"""Pipeline: is it well, does it keep up, is it true, and where is the time?"""

from typing import Any

from grafana import inside
from grafana.frame import dashboard
from grafana.inside import RATE
from grafana.panels import GREEN, RED, YELLOW, Panel, Query, heat, number, series, states

UID = "pillarscore-pipeline"
ENDS = "scored|duplicate|outside_window|erased|dead_lettered"


def build() -> dict[str, Any]:
    """The dashboard, as Grafana's JSON model."""
    return dashboard(
        UID,
        "Pillarscore / Pipeline",
        "All workers together: is it keeping up, is it true, where is the time?",
        [
            ("Is it well?", [_numbers(), [_alerts()]]),
            ("Does it keep up?", _pace()),
            ("Is it true?", _truth()),
            ("Where is the time?", inside.time()),
            ("Workers and partitions", inside.workers()),
        ],
    )


def _numbers() -> list[Panel]:
    return [
        number(
            "Workers ready",
            "short",
            "Workers that have their partitions, all of them restored.",
            "None: alert PillarscoreNoWorker. Fewer than you run: the table of workers below says which; see "
            "PillarscoreNotReady.",
            Query("sum(pillarscore_ready<W>)"),
            steps=[(1, GREEN)],
            below=True,
        ),
        number(
            "Partitions live",
            "short",
            "Partitions of members that some worker scores right now. As many as "
            "PILLARSCORE_FRAME_PARTITIONS.",
            "Fewer: the others restore, or nobody has them (PillarscorePartitionUnowned). Their scores stand "
            "still and no event is lost.",
            Query("sum(max by (partition) (pillarscore_partition_live<P>))"),
            steps=[(1, GREEN)],
            below=True,
        ),
        number(
            "Events",
            "eps",
            "Events read from activity.events per second.",
            "0 with a lag of 0: upstream is silent (PillarscoreNoEvents). 0 with a lag: ingest stands still "
            "(PillarscoreIngestStalled).",
            Query(f"sum(rate(pillarscore_ingest_events_total<W>{RATE}))"),
        ),
        number(
            "Ingest behind",
            "s",
            "How long ago the newest event read was published, in the partition that is worst off; 0 when "
            "caught up.",
            "Seconds are a burst. Minutes and growing: PillarscoreIngestLagGrowing.",
            Query("max(pillarscore_ingest_lag_seconds<W>)"),
            steps=[(30, YELLOW), (900, RED)],
        ),
        number(
            "Scoring behind",
            "s",
            "How long ago the newest frame counted was written, in the partition that is worst off; 0 "
            "when caught up.",
            "During a restore it is the outage's length and falls. Growing: PillarscoreScoreLagGrowing.",
            Query("max(pillarscore_score_lag_seconds<P>)"),
            steps=[(30, YELLOW), (900, RED)],
        ),
        number(
            "Event to score, p99",
            "s",
            "99 of 100 events have their score committed within this time from when they happened. Events "
            "that came over 10 minutes late are not in it.",
            "See 'Where is the time?' below, and PillarscoreLatencyHigh.",
            Query(
                "histogram_quantile(0.99, sum by (le) "
                f'(rate(pillarscore_event_latency_seconds_bucket<W,stage="committed">{RATE})))'
            ),
            steps=[(2, YELLOW), (5, RED)],
        ),
        number(
            "Unaccounted events",
            "short",
            "Events of which it is not known what became of them. The conservation law says 0, always.",
            "Anything but 0: an error in Pillarscore, scores may be wrong. PillarscoreConservationBroken.",
            Query(
                "sum(abs(pillarscore_conservation_difference<P>))"
                " + (sum(abs(pillarscore_ingest_conservation_difference<W>)) or vector(0))"
            ),
            steps=[(1, RED)],
        ),
        number(
            "Dead letters",
            "percentunit",
            "Share of events that cannot be counted.",
            "Above a few percent somebody upstream has changed what they send: the dashboard Data quality "
            "says who, PillarscoreDeadLetterRatioHigh what to do.",
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
        "Which alerts fire, and since when. Empty without the rules of prometheus/rules, and when all is "
        "well.",
        "Each name is a section of the run book, docs/runbook.md. With several at once begin with the one "
        "that began first.",
        Query(
            "count by (alertname, severity) "
            '(ALERTS{alertname=~"Pillarscore.+",alertstate="firing",job="$job"})',
            "{{alertname}} ({{severity}})",
        ),
        {"1": ("fires", RED)},
        width=24,
        height=6,
    )


def _pace() -> list[list[Panel]]:
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
                "Events waiting, by source partition",
                "short",
                "Messages of activity.events that are not read yet.",
                "All partitions grow: more comes in than is read, add workers. One alone grows: its keys are "
                "skewed, or the worker that has it is in trouble.",
                Query("max by (source) (pillarscore_ingest_lag_events<W>)", "source {{source}}"),
                stack=True,
            ),
            series(
                "Ingest behind, by source partition",
                "s",
                "How long ago the newest event read was published; 0 when caught up.",
                "A line that rises by a second each second stands still: PillarscoreIngestStalled. It "
                "falls by itself after an outage: divide it by its slope for the time that is left.",
                Query("max by (source) (pillarscore_ingest_lag_seconds<W>)", "source {{source}}"),
                steps=[(30, YELLOW), (900, RED)],
            ),
        ],
        [
            series(
                "Scores put out",
                "recps",
                "Records of member.scores per second, by partition. Fewer than events: a member with many "
                "events at once gets one record.",
                "0 in one partition while events come in: PillarscoreScoresStalled. A peak at the day's "
                "turn is right: all members are scored anew.",
                Query(
                    f"sum by (partition) (rate(pillarscore_scores_total<P>{RATE}))", "partition {{partition}}"
                ),
                stack=True,
            ),
            series(
                "Frames waiting, by partition",
                "short",
                "Frames that are written and not counted yet.",
                "Growing: scoring does not keep up, add workers up to the number of partitions. One "
                "partition alone: look at its worker in the dashboard One worker.",
                Query("max by (partition) (pillarscore_score_lag_frames<P>)", "partition {{partition}}"),
                stack=True,
            ),
            series(
                "Scoring behind, by partition",
                "s",
                "How long ago the newest frame counted was written; 0 when caught up.",
                "A line that rises by a second each second stands still: PillarscoreScoresStalled.",
                Query("max by (partition) (pillarscore_score_lag_seconds<P>)", "partition {{partition}}"),
                steps=[(30, YELLOW), (900, RED)],
            ),
        ],
        [
            series(
                "Event to score",
                "s",
                "From when an event happened to when its score is queued (emitted: what read_uncommitted "
                "readers wait) and committed (read_committed readers).",
                "Both high: the time is before scoring, see the lags above; or upstream publishes late. Only "
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
                "Event to committed score, all events",
                "s",
                "How many events took how long until their score was committed. A second band above the "
                "main one is a source or a partition that is slower than the others.",
                "The band moves up: compare with lag and commit duration at the same time. A lone column "
                "is a restore or a rebalance: see the marks.",
                Query(
                    "sum by (le) (increase("
                    f'pillarscore_event_latency_seconds_bucket<W,stage="committed">{RATE}))',
                    "{{le}}",
                ),
                width=12,
            ),
        ],
    ]


def _truth() -> list[list[Panel]]:
    return [
        [
            series(
                "What became of events",
                "eps",
                "Every event is scored, a duplicate, outside the 90 days that count, erased, or a dead "
                "letter; it is settled at the commit.",
                "Scored falls and another one rises: dashboard Data quality.",
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
                "Events let in less those of which it is settled what became of them, by partition, and "
                "for ingest events read less those framed. 0 at any moment.",
                "Anything but 0 is an error in Pillarscore: PillarscoreConservationBroken says what to keep.",
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
                "In the last hour: offsets of activity.events that retention removed before they were "
                "read (lost), frames gone before they were counted (missing), frames that cannot be read, "
                "records that "
                "no worker wrote.",
                "Anything but 0: scores miss events. PillarscoreEventsLost, PillarscoreFramesMissing, "
                "PillarscoreFramesUnreadable.",
                Query(
                    'sum(max by (partition) (delta(pillarscore_events<P,disposition="lost">[1h])))',
                    "events lost",
                ),
                Query("sum(increase(pillarscore_missing_frames_total<P>[1h]))", "frames missing"),
                Query("sum(increase(pillarscore_unreadable_frames_total<P>[1h]))", "frames unreadable"),
                Query("sum(increase(pillarscore_foreign_records_total<P>[1h]))", "foreign records left out"),
                steps=[(1, RED)],
            ),
        ],
        [
            series(
                "Problems",
                "short",
                "What is wrong with the workers now, by kind, as /ready says it in words.",
                "Anything: look at /ready of the worker, or at `pillarscore status`. The alerts of the same name say "
                "what to do.",
                Query("sum by (kind) (pillarscore_problems<W>)", "{{kind}}"),
                steps=[(1, RED)],
                most=5,
                width=6,
            ),
            series(
                "Missing and lost offsets",
                "short",
                "Offsets of activity.events whose frames are gone: missing, they are read again; lost, "
                "they are not there "
                "any more either.",
                "Missing for minutes: PillarscoreEventsMissing. Lost: PillarscoreEventsLost.",
                Query("sum(max by (partition) (pillarscore_missing_offsets<P>))", "missing"),
                Query("sum(max by (partition) (pillarscore_lost_offsets<P>))", "lost"),
                steps=[(1, RED)],
                width=6,
            ),
            series(
                "Commits that needed care",
                "short",
                "In the last hour: records that Kafka refused, so that their transaction was aborted; commits "
                "without an answer; transactions that a restore found incomplete.",
                "Refused: PillarscoreRecordsRefused. Without an answer: the network or Kafka, nothing is "
                "lost. Incomplete: "
                "PillarscoreTransactionTorn.",
                Query("sum(increase(pillarscore_produce_failures_total<P>[1h])) or vector(0)", "refused"),
                Query(
                    "sum(increase(pillarscore_unanswered_commits_total<P>[1h])) or vector(0)",
                    "without an answer",
                ),
                Query("sum(increase(pillarscore_torn_transactions_total<P>[1h]))", "incomplete"),
                Query("sum(increase(pillarscore_benchmark_failures_total<W>[1h]))", "refused benchmarks"),
                width=6,
            ),
            series(
                "Scores read back",
                "short",
                "Scores that a worker has read back after their commit, in the last hour, and those that "
                "were not as they "
                "were committed.",
                "Any that differ: PillarscoreReadersDiffer. None read back for an hour though scores come "
                "out: see the log.",
                Query("sum(increase(pillarscore_audited_scores_total<P>[1h]))", "read back"),
                Query("sum(increase(pillarscore_audit_differences_total<P>[1h]))", "differ"),
                colors={"differ": RED},
                width=6,
            ),
        ],
    ]
