"""Panels in the house's form: each has a data source, a unit, and a text that says what to do when it is bad."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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

from grafana.queries import TOP, Query, line_label, promql, top

SOURCE = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
COLUMNS = 24
REFS = "ABCDEFGHIJKL"
GREEN, YELLOW, RED, BLUE = "green", "yellow", "red", "blue"
Steps = Sequence[tuple[float, str]]
"""From which value on a colour holds; green below the first."""


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel and how much of the grid it takes: 24 columns make a line."""

    builder: Any
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: a query whose values have the key label; words, steps: as in `number`."""

    heading: str
    expr: str
    unit: str = "short"
    steps: "Steps" = ()
    words: Mapping[str, tuple[str, str]] | None = None
    below: bool = False
    decimals: int | None = None


def series(
    title: str,
    unit: str,
    about: str,
    bad: str,
    *queries: Query,
    width: int = 8,
    height: int = 10,
    stack: bool = False,
    steps: Steps = (),
    least: float | None = 0,
    most: float | None = None,
    lowest: bool = False,
    colors: Mapping[str, str] | None = None,
) -> Panel:
    """Lines over time, and below them a table of what they are.

    steps: dashed lines; stack: areas on top of each other; least, most: of the axis. What is by partition, source
    partition or worker shows only the largest (lowest: the smallest), and as lines: areas look like a sum.
    """
    wide = {query: by for query in queries if (by := line_label(query))}
    queries = tuple(replace(q, expr=top(q.expr, wide[q], lowest)) if q in wide else q for q in queries)
    if wide:
        about, stack = (
            f"{about} If there are more than {TOP}, those that were largest in the time range.",
            False,
        )
    made = _begin(timeseries.Panel(), title, unit, about, bad, steps)
    made.fill_opacity(60 if stack else 0).line_width(1).span_nulls(60_000)
    made.show_points(shapes.VisibilityMode.NEVER)
    made.tooltip(
        common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI).sort(shapes.SortOrder.DESCENDING)
    )
    made.legend(
        common.VizLegendOptions()
        .show_legend(True)
        .display_mode(shapes.LegendDisplayMode.TABLE)
        .placement(shapes.LegendPlacement.BOTTOM)
        .calcs(["lastNotNull", "max"])
        .sort_by("Last *")
        .sort_desc(not lowest)
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
    for ref, query in zip(REFS, queries, strict=False):
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
    now: bool = False,
    decimals: int | None = None,
    below: bool = False,
) -> Panel:
    """The newest value, large, with its course behind it; now: only of this moment.

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
    target = _target(query, "A")
    made.with_target(target.instant() if now else target.range())
    return Panel(made, width, height)


def heat(
    title: str,
    unit: str,
    about: str,
    bad: str,
    query: Query,
    *,
    width: int = 8,
    height: int = 10,
    gap: int = 1,
) -> Panel:
    """Buckets of a histogram over time; unit: of the buckets' bounds; gap: between cells, 0 for many buckets."""
    made = _begin(heatmap.Panel(), title, "short", about, bad, ())
    made.calculate(False).cell_gap(gap)
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
    height: int = 10,
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
    words: Mapping[str, tuple[str, str]] | None = None,
    *,
    steps: Steps = (),
    width: int = 12,
    height: int = 10,
) -> Panel:
    """A band for each series, coloured by its value.

    words: text and colour of each value; steps: for numbers, which are shown.
    """
    made = _begin(statetimeline.Panel(), title, unit, about, bad, steps)
    made.merge_values(True).row_height(0.8)
    if words:
        made.mappings([_words(words)])
    made.color_scheme(builders.FieldColor().mode(models.FieldColorModeId.THRESHOLDS))
    made.show_value(shapes.VisibilityMode.NEVER if words else shapes.VisibilityMode.AUTO)
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
    height: int = 10,
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


def board(
    title: str,
    about: str,
    bad: str,
    key: str,
    columns: Sequence[Column],
    *,
    labels: Mapping[str, str] | None = None,
    first: Sequence[tuple[str, bool]] = (),
    link: str = "",
    height: int = 12,
) -> Panel:
    """A table with a row for each value of the label `key`, and a query for each column.

    labels: other labels that a query has, and their headings; first: by which headings rows are sorted, and whether
    the largest value comes first; link: address of the key.
    """
    named = {"instance": "Worker"}.get(key, key.capitalize())
    made = _begin(table.Panel(), title, "short", about, bad, ())
    made.show_header(True).min_width(70)
    made.sort_by([common.TableSortByFieldState().display_name(name).desc(down) for name, down in first])
    made.footer(common.TableFooterOptions().show(False).enable_pagination(True).reducer([]))
    heads = {f"Value #{ref}": column.heading for ref, column in zip(REFS, columns, strict=False)}
    heads |= labels or {}
    order = {name: place for place, name in enumerate([key, *heads])}
    steps = (
        ("joinByField", {"byField": key, "mode": "outer"}),
        ("filterFieldsByName", {"include": {"names": [key, *heads]}}),
        ("organize", {"indexByName": order, "renameByName": {key: named, **heads}}),
    )
    for name, options in steps:
        made.with_transformation(models.DataTransformerConfig(id_val=name, options=options))
    if link:
        wide = models.DynamicConfigValue("custom.width", 210)
        value = models.DynamicConfigValue("links", [{"title": "Open ${__value.raw}", "url": link}])
        made.override_by_name(named, [wide, value])
    for ref, column in zip(REFS, columns, strict=False):
        made.override_by_name(column.heading, _cell(column))
        made.with_target(_target(Query(column.expr), ref).instant().format(PromQueryFormat.TABLE))
    return Panel(made, COLUMNS, height)


def _cell(column: Column) -> list[models.DynamicConfigValue]:
    """How the cells of a column look."""
    found = [models.DynamicConfigValue("unit", column.unit)]
    if column.decimals is not None:
        found.append(models.DynamicConfigValue("decimals", column.decimals))
    if column.words:
        found.append(models.DynamicConfigValue("mappings", [_words(column.words)]))
    if column.steps or column.words:
        found.append(
            models.DynamicConfigValue(
                "thresholds", _steps(column.steps, RED if column.below else GREEN).build()
            )
        )
        found.append(models.DynamicConfigValue("custom.cellOptions", {"type": "color-text"}))
    return found


def _begin(made: Any, title: str, unit: str, about: str, bad: str, steps: Steps, base: str = GREEN) -> Any:
    made.title(title).unit(unit).datasource(SOURCE)
    made.description(f"{' '.join(about.split())}\n\n**When it looks bad:** {' '.join(bad.split())}")
    made.thresholds(_steps(steps, base))
    return made


def _steps(steps: Steps, base: str) -> builders.ThresholdsConfig:
    return (
        builders.ThresholdsConfig()
        .mode(models.ThresholdsMode.ABSOLUTE)
        .steps([models.Threshold(None, base), *(models.Threshold(at, color) for at, color in steps)])
    )


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
