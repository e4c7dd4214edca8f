"""What a check has found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "problem", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """state: problem means that something does not work; todo: what to do, empty when `found` says it already."""

    check: str
    state: State
    found: str
    todo: str = ""


def healthy(findings: Sequence[Finding]) -> bool:
    """Whether there is no problem; there may be warnings."""
    return not any(one.state == "problem" for one in findings)
