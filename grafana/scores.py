"""Scores: their distribution, their changes, and the cohorts they are compared with."""

from typing import Any

from grafana.frame import dashboard
from grafana.inside import quantiles
from grafana.panels import BLUE, GREEN, RED, YELLOW, Panel, bars, heat, number, series, states
from grafana.queries import Query, top

UID = "pillarscore-scores"
PILLARS = {
    "brand": "establish your professional brand",
    "find": "find the right people",
    "engage": "engage with insights",
    "relate": "build relationships",
}
BANDS = {"low": RED, "middle": YELLOW, "high": GREEN, "top": BLUE}
RUBRIC = (
    "A jump at the annotation of a deploy is a new rubric. Otherwise: has an upstream system stopped sending, or "
    "started sending twice (dashboard Data quality)? `pillarscore explain MEMBER` shows what counts for one member."
)


def build() -> dict[str, Any]:
    """The dashboard, as Grafana's JSON model."""
    return dashboard(
        UID,
        "Pillarscore / Scores",
        "Distribution and changes of the scores, bands, cohorts and networks.",
        [
            ("Now", [_numbers()]),
            ("Distribution", _distribution()),
            ("Pillars", _pillars()),
            ("Bands and movers", _movers()),
            ("Cohorts and network", _cohorts()),
        ],
        refresh="1m",
    )


def _mean(pillar: str) -> str:
    return (
        f'sum(pillarscore_member_score_sum<P,pillar="{pillar}">)'
        f' / (sum(pillarscore_member_score_count<P,pillar="{pillar}">) > 0)'
    )


def _quantile(q: float, pillar: str) -> str:
    return f'histogram_quantile({q}, sum by (le) (pillarscore_member_score_bucket<P,pillar="{pillar}">))'


def _numbers() -> list[Panel]:
    return [
        number(
            "Members",
            "short",
            "Members with state, in the selected partitions.",
            "A fall: many members were erased, or a partition has no owner (dashboard Pipeline).",
            Query("sum(max by (partition) (pillarscore_members<P>))"),
        ),
        number(
            "Mean score",
            "suffix:points",
            "Mean of all members' scores, out of 100 points.",
            RUBRIC,
            Query(_mean("score")),
            decimals=2,
        ),
        number(
            "Median score",
            "suffix:points",
            "Half of the members have a higher score. Estimated from a histogram with a bucket for each point.",
            RUBRIC,
            Query(_quantile(0.5, "score")),
            decimals=1,
        ),
        number(
            "99th percentile score",
            "suffix:points",
            "1 % of the members have a higher score.",
            "100 for many: the rubric saturates too early to distinguish the best (`pillarscore whatif`).",
            Query(_quantile(0.99, "score")),
            decimals=1,
        ),
        *[
            number(
                f"Band {band}",
                "short",
                f"Members in the band {band}; a member leaves a band only when the score falls clearly below its "
                "threshold.",
                RUBRIC,
                Query(f'sum(max by (partition) (pillarscore_band_members<P,band="{band}">))'),
            )
            for band in BANDS
        ],
    ]


def _distribution() -> list[list[Panel]]:
    return [
        [
            bars(
                "Members by score, now",
                "short",
                "Number of members by score, in steps of 10 points; each bar is labelled with its upper bound.",
                f"Most in the first bar: there are few events for most members. {RUBRIC}",
                Query(
                    'sum by (le) (pillarscore_member_score_bucket<P,pillar="score",le=~"[0-9]*0.0">)',
                    "{{le}}",
                ),
                buckets=True,
                width=12,
            ),
            heat(
                "Members by score, over time",
                "short",
                "The same over time, in steps of a point: the brighter, the more members.",
                "A step at midnight is the rollover: all scores decay by a day. A step at another time: "
                + RUBRIC,
                Query('sum by (le) (pillarscore_member_score_bucket<P,pillar="score">)', "{{le}}"),
                width=12,
                gap=0,
            ),
        ],
        [
            series(
                "Score percentiles",
                "suffix:points",
                "10th, 25th, 50th, 75th, 90th and 99th percentile of the scores.",
                "All lines together: " + RUBRIC,
                *[Query(_quantile(q / 100, "score"), f"p{q}") for q in (10, 25, 50, 75, 90, 99)],
                width=12,
                most=100,
            ),
            series(
                "Mean by pillar",
                "suffix:points",
                "Mean over all members, out of 25 points each.",
                "Only one pillar falls: the event types that it counts no longer arrive; see "
                "docs/reference/factors.md, and the dashboard Data quality.",
                Query(
                    'sum by (pillar) (pillarscore_member_score_sum<P,pillar!="score">)'
                    ' / (sum by (pillar) (pillarscore_member_score_count<P,pillar!="score">) > 0)',
                    "{{pillar}}",
                ),
                width=12,
                most=25,
            ),
        ],
    ]


def _pillars() -> list[list[Panel]]:
    return [
        [
            bars(
                f"{pillar.capitalize()}, now",
                "short",
                f"Members by points of the pillar {pillar} ({about}), in steps of 5 points.",
                "Nearly all at 0: its event types do not arrive. Nearly all at 25: it saturates too early, try "
                "another rubric (`pillarscore whatif`).",
                Query(
                    f'sum by (le) (pillarscore_member_score_bucket<P,pillar="{pillar}",le=~"[0-9]*[05].0">)',
                    "{{le}}",
                ),
                buckets=True,
                width=6,
            )
            for pillar, about in PILLARS.items()
        ],
    ]


def _movers() -> list[list[Panel]]:
    return [
        [
            series(
                "Members by band",
                "short",
                "Members in each band.",
                RUBRIC,
                Query("sum by (band) (max by (partition, band) (pillarscore_band_members<P>))", "{{band}}"),
                stack=True,
                colors=BANDS,
            ),
            series(
                "Band changes in an hour",
                "short",
                "Members that moved to a band within the last hour. Each change is a record in member.bands.",
                "A peak at the rollover is decay. Members move back and forth: the margin of the bands in the "
                "rubric is too small.",
                Query("sum by (band) (increase(pillarscore_band_changes_total<P>[1h]))", "to {{band}}"),
                colors={f"to {band}": color for band, color in BANDS.items()},
            ),
            series(
                "Scores emitted",
                "recps",
                "Score records per second: members rescored because of new events or a rollover.",
                "0 while events arrive: dashboard Pipeline, PillarscoreScoresStalled.",
                Query("sum(rate(pillarscore_scores_total<P>[$__rate_interval]))", "scores"),
            ),
        ],
        [
            series(
                "Members per flush",
                "short",
                "Members whose scores are emitted in one flush.",
                "Constantly very large: there is a backlog, so flushes are rare (dashboard Pipeline).",
                *quantiles("pillarscore_flush_members"),
            ),
            series(
                "Members left to roll over",
                "short",
                "After the rollover all members are rescored as of the new day; until then their scores are as of "
                "the previous day.",
                "Above 0 for half an hour: PillarscoreDayTurnStuck.",
                Query("sum(max by (partition) (pillarscore_unrolled_members<P>))", "members"),
            ),
            states(
                "As-of day",
                "dateTimeAsIso",
                "The day of the scores, by partition. If there are many, those that are furthest behind.",
                "Partitions that differ for more than minutes: PillarscoreDayTurnStuck. All behind: "
                "PillarscoreDayStandsStill.",
                Query(
                    top(
                        "max by (partition) (pillarscore_day<P>) * 86400000",
                        "partition",
                        least=True,
                        count=16,
                    ),
                    "partition {{partition}}",
                ),
                width=8,
            ),
        ],
    ]


def _cohorts() -> list[list[Panel]]:
    # one table of panels, so it is long
    return [
        [
            number(
                "Cohorts",
                "short",
                "Cohorts with members, such as everyone, industries and teams.",
                "A sudden fall: the members' industry or team was cleared; check activity.member.updated upstream.",
                Query("max(pillarscore_cohorts<W>)"),
                width=3,
                height=10,
            ),
            series(
                "Benchmark age, by worker",
                "s",
                "Time since the worker's benchmarks were last known to be up to date. Each worker merges its own.",
                "Above a minute for long: PillarscoreBenchmarksStale. Scores are not affected, ranks are.",
                Query("max by (instance) (pillarscore_benchmark_age_seconds<W>)", "{{instance}}"),
                width=7,
                steps=[(60, YELLOW), (300, RED)],
            ),
            series(
                "Merging benchmarks",
                "s",
                "CPU time of merging changes into benchmarks and ranks.",
                "Growing with the number of cohorts is normal. It is part of the CPU load of a worker.",
                *quantiles("pillarscore_rank_merge_seconds"),
                width=7,
            ),
            series(
                "Network",
                "short",
                "Members with connections, and their connections (counted on both sides), as of the last sweep.",
                "A sudden fall: many members were erased, or an upstream system sends activity.connection.removed "
                "by mistake; see the dashboard Data quality.",
                Query("sum(max by (partition) (pillarscore_network_members<P>))", "members"),
                Query("sum(max by (partition) (pillarscore_network_connections<P>))", "connections"),
                width=7,
            ),
        ],
        [
            series(
                "Network age, by partition",
                "s",
                "Age of the oldest records of networks. They are refreshed after each rollover, and every "
                "PILLARSCORE_NETWORK_HOURS.",
                "Above a day: PillarscoreNetworksStale. Scores are not affected; ranks among connections are "
                "outdated.",
                Query("max by (partition) (pillarscore_network_age_seconds<P>)", "partition {{partition}}"),
                width=12,
                steps=[(90_000, YELLOW), (93_600, RED)],
            ),
            series(
                "Networks to be refreshed",
                "short",
                "Members whose network the current refresh has not emitted yet. It uses a tenth of a core while "
                "events arrive.",
                "Constant for minutes: the refresh makes no progress, see the log and the CPU of the worker.",
                Query("sum(max by (partition) (pillarscore_network_unrefreshed_members<P>))", "members"),
                width=12,
            ),
        ],
    ]
