"""Findings of the doctor: a line each, with what to do below it; and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from agents.queries.doctor.finding import Finding, healthy
from agents.screens.visible import visible

_STYLES = {"ok": "green", "warning": "yellow", "problem": "bold red", "skipped": "dim"}
_STATE, _CHECK = max(map(len, _STYLES)), len("state folder")


def row(finding: Finding) -> Table:
    """`problem  disk          0.2 GB free …`; all rows have the same columns."""
    table = Table.grid(padding=(0, 2, 0, 0), expand=False)
    table.add_column(width=_STATE, no_wrap=True)
    table.add_column(width=_CHECK, no_wrap=True)
    table.add_column(overflow="fold")
    style = "dim" if finding.state == "skipped" else ""
    table.add_row(
        Text(finding.state, _STYLES[finding.state]),
        Text(finding.check, style),
        Text(visible(finding.found), style),
    )
    if finding.todo:
        table.add_row("", "", Text(f"→ {visible(finding.todo)}", style))
    return table


def summary(findings: Sequence[Finding]) -> str:
    """`2 problems, 1 warning`."""
    counts = [
        f"{count} {state}{'' if count == 1 else 's'}"
        for state in ("problem", "warning")
        if (count := sum(one.state == state for one in findings))
    ]
    return ", ".join(counts) or "No problems"


def as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """The same for programs."""
    return {"ok": healthy(findings), "findings": [asdict(one) for one in findings]}
