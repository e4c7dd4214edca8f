"""A worker under measurement: started as a user would, its CPU and memory read from /proc (Linux)."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A TCP port nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


class Worker:
    """`pillarscore worker` as a child process, with settings from `environment` beside ours.

    prefix: of the command line, as `ip netns exec x`; host: where its pages are.
    """

    def __init__(
        self,
        environment: dict[str, str],
        log: Path,
        *arguments: str,
        module: str = "agents.cli",
        prefix: Sequence[str] = (),
        host: str = "127.0.0.1",
    ) -> None:
        self.host = host
        self.port = free_port()
        self.log = log
        self._log = log.open("ab")
        self._process = subprocess.Popen(
            [*prefix, sys.executable, "-m", module, "worker", "--web-port", str(self.port), *arguments],
            env=os.environ | environment,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        self.pid = self._process.pid

    def cpu(self) -> float:
        """Seconds of CPU so far, user and system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def peak_mb(self) -> float:
        """Peak resident memory."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
        return 0.0

    def ready(self) -> bool:
        """Whether /ready answers 200."""
        return self._answers("ready")

    def live(self) -> bool:
        """Whether /live answers 200."""
        return self._answers("live")

    def _answers(self, page: str) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.host}:{self.port}/{page}", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def wait_ready(self, seconds: float = 60) -> None:
        """Until /ready; raises when the worker ends or does not get there."""
        end = time.monotonic() + seconds
        while not self.ready():
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the worker did not become ready, see {self._log.name}")
            time.sleep(0.1)

    def metrics(self) -> dict[str, float]:
        """Every sample of /metrics: name with labels -> value."""
        with urllib.request.urlopen(f"http://{self.host}:{self.port}/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        return {
            name: float(value)
            for name, _, value in (x.rpartition(" ") for x in lines if not x.startswith("#"))
        }

    def wait_metric(self, name: str, minimum: float, seconds: float = 60) -> dict[str, float]:
        """All metrics, once the sum of this one is at least so much; raises when it does not get there."""
        return self.wait_that(
            lambda metrics: total(metrics, name) >= minimum, f"{name} >= {minimum}", seconds
        )

    def wait_that(
        self, condition: Callable[[dict[str, float]], bool], what: str, seconds: float = 60
    ) -> dict[str, float]:
        """All metrics, once something is so of them; raises when it does not come to that."""
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(OSError):
                metrics = self.metrics()
                if condition(metrics):
                    return metrics
            if self._process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"timed out waiting for: {what}, see {self._log.name}")
            time.sleep(0.1)  # between looks; the metric is what is waited for

    def problems(self) -> list[str]:
        """The problems that /ready lists."""
        try:
            with urllib.request.urlopen(f"http://{self.host}:{self.port}/ready", timeout=5) as answer:
                body = answer.read()
        except urllib.error.HTTPError as error:
            body = error.read()
        except OSError:  # its pages are not up yet
            return []
        found: list[str] = json.loads(body)["problems"]
        return found

    def exit_code(self) -> int | None:
        """How it has ended; None while it runs."""
        return self._process.poll()

    def stop(self, kill: bool = False) -> None:
        """SIGTERM (or SIGKILL) and wait."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(30)
        self._log.close()


def wait_shared(*workers: Worker, seconds: float = 60) -> None:
    """Until each of the workers has partitions, all of them live; raises when they do not get there."""
    end = time.monotonic() + seconds
    while True:
        lives = []
        for worker in workers:
            worker.wait_ready()
            metrics = worker.metrics()
            lives.append([v for k, v in metrics.items() if k.startswith("pillarscore_partition_live")])
        if all(lives) and all(map(all, lives)):
            return
        if time.monotonic() > end:
            raise RuntimeError(f"the workers have not shared the partitions; live by worker: {lives}")
        time.sleep(0.2)  # between looks; the partitions are what is waited for


def total(metrics: dict[str, float], name: str, label: str = "") -> float:
    """The sum of a metric over its label values, of those that contain `label`."""
    return sum(v for k, v in metrics.items() if k.partition("{")[0] == name and label in k)
