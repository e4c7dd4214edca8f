"""From service level objectives to rules: error ratios over windows, and alerts on how fast the budget burns."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parent / "slos.yml"
Rule = dict[str, Any]
SEVERITIES = {"page": ("critical", "Fast"), "ticket": ("warning", "Slowly")}


def load() -> dict[str, Any]:
    """The definitions."""
    made: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return made


def groups(made: dict[str, Any]) -> list[dict[str, Any]]:
    """The rules of all objectives: a group of recorded series and one of alerts."""
    recorded = [rule for slo in made["slos"] for rule in _recorded(slo, made)]
    alerts = [rule for slo in made["slos"] for rule in _alerts(slo, made)]
    return [
        {"name": "pillarscore-slo-recording", "rules": recorded},
        {"name": "pillarscore-slo", "rules": alerts},
    ]


def budget(slo: dict[str, Any]) -> Decimal:
    """The share that may be bad, 0 to 1.

    >>> budget({"objective": 99.5})
    Decimal('0.005')
    """
    return (100 - Decimal(str(slo["objective"]))) / 100


def _windows(made: dict[str, Any]) -> list[str]:
    found = {pair[end] for kind in SEVERITIES for pair in made[kind] for end in ("short", "long")}
    return sorted(found, key=lambda text: int(text[:-1]) * {"m": 1, "h": 60, "d": 1440}[text[-1]])


def _recorded(slo: dict[str, Any], made: dict[str, Any]) -> list[Rule]:
    labels = {"slo": slo["name"]}
    rules: list[Rule] = [
        {"record": _series(window), "expr": _error(slo, window), "labels": labels}
        for window in _windows(made)
    ]
    shortest = _windows(made)[0]
    selected = f'{{slo="{slo["name"]}"}}'
    # the whole period from the shortest windows: a rate over a month would read every sample of it
    rules.append(
        {
            "record": _series(made["period"]),
            "expr": f"avg_over_time({_series(shortest)}{selected}[{made['period']}])",
            "labels": labels,
        }
    )
    if budget(slo):
        rules.append(
            {
                "record": "job_slo:pillarscore_slo_budget_left:ratio",
                "expr": f"1 - {_series(made['period'])}{selected} / {budget(slo)}",
                "labels": labels,
            }
        )
    return rules


def _series(window: str) -> str:
    return f"job_slo:pillarscore_slo_errors:ratio_rate{window}"


def _error(slo: dict[str, Any], window: str) -> str:
    if "ratio" in slo:
        return f"1 - avg_over_time({slo['ratio']}[{window}])"
    bad, total = (slo["events"][name].replace("{{window}}", window) for name in ("bad", "total"))
    return f"({bad})\n/ ({total} > 0)"


def _alerts(slo: dict[str, Any], made: dict[str, Any]) -> list[Rule]:
    name = slo["name"].capitalize()
    if not budget(slo):  # nothing may ever be bad, so there is no fast and no slow
        first = made["page"][0]
        about = (
            f"{{{{ $value | humanizePercentage }}}} of the last {first['long']} did not meet it: "
            f"{slo['about']}. No error is allowed."
        )
        return [_alert(f"Pillarscore{name}Violated", slo, [first | {"burn": 0}], "critical", about)]
    return [
        _alert(
            f"Pillarscore{name}Burns{how}",
            slo,
            made[kind],
            severity,
            f"The objective is that {slo['objective']} % of all {slo['about']}. At this rate the errors allowed "
            f"for {made['period']} are used up {_soon(made, kind)}.",
        )
        for kind, (severity, how) in SEVERITIES.items()
    ]


def _soon(made: dict[str, Any], kind: str) -> str:
    days = int(made["period"].removesuffix("d")) / min(pair["burn"] for pair in made[kind])
    return f"within {days:g} days"


def _alert(name: str, slo: dict[str, Any], pairs: list[dict[str, Any]], severity: str, about: str) -> Rule:
    selected = f'{{slo="{slo["name"]}"}}'
    parts = []
    for pair in pairs:
        most = (budget(slo) * Decimal(str(pair["burn"]))).normalize()
        parts.append(
            f"{_series(pair['long'])}{selected} > {most:f} and on (job) {_series(pair['short'])}{selected} > {most:f}"
        )
    return {
        "alert": name,
        "expr": "\n  or ".join(parts),
        "for": "2m",
        "labels": {"severity": severity, "slo": slo["name"]},
        "annotations": {
            "summary": f"The {slo['name']} objective of {{{{ $labels.job }}}} is "
            + ("violated" if not budget(slo) else "at risk"),
            "description": about,
            "dashboard_url": f"{slo['dashboard']}?var-job={{{{ $labels.job | urlquery }}}}",
        },
    }
