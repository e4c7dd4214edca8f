"""The dashboards are made from the code, whole, and say what to do; Grafana finds them and their source."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.models import units

from agents.metrics import Metrics
from grafana.build import dashboards
from grafana.frame import COLUMNS, SOURCE_UID, dashboard
from grafana.panels import number
from grafana.queries import Query
from tests.kit.dashboards import (
    DASHBOARDS,
    ROOT,
    alerts,
    asked,
    bind,
    load,
    names,
    panels,
    rules,
    variables,
)

PROVISIONING = ROOT / "grafana" / "provisioning"
UNITS = {value for value in vars(units).values() if isinstance(value, str)}


@pytest.fixture(params=DASHBOARDS, ids=lambda path: path.stem)
def model(request: pytest.FixtureRequest) -> dict[str, Any]:
    return load(request.param)


def test_json_is_what_the_code_makes() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in DASHBOARDS}
    assert committed.keys() == dashboards().keys()
    for name, text in dashboards().items():
        assert committed[name] == text, f"{name} is stale: run 'make dashboards'"


def test_every_panel_says_what_it_shows_and_what_to_do(model: dict[str, Any]) -> None:
    assert len(panels(model)) >= 10
    known = alerts()
    for panel in panels(model):
        about, _, bad = panel["description"].partition("\n\n**When it looks bad:** ")
        assert len(about) > 15, panel["title"]
        assert len(bad) > 15, panel["title"]
        for name in re.findall(r"\bPillarscore[A-Z]\w+", panel["description"]):
            assert name in known, panel["title"]


def test_every_panel_has_a_unit_and_the_chosen_data_source(model: dict[str, Any]) -> None:
    for panel in panels(model):
        unit = panel["fieldConfig"]["defaults"]["unit"]
        assert unit in UNITS or re.fullmatch(r"suffix:\w+", unit), panel["title"]
        assert panel["targets"], panel["title"]
        for of in (panel, *panel["targets"]):
            assert of["datasource"] == {"type": "prometheus", "uid": "${datasource}"}, panel["title"]
        steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
        assert steps[0]["value"] is None, panel["title"]
        assert [s["value"] for s in steps[1:]] == sorted(s["value"] for s in steps[1:]), panel["title"]


def _timeseries(model: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in panels(model) if panel["type"] == "timeseries"]


def test_legends_are_tables_with_the_last_and_the_largest_value(model: dict[str, Any]) -> None:
    for panel in _timeseries(model):
        legend = panel["options"]["legend"]
        assert legend["displayMode"] == "table", panel["title"]
        assert legend["calcs"] == ["lastNotNull", "max"], panel["title"]
        smallest = "bottomk" in panel["targets"][0]["expr"]
        assert legend["sortDesc"] is not smallest, panel["title"]


def test_no_panel_has_a_line_for_each_of_many_partitions_or_workers(model: dict[str, Any]) -> None:
    """What has one of these labels picks those with the largest values, and the same at all times."""
    for panel in panels(model):
        if panel["type"] not in ("timeseries", "state-timeline"):
            continue
        for target in panel["targets"]:
            if re.search(r"\{\{(partition|source|instance)\}\}", target["legendFormat"]):
                picked = re.search(
                    r"and on \([\w, ]+\) (?:topk|bottomk)\((\d+), .*@ end\(\)\)\)", target["expr"]
                )
                assert picked, f"{panel['title']}: {target['expr']}"
                assert int(picked[1]) <= 16
                assert (
                    panel["type"] != "timeseries"
                    or panel["fieldConfig"]["defaults"]["custom"].get("stacking", {"mode": "none"})["mode"]
                    == "none"
                ), f"{panel['title']}: the areas of some are not the sum"


def test_a_part_of_what_is_expected_is_never_green(model: dict[str, Any]) -> None:
    """Where a panel says "3 of 4", what is coloured is the share, and only the whole is green."""
    for panel in panels(model):
        if "{{expected}}" in panel["targets"][0]["legendFormat"]:
            steps = [
                (s["value"], s["color"]) for s in panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
            ]
            assert steps == [(None, "red"), (1, "green")], panel["title"]
            assert panel["options"]["textMode"] == "name"
            assert panel["options"]["colorMode"] == "value"


def test_health_says_how_many_are_expected() -> None:
    model = load(ROOT / "grafana" / "dashboards" / "pipeline.json")
    shares = {p["title"] for p in panels(model) if "{{expected}}" in p["targets"][0]["legendFormat"]}
    assert shares == {"Workers ready", "Partitions live"}


def test_a_count_of_alerts_is_red_from_one_on() -> None:
    model = load(ROOT / "grafana" / "dashboards" / "pipeline.json")
    (panel,) = (panel for panel in panels(model) if panel["title"] == "Alerts")
    defaults = panel["fieldConfig"]["defaults"]
    assert [(s["value"], s["color"]) for s in defaults["thresholds"]["steps"]] == [
        (None, "green"),
        (1, "red"),
    ]
    assert not defaults.get("mappings")
    assert defaults["color"]["mode"] == "thresholds"


def test_tables_have_a_row_for_each_partition_and_each_worker() -> None:
    model = load(ROOT / "grafana" / "dashboards" / "pipeline.json")
    for panel in (panel for panel in panels(model) if panel["type"] == "table"):
        joined = panel["transformations"][0]
        assert joined["id"] == "joinByField"
        key = joined["options"]["byField"]
        assert key in ("partition", "instance")
        heads = panel["transformations"][2]["options"]["renameByName"]
        for target in panel["targets"]:
            assert f"Value #{target['refId']}" in heads, panel["title"]
            assert re.search(rf"\bby \([^)]*{key}", target["expr"]), target["expr"]
    assert sum(panel["type"] == "table" for panel in panels(model)) == 2


def test_titles_and_ids_are_told_apart(model: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in model["panels"]]
    assert len(set(ids)) == len(ids)
    rows, row = {}, ""
    for panel in model["panels"]:
        row = panel["title"] if panel["type"] == "row" else row
        assert (row, panel["title"]) not in rows or panel["type"] == "row"
        rows[row, panel["title"]] = panel


def test_panels_fill_the_grid_without_overlap_or_gap(model: dict[str, Any]) -> None:
    cells: set[tuple[int, int]] = set()
    for panel in model["panels"]:
        at = panel["gridPos"]
        mine = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & mine, f"{panel['title']} covers another panel"
        cells |= mine
    rows = {y for _, y in cells}
    assert cells == {(x, y) for x in range(COLUMNS) for y in rows}
    assert rows == set(range(len(rows)))


def test_a_line_that_is_not_full_is_refused() -> None:
    panel = number("Alone", "short", "One.", "Two.", Query("vector(1)"), width=8)
    with pytest.raises(ValueError, match="does not fill its row"):
        dashboard("uid", "Title", "About.", [("Row", [[panel, panel]])])


def test_variables_annotations_and_links(model: dict[str, Any]) -> None:
    there = {variable["name"]: variable for variable in model["templating"]["list"]}
    assert list(there) == ["datasource", "job", "instance", "partition"]
    assert there["datasource"]["current"]["value"] == SOURCE_UID
    marks = {mark["name"]: mark for mark in model["annotations"]["list"]}
    assert list(marks) == ["Deploys", "Day rollovers", "Rebalances"]
    assert all(mark["enable"] for mark in marks.values())
    (link,) = model["links"]
    assert link["tags"] == model["tags"] == ["pillarscore"]
    assert link["includeVars"]
    assert link["keepTime"]


def test_queries_use_the_variables() -> None:
    known = dict.fromkeys(("job", "instance", "partition", "__rate_interval", "__range"), "x")
    for query in asked():
        bind(query.expr, known)
        assert 'job="$job"' in query.expr, query.where
    for where, selector, _ in variables():
        bind(selector, known)
        assert where


def test_links_between_dashboards_lead_somewhere() -> None:
    uids = {load(path)["uid"] for path in DASHBOARDS}
    assert len(uids) == len(DASHBOARDS)
    text = "".join(path.read_text(encoding="utf-8") for path in DASHBOARDS)
    named = set(re.findall(r'"/d/([\w-]+)\?', text))
    assert named
    assert named <= uids


def _provisioned(name: str) -> dict[str, Any]:
    (path,) = (PROVISIONING / name).glob("*.yml")
    made: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert made["apiVersion"] == 1
    return made


def test_the_data_source_is_the_one_that_the_dashboards_begin_with() -> None:
    sources = {source["uid"]: source for source in _provisioned("datasources")["datasources"]}
    assert sources[SOURCE_UID]["type"] == "prometheus"
    assert sources[SOURCE_UID]["isDefault"]
    model = load(DASHBOARDS[0])
    assert model["templating"]["list"][0]["current"]["text"] == sources[SOURCE_UID]["name"]
    scraped = yaml.safe_load((ROOT / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    assert sources[SOURCE_UID]["jsonData"]["timeInterval"] == scraped["global"]["scrape_interval"]


def test_the_dashboards_have_a_folder() -> None:
    (provider,) = _provisioned("dashboards")["providers"]
    assert provider["folder"] == "Pillarscore"
    assert Path(provider["options"]["path"]) == Path("/var/lib/grafana/dashboards")


def test_every_metric_is_shown_or_watched() -> None:
    there = {metric.name for metric in Metrics().registry.collect() if metric.name.startswith("pillarscore_")}
    seen = {name for expr in [query.expr for query in asked()] for name in names(expr)}
    seen |= {name for rule in rules() for name in names(rule["expr"])}
    assert there - {re.sub(r"_(total|bucket|sum|count)$", "", name) for name in seen} == set()
