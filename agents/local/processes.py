"""Processes known by more than their number.

A pid alone may have been given to another program since it was written down, so a process is known by
its pid and its start time; only the very process that was meant is ever signalled.
"""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """A running process: its pid, and a text that differs for any other with that pid."""

    pid: int
    started: str

    @property
    def alive(self) -> bool:
        """Whether this very process runs (one that ended but was not waited for does not)."""
        return find(self.pid) == self

    def end(self, patience_s: float) -> bool:
        """SIGTERM, wait, SIGKILL after `patience_s` seconds; True when it ended without the latter."""
        if self._signal(signal.SIGTERM) and self._gone(patience_s):
            return True
        if not self.alive:
            return True
        self._signal(signal.SIGKILL)
        self._gone(10.0)
        return False

    def _signal(self, number: signal.Signals) -> bool:
        if not self.alive:
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True

    def _gone(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.alive:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return True


def find(pid: int) -> Process | None:
    """The process that has this pid now; None when there is none that runs."""
    if not (PROC / "self" / "stat").exists():
        return _by_ps(pid)
    try:
        # the name, in brackets, may hold anything; after it come state (field 3) … start time (field 22)
        fields = (PROC / str(pid) / "stat").read_text().rpartition(") ")[2].split()
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else Process(pid, f"{boot} {fields[19]}")


def _by_ps(pid: int) -> Process | None:
    shown = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    state, _, started = shown.stdout.strip().partition(" ")
    return None if not started or state.startswith("Z") else Process(pid, started.strip())
