"""Prometheus' rules and Alertmanager's routes, judged by promtool and amtool.

Each alert is shown to fire and not to fire, and leads to its section of the runbook.
"""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.config.errors import UserError
from tests.kit import tools
from tests.kit.dashboards import DASHBOARDS, ROOT, alerts, load, names, panels, rules
from tests.kit.tools import tool

FOLDER = ROOT / "prometheus"
TESTS = sorted((FOLDER / "tests").glob("*.yml"))
RUNBOOK = ROOT / "docs" / "runbook.md"
ALERTS = alerts()
ALWAYS = {"PillarscoreWatchdog"}
"""Fires by design, so nothing shows it silent."""


def _said(*command: str | Path) -> str:
    done = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_prometheus_takes_configuration_and_rules() -> None:
    said = _said(tool("promtool"), "check", "config", "prometheus.yml")
    for path in (FOLDER / "rules").glob("*.yml"):
        assert f"Checking rules/{path.name}" in said


@pytest.mark.slow
@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_should(path: Path) -> None:
    assert "SUCCESS" in _said(tool("promtool"), "test", "rules", path)


def test_every_alert_is_shown_to_fire_and_not_to_fire() -> None:
    fired, silent = set(), set()
    for path in TESTS:
        for case in yaml.safe_load(path.read_text(encoding="utf-8"))["tests"]:
            for check in case["promql_expr_test"]:
                for name in re.findall(r'alertname="(\w+)"', check["expr"]):
                    (fired if check["exp_samples"] else silent).add(name)
    assert fired == set(ALERTS)
    assert silent == set(ALERTS) - ALWAYS


@pytest.mark.parametrize("name", ALERTS)
def test_alert_says_how_bad_it_is_and_what_to_do(name: str) -> None:
    rule = ALERTS[name]
    assert rule["labels"]["severity"] in {"critical", "warning", "none"}
    about = rule["annotations"]
    assert len(about["summary"]) > 15
    assert len(about["description"]) > 15
    assert about["runbook_url"] == f"docs/runbook.md#{name.lower()}"
    assert re.search(rf"^## {name}$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)


def test_run_book_has_no_section_of_an_alert_that_is_gone() -> None:
    sections = re.findall(r"^## (Pillarscore\w+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    assert sections == list(dict.fromkeys(sections))
    assert set(sections) == set(ALERTS)


def test_recorded_series_are_recorded() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    used = {name for rule in rules() for name in names(rule["expr"]) if ":" in name}
    assert used <= recorded


def _route(*labels: str) -> list[str]:
    said = _said(tool("amtool"), "config", "routes", "test", "--config.file=alertmanager.yml", *labels)
    return said.split()


def test_alertmanager_takes_its_configuration() -> None:
    assert "SUCCESS" in _said(tool("amtool"), "check-config", "alertmanager.yml")


@pytest.mark.parametrize("name", ALERTS)
def test_alerts_go_to_who_should_get_them(name: str) -> None:
    severity = ALERTS[name]["labels"]["severity"]
    expected = {"critical": "pages", "warning": "tickets", "none": "heartbeat"}[severity]
    assert _route(f"alertname={name}", f"severity={severity}", "job=pillarscore") == [expected]


def test_inhibitions_name_alerts_that_exist() -> None:
    made: dict[str, Any] = yaml.safe_load((FOLDER / "alertmanager.yml").read_text(encoding="utf-8"))
    for rule in made["inhibit_rules"]:
        for matcher in rule["source_matchers"] + rule["target_matchers"]:
            pattern = re.fullmatch(r'alertname\s*(?:=~|!~|=)\s*"?([^"]+)"?', matcher)
            assert pattern is not None
            assert any(re.fullmatch(pattern[1], name) for name in ALERTS), matcher
        for matcher in rule["source_matchers"]:
            alternatives = re.sub(r'.*=~?\s*"?|"', "", matcher).split("|")
            assert set(alternatives) <= set(ALERTS), matcher


def test_without_the_tools_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(tools, "FOLDER", tmp_path / "tools")
    with pytest.raises(UserError, match=r"^prometheus, .* are missing: install them [^\n]*$"):
        tool("promtool")


def test_run_book_names_panels_and_log_lines_that_exist() -> None:
    text = RUNBOOK.read_text(encoding="utf-8")
    prose = " ".join(re.sub(r"```.*?```", "", text, flags=re.DOTALL).split())
    titles = {panel["title"] for path in DASHBOARDS for panel in panels(load(path))}
    shown = set(re.findall(r'"([^"`]+)"', re.sub(r"`[^`]*`", "", prose)))
    assert shown - titles == {"emitted", "committed"}
    folders = (ROOT / "agents", ROOT / "pipeline")
    code = "".join(path.read_text(encoding="utf-8") for folder in folders for path in folder.rglob("*.py"))
    code = re.sub(r'"\s*\n\s*f?"', "", code)  # texts that go on in the next line
    commands = ("curl ", "grep ", "du ", "kcat ", "pillarscore ")
    for line in re.findall(r"`([a-z][a-z:-]+ [^`]+)`", prose):
        assert line.startswith(commands) or line in code, line
