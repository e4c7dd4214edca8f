"""An installation to break: Kafka, workers, a steady publisher, and those who watch them."""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from agents.config.settings import Settings
from agents.queries.commit_progress import counted
from agents.topics.creation import ensure
from perf.worker_process import Worker
from tests.gameday import history, shims
from tests.gameday.pace import PACE
from tests.gameday.upstream import Upstream
from tests.kit.chaos import ends
from tests.kit.cluster import Cluster, Node, lasting_ports
from tests.kit.monitoring import Alertmanager, Prometheus

PREFIX = "gameday."
RATE = 200.0
SESSION_S = 6
WORKERS, MOST_WORKERS = 2, 6
READY_S = 90.0
COUNTED_S = 90.0
BROKERS_S = 60.0
KNOWN_S, SEEN_S = 10, 90.0
"""How long Prometheus has to have seen all workers ready before a fault, and the time limit for that."""
BY_DESIGN = {
    "PillarscoreWatchdog",
    "PillarscoreOutageRecent",
    "PillarscoreAvailabilityBurnsSlowly",
    "PillarscoreFreshnessBurnsSlowly",
}
"""What may fire when all is well: what notifies nobody, and tickets that look back for hours and days on purpose."""


class Seat:
    """Where a worker runs: its port and log are the same for each worker there."""

    def __init__(self, folder: Path, environment: dict[str, str], port: int) -> None:
        self.folder, self.port = folder, port
        self.state_dir = folder / ".pillarscore"
        self._environment = environment | {"PILLARSCORE_STATE_DIR": str(self.state_dir)}
        self._worker: Worker | None = None
        self.state_dir.mkdir(parents=True)

    @property
    def log(self) -> Path:
        return self.folder / "worker.log"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def worker(self) -> Worker:
        """The one that runs; raises when none does."""
        assert self._worker is not None, f"no worker at {self.address}"
        return self._worker

    @property
    def pid(self) -> int | None:
        """Of the one that runs, or None."""
        running = self._worker is not None and self._worker.exit_code() is None
        return self._worker.pid if self._worker is not None and running else None

    def start(self, role: str = "all", prefix: Sequence[str] = (), **environment: str) -> None:
        """Start a worker; `wait_ready` waits for it."""
        given = self._environment | environment
        arguments = ("--role", role, "--web-port", str(self.port))
        self._worker = Worker(given, self.log, *arguments, prefix=prefix)
        self._worker.port = self.port

    def wait_ready(self) -> None:
        """Until it has its partitions, all restored."""
        self.worker.wait_ready(READY_S)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this very process."""
        if (pid := self.pid) is not None:
            os.kill(pid, number)

    def stop(self, kill: bool = False) -> None:
        """As the runbook says: SIGTERM, or SIGKILL if it does not react."""
        if self._worker is not None:
            with contextlib.suppress(ProcessLookupError):
                self._worker.stop(kill)
            self._worker = None


class Brokers(Protocol):
    """One Kafka."""

    @property
    def address(self) -> str:
        """Of all nodes, host:port with commas between."""

    def kill(self) -> None:
        """As many nodes as it takes for it to stop."""

    def start(self) -> None:
        """Whatever does not run, on its data."""

    def stop(self) -> None:
        """For good."""


class Nodes:
    """Nodes of the test kit: one, or three of which two make a quorum."""

    def __init__(self, made: Cluster) -> None:
        self._made = made

    @property
    def address(self) -> str:
        return self._made.bootstrap

    def kill(self) -> None:
        nodes = self._made.nodes
        for node in nodes[1:] or nodes:
            node.stop(kill=True)

    def start(self) -> None:
        for node in self._made.nodes:
            if _down(node):
                node.start()
        self._made.wait(BROKERS_S)

    def stop(self) -> None:
        self._made.stop()


def _down(node: Node) -> bool:
    return node.process is None or not node.process.alive


class Site:
    """All of it, in a folder. seats: for workers; more of them than are used, for faults that need more."""

    def __init__(self, folder: Path, brokers: Brokers) -> None:
        self.folder, self.brokers = folder, brokers
        self.settings = Settings(broker=brokers.address, prefix=PREFIX, state_dir=folder / ".pillarscore")
        self.environment = {
            "PILLARSCORE_BROKER": brokers.address,
            "PILLARSCORE_PREFIX": PREFIX,
            "PILLARSCORE_SESSION_TIMEOUT_S": str(SESSION_S),
            **shims.make(folder / "bin"),
        }
        self.settings.state_dir.mkdir()
        asyncio.run(ensure(self.settings))
        ports = lasting_ports(MOST_WORKERS)
        self.seats = [Seat(folder / f"worker-{n}", self.environment, port) for n, port in enumerate(ports)]
        self._watchers: tuple[Prometheus, Alertmanager] | None = None
        self.upstream = Upstream(self.settings, folder / "events.ndjson", RATE)

    def begin(self) -> None:
        """The usual workers, all watched, and events."""
        self.usual_workers()
        self.upstream.resume()

    def usual_workers(self, ready: bool = True) -> None:
        """Start whichever is missing of the usual workers, and stop all others; ready: wait until they are."""
        for seat in self.seats[WORKERS:]:
            seat.stop()
        for seat in self.seats[:WORKERS]:
            if seat.pid is None:
                seat.start()
        if self._watchers is not None:
            self.watch(self.seats[:WORKERS])
        if ready:
            for seat in self.seats[:WORKERS]:
                seat.wait_ready()

    @property
    def prometheus(self) -> Prometheus:
        """The one that watches now."""
        assert self._watchers is not None
        return self._watchers[0]

    @property
    def alertmanager(self) -> Alertmanager:
        """Its Alertmanager."""
        assert self._watchers is not None
        return self._watchers[1]

    def new_watch(self, name: str) -> None:
        """Prometheus and Alertmanager that know nothing of the faults before: to them all was well."""
        self.end_watch()
        alertmanager = Alertmanager(self.folder / f"alertmanager-{name}", PACE)
        folder = self.folder / f"prometheus-{name}"
        history.write(folder)
        prometheus = Prometheus(folder, alertmanager.url.removeprefix("http://"), PACE)
        self._watchers = prometheus, alertmanager
        self.watch(self.seats[:WORKERS])
        if within(self._seen, SEEN_S) is None:
            raise TimeoutError(f"Prometheus has not seen all workers for a while in {SEEN_S:.0f} s")

    def _seen(self) -> bool:
        query = f"min_over_time(count(pillarscore_ready == 1)[{KNOWN_S}s:{KNOWN_S // 5}s]) == {WORKERS}"
        known = f"count_over_time(job:pillarscore_ingest_events:rate5m[{KNOWN_S}s]) >= 4"
        return all(self.prometheus.get("/api/v1/query", query=q)["data"]["result"] for q in (query, known))

    def end_watch(self) -> None:
        """End both, if they run."""
        for watcher in self._watchers or ():
            with contextlib.suppress(Exception):
                watcher.stop()
        self._watchers = None

    def watch(self, seats: Sequence[Seat]) -> None:
        """Let Prometheus scrape these workers."""
        self.prometheus.scrape([seat.port for seat in seats])

    def firing(self) -> set[str]:
        """The alerts that fire, apart from those of BY_DESIGN."""
        answer = self.prometheus.get("/api/v1/alerts")["data"]["alerts"]
        return {a["labels"]["alertname"] for a in answer if a["state"] == "firing"} - BY_DESIGN

    def wait_counted(self) -> None:
        """Until everything published is committed; raises TimeoutError."""

        async def wait() -> bool:
            s = self.settings
            return await counted(s, await ends(s, "events", s.event_partitions), COUNTED_S) is not None

        if not asyncio.run(wait()):
            raise TimeoutError(f"not everything that was published is counted in {COUNTED_S:.0f} s")

    def close(self) -> None:
        """End all that was started, whatever state it is in."""
        for end in (
            self.upstream.stop,
            *(seat.stop for seat in self.seats),
            self.end_watch,
            self.brokers.stop,
        ):
            with contextlib.suppress(Exception):
                end()


@contextmanager
def opened(folder: Path, launch: Callable[[Path], Brokers]) -> Iterator[Site]:
    """A site at work; all of it is stopped at the end."""
    folder.mkdir(parents=True)
    brokers = launch(folder / "kafka")
    try:
        site = Site(folder, brokers)
    except BaseException:
        brokers.stop()
        raise
    try:
        site.begin()
        yield site
    finally:
        for seat in site.seats:
            seat.signal(signal.SIGCONT)
        site.close()


def within(reached: Callable[[], Any], seconds: float) -> float | None:
    """The seconds until it is so; None if it does not come to that in time."""
    began = time.monotonic()
    while not reached():
        if time.monotonic() - began > seconds:
            return None
        time.sleep(0.25)  # between looks
    return time.monotonic() - began
