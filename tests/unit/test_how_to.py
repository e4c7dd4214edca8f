"""What a how-to page shows is what its commands print: they are run, in order, in a folder of their own."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(page):
    """(command, what it prints) of each line that begins with `$`."""
    for block in BLOCK.findall(page):
        for part in block.split("$ ")[1:]:
            command, _, output = part.partition("\n")
            yield command, output


@pytest.mark.slow
@pytest.mark.parametrize("name", ["change-a-rubric.md", "team-report.md"])
def test_the_commands_print_what_is_shown(name, tmp_path):
    for folder in ("rubrics", "samples"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    program = tmp_path / "pillarscore"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m agents.cli "$@"\n')
    program.chmod(0o755)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PILLARSCORE_")}
    environment |= {
        "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PYTHONUTF8": "1",
    }
    shown = list(commands((ROOT / "docs" / "how-to" / name).read_text(encoding="utf-8")))
    assert len(shown) > 2
    for command, output in shown:
        done = subprocess.run(
            command,
            shell=True,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=60,
        )
        printed = "\n".join(line.rstrip() for line in (done.stdout + done.stderr).splitlines())
        assert printed == output.rstrip("\n"), command
