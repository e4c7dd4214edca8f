"""Sizes that keep the code easy to enter: a module has at most 400 lines, a function at most 60."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FOLDERS = ("schemas", "pipeline", "agents", "grafana", "prometheus", "perf")
MODULE = 400
FUNCTION = 60
TABLES = {
    "agents/metrics/partition.py": "one metric after the other",
    "agents/topics/specs.py": "one topic after the other",
    "agents/cli/worker.py": "one option after the other",
}
"""Longer functions that are tables, as those of panels in `grafana/` are, and would be no clearer in parts."""


def modules() -> Iterator[Path]:
    for folder in FOLDERS:
        yield from sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", [*modules()], ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_and_no_function_is_too_long(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MODULE, "split it by noun"
    where = str(path.relative_to(ROOT))
    if where.startswith("grafana/") or where in TABLES:
        return
    functions = (
        node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    long = [one.name for one in functions if (one.end_lineno or 0) - one.lineno >= FUNCTION]
    assert not long, "split these, or say in TABLES why they are tables"
