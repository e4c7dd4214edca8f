"""Prometheus' rules and Alertmanager's routes, judged by promtool and amtool.

Each alert is shown to fire and not to fire, and leads to its section of the runbook.
"""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from agents.config.errors import UserError
from agents.worker.health import KINDS
from prometheus import build, slos
from prometheus.build import addresses
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


def test_prometheus_takes_configuration_and_rules(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("token")
    shutil.copytree(FOLDER / "rules", tmp_path / "rules")
    text = (FOLDER / "prometheus.yml").read_text(encoding="utf-8")
    (tmp_path / "prometheus.yml").write_text(text.replace("/run/web-token", str(tmp_path / "token")))
    said = _said(tool("promtool"), "check", "config", tmp_path / "prometheus.yml")
    for path in (FOLDER / "rules").glob("*.yml"):
        assert f"rules/{path.name}" in said


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
    where = addresses()
    assert about["runbook_url"] == f"{where['runbook']}#{name.lower()}"
    assert about["dashboard_url"].startswith(f"{where['grafana']}/d/")
    assert re.search(rf"^## {name}$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("name", ALERTS)
def test_alert_leads_to_a_dashboard_with_what_it_is_about_selected(name: str) -> None:
    there = {model["uid"]: model for model in map(load, DASHBOARDS)}
    uid, _, query = ALERTS[name]["annotations"]["dashboard_url"].partition("/d/")[2].partition("?")
    known = {variable["name"] for variable in there[uid]["templating"]["list"]}
    for part in filter(None, query.split("&")):
        variable, _, value = part.partition("=")
        assert variable.removeprefix("var-") in known
        assert re.fullmatch(r"\{\{ \$labels\.(\w+)( \| urlquery)? \}\}", value), value
    assert "var-job=" in query or name in ALWAYS


def test_generated_rules_and_manifests_are_current() -> None:
    for path, text in build.built().items():
        assert path.read_text(encoding="utf-8") == text, (
            f"{path.relative_to(ROOT)} is stale: run 'make rules'"
        )


def test_another_address_reaches_every_alert(monkeypatch: pytest.MonkeyPatch) -> None:
    where = {"runbook": "https://wiki.ours/runbook", "grafana": "https://grafana.ours"}
    monkeypatch.setattr(build, "addresses", lambda: where)
    made = build.built()
    for path, text in made.items():
        before = len(re.findall(r"runbook_url: ", path.read_text(encoding="utf-8")))
        found = re.findall(r"runbook_url: (\S+)", text)
        assert len(found) == before
        assert all(url.startswith("https://wiki.ours/runbook#pillarscore") for url in found)
        for url in re.findall(r"dashboard_url: \W?(\S+)", text):
            assert url.startswith("https://grafana.ours/d/pillarscore-")
    assert sum(text.count("runbook_url: ") for path, text in made.items() if "rules" in path.parts) == len(
        ALERTS
    )


@pytest.mark.parametrize("runbook", ["docs/runbook.md", "", "ftp://x"])
def test_an_address_that_is_none_is_refused_in_one_line(
    runbook: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "prometheus").mkdir()
    (tmp_path / "prometheus" / "addresses.toml").write_text(f'runbook = "{runbook}"\ngrafana = "https://g"\n')
    monkeypatch.setattr(build, "ROOT", tmp_path)
    with pytest.raises(SystemExit, match=r"^prometheus/addresses.toml: runbook must be an address [^\n]*$"):
        build.addresses()


def test_no_rule_depends_on_the_name_of_the_scrape_job() -> None:
    for rule in rules():
        assert not re.search(r"[{,]\s*job\s*=", rule["expr"]), rule


def test_every_alert_of_a_worker_keeps_the_job() -> None:
    """Two Pillarscores in one Prometheus: whoever is paged has to know which, and inhibitions compare it."""
    for name, rule in ALERTS.items():
        for labels in re.findall(r"\bby \(([^)]*)\)", rule["expr"]):
            assert "job" in labels, name


def test_every_kind_of_problem_has_an_alert() -> None:
    text = " ".join(rule["expr"] for rule in ALERTS.values())
    watched = set(re.findall(r'pillarscore_problems\{kind="(\w+)"\}', text))
    by_its_own_metric = {
        "kafka": "pillarscore_kafka_silence_seconds",
        "clock": "pillarscore_clock_skew_seconds",
        "missing": "pillarscore_missing_offsets",
        "lost": "pillarscore_lost_offsets",
        "ingest": "pillarscore_ingest_lag_events",
    }
    assert all(metric in text or f"job:{metric}:sum" in text for metric in by_its_own_metric.values())
    assert watched | by_its_own_metric.keys() == KINDS.keys()


def test_objectives_are_met_by_the_rules_that_are_made_of_them() -> None:
    made = slos.load()
    expected = {
        f"Pillarscore{slo['name'].capitalize()}{end}"
        for slo in made["slos"]
        for end in (("BurnsFast", "BurnsSlowly") if slo["objective"] < 100 else ("Violated",))
    }
    there = {rule["alert"]: rule for rule in rules() if rule.get("labels", {}).get("slo") and "alert" in rule}
    assert there.keys() == expected
    assert {slo["name"]: slo["objective"] for slo in made["slos"]}["correctness"] == 100
    # the workbook's table: 14.4 times too fast in an hour is 2 % of the errors of a month
    fast = there["PillarscoreAvailabilityBurnsFast"]["expr"]
    assert 'rate1h{slo="availability"} > 0.072 and on (job)' in fast
    assert 'rate5m{slo="availability"} > 0.072' in fast


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
    expected = {
        "critical": "pages",
        "warning": "tickets",
        "none": "heartbeat" if name in ALWAYS else "nobody",
    }[severity]
    assert _route(f"alertname={name}", f"severity={severity}", "job=pillarscore") == [expected]


def _seconds(text: str) -> float:
    return float(text[:-1]) * {"s": 1, "m": 60, "h": 3600}[text[-1]]


def test_pages_do_not_wait_for_longer_than_tickets() -> None:
    made: dict[str, Any] = yaml.safe_load((FOLDER / "alertmanager.yml").read_text(encoding="utf-8"))
    of = {route["receiver"]: made["route"] | route for route in made["route"]["routes"]}
    for delay in ("group_wait", "group_interval", "repeat_interval"):
        assert _seconds(of["pages"][delay]) < _seconds(of["tickets"][delay]), delay
    # a second problem while a page is open reaches somebody as soon as the first one did
    assert _seconds(of["pages"]["group_wait"]) + _seconds(of["pages"]["group_interval"]) <= 75


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
    commands = ("curl ", "grep ", "du ", "kcat ", "make ", "pillarscore ")
    for line in re.findall(r"`([a-z][a-z:-]+ [^`]+)`", prose):
        assert line.startswith(commands) or line in code, line
