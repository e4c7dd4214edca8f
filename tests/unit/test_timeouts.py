"""A test that hangs ends, and says where: in whatever way it hangs."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUN = """
import sys
import pytest
import tests.conftest as shared
shared.AGAIN_S, shared.TEARDOWN_S = 1.0, 2.0
options = ["-p", "no:cloudcoil", "-p", "no:cacheprovider", "-o", "asyncio_mode=auto", "--timeout", "1"]
sys.exit(pytest.main([*options, "--timeout-method", "signal", sys.argv[1]], plugins=[shared]))
"""
WAITS = """
import asyncio

async def reads(queue):
    await queue.get()  # HERE

async def test_it():
    task = asyncio.create_task(reads(asyncio.Queue()), name="reader")
    await asyncio.wait({task})
"""
SWALLOWS = """
import asyncio

async def test_it():
    async def busy():
        while True:
            sum(range(10_000))  # most likely to be hit
            await asyncio.sleep(0)

    task = asyncio.create_task(busy())
    await asyncio.sleep(1_000)  # HERE
"""
SLEEPS = """
import time

def test_it():
    time.sleep(1_000)  # HERE
"""
REFUSES_TO_END = """
import asyncio

async def test_it():
    async def stubborn():
        while True:
            try:
                await asyncio.sleep(1_000)
            except asyncio.CancelledError:
                pass

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(1_000)  # HERE
"""


def run(tmp_path: Path, code: str) -> "subprocess.CompletedProcess[str]":
    (tmp_path / "test_it.py").write_text(code)
    command = [sys.executable, "-c", RUN, str(tmp_path / "test_it.py")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.slow
@pytest.mark.parametrize("code", [WAITS, SWALLOWS, SLEEPS], ids=["waits", "swallows", "sleeps"])
def test_it_fails_and_shows_the_line(tmp_path: Path, code: str) -> None:
    done = run(tmp_path, code)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "1 failed" in done.stdout
    line = code.splitlines().index(next(x for x in code.splitlines() if "HERE" in x)) + 1
    assert f"test_it.py:{line}" in done.stdout
    if code == WAITS:
        assert "Task reader waits in" in done.stdout


@pytest.mark.slow
def test_what_hangs_at_the_end_too_ends_the_process(tmp_path: Path) -> None:
    done = run(tmp_path, REFUSES_TO_END)
    assert done.returncode == 1
    assert "Timeout (0:00:02)!" in done.stderr
    assert "run_until_complete" in done.stderr


def unbounded(tree: ast.AST) -> Iterator[int]:
    """The lines of waits for a process or a record that may take for ever."""
    bounded = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "asyncio.wait_for"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute) or id(node) in bounded:
            continue
        given = bool(node.args or node.keywords)
        named = any(keyword.arg == "timeout" for keyword in node.keywords)
        runs = ast.unparse(node.func) in (
            "subprocess.run",
            "subprocess.check_output",
            "subprocess.check_call",
        )
        waits = node.func.attr in ("wait", "communicate") and not given
        if (runs and not named) or waits or node.func.attr == "getone":
            yield node.lineno


def test_every_wait_for_a_process_or_a_record_has_an_end() -> None:
    found = []
    for path in sorted([*ROOT.glob("tests/**/*.py"), ROOT / "perf" / "worker_process.py"]):
        lines = unbounded(ast.parse(path.read_text(encoding="utf-8")))
        found += [f"{path.relative_to(ROOT)}:{line}" for line in lines]
    assert found == []
    some = "subprocess.run(['x'])\nprocess.wait()\nprocess.wait(3)\nawait consumer.getone()\n"
    fine = "subprocess.run(['x'], timeout=3)\nawait asyncio.wait_for(consumer.getone(), 3)\n"
    assert list(unbounded(ast.parse(some))) == [1, 2, 4]
    assert list(unbounded(ast.parse(fine))) == []
