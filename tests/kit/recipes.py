"""Recipes of docs/how-to, followed on a copy of the project.

A recipe shows each change as a `diff` block: `+++ FILE`, then hunks that begin with `@@`. Lines with a blank or `-`
in front must be in the file, once and in this order; those with `-` go, those with `+` come.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOW_TO = ROOT / "docs" / "how-to"
_FOLDERS = (
    "schemas",
    "pipeline",
    "agents",
    "rubrics",
    "deploy",
    "grafana",
    "prometheus",
    "k8s",
    "perf",
    "docs",
    "samples",
    "tests",
)
_FILES = ("pyproject.toml", "Makefile", "README.md", "CONTRIBUTING.md", "CHANGELOG.md")
_BLOCK = r"^( *)```{language}\n(.*?)^\1```$"
RUN_S = 200.0


def copy(to: Path) -> Path:
    """A copy of what a recipe may change, and of the tests."""
    for name in _FOLDERS:
        shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in _FILES:
        shutil.copy(ROOT / name, to / name)
    return to


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a page of docs/how-to that are in a language."""
    text = (HOW_TO / page).read_text(encoding="utf-8")
    found = re.findall(_BLOCK.format(language=language), text, re.MULTILINE | re.DOTALL)
    return ["".join(line.removeprefix(indent) for line in block.splitlines(True)) for indent, block in found]


def follow(page: str, root: Path) -> list[str]:
    """Make the changes of a page of docs/how-to; the files that were changed."""
    changed = []
    for block in blocks(page, "diff"):
        header, *hunks = re.split(r"^@@.*\n", block, flags=re.MULTILINE)
        name = header.strip().removeprefix("+++ ")
        path = root / name
        text = path.read_text(encoding="utf-8")
        for hunk in hunks:
            text = _changed(text, hunk, f"{page}: {name}")
        path.write_text(text, encoding="utf-8")
        changed.append(name)
    return changed


def _changed(text: str, hunk: str, where: str) -> str:
    lines = [line or " " for line in hunk.splitlines()]
    old = "".join(line[1:] + "\n" for line in lines if line[0] in " -")
    new = "".join(line[1:] + "\n" for line in lines if line[0] in " +")
    if text.count(old) != 1 or not old:
        raise AssertionError(f"{where} has these lines {text.count(old)} times, not once:\n{old}")
    return text.replace(old, new)


def run(root: Path, *arguments: str, **environment: str) -> str:
    """What Python prints in the copy, stderr too; AssertionError if it fails. arguments: such as `-m pytest`."""
    own = {
        name: value for name, value in os.environ.items() if not name.startswith(("PILLARSCORE_", "PYTEST_"))
    }
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        env=own | {"PYTHONPATH": str(root), "PYTHONUTF8": "1", "PYTHONDONTWRITEBYTECODE": "1"} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=RUN_S,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, f"{' '.join(arguments)} ended with {done.returncode}:\n{said[-4000:]}"
    return said


def run_tests(root: Path, *arguments: str) -> str:
    """Run tests of the copy."""
    return run(root, "-m", "pytest", "-p", "no:cacheprovider", "-q", *arguments, EXAMPLES="15")
