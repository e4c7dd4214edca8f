"""The local broker: Apache Kafka on this machine, one KRaft node on the loopback interface.

So that the project runs and is tested against the real thing with nothing to install but Java. All of it
lies in one folder: data, properties, log, and who it is. One that a person has started stays until they stop it, one
that a command has started until the last command that uses it ends; a broker that died is started again on the same
data.
"""

import asyncio
import contextlib
import json
import os
import random
import shutil
import socket
import struct
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.local.broker_config import BRIEF, LOGGING, LONG_RUNNING, PROPERTIES
from agents.local.in_use import Report, join
from agents.local.kafka_jars import fetch, locked
from agents.local.processes import Process, find

LASTING = range(20_000, 32_000)
HOST = "127.0.0.1"
START_S = 60.0
STOP_S = 30.0
CLOSE_S = 2.0
CLUSTER_ID = "cGlsbGFyc2NvcmUtMDAwMQ"
LARGEST_LOG = 5 << 20


@dataclass(frozen=True, slots=True)
class Status:
    """How the local broker is: its process (None: it does not run), address, and whether it answers."""

    process: Process | None
    address: str
    answers: bool


class Broker:
    """A local broker that keeps everything below `folder`; any number of objects may stand for the same one.

    port: 0 for the one it had before, or any free one. heap_mb: its Java heap, MB. jars: where the jars are
    kept, to be shared between brokers. report: takes lines about what takes long.
    """

    def __init__(
        self,
        folder: Path,
        *,
        jars: Path | None = None,
        port: int = 0,
        heap_mb: int = 512,
        report: Report | None = None,
    ) -> None:
        self.folder = folder.absolute()
        self.log = self.folder / "broker.log"
        self._jars = jars or self.folder
        self._port = port
        self._heap_mb = heap_mb
        self._report: Report = report or (lambda line: None)
        self._child: subprocess.Popen[bytes] | None = None
        self._libs = Path()
        self._log_from = 0

    @classmethod
    def of(cls, settings: Settings, report: Report | None = None) -> "Broker":
        """The local broker of the settings."""
        state = settings.state_dir
        return cls(
            state / "broker",
            jars=state / "jars",
            port=settings.broker_port,
            heap_mb=settings.broker_heap_mb,
            report=report,
        )

    def start(self, *, temporary: bool = False) -> str:
        """Its address, host:port, once it answers; starts it unless it runs. UserError when it can't.

        temporary: if it does not run yet, it is to be stopped by the last command that uses it.
        """
        with locked(self.folder / "lock"):
            status = self.status()
            if not temporary:
                self._temporary.unlink(missing_ok=True)
            if status.process is None:
                # before it starts, so that one whose start is broken off is stopped too
                if temporary:
                    self._temporary.touch()
                try:
                    return self._launch()
                except UserError:
                    if self.status().process is None:
                        self._temporary.unlink(missing_ok=True)
                    raise
            if self._port and status.address != f"{HOST}:{self._port}":
                raise UserError(
                    f"The local broker runs at {status.address}: stop it first to start it on port {self._port}"
                )
            self._await(status.process, status.address)
            return status.address

    def stop(self) -> bool:
        """Stop it in order, with force after half a minute; False when it did not run."""
        with locked(self.folder / "lock"):
            process = self.status().process
            if process is None:
                return False
            in_order = process.end(STOP_S)
            if self._child is not None:
                self._child.wait()
            self._keep_archive(in_order)
            # the record stays: the next start takes the port from it
            self._temporary.unlink(missing_ok=True)
            return True

    def status(self) -> Status:
        """Whether it runs, where, and whether it answers."""
        if self._child is not None:
            self._child.poll()
        try:
            known = json.loads(self._record.read_text())
            process = Process(known["pid"], known["started"])
            address = known["address"]
        except (OSError, ValueError, KeyError):
            return Status(None, "", False)
        if not process.alive:
            return Status(None, address, False)
        return Status(process, address, answers(address))

    @property
    def started_here(self) -> bool:
        """Whether this process has started it."""
        return self._child is not None

    @property
    def temporary(self) -> bool:
        """Whether it is to be stopped by the last command that uses it."""
        return self._temporary.exists()

    @property
    def _temporary(self) -> Path:
        return self.folder / "temporary"

    @property
    def _record(self) -> Path:
        return self.folder / "broker.json"

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _launch(self) -> str:
        if shutil.which("java") is None:
            raise UserError("Java is missing: install Java 17 or newer, or set PILLARSCORE_BROKER=host:port")
        self._libs = fetch(self._jars, self._report)
        self._report("Starting the local broker …")
        for attempt in range(3):
            address, controller = self._ports()
            self._write_properties(address, controller)
            self._format()
            process = self._run(address)
            try:
                self._await(process, address)
                return address
            except UserError:
                # another program may have taken a port between our look and Kafka's
                if attempt == 2 or process.alive or not self._port_was_taken():
                    raise
        raise AssertionError("unreachable")

    def _ports(self) -> tuple[str, int]:
        """Client address and controller port: the one asked for, else the last one if free, else any."""
        last = int(self.status().address.rpartition(":")[2] or 0)
        with socket.socket() as clients, socket.socket() as controller:
            if not _bind(clients, self._port or last, CLOSE_S if last else 0.0):
                if self._port:
                    raise UserError(
                        f"Port {self._port} is used by another program: set PILLARSCORE_BROKER_PORT"
                    )
                _bind(clients, 0)
            _bind(controller, 0)
            return f"{HOST}:{clients.getsockname()[1]}", controller.getsockname()[1]

    def _write_properties(self, address: str, controller: int) -> None:
        text = PROPERTIES.format(
            host=HOST, port=address.rpartition(":")[2], controller=controller, data=self._data
        )
        (self.folder / "server.properties").write_text(text)

    def _format(self) -> None:
        """Lay out the data folder, unless it is; a layout that was broken off is begun again."""
        done = self.folder / "formatted"
        if done.exists() and (self._data / "meta.properties").exists():
            return
        # nothing has ever run on data without the mark
        if not done.exists():
            shutil.rmtree(self._data, ignore_errors=True)
        command = [*BRIEF, *LOGGING, "-cp", f"{self._libs}/*", "kafka.tools.StorageTool", "format"]
        command += ["--cluster-id", CLUSTER_ID, "--config", str(self.folder / "server.properties")]
        made = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            self.log.write_text(made.stdout + made.stderr)
            if "UnsupportedClassVersionError" in made.stderr:
                raise UserError("Java is too old for Apache Kafka: install Java 17 or newer")
            raise UserError(f"Kafka could not format {self._data}: see {self.log}")
        done.touch()

    def _run(self, address: str) -> Process:
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG:
            os.replace(self.log, self.log.with_suffix(".log.1"))
        command = [
            *LONG_RUNNING,
            f"-Xms{self._heap_mb}m",
            f"-Xmx{self._heap_mb}m",
            *self._archive(),
            *LOGGING,
        ]
        command += ["-cp", f"{self._libs}/*", "kafka.Kafka", str(self.folder / "server.properties")]
        with self.log.open("ab") as log:
            self._log_from = log.tell()
            # a session of its own: Ctrl-C is for the command that started it, which stops it in order
            self._child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self.folder,
            )
        process = find(self._child.pid) or Process(self._child.pid, "")
        record = {
            "pid": process.pid,
            "started": process.started,
            "address": address,
            "jars": str(self._libs),
        }
        new = self._record.with_suffix(".new")
        new.write_text(json.dumps(record))
        os.replace(new, self._record)
        return process

    def _archive(self) -> list[str]:
        """Java options that make the start quicker: its loaded classes, kept from the first orderly stop on.

        A start is mostly loading classes. Java itself sees whether an archive fits its version and jars.
        """
        archive = self._libs / "classes.jsa"
        if archive.exists():
            return [f"-XX:SharedArchiveFile={archive}", "-Xlog:cds=off", "-Xlog:class+path=off"]
        return [
            f"-XX:ArchiveClassesAtExit={self.folder / 'classes.jsa'}",
            "-Xlog:cds=off",
            "-Xlog:cds+dynamic=off",
        ]

    def _keep_archive(self, complete: bool) -> None:
        made = self.folder / "classes.jsa"
        jars = Path(json.loads(self._record.read_text())["jars"])
        if made.exists() and complete and jars.is_dir():
            # by way of a name nobody reads: the folders may lie on different file systems
            shutil.copy(made, jars / "classes.new")
            os.replace(jars / "classes.new", jars / "classes.jsa")
        made.unlink(missing_ok=True)

    def _await(self, process: Process, address: str) -> None:
        deadline = time.monotonic() + START_S
        while not answers(address):
            if self._child is not None:
                self._child.poll()
            if not process.alive:
                raise UserError(f"The local broker exited while starting: {self._why()}see {self.log}")
            if time.monotonic() > deadline:
                raise UserError(
                    f"The local broker (pid {process.pid}) does not answer at {address}: see {self.log}, "
                    "then 'pillarscore broker stop'"
                )
            time.sleep(0.02)

    def _log_text(self) -> str:
        with self.log.open("rb") as log:
            log.seek(min(self._log_from, self.log.stat().st_size))
            return log.read(1 << 20).decode("utf-8", "replace")

    def _port_was_taken(self) -> bool:
        text = self._log_text()
        return "Address already in use" in text or "BindException" in text

    def _why(self) -> str:
        """The line of the log that explains it best, to be followed by where the log is."""
        lines = [line.strip() for line in self._log_text().splitlines()]
        errors = [line for line in lines if "Exception" in line or line.startswith("Error")]
        return f"{errors[0][:200]}; " if errors else ""


def answers(address: str, timeout_s: float = 2.0) -> bool:
    """Whether a Kafka at host:port answers: it is asked, by Kafka's protocol, which versions it speaks."""
    host, _, port = address.rpartition(":")
    asked = struct.pack(">hhih", 18, 0, 1, -1)  # ApiVersions, version 0, correlation id 1, no client id
    try:
        with socket.create_connection((host.strip("[]"), int(port)), timeout_s) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(struct.pack(">i", len(asked)) + asked)
            with connection.makefile("rb") as stream:
                head = stream.read(10)
    except OSError:
        return False
    return len(head) == 10 and struct.unpack(">iih", head)[1:] == (1, 0)


def connected(settings: Settings, report: Report | None = None, *, start: bool = True) -> Settings:
    """The settings with `broker` filled in, and something that answers there.

    Where none is set it is the local one, started if need be and if `start`; then `agents.local.in_use.leave` stops
    it again. Raises UserError, one line.
    """
    if settings.broker:
        from agents.kafka import clients  # takes a moment, which commands without a client need not wait

        with ThreadPoolExecutor(1) as thread:  # the caller may be in an event loop
            why = thread.submit(lambda: asyncio.run(clients.check(settings))).result()
        if why is not None:
            raise UserError(
                why or f"No Kafka answers at {settings.broker}: start it, or correct PILLARSCORE_BROKER"
            )
        return settings
    if settings.security_protocol != "PLAINTEXT":
        raise UserError(
            f"PILLARSCORE_SECURITY_PROTOCOL={settings.security_protocol} is not for the local broker: "
            "set PILLARSCORE_BROKER too"
        )
    broker = Broker.of(settings, report)
    if start:
        report = report or (lambda line: None)
        join(broker, report)
        ran = broker.status().process is not None
        address = broker.start(temporary=True)
        if not ran:
            report("It stops with this command; 'pillarscore broker start' starts one that stays")
        return settings.model_copy(update={"broker": address})
    status = broker.status()
    if not status.answers:
        raise UserError(
            "The local broker is not running: start it with 'pillarscore broker start', or set PILLARSCORE_BROKER"
        )
    return settings.model_copy(update={"broker": status.address})


def _bind(to: socket.socket, port: int, within_s: float = 0.0) -> bool:
    # as Java does, so that connections of the last run which are still closing don't count as taken
    to.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Any free one: rather of those that systems give to no outgoing connection, or the next start, which
    # wants the same port, may find it taken by one.
    deadline = time.monotonic() + within_s
    while True:
        for wanted in [port] if port else [*random.sample(LASTING, 20), 0]:
            with contextlib.suppress(OSError):
                to.bind((HOST, wanted))
                return True
        # a broker that was killed is gone a moment before the system has taken its port back
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.02)
