"""Real Kafka nodes with listeners of the test's own: behind a proxy, in a network namespace, secured, several.

`agents.local.broker` starts the one plain node that users get; here a test says what it needs beside that.
"""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from agents.local.broker import CLUSTER_ID, answers
from agents.local.kafka_jars import fetch
from perf.worker_process import free_port

JARS = Path(__file__).parents[2] / ".pillarscore" / "jars"
START_S = 60.0
STOP_S = 20.0
_JAVA = [
    "java",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-XX:+UseSerialGC",
    "-Djava.awt.headless=true",
]
_QUIET = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
_PROPERTIES = {
    "process.roles": "broker,controller",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "INTERNAL",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    "auto.create.topics.enable": "false",
    "group.initial.rebalance.delay.ms": "0",
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    "message.max.bytes": "8388608",
    "log.cleaner.dedupe.buffer.size": "33554432",
    "log.cleaner.backoff.ms": "5000",
    "num.network.threads": "2",
    "num.io.threads": "4",
}


@dataclass(slots=True)
class Listener:
    """Where clients come in. advertised: what they are told to connect to, host:port; protocol as in Kafka."""

    name: str
    port: int
    advertised: str = ""
    protocol: str = "PLAINTEXT"
    host: str = "127.0.0.1"

    @property
    def address(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(slots=True)
class Node:
    """A Kafka node: broker and controller in one process. prefix: of its command line, as `ip netns exec x`."""

    number: int
    folder: Path
    listeners: list[Listener]
    controller: int
    properties: dict[str, str]
    prefix: Sequence[str] = ()
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def internal(self) -> Listener:
        """The listener that the nodes use among themselves, and plain clients of the test."""
        return self.listeners[0]

    def start(self, heap_mb: int = 384) -> None:
        """Start the process; `Cluster.wait` says when it answers."""
        libs = fetch(JARS, lambda line: None)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(*self.prefix, *_JAVA, f"-Xms{heap_mb}m", f"-Xmx{heap_mb}m", *_QUIET),
                    *("-cp", f"{libs}/*", "kafka.Kafka", str(self.folder / "server.properties")),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.folder,
            )

    def stop(self, kill: bool = False) -> None:
        """End the process, in order or not."""
        if self.process is None:
            return
        (self.process.kill if kill else self.process.terminate)()
        try:
            self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_S)
        self.process = None


@dataclass(slots=True)
class Cluster:
    """Nodes that are one Kafka."""

    nodes: list[Node]

    @property
    def bootstrap(self) -> str:
        """The internal listeners of all nodes, host:port with commas between."""
        return ",".join(node.internal.address for node in self.nodes)

    def wait(self, seconds: float = START_S) -> None:
        """Until every started node answers; raises when one ends or does not."""
        end = time.monotonic() + seconds
        for node in self.nodes:
            while node.process is not None and not answers(node.internal.address):
                if node.process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"Kafka node {node.number} did not start: see {node.folder / 'log'}")
                time.sleep(0.05)  # between looks; the answer is what is waited for

    def stop(self) -> None:
        """End all nodes, at once and without mercy: their data goes too."""
        for node in self.nodes:
            node.stop(kill=True)


@contextmanager
def cluster(
    folder: Path,
    count: int = 1,
    listeners: Sequence[Sequence[Listener]] = (),
    properties: dict[str, str] | None = None,
    prefix: Sequence[str] = (),
    host: str = "127.0.0.1",
    scram: Sequence[str] = (),
) -> Iterator[Cluster]:
    """A running cluster of `count` nodes, gone at the end.

    listeners: of each node, beside the internal one; scram: its SCRAM users, as `kafka-storage --add-scram` takes
    them.
    """
    internal = [free_port() for _ in range(count)]
    controllers = [free_port() for _ in range(count)]
    voters = ",".join(f"{n + 1}@{host}:{port}" for n, port in enumerate(controllers))
    nodes = []
    for n in range(count):
        more = list(listeners[n]) if n < len(listeners) else []
        mine = [Listener("INTERNAL", internal[n], host=host), *more]
        node = Node(n + 1, folder / f"node-{n + 1}", mine, controllers[n], dict(properties or {}), prefix)
        _write(node, voters, min(count, 3), host, scram)
        nodes.append(node)
    made = Cluster(nodes)
    try:
        for node in nodes:
            node.start()
        made.wait(START_S)
        yield made
    finally:
        made.stop()
        for node in nodes:
            shutil.rmtree(node.folder / "data", ignore_errors=True)


def _write(node: Node, voters: str, copies: int, host: str, scram: Sequence[str] = ()) -> None:
    """Its properties, and its data folder laid out."""
    node.folder.mkdir(parents=True)
    protocols = {listener.name: listener.protocol for listener in node.listeners} | {
        "CONTROLLER": "PLAINTEXT"
    }
    properties = _PROPERTIES | {
        "node.id": str(node.number),
        "controller.quorum.voters": voters,
        "listeners": ",".join(f"{x.name}://{x.address}" for x in node.listeners)
        + f",CONTROLLER://{host}:{node.controller}",
        "advertised.listeners": ",".join(f"{x.name}://{x.advertised or x.address}" for x in node.listeners),
        "listener.security.protocol.map": ",".join(f"{name}:{p}" for name, p in protocols.items()),
        "log.dirs": str(node.folder / "data"),
        "default.replication.factor": str(copies),
        "offsets.topic.replication.factor": str(copies),
        "transaction.state.log.replication.factor": str(copies),
        "transaction.state.log.min.isr": str(max(1, copies - 1)),
        "share.coordinator.state.topic.replication.factor": str(copies),
        "share.coordinator.state.topic.min.isr": str(max(1, copies - 1)),
        **node.properties,
    }
    text = "".join(f"{name}={value}\n" for name, value in properties.items())
    (node.folder / "server.properties").write_text(text)
    libs = fetch(JARS, lambda line: None)
    made = subprocess.run(
        [
            *(*_JAVA, *_QUIET, "-cp", f"{libs}/*", "kafka.tools.StorageTool", "format"),
            *("--cluster-id", CLUSTER_ID, "--config", str(node.folder / "server.properties")),
            *(part for user in scram for part in ("--add-scram", user)),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=START_S,
    )
    if made.returncode:
        raise RuntimeError(made.stdout + made.stderr)


def listening(address: str) -> bool:
    """Whether anybody accepts connections there."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
    except OSError:
        return False
    return True
