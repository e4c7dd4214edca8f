"""The hooks for commits put a file into the house format, with the tools of .venv and without a network."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WRONG = 'import os\n\n\ndef one( ) :\n    return {"a":1}\n'
RIGHT = 'def one():\n    return {"a": 1}\n'


@pytest.mark.skipif(shutil.which("git") is None, reason="hooks are git's")
def test_a_commit_is_stopped_once_and_the_file_is_right_then(tmp_path):
    (tmp_path / ".venv").symlink_to(sys.prefix)
    for name in (".pre-commit-config.yaml", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "one.py").write_text(WRONG)
    # none of whoever runs this: git sets some of its variables for hooks
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {"PRE_COMMIT_HOME": str(tmp_path / "home"), "HOME": str(tmp_path)}

    def run(*command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
        )

    assert run("git", "init", "--quiet").returncode == 0
    assert run("git", "add", "one.py", ".pre-commit-config.yaml").returncode == 0
    hooks = [f"{sys.prefix}/bin/pre-commit", "run", "--all-files"]
    first = run(*hooks)
    assert first.returncode == 1, first.stdout + first.stderr
    assert "files were modified by this hook" in first.stdout
    assert (tmp_path / "one.py").read_text() == RIGHT
    second = run(*hooks)
    assert second.returncode == 0, second.stdout + second.stderr
    assert second.stdout.count("Passed") == 2
    assert "warning" not in (second.stdout + second.stderr).lower()
