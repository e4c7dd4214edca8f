"""Panels in the house's form: each has a data source, a unit, and a text that says what to do when it is bad.

Queries name what the dashboard's variables have selected by `<J>` (job), `<W>` (job and worker) and `<P>`
(job, worker and partition), as in `pillarscore_members<P>`; further matchers follow: `<W,stage="emitted">`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    heatmap,
    prometheus,
    stat,
    statetimeline,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heat_shapes
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
GREEN, YELLOW, RED, BLUE = "green", "yellow", "red", "blue"
Steps = Sequence[tuple[float, str]]
"""From which value on a colour holds; green below the first."""

_SELECTORS = {
    "J": 'job="$job"',
    "W": 'job="$job",instance=~"$instance"',
    "P": 'job="$job",instance=~"$instance",partition=~"$partition"',
}


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel and how much of the grid it takes: 24 columns make a line."""

    builder: Any
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression, and how its series are called."""

    expr: str
    legend: str = "__auto"


def promql(text: str) -> str:
    """An expression with its selectors written out, on one line.

    >>> promql('sum(pillarscore_members<J,partition="0">)')
    'sum(pillarscore_members{job="$job",partition="0"})'
    """
    out = re.sub(r"<([JWP])(,[^>]*)?>", lambda m: "{" + _SELECTORS[m[1]] + (m[2] or "") + "}", text)
    return " ".join(out.split())


def series(
    title: str,
    unit: str,
    about: str,
    bad: str,
    *queries: Query,
    width: int = 8,
    height: int = 8,
    stack: bool = False,
    steps: Steps = (),
    least: float | None = 0,
    most: float | None = None,
    colors: Mapping[str, str] | None = None,
) -> Panel:
    """Lines over time. steps: dashed lines; stack: areas on top of each other; least, most: of the axis."""
    made = _begin(timeseries.Panel(), title, unit, about, bad, steps)
    made.fill_opacity(60 if stack else 8).line_width(1).span_nulls(60_000)
    made.show_points(shapes.VisibilityMode.NEVER)
    made.tooltip(
        common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI).sort(shapes.SortOrder.DESCENDING)
    )
    made.legend(
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(shapes.LegendDisplayMode.LIST)
        .placement(shapes.LegendPlacement.BOTTOM)
        .calcs([])
    )
    if least is not None:
        made.min(least)
    if most is not None:
        made.max(most)
    if stack:
        made.stacking(common.StackingConfig().mode(shapes.StackingMode.NORMAL).group("A"))
    if steps:
        made.thresholds_style(
            common.GraphThresholdsStyleConfig().mode(shapes.GraphThresholdsStyleMode.DASHED)
        )
    for name, color in (colors or {}).items():
        made.override_by_name(
            name, [models.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": color})]
        )
    for ref, query in zip("ABCDEFGH", queries, strict=False):
        made.with_target(_target(query, ref).range())
    return Panel(made, width, height)


def number(
    title: str,
    unit: str,
    about: str,
    bad: str,
    query: Query,
    *,
    width: int = 3,
    height: int = 4,
    steps: Steps = (),
    words: Mapping[str, tuple[str, str]] | None = None,
    names: bool = False,
    decimals: int | None = None,
    below: bool = False,
) -> Panel:
    """The newest value, large, with its course behind it.

    words: text and colour that stand for a value; names: the series' name instead of its value; below: it is
    bad when low, so red holds below the first step.
    """
    made = _begin(stat.Panel(), title, unit, about, bad, steps, RED if below else GREEN)
    made.color_mode(shapes.BigValueColorMode.VALUE if steps or words else shapes.BigValueColorMode.NONE)
    made.graph_mode(shapes.BigValueGraphMode.NONE if names or words else shapes.BigValueGraphMode.AREA)
    made.text_mode(shapes.BigValueTextMode.NAME if names else shapes.BigValueTextMode.AUTO)
    made.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    if words:
        made.mappings([_words(words)])
    if decimals is not None:
        made.decimals(decimals)
    made.with_target(_target(query, "A").range())
    return Panel(made, width, height)


def heat(
    title: str, unit: str, about: str, bad: str, query: Query, *, width: int = 8, height: int = 8
) -> Panel:
    """Buckets of a histogram over time; unit: of the buckets' bounds."""
    made = _begin(heatmap.Panel(), title, "short", about, bad, ())
    made.calculate(False).cell_gap(1)
    made.color(
        heatmap.HeatmapColorOptions()
        .mode(heat_shapes.HeatmapColorMode.SCHEME)
        .scheme("Oranges")
        .scale(heat_shapes.HeatmapColorScale.EXPONENTIAL)
        .exponent(0.5)
        .steps(64)
        .fill("dark-orange")
    )
    made.y_axis(heatmap.YAxisConfig().unit(unit).axis_placement(shapes.AxisPlacement.LEFT))
    made.cell_values(heatmap.CellValues().unit("short")).filter_values(heatmap.FilterValueRange().le(1e-9))
    made.mode(shapes.TooltipDisplayMode.SINGLE).show_y_histogram().hide_legend()
    made.with_target(_target(query, "A").range().format(PromQueryFormat.HEATMAP))
    return Panel(made, width, height)


def bars(
    title: str,
    unit: str,
    about: str,
    bad: str,
    query: Query,
    *,
    width: int = 8,
    height: int = 8,
    buckets: bool = False,
    steps: Steps = (),
) -> Panel:
    """A bar for each series, as of now; buckets: of a histogram, each by itself."""
    made = _begin(bargauge.Panel(), title, unit, about, bad, steps, BLUE)
    made.min(0).display_mode(shapes.BarGaugeDisplayMode.BASIC)
    made.orientation(
        shapes.VizOrientation.VERTICAL if buckets else shapes.VizOrientation.HORIZONTAL
    ).show_unfilled(True)
    made.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))
    target = _target(query, "A").instant()
    made.with_target(target.format(PromQueryFormat.HEATMAP) if buckets else target)
    return Panel(made, width, height)


def states(
    title: str,
    unit: str,
    about: str,
    bad: str,
    query: Query,
    words: Mapping[str, tuple[str, str]],
    *,
    width: int = 12,
    height: int = 8,
) -> Panel:
    """A band for each series, coloured by its value. words: text and colour of each value."""
    made = _begin(statetimeline.Panel(), title, unit, about, bad, ())
    made.mappings([_words(words)]).merge_values(True).row_height(0.8)
    made.show_value(shapes.VisibilityMode.NEVER)
    made.tooltip(common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.SINGLE))
    made.legend(
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(shapes.LegendDisplayMode.LIST)
        .placement(shapes.LegendPlacement.BOTTOM)
        .calcs([])
    )
    made.with_target(_target(query, "A").range())
    return Panel(made, width, height)


def rows(
    title: str,
    unit: str,
    about: str,
    bad: str,
    query: Query,
    columns: Mapping[str, str],
    *,
    units: Mapping[str, str] | None = None,
    links: Mapping[str, tuple[str, str]] | None = None,
    width: int = 24,
    height: int = 8,
) -> Panel:
    """A table of the series as of now.

    columns: label -> heading, in this order, "Value" for the value; units: of a heading that has another one;
    links: heading -> (text, address).
    """
    made = _begin(table.Panel(), title, unit, about, bad, ())
    made.show_header(True)
    order = {label: place for place, label in enumerate(columns)}
    keep = {"id": "filterFieldsByName", "options": {"include": {"names": list(columns)}}}
    turn = {"id": "organize", "options": {"indexByName": order, "renameByName": dict(columns)}}
    for step in (keep, turn):
        made.with_transformation(
            models.DataTransformerConfig(id_val=str(step["id"]), options=step["options"])
        )
    for heading, other in (units or {}).items():
        made.override_by_name(heading, [models.DynamicConfigValue("unit", other)])
    for heading, (text, address) in (links or {}).items():
        made.override_by_name(
            heading, [models.DynamicConfigValue("links", [{"title": text, "url": address}])]
        )
    made.with_target(_target(query, "A").instant().format(PromQueryFormat.TABLE))
    return Panel(made, width, height)


def _begin(made: Any, title: str, unit: str, about: str, bad: str, steps: Steps, base: str = GREEN) -> Any:
    made.title(title).unit(unit).datasource(SOURCE)
    made.description(f"{' '.join(about.split())}\n\n**When it looks bad:** {' '.join(bad.split())}")
    made.thresholds(
        builders.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(None, base), *(models.Threshold(at, color) for at, color in steps)])
    )
    return made


def _target(query: Query, ref: str) -> prometheus.Dataquery:
    made = prometheus.Dataquery().expr(promql(query.expr)).ref_id(ref).legend_format(query.legend)
    return made.datasource(SOURCE)


def _words(words: Mapping[str, tuple[str, str]]) -> models.ValueMap:
    return models.ValueMap(
        options={
            value: models.ValueMappingResult(text=text, color=color, index=place)
            for place, (value, (text, color)) in enumerate(words.items())
        }
    )
