"""README and quickstart, word for word: each command as it stands there, and what it prints."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.local.ports import free_port
from tests.kit.walkthrough import Step, first_difference, steps

ROOT = Path(__file__).parents[2]
PATIENCE_S = 240
END = "-- all said --"


class Terminals:
    """Two terminals in the project's folder: in one `make run` goes on, in the other the reader types."""

    def __init__(self, state: Path) -> None:
        # a port and a state folder of the test's own, since other tests run at the same time
        self.port = str(free_port())
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PILLARSCORE_")},
            "PILLARSCORE_STATE_DIR": str(state / "state"),
            "PILLARSCORE_WEB_PORT": self.port,
            "PYTHONUNBUFFERED": "1",
        }
        self.log = state / "run.log"
        self.running: subprocess.Popen[bytes] | None = None
        self.shell = subprocess.Popen(
            ["bash"],
            cwd=ROOT,
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        names = ("samples", "docs", "deploy", ".venv", "Makefile", "pyproject.toml", "requirements.txt")
        self.type(f"cd {state}; for n in {' '.join(names)}; do ln -s {ROOT}/$n .; done; set +m")

    def run(self) -> list[str]:
        """`make run` until it serves: what it has printed."""
        with self.log.open("wb") as file:
            self.running = subprocess.Popen(
                ["make", "run"],
                cwd=ROOT,
                env=self.environment,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        end = time.monotonic() + PATIENCE_S
        while "Serving;" not in self.log.read_text():
            assert self.running.poll() is None, self.log.read_text()
            assert time.monotonic() < end, self.log.read_text()
            time.sleep(0.1)  # between looks, the line is the wait
        return self.log.read_text().splitlines()

    def interrupt(self) -> None:
        """Ctrl-C in the terminal of `make run`."""
        if self.running is not None and self.running.poll() is None:
            os.killpg(self.running.pid, signal.SIGINT)
            self.running.wait(60)

    def type(self, commands: str) -> list[str]:
        """What the commands print in the other terminal."""
        assert self.shell.stdin is not None
        assert self.shell.stdout is not None
        self.shell.stdin.write(commands.replace("6066", self.port).rstrip("\n") + f"\necho '{END}'\n")
        self.shell.stdin.flush()
        lines = []
        for line in self.shell.stdout:
            if line.rstrip("\n") == END:
                return [one.replace(self.port, "6066") for one in lines]
            lines.append(line.rstrip("\n"))
        raise AssertionError(f"the shell ended: {lines}")

    def close(self) -> None:
        """End both, and what was started in them."""
        self.interrupt()
        if self.shell.poll() is None:
            self.type("kill $worker $publisher 2> /dev/null; wait; .venv/bin/pillarscore broker stop")
            self.shell.kill()
        self.shell.wait(10)


@pytest.fixture
def terminals(tmp_path: Path, jars: Path) -> Iterator[Terminals]:
    made = Terminals(tmp_path)
    yield made
    made.close()


@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", ["README.md", "docs/quickstart.md"])
def test_a_reader_sees_what_the_page_shows(page: str, terminals: Terminals) -> None:
    text = (ROOT / page).read_text("utf-8")
    before, found, rest = text.partition("Stop `make run` with Ctrl-C.")
    for step in steps(before):
        _compare(step, terminals)
    if found:
        terminals.interrupt()
        for step in steps(rest):
            _compare(step, terminals)


def _compare(step: Step, terminals: Terminals) -> None:
    if step.commands.startswith("make test"):
        return  # that is what runs
    printed = terminals.run() if step.commands.startswith("make run") else terminals.type(step.commands)
    if step.shown is not None:
        difference = first_difference(step.shown, [line.replace(terminals.port, "6066") for line in printed])
        assert difference is None, "\n".join([difference, "was not printed by", step.commands, *printed])
