"""Real Kafka nodes with listeners of the test's own: behind a proxy, in a network namespace, secured, several.

`agents.local.broker` starts the one plain node that users get; here a test says what it needs beside that.
"""

import base64
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

from agents.local.broker import CLUSTER_ID, LASTING, answers
from agents.local.kafka_jars import fetch
from agents.local.processes import Process, find

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
    "unclean.leader.election.interval.ms": "1000",
}


@dataclass(slots=True)
class Listener:
    """Where clients come in. advertised: what they are given to connect to, host:port; protocol as in Kafka."""

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
    """A Kafka node: broker and controller in one process. prefix: of its command line, as `ip netns exec x`.

    Who it is, is written beside its data, so that several processes may share a node.
    """

    number: int
    folder: Path
    listeners: list[Listener]
    controller: int
    properties: dict[str, str]
    prefix: Sequence[str] = ()
    _child: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def internal(self) -> Listener:
        """The listener that the nodes use among themselves, and plain clients of the test."""
        return self.listeners[0]

    @property
    def process(self) -> Process | None:
        """The process that was started last, unless it was stopped."""
        try:
            return Process(**json.loads((self.folder / "process").read_text()))
        except FileNotFoundError:
            return None

    def start(self, heap_mb: int = 384) -> None:
        """Start the process; `Cluster.wait` says when it answers."""
        libs = fetch(JARS, lambda line: None)
        with (self.folder / "log").open("ab") as log:
            self._child = subprocess.Popen(
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
        process = find(self._child.pid) or Process(self._child.pid, "")
        (self.folder / "process").write_text(json.dumps(asdict(process)))

    def stop(self, kill: bool = False) -> None:
        """End the process, in order or not."""
        if (process := self.process) is None:
            return
        if kill and process.alive:
            os.kill(process.pid, signal.SIGKILL)
        process.end(STOP_S)
        (self.folder / "process").unlink()
        if self._child is not None:
            self._child.poll()

    def erase(self, like: "Node") -> None:
        """Take its data away and lay it out empty, as a new machine in its place; like: another of the cluster."""
        shutil.rmtree(self.folder / "data")
        (self.folder / "data").mkdir()
        for name in ("meta.properties", "bootstrap.checkpoint"):
            shutil.copy(like.folder / "data" / name, self.folder / "data")
        _rename(self)


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
                if not node.process.alive or time.monotonic() > end:
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
    """A running cluster, gone at the end; the arguments are those of `launch`."""
    made = launch(folder, count, listeners, properties, prefix, host, scram)
    try:
        yield made
    finally:
        made.stop()
        for node in made.nodes:
            shutil.rmtree(node.folder / "data", ignore_errors=True)


def launch(
    folder: Path,
    count: int = 1,
    listeners: Sequence[Sequence[Listener]] = (),
    properties: dict[str, str] | None = None,
    prefix: Sequence[str] = (),
    host: str = "127.0.0.1",
    scram: Sequence[str] = (),
) -> Cluster:
    """Start a cluster of `count` nodes.

    listeners: of each node, beside the internal one; scram: its SCRAM users, as `kafka-storage --add-scram` takes
    them.
    """
    ports = lasting_ports(2 * count)
    internal, controllers = ports[:count], ports[count:]
    voters = ",".join(f"{n + 1}@{host}:{port}" for n, port in enumerate(controllers))
    nodes = []
    for n in range(count):
        more = list(listeners[n]) if n < len(listeners) else []
        mine = [Listener("INTERNAL", internal[n], host=host), *more]
        node = Node(n + 1, folder / f"node-{n + 1}", mine, controllers[n], dict(properties or {}), prefix)
        _write(node, voters, min(count, 3), host)
        nodes.append(node)
    first, *others = nodes
    _format(first, scram)
    for node in others:
        _copy_format(first, node)
    made = Cluster(nodes)
    try:
        for node in nodes:
            node.start()
        made.wait(START_S)
    except BaseException:
        made.stop()
        raise
    return made


def lasting_ports(count: int) -> list[int]:
    """Free ports that systems give to no outgoing connection, so that a node finds its own again."""
    found: list[int] = []
    for port in random.sample(LASTING, len(LASTING)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        found.append(port)
        if len(found) == count:
            return found
    raise RuntimeError("no free ports")


def _write(node: Node, voters: str, copies: int, host: str) -> None:
    """Its properties."""
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
        "min.insync.replicas": str(max(1, copies - 1)),
        "offsets.topic.replication.factor": str(copies),
        "transaction.state.log.replication.factor": str(copies),
        "transaction.state.log.min.isr": str(max(1, copies - 1)),
        "share.coordinator.state.topic.replication.factor": str(copies),
        "share.coordinator.state.topic.min.isr": str(max(1, copies - 1)),
        **node.properties,
    }
    text = "".join(f"{name}={value}\n" for name, value in properties.items())
    (node.folder / "server.properties").write_text(text)


def _format(node: Node, scram: Sequence[str]) -> None:
    """Lay out its data folder, by Kafka's tool."""
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


def _copy_format(of: Node, to: Node) -> None:
    """Lay out a data folder like another's, which saves the tool's start: only who it is differs."""
    shutil.copytree(of.folder / "data", to.folder / "data")
    _rename(to)


def _rename(node: Node) -> None:
    """Make a data folder that was copied its own."""
    meta = node.folder / "data" / "meta.properties"
    own = {
        "node.id": str(node.number),
        "directory.id": base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode(),
    }
    lines = (line.partition("=") for line in meta.read_text().splitlines())
    meta.write_text("".join(f"{name}{equals}{own.get(name, value)}\n" for name, equals, value in lines))


def listening(address: str) -> bool:
    """Whether anybody accepts connections there."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
    except OSError:
        return False
    return True
