"""Data quality: invalid, late and duplicate events, and where they come from."""

from typing import Any

from grafana.frame import dashboard
from grafana.panels import RED, YELLOW, Panel, bars, number, rows, series
from grafana.queries import Query

UID = "pillarscore-quality"
RATE = "[$__rate_interval]"
READ = f"(sum(rate(pillarscore_ingest_events_total<W>{RATE})) > 0)"
REASONS = "The message of each letter says what is wrong; docs/reference/topics.md lists the reasons."


def build() -> dict[str, Any]:
    """The dashboard, as Grafana's JSON model."""
    return dashboard(
        UID,
        "Pillarscore / Data quality",
        "For the owners of upstream systems: invalid, late and duplicate events, and where they come from.",
        [
            ("Now", [_numbers()]),
            ("Dead letters", _letters()),
            ("Late and duplicate events", _late()),
            ("Events that do not count", _uncounted()),
        ],
        refresh="1m",
    )


def _numbers() -> list[Panel]:
    # one table of panels, so it is long
    return [
        number(
            "Events",
            "eps",
            "Events read per second.",
            "0: upstream sends nothing (PillarscoreNoEvents), or ingest is stalled (PillarscoreIngestStalled). Far "
            "fewer than a week ago: PillarscoreFewEvents.",
            Query(f"sum(rate(pillarscore_ingest_events_total<W>{RATE}))"),
            width=4,
        ),
        number(
            "Events, compared with a week ago",
            "percentunit",
            "Events of the last hour as a share of the same hour a week ago. Empty in the first week.",
            "Below 20 %: a source has stopped sending, PillarscoreFewEvents. Above 300 %: a backfill, or a source "
            "that publishes everything again.",
            Query(
                "sum(rate(pillarscore_ingest_events_total<W>[1h]))"
                " / (sum(rate(pillarscore_ingest_events_total<W>[1h] offset 1w)) > 0)"
            ),
            width=4,
        ),
        number(
            "Dead letters",
            "percentunit",
            "Share of events that can't be counted.",
            "See the reasons below; PillarscoreDeadLetterRatioHigh says what to do.",
            Query(f"sum(rate(pillarscore_ingest_invalid_events_total<W>{RATE})) / {READ} or vector(0)"),
            width=4,
            steps=[(0.01, YELLOW), (0.05, RED)],
            decimals=2,
        ),
        number(
            "Duplicates",
            "percentunit",
            "Share of events whose source and id were seen before. They count once.",
            "See by source below; PillarscoreDuplicateRatioHigh says what to do.",
            Query(f"sum(rate(pillarscore_source_duplicates_total<P>{RATE})) / {READ} or vector(0)"),
            width=4,
            steps=[(0.05, YELLOW), (0.2, RED)],
            decimals=2,
        ),
        number(
            "Late",
            "percentunit",
            "Share of events counted on a day before the as-of day. They count, but until then readers saw "
            "scores without them.",
            "A source delivers in batches or was disconnected: see by source below.",
            Query(f"sum(rate(pillarscore_late_events_total<P>{RATE})) / {READ} or vector(0)"),
            width=4,
            steps=[(0.2, YELLOW)],
            decimals=2,
        ),
        number(
            "Lost",
            "short",
            "Offsets of activity.events that were lost before they were counted, in total.",
            "Anything but 0: these events are in no score. PillarscoreEventsLost.",
            Query("sum(max by (partition) (pillarscore_lost_offsets<P>))"),
            width=4,
            steps=[(1, RED)],
        ),
    ]


def _letters() -> list[list[Panel]]:
    return [
        [
            series(
                "Dead letters by reason",
                "eps",
                "Events per second that went to activity.dead-letters, by reason code.",
                f"A new reason: an upstream system has changed its events. {REASONS}",
                Query(f"sum by (reason) (rate(pillarscore_dead_letters_total<P>{RATE}))", "{{reason}}"),
                stack=True,
                width=12,
            ),
            series(
                "Dead letters by source partition",
                "eps",
                "The same, by partition of activity.events.",
                "Only one partition: one producer, if upstream keys by system. The headers of each letter have "
                "topic, partition and offset of the event.",
                Query(
                    f"sum by (source) (rate(pillarscore_source_dead_letters_total<P>{RATE}))",
                    "source {{source}}",
                ),
                stack=True,
                width=12,
            ),
        ],
        [
            series(
                "Dead letters by event source",
                "eps",
                "The same, by the `source` of the event: the first 100 that a worker meets have a line of their own. "
                "(none): no source can be read.",
                "Inform the owner of the system that the line names. `pillarscore dead-letters list --source SOURCE` "
                "shows its letters.",
                Query(
                    f"sum by (event_source) (rate(pillarscore_event_source_dead_letters_total<W>{RATE}))",
                    "{{event_source}}",
                ),
                stack=True,
                width=24,
            ),
        ],
        [
            bars(
                "Dead letters by reason, in the time range",
                "short",
                "Number of dead letters in the selected time range.",
                f"Start with the longest bar. {REASONS}",
                Query(
                    "sort_desc(sum by (reason) (increase(pillarscore_dead_letters_total<P>[$__range])))",
                    "{{reason}}",
                ),
                width=12,
            ),
            rows(
                "Dead letters by reason and member partition",
                "short",
                "Dead letters in the selected time range. The events are in activity.dead-letters, unchanged, with "
                "the error in a header.",
                "Look at some with `pillarscore dead-letters list` and `show`, inform the owner of the system that "
                "sent them, and redrive them with `replay` once it is fixed.",
                Query(
                    "sum by (reason, partition) (increase(pillarscore_dead_letters_total<P>[$__range])) > 0"
                ),
                {"reason": "Reason", "partition": "Partition", "Value": "Dead letters"},
                width=12,
            ),
        ],
    ]


def _late() -> list[list[Panel]]:
    return [
        [
            series(
                "Late events by source partition",
                "eps",
                "Events per second counted on a day before the as-of day.",
                "A peak after an outage upstream is normal. Constantly: a source delivers in batches, so the scores "
                "of its members always lag.",
                Query(
                    f"sum by (source) (rate(pillarscore_source_late_events_total<P>{RATE}))",
                    "source {{source}}",
                ),
                stack=True,
            ),
            series(
                "Duplicates by source partition",
                "eps",
                "Events per second whose source and id were seen before.",
                "A peak is normal: a producer retried after a fault. Constantly: it sends everything twice, "
                "PillarscoreDuplicateRatioHigh.",
                Query(
                    f"sum by (source) (rate(pillarscore_source_duplicates_total<P>{RATE}))",
                    "source {{source}}",
                ),
                stack=True,
            ),
            series(
                "Events by source partition",
                "eps",
                "Offsets of activity.events counted per second, for comparison with the panels beside this one.",
                "Partitions differ a lot: keys are skewed. One at 0: its producer sends nothing, or "
                "PillarscoreIngestStalled.",
                Query(f"max by (source) (rate(pillarscore_watermark_offset<P>{RATE}))", "source {{source}}"),
                stack=True,
            ),
        ],
    ]


def _uncounted() -> list[list[Panel]]:
    # one table of panels, so it is long
    return [
        [
            series(
                "Not scored",
                "eps",
                "Events per second with another disposition than scored: duplicate, outside the last 90 days, "
                "erased (from before their member was erased), too late for their source, or another dead letter.",
                "outside_window: an upstream system publishes old events, which do not count. erased: a system "
                "does not know yet that the member was erased; inform its owner.",
                Query(
                    "sum by (disposition) (rate(pillarscore_events"
                    f'<P,disposition=~"duplicate|outside_window|erased|too_late|dead_lettered">{RATE}))',
                    "{{disposition}}",
                ),
                stack=True,
            ),
            series(
                "Redelivered within Pillarscore",
                "eps",
                "Rows that ingest delivered again after a fault and that were dropped (repeated), and rows that "
                "earlier versions rejected because a frame was missing (refused).",
                "A peak after a restart is normal. Repeated rises constantly: PillarscoreIngestRestarting.",
                Query(
                    "sum by (disposition) (rate("
                    f'pillarscore_events<P,disposition=~"repeated|refused">{RATE}))',
                    "{{disposition}}",
                ),
            ),
            series(
                "Share of dead letters",
                "percentunit",
                "Share of the events read that failed validation, by the worker that read them.",
                "All workers alike: the cause is upstream. Only one worker: it runs another version, "
                "PillarscoreVersionsMixed.",
                Query(
                    f"sum by (instance) (rate(pillarscore_ingest_invalid_events_total<W>{RATE}))"
                    f" / (sum by (instance) (rate(pillarscore_ingest_events_total<W>{RATE})) > 0)",
                    "{{instance}}",
                ),
                steps=[(0.05, RED)],
            ),
        ],
        [
            series(
                "Reused ids",
                "eps",
                "Events per second with the id of an earlier event and other content, as far as it is noticed. Only "
                "the first of them counts.",
                "An upstream system gives several events one id: inform its owner. Each line has the `source` of the "
                "events.",
                Query(
                    f"sum by (event_source) (rate(pillarscore_conflicting_events_total<W>{RATE}))",
                    "{{event_source}}",
                ),
                width=12,
            ),
            series(
                "Untrusted timestamps",
                "eps",
                "Records per second whose Kafka timestamp can't be right. They are judged by the time of reading.",
                "A producer sets wrong timestamps on a topic with CreateTime: set LogAppendTime.",
                Query(f"sum(rate(pillarscore_untrusted_timestamps_total<W>{RATE}))", "all"),
                width=12,
            ),
        ],
        [
            series(
                "Late events by source",
                "eps",
                "Events per second that were more than a day late when Kafka received them, counted or refused.",
                "A backfill, a queue that was stuck, or somebody who makes up history: PillarscoreLateEventsBurst.",
                Query(
                    f"sum by (event_source) (rate(pillarscore_ingest_late_events_total<W>{RATE}))",
                    "{{event_source}}",
                ),
                width=8,
            ),
            series(
                "Late events of one member",
                "short",
                "The most events more than a day late about one member within an hour.",
                "100 or more: PillarscoreLateEventsOfOneMember. The log of ingest names the member.",
                Query("max(pillarscore_member_late_events<W>)", "the most"),
                width=8,
            ),
            series(
                "Events not allowed by source",
                "eps",
                "Events per second that their source may not publish. They are dead letters.",
                "A source that has no permission yet, or one that pretends to be another: "
                "PillarscoreEventsNotAllowed.",
                Query(
                    f"sum by (event_source) (rate(pillarscore_ingest_not_allowed_events_total<W>{RATE}))",
                    "{{event_source}}",
                ),
                width=8,
            ),
        ],
    ]
