"""Data quality: what comes in that is wrong, late or twice, and where it comes from."""

from typing import Any

from grafana.frame import dashboard
from grafana.panels import RED, YELLOW, Panel, Query, bars, number, rows, series

UID = "pillarscore-quality"
RATE = "[$__rate_interval]"
READ = f"(sum(rate(pillarscore_ingest_events_total<W>{RATE})) > 0)"
REASONS = "What each reason means is in the documentation, under topics."


def build() -> dict[str, Any]:
    """The dashboard, as Grafana's JSON model."""
    return dashboard(
        UID,
        "Pillarscore / Data quality",
        "For the owners of upstream systems: what is wrong, late or twice, and where it comes from.",
        [
            ("Now", [_numbers()]),
            ("Dead letters", _letters()),
            ("Late and twice", _late()),
            ("What does not count", _uncounted()),
        ],
        refresh="1m",
    )


def _numbers() -> list[Panel]:
    return [
        number(
            "Events",
            "eps",
            "Events read per second.",
            "0: upstream is silent (PillarscoreNoEvents), or ingest stands still "
            "(PillarscoreIngestStalled). Far fewer than a week ago: PillarscoreFewEvents.",
            Query(f"sum(rate(pillarscore_ingest_events_total<W>{RATE}))"),
            width=4,
        ),
        number(
            "Events, of a week ago",
            "percentunit",
            "Events of the last hour as a share of those of the same hour a week ago. Empty in the first "
            "week.",
            "Below 20 %: a source has fallen silent, PillarscoreFewEvents. Above 300 %: a backfill, or a "
            "source that publishes everything again.",
            Query(
                "sum(rate(pillarscore_ingest_events_total<W>[1h]))"
                " / (sum(rate(pillarscore_ingest_events_total<W>[1h] offset 1w)) > 0)"
            ),
            width=4,
        ),
        number(
            "Dead letters",
            "percentunit",
            "Share of events that cannot be counted.",
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
            "Share of events that are counted on a day before the as-of day. They count, but readers saw "
            "scores without them.",
            "A source delivers in batches or was cut off: see by source below.",
            Query(f"sum(rate(pillarscore_late_events_total<P>{RATE})) / {READ} or vector(0)"),
            width=4,
            steps=[(0.2, YELLOW)],
            decimals=2,
        ),
        number(
            "Lost",
            "short",
            "Offsets of activity.events that retention removed before they were read, in all.",
            "Anything but 0: these events count nowhere. PillarscoreEventsLost.",
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
                f"A new reason at a mark upstream: they have changed what they send. {REASONS}",
                Query(f"sum by (reason) (rate(pillarscore_dead_letters_total<P>{RATE}))", "{{reason}}"),
                stack=True,
                width=12,
            ),
            series(
                "Dead letters by source partition",
                "eps",
                "The same, by partition of activity.events that they came in.",
                "One partition alone: one producer, if upstream keys by system. The letters' headers name "
                "topic, partition and offset of each.",
                Query(
                    f"sum by (source) (rate(pillarscore_source_dead_letters_total<P>{RATE}))", "{{source}}"
                ),
                stack=True,
                width=12,
            ),
        ],
        [
            bars(
                "Dead letters by reason, in the time chosen",
                "short",
                "How many went to activity.dead-letters in the time that is chosen above.",
                f"Begin with the longest bar. {REASONS}",
                Query(
                    "sort_desc(sum by (reason) (increase(pillarscore_dead_letters_total<P>[$__range])))",
                    "{{reason}}",
                ),
                width=12,
            ),
            rows(
                "By reason and partition of members",
                "short",
                "Dead letters in the time chosen. They are in activity.dead-letters, untouched, each with "
                "what is wrong with it in its header.",
                "Look at some with `pillarscore dead-letters list` and `show`, tell the system that sent "
                "them, and `replay` them once it is mended.",
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
                "Events per second that are counted on a day before the as-of day.",
                "A peak after an outage upstream is right. All the time: a source works in batches, and "
                "its members' scores are always behind.",
                Query(f"sum by (source) (rate(pillarscore_source_late_events_total<P>{RATE}))", "{{source}}"),
                stack=True,
            ),
            series(
                "Duplicates by source partition",
                "eps",
                "Events per second whose source and id were seen before.",
                "A peak is a producer that sent again after a fault: right. All the time: it sends "
                "everything twice, PillarscoreDuplicateRatioHigh.",
                Query(f"sum by (source) (rate(pillarscore_source_duplicates_total<P>{RATE}))", "{{source}}"),
                stack=True,
            ),
            series(
                "Events by source partition",
                "eps",
                "Offsets of activity.events counted per second, all kinds together: what the panels "
                "beside this one are shares of.",
                "Partitions that differ much: keys are skewed. One at 0: its producer is silent, or "
                "PillarscoreIngestStalled.",
                Query(f"max by (source) (rate(pillarscore_watermark_offset<P>{RATE}))", "{{source}}"),
                stack=True,
            ),
        ],
    ]


def _uncounted() -> list[list[Panel]]:
    return [
        [
            series(
                "Not scored",
                "eps",
                "Events per second that are settled in another way than scored: duplicate, outside the 90 "
                "days that count, erased (from before their member was erased), or a dead letter.",
                "outside_window: somebody publishes old events, they count nowhere. erased: a system does "
                "not know yet that the member is gone; tell its owner.",
                Query(
                    "sum by (disposition) (rate(pillarscore_events"
                    f'<P,disposition=~"duplicate|outside_window|erased|dead_lettered">{RATE}))',
                    "{{disposition}}",
                ),
                stack=True,
            ),
            series(
                "Delivered again within Pillarscore",
                "eps",
                "Rows that ingest sent again after a fault and that were dropped (repeated), and rows "
                "whose frame did not join on (refused; ingest sends them again).",
                "A peak after a restart is the mechanism at work. Refused all the time: "
                "PillarscoreIngestRestarting.",
                Query(
                    "sum by (disposition) (rate("
                    f'pillarscore_events<P,disposition=~"repeated|refused">{RATE}))',
                    "{{disposition}}",
                ),
            ),
            series(
                "Share of dead letters",
                "percentunit",
                "Of the events read, those that failed validation, by the worker that read them.",
                "All workers alike: upstream. One worker alone: it runs another version, "
                "PillarscoreVersionsMixed.",
                Query(
                    f"sum by (instance) (rate(pillarscore_ingest_invalid_events_total<W>{RATE}))"
                    f" / (sum by (instance) (rate(pillarscore_ingest_events_total<W>{RATE})) > 0)",
                    "{{instance}}",
                ),
                steps=[(0.05, RED)],
            ),
        ],
    ]
