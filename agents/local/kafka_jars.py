"""Apache Kafka as jars, brought by Maven once and kept in the state folder."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import agents
from agents.config.errors import UserError
from agents.local.in_use import Report, opened

POM = Path(agents.__file__).parent.parent / "broker" / "pom.xml"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, waiting for whoever has it; the system frees it if the holder dies.

    Raises UserError when there can be no such file.
    """
    with opened(path) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def fetch(folder: Path, report: Report) -> Path:
    """The folder of the jars that `broker/pom.xml` names, below `folder`; fetched when they are not there.

    A folder is named by the pom's hash and appears complete or not at all, so a changed pom or a
    broken-off fetch can't leave a mixture.
    """
    if not POM.is_file():
        raise UserError(f"{POM} is missing: run Pillarscore from its repository, or set PILLARSCORE_BROKER")
    jars = folder / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    if jars.is_dir():
        return jars
    with locked(folder / "jars.lock"):
        if jars.is_dir():
            return jars
        if shutil.which("mvn") is None:
            raise UserError("Maven (mvn) is missing: install it, or set PILLARSCORE_BROKER=host:port")
        report("Fetching Apache Kafka (once, 54 MB) …")
        new = folder / "kafka-new"
        shutil.rmtree(new, ignore_errors=True)
        log = folder / "fetch.log"
        command = [
            "mvn",
            "-q",
            "-B",
            "-f",
            str(POM),
            "dependency:copy-dependencies",
            f"-DoutputDirectory={new}",
        ]
        with log.open("wb") as out:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False)
        if done.returncode or not any(new.glob("kafka_*.jar")):
            raise UserError(f"Maven could not fetch Apache Kafka: check the network, and see {log}")
        for old in folder.glob("kafka-*"):
            # one in use by a broker stays readable to it: Java holds its jars open
            if old != new:
                shutil.rmtree(old, ignore_errors=True)
        os.replace(new, jars)
    return jars
