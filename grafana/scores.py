"""Scores: how they spread, how they move, and what they are compared with."""

from typing import Any

from grafana.frame import dashboard
from grafana.inside import quantiles
from grafana.panels import BLUE, GREEN, RED, YELLOW, Panel, Query, bars, heat, number, series

UID = "pillarscore-scores"
PILLARS = {
    "brand": "establish your professional brand",
    "find": "find the right people",
    "engage": "engage with insights",
    "relate": "build relationships",
}
BANDS = {"low": RED, "middle": YELLOW, "high": GREEN, "top": BLUE}
RUBRIC = (
    "A jump at a mark of a deploy is a new rubric. Without one: has an upstream system stopped or doubled "
    "what it sends (dashboard Data quality)? `pillarscore explain MEMBER` says what counts for one member."
)


def build() -> dict[str, Any]:
    """The dashboard, as Grafana's JSON model."""
    return dashboard(
        UID,
        "Pillarscore / Scores",
        "How the scores spread and move, and what they are compared with. Not about machines.",
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
            "Members with state, over the partitions chosen.",
            "A fall is an erasure of many, or a partition that nobody has (dashboard Pipeline).",
            Query("sum(max by (partition) (pillarscore_members<P>))"),
        ),
        number(
            "Mean score",
            "suffix: points",
            "Mean of all members' scores, of 100 points.",
            RUBRIC,
            Query(_mean("score")),
            decimals=2,
        ),
        number(
            "Median score",
            "suffix: points",
            "Half of the members have more. Read from a histogram of 20 buckets.",
            RUBRIC,
            Query(_quantile(0.5, "score")),
            decimals=1,
        ),
        number(
            "Score of the top 1 %",
            "suffix: points",
            "One member in a hundred has more.",
            "100 for many: the rubric saturates too early to tell the best apart (`pillarscore whatif`).",
            Query(_quantile(0.99, "score")),
            decimals=1,
        ),
        *[
            number(
                f"Band {band}",
                "short",
                f"Members in the band {band}; a member leaves a band only when the score is well beyond "
                "its edge.",
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
                "How many members have a score within each 5 points; a bar is named by its upper end.",
                f"Most in the first bar: little is known of most members. {RUBRIC}",
                Query(
                    'sum by (le) (pillarscore_member_score_bucket<P,pillar="score">)',
                    "{{le}}",
                ),
                buckets=True,
                width=12,
            ),
            heat(
                "Members by score, over time",
                "short",
                "The same, over time: the brighter, the more members.",
                "A step at midnight is the day's turn: all scores decay by a day. A step at another time: "
                + RUBRIC,
                Query('sum by (le) (pillarscore_member_score_bucket<P,pillar="score">)', "{{le}}"),
                width=12,
            ),
        ],
        [
            series(
                "Score by rank",
                "suffix: points",
                "The score below which 10, 25, 50, 75, 90 and 99 of 100 members are.",
                "All lines together: " + RUBRIC,
                *[Query(_quantile(q / 100, "score"), f"p{q}") for q in (10, 25, 50, 75, 90, 99)],
                width=12,
                most=100,
            ),
            series(
                "Mean of each pillar",
                "suffix: points",
                "Mean over all members, of 25 points each.",
                "One pillar alone falls: the kinds of events that it counts stay away; see the table of "
                "factors in the documentation, and Data quality.",
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
                f"Members by points of the pillar {pillar} ({about}), in steps of 2.5.",
                "Nearly all at 0: its kinds of events do not come in. Nearly all at 25: it saturates too "
                "early, try another rubric (`pillarscore whatif`).",
                Query(f'sum by (le) (pillarscore_member_score_bucket<P,pillar="{pillar}">)', "{{le}}"),
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
                "Members that went to a band within the last hour. Each is a record in member.bands.",
                "A peak at the day's turn is decay. Members who come and go: the bands' hysteresis in the "
                "rubric is too narrow.",
                Query("sum by (band) (increase(pillarscore_band_changes_total<P>[1h]))", "to {{band}}"),
                colors={f"to {band}": color for band, color in BANDS.items()},
            ),
            series(
                "Scores put out",
                "recps",
                "Score records per second: members whose score was computed anew because something came "
                "in, or because the day turned.",
                "0 while events come in: dashboard Pipeline, PillarscoreScoresStalled.",
                Query("sum(rate(pillarscore_scores_total<P>[$__rate_interval]))", "scores"),
            ),
        ],
        [
            series(
                "Members scored at once",
                "short",
                "Members whose scores go out in one flush.",
                "Very large all the time: scoring is behind and flushes seldom (dashboard Pipeline).",
                *quantiles("pillarscore_flush_members"),
            ),
            series(
                "Members left to score for the day",
                "short",
                "After the day's turn every member is scored as of the new day; until then their scores "
                "are as of the day before.",
                "Above 0 for half an hour: PillarscoreDayTurnStuck.",
                Query("sum(max by (partition) (pillarscore_unrolled_members<P>))", "members"),
            ),
            series(
                "As-of day",
                "dateTimeAsIso",
                "The day that scores are as of, by partition.",
                "Partitions that differ for more than minutes: PillarscoreDayTurnStuck. All behind: "
                "PillarscoreDayStandsStill.",
                Query("max by (partition) (pillarscore_day<P>) * 86400000", "partition {{partition}}"),
                least=None,
            ),
        ],
    ]


def _cohorts() -> list[list[Panel]]:
    return [
        [
            number(
                "Cohorts",
                "short",
                "Cohorts that have a benchmark: industries, teams and all together.",
                "A sudden fall: the members' industry or team is not known any more, see "
                "activity.member.updated upstream.",
                Query("max(pillarscore_cohorts<W>)"),
                width=3,
                height=8,
            ),
            series(
                "Benchmarks' age, by worker",
                "s",
                "How long ago the worker knew that its benchmarks are all there is. Each worker merges "
                "them for itself.",
                "Above a minute for long: PillarscoreBenchmarksStale. Scores are not affected, ranks are.",
                Query("max by (instance) (pillarscore_benchmark_age_seconds<W>)", "{{instance}}"),
                width=7,
                steps=[(60, YELLOW), (300, RED)],
            ),
            series(
                "Merging benchmarks",
                "s",
                "CPU of merging what has changed into benchmarks and ranks.",
                "Growing with the number of cohorts is right. When a worker is near its limit of CPU, "
                "this is a part of it.",
                *quantiles("pillarscore_rank_merge_seconds"),
                width=7,
            ),
            series(
                "Network",
                "short",
                "Members with a connection, and their connections (on both sides), as of the last sweep.",
                "A sudden fall: many were erased, or a system upstream sends activity.connection.removed "
                "by mistake; see what came in on Data quality.",
                Query("sum(max by (partition) (pillarscore_network_members<P>))", "members"),
                Query("sum(max by (partition) (pillarscore_network_connections<P>))", "connections"),
                width=7,
            ),
        ],
        [
            series(
                "Networks' age, by partition",
                "s",
                "Time since the refresh that the oldest records of networks are of. They are refreshed after "
                "each turn of the day, and every PILLARSCORE_NETWORK_HOURS.",
                "Above a day: PillarscoreNetworksStale. Scores are not affected, places in networks are old.",
                Query("max by (partition) (pillarscore_network_age_seconds<P>)", "{{partition}}"),
                width=12,
                steps=[(90_000, YELLOW), (93_600, RED)],
            ),
            series(
                "Networks to be refreshed",
                "short",
                "Members whose network the refresh under way has not put out yet. It takes a tenth of a core "
                "while events come in.",
                "The same for minutes: the refresh does not get on, see the log and the CPU of the worker.",
                Query("sum(max by (partition) (pillarscore_network_unrefreshed_members<P>))", "members"),
                width=12,
            ),
        ],
    ]
