"""The dashboards and rules as data: every panel, and every expression that somebody will ask Prometheus."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

import grafana

ROOT = Path(grafana.__file__).parents[1]
DASHBOARDS = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
RULES = sorted((ROOT / "prometheus" / "rules").glob("*.yml"))


@dataclass(frozen=True, slots=True)
class Asked:
    """An expression, and where it stands.

    instant: asked for one moment, otherwise for a range; labels: those that the result is to have.
    """

    where: str
    expr: str
    instant: bool = False
    labels: frozenset[str] = frozenset()


def load(path: Path) -> dict[str, Any]:
    """A dashboard's JSON model."""
    model: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return model


def panels(model: dict[str, Any]) -> list[dict[str, Any]]:
    """The panels of a dashboard, without the rows."""
    return [panel for panel in model["panels"] if panel["type"] != "row"]


def asked() -> Iterator[Asked]:
    """Every query of every panel and annotation of all dashboards."""
    for path in DASHBOARDS:
        model = load(path)
        for panel in panels(model):
            for target in panel["targets"]:
                where = f"{model['title']}: {panel['title']} ({target['refId']})"
                labels = _labels(target["legendFormat"]) | _columns(panel)
                yield Asked(where, target["expr"], bool(target.get("instant")), labels)
        for mark in model["annotations"]["list"]:
            labels = _labels(mark["titleFormat"] + mark["textFormat"])
            yield Asked(f"{model['title']}: annotation {mark['name']}", mark["expr"], labels=labels)


def _labels(text: str) -> frozenset[str]:
    """The labels that a legend names."""
    return frozenset(re.findall(r"\{\{(\w+)\}\}", text))


def _columns(panel: dict[str, Any]) -> frozenset[str]:
    """The labels that a table has columns for; of a table of several queries, the one that they share."""
    joined = [t["options"]["byField"] for t in panel.get("transformations", []) if "byField" in t["options"]]
    if joined:
        return frozenset(joined)
    kept = [
        t["options"]["include"]["names"]
        for t in panel.get("transformations", [])
        if "include" in t["options"]
    ]
    return frozenset(name for names in kept for name in names) - {"Value"}


def variables() -> Iterator[tuple[str, str, str]]:
    """(where, selector, label) of every variable that is asked for with label_values(selector, label)."""
    for path in DASHBOARDS:
        model = load(path)
        for variable in model["templating"]["list"]:
            if variable["type"] == "query":
                found = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
                assert found is not None, variable["query"]
                yield f"{model['title']}: variable {variable['name']}", found[1], found[2]


def rules() -> Iterator[dict[str, Any]]:
    """Every recording rule and alert."""
    for path in RULES:
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            yield from group["rules"]


def alerts() -> dict[str, dict[str, Any]]:
    """The alerts by name."""
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def names(expr: str) -> set[str]:
    """The names of Pillarscore's metrics in an expression, recorded ones too."""
    bare = re.sub(r'"[^"]*"', '""', expr)
    return set(re.findall(r"(?<![\w:])(?:\w+:)?pillarscore_\w+(?::\w+)?", bare))


def bind(expr: str, values: dict[str, str]) -> str:
    """An expression with the dashboard's variables put in, as Grafana does; KeyError for an unknown one."""
    return re.sub(r"\$\{?(\w+)\}?", lambda found: values[found[1]], expr)
