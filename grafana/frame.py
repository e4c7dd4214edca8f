"""What all dashboards have: variables, annotations, links to each other, and panels in rows without gaps."""

from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard as models

from grafana.panels import COLUMNS, SOURCE, Panel
from grafana.queries import promql

TAG = "pillarscore"
SOURCE_UID = "pillarscore-prometheus"
"""The data source that `grafana/provisioning` makes."""
Row = tuple[str, Sequence[Sequence[Panel]]]
"""A heading and lines of panels; a line's widths add up to 24, its heights are equal."""


def dashboard(
    uid: str, title: str, about: str, rows: Sequence[Row], *, single: bool = False, refresh: str = "30s"
) -> dict[str, Any]:
    """A dashboard as Grafana's JSON model. single: of one worker, not of any number.

    Raises ValueError when a line does not fill its row.
    """
    made = (
        builders.Dashboard(title)
        .uid(uid)
        .description(about)
        .tags([TAG])
        .timezone("browser")
        .editable()
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .time("now-3h", "now")
        .refresh(refresh)
        .link(_links())
    )
    for variable in _variables(single):
        made.with_variable(variable)
    for heading, lines in rows:
        made.with_row(builders.Row(heading))
        for line in lines:
            if sum(panel.width for panel in line) != COLUMNS or len({panel.height for panel in line}) != 1:
                raise ValueError(f"{title}, {heading}: a line of panels does not fill its row")
            for panel in line:
                made.with_panel(panel.builder.span(panel.width).height(panel.height))
    model: dict[str, Any] = made.build().to_json()
    model["annotations"] = {"list": _annotations()}
    for number, panel in enumerate(model["panels"], 1):
        panel.id_val = number
    return model


def _links() -> builders.DashboardLink:
    return (
        builders.DashboardLink("Pillarscore")
        .type(models.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .include_vars(True)
        .keep_time(True)
        .as_dropdown(False)
    )


def _variables(single: bool) -> list[Any]:
    source = (
        builders.DatasourceVariable("datasource")
        .label("Data source")
        .type("prometheus")
        .current(models.VariableOption(True, "Prometheus (Pillarscore)", SOURCE_UID))
    )
    job = _variable("job", "Pillarscore", "label_values(pillarscore_build_info, job)")
    worker = _variable("instance", "Worker", 'label_values(pillarscore_build_info{job="$job"}, instance)')
    where = 'job="$job",instance=~"$instance"'
    partition = _variable(
        "partition", "Partition", f"label_values(pillarscore_partition_live{{{where}}}, partition)"
    )
    for many in [partition] if single else [worker, partition]:
        # not the list of those there are now: what is gone belongs to the picture too
        many.multi(True).include_all(True).all_value(".*")
        many.current(models.VariableOption(True, ["All"], ["$__all"]))
    return [source, job, worker, partition]


def _variable(name: str, label: str, query: str) -> builders.QueryVariable:
    return (
        builders.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query({"query": query, "refId": name})
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.NUMERICAL_ASC)
    )


def _annotations() -> list[dict[str, Any]]:
    """Marks on the time line. Grafana's model of them is not in the builders, so it is written out here.

    https://grafana.com/docs/grafana/latest/datasources/prometheus/annotations/
    """
    start = (
        "1000 * max by (job, instance) (process_start_time_seconds<J>)"
        " * on (job, instance) group_left (version, rubric) pillarscore_build_info<J>"
    )
    about: list[tuple[str, str, str, str, str, bool]] = [
        (
            "Deploys",
            "blue",
            start,
            "Worker {{instance}} started",
            "version {{version}}, rubric {{rubric}}",
            True,
        ),
        (
            "Day rollovers",
            "purple",
            "max by (job) (changes(pillarscore_day<J>[$__rate_interval])) > 0",
            "Rollover",
            "All members are rescored as of the new day.",
            False,
        ),
        (
            "Rebalances",
            "orange",
            "changes((count by (job, instance) (pillarscore_partition_live<J>))[$__rate_interval:]) > 0",
            "Partitions moved",
            "The partitions of {{instance}} have changed.",
            False,
        ),
    ]
    return [
        {
            "name": name,
            "datasource": SOURCE,
            "enable": True,
            "hide": False,
            "iconColor": color,
            "expr": promql(expr),
            "step": "15s",
            "titleFormat": title,
            "textFormat": text,
            "tagKeys": "instance",
            "useValueForTime": at_value,
        }
        for name, color, expr, title, text, at_value in about
    ]
