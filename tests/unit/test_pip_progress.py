"""The progress while .venv is made: from what pip prints to a line."""

import importlib.util
import io
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

PIP = """Collecting aiohttp==3.14.1 (from -r requirements.txt (line 7))
  Downloading aiohttp-3.14.1-cp311-manylinux_x86_64.whl (1.7 MB)
Collecting pyarrow==22.0.0 (from -r requirements.txt (line 90))
  Using cached pyarrow-22.0.0-cp311-cp311-manylinux_2_28_x86_64.whl (45.3 MB)
Installing collected packages: aiohttp, pyarrow
Successfully installed aiohttp-3.14.1 pyarrow-22.0.0
""".splitlines(keepends=True)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def progress(pytestconfig: pytest.Config) -> ModuleType:
    path = pytestconfig.rootpath / "deploy" / "pip_progress.py"
    spec = importlib.util.spec_from_file_location("pip_progress", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_on_a_terminal_one_line_changes_and_goes(
    progress: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    out = Terminal()
    shown = progress.Progress(out, 2)
    for line in PIP:
        shown.see(line)
    shown.end()
    states = out.getvalue().split("\r\x1b[K")
    assert states == [
        "",
        "  1 of 2 packages: aiohttp",
        "  1 of 2 packages: aiohttp (1.7 MB)",
        "  2 of 2 packages: pyarrow",
        "  2 of 2 packages: pyarrow (45.3 MB)",
        "  2 of 2 packages: unpacking",
        "",
    ]
    assert all(len(state) < 40 for state in states)


def test_elsewhere_a_line_now_and_then(progress: ModuleType) -> None:
    out, now = io.StringIO(), 0.0
    shown = progress.Progress(out, 2, lambda: now)
    for line in PIP:
        now += 4.0
        shown.see(line)
    shown.end()
    assert out.getvalue() == "  2 of 2 packages: pyarrow\n"


def test_a_failure_is_told_and_all_is_in_the_log(progress: ModuleType, tmp_path: Path) -> None:
    wanted = tmp_path / "requirements.txt"
    wanted.write_text("nonsense==1 --hash=sha256:" + 64 * "0" + "\n")
    done = subprocess.run(
        [sys.executable, progress.__file__, str(wanted), str(tmp_path / "log")],
        env=os.environ | {"PIP_NO_INDEX": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 1
    assert "No matching distribution found for nonsense==1" in done.stderr
    assert done.stderr.endswith(f"pip could not install {wanted}: see {tmp_path}/log\n")
    assert "nonsense" in (tmp_path / "log").read_text()
