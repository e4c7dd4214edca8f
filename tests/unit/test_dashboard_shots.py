"""What `make dashboards-shots` needs: pinned packages, a component for each kind of panel, made-up metrics."""

import json
import re
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import yaml

from agents.docgen.metrics import described
from agents.metrics import Metrics
from tests.kit.dashboards import DASHBOARDS, ROOT, load, panels
from tests.kit.shots.main import backfill, rows
from tests.kit.shots.scenario import ZONE, _midnight
from tests.kit.shots.synthetic import POINTS, Installation

RENDER = ROOT / "grafana" / "render"


def test_packages_are_pinned_to_the_version_of_grafana_that_is_deployed() -> None:
    wanted = json.loads((RENDER / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in wanted.values()), wanted
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
    deployed = compose["services"]["grafana"]["image"].rpartition(":")[2]
    assert {wanted[f"@grafana/{name}"] for name in ("ui", "data", "schema")} == {deployed}
    assert not list(RENDER.glob("*lock*"))  # it would name a registry


def test_there_is_a_component_for_each_kind_of_panel() -> None:
    kinds = {panel["type"] for path in DASHBOARDS for panel in panels(load(path))}
    drawn = set(re.findall(r"case '([\w-]+)':", (RENDER / "main.jsx").read_text(encoding="utf-8")))
    assert kinds == drawn


def test_every_panel_is_in_a_row_that_is_drawn() -> None:
    for path in DASHBOARDS:
        headings = [name for name, _ in rows(path)]
        assert "" not in headings
        assert len(set(headings)) == len(headings)
        assert all(height < 3000 for _, height in rows(path))


def test_the_zone_has_its_midnight_when_the_scenario_wants_it(tmp_path: Path) -> None:
    for moment in (1_790_000_000, 1_790_040_000):
        environment = _midnight(tmp_path / str(moment), moment)
        script = (
            "from zoneinfo import ZoneInfo; import datetime;"
            f"print(datetime.datetime.fromtimestamp({moment}, ZoneInfo('{ZONE}')))"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        assert datetime.fromisoformat(done.stdout.strip()).strftime("%H:%M:%S") == "00:00:00"


def test_made_up_metrics_are_those_of_the_registry_and_prometheus_takes_them(tmp_path: Path) -> None:
    Installation(2, 3, 1_790_000_040).write(tmp_path / "text")
    text = (tmp_path / "text").read_text(encoding="utf-8")
    found = {line.split("{")[0] for line in text.splitlines() if not line.startswith("#")}
    families = {re.sub(r"_(bucket|sum|count)$", "", name) for name in found}
    assert {metric.name for metric in described(Metrics().registry)} <= families | found
    assert len(re.findall(r"^pillarscore_ready\{", text, re.MULTILINE)) == 2 * POINTS
    backfill(tmp_path / "text", tmp_path / "data")
    assert list((tmp_path / "data").glob("*/meta.json"))
