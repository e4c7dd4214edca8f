"""What the pages in docs/ show of commands and of Python: run again, to compare it or to renew it.

    python -m tests.kit.shown_output

renews the pages, and pictures that their commands draw; `make docs` does it. Commands are in `console` blocks, each
in a line that begins with `$`, and are run in order, in a folder of their own. Python is in lines that begin with
`>>>`, with a blank line behind the last output. What needs a running Kafka is in other blocks, and is not run here.
"""

import doctest
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pipeline.common.points import as_points
from pipeline.reports.explain import explain
from pipeline.scoring.member import Member
from schemas.registers import Register
from schemas.signals import Signal
from tests.kit.rubrics import DAY, DEFAULT

ROOT = Path(__file__).parents[2]
FOLDERS = ("docs", "rubrics", "samples")
"""What commands on the pages may read."""
_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PART = re.compile(r"^\$ ([^\n]*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
GIVEN: Mapping[str, Any] = {
    "rubric": DEFAULT,
    "day": DAY,
    "Member": Member,
    "Register": Register,
    "Signal": Signal,
    "as_points": as_points,
    "explain": explain,
}
"""The names that examples in Python use without an import."""
Run = Callable[[str], str]
"""A command to what it prints, without blanks at the ends of lines."""


def pages() -> list[Path]:
    """The pages with commands or Python whose output is shown."""
    found = sorted((ROOT / "docs").rglob("*.md"))
    texts = {page: page.read_text("utf-8") for page in found}
    return [page for page, text in texts.items() if _BLOCK.search(text) or "\n>>> " in text]


def commands(page: str) -> Iterator[tuple[str, str]]:
    """(command, what the page shows of its output) in order."""
    for block in _BLOCK.findall(page):
        for command, output in _PART.findall(block):
            yield command, output.rstrip("\n")


def renewed(page: str, run: Run) -> str:
    """The page with what its commands print now."""

    def part(found: re.Match[str]) -> str:
        printed = run(found[1])
        return f"$ {found[1]}\n{printed}\n" if printed else f"$ {found[1]}\n"

    return _BLOCK.sub(lambda block: f"```console\n{_PART.sub(part, block[1])}```", page)


def renewed_python(page: str, name: str) -> str:
    """The page with what its examples in Python print now. name: of the page, for messages."""
    test = doctest.DocTestParser().get_doctest(page, dict(GIVEN), name, name, 0)
    runner = _Renewing()
    runner.run(test, out=lambda text: None)
    lines = page.split("\n")
    for example in reversed(test.examples):
        got = runner.got.get(id(example))
        if got is not None:
            start = example.lineno + example.source.count("\n")
            lines[start : start + example.want.count("\n")] = got.rstrip("\n").split("\n")
    return "\n".join(lines)


class _Renewing(doctest.DocTestRunner):
    """Notes what failed examples print. An exception is a mistake of the page, and is raised."""

    def __init__(self) -> None:
        super().__init__(verbose=False)
        self.got: dict[int, str] = {}

    def report_failure(self, out: Any, test: Any, example: doctest.Example, got: str) -> None:
        self.got[id(example)] = got

    def report_unexpected_exception(
        self, out: Any, test: Any, example: doctest.Example, exc_info: Any
    ) -> None:
        raise exc_info[1]


def runner(folder: Path) -> Run:
    """Runs commands in a folder, with `pillarscore` and this Python on PATH and without settings."""
    for name in FOLDERS:
        (folder / name).symlink_to(ROOT / name)
    for name, arguments in (("pillarscore", '-m agents.cli "$@"'), ("python", '"$@"')):
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}\n')
        program.chmod(0o755)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PILLARSCORE_")}
    environment |= {
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PYTHONUTF8": "1",
    }

    def run(command: str) -> str:
        done = subprocess.run(
            command,
            shell=True,
            cwd=folder,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=60,
        )
        return "\n".join(line.rstrip() for line in (done.stdout + done.stderr).splitlines())

    return run


def main() -> None:
    """Renew all pages."""
    for page in pages():
        text = page.read_text("utf-8")
        with tempfile.TemporaryDirectory(prefix="pillarscore-") as folder:
            new = renewed_python(renewed(text, runner(Path(folder))), page.name)
            for picture in Path(folder).glob("*.png"):
                if f"../images/{picture.name}" in text:
                    shutil.copyfile(picture, ROOT / "docs" / "images" / picture.name)
        if new != text:
            page.write_text(new, encoding="utf-8")


if __name__ == "__main__":
    main()
