"""Apache Kafka as jars, brought by Maven once and kept in the state folder."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agents.bundle import contents
from agents.config.errors import UserError
from agents.local.in_use import Report, opened

POM = contents.root() / "broker" / "pom.xml"


_PATH = r"(/[^\s:,)'\"]+)"
_UNWRITABLE = (
    re.compile(rf"(?:AccessDenied|ReadOnlyFileSystem)Exception: {_PATH}"),
    re.compile(rf"Could not create local repository at {_PATH}"),
    re.compile(rf"{_PATH} \((?:Permission denied|Read-only file system|Not a directory)\)"),
)
_FULL = re.compile("No space left on device|Disk quota exceeded")


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
        raise UserError(f"{POM} is missing: install Pillarscore again, or set PILLARSCORE_BROKER=host:port")
    jars = _jars(folder)
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
        _maven(new, folder)
        for old in folder.glob("kafka-*"):
            # one in use by a broker stays readable to it: Java holds its jars open
            if old != new:
                shutil.rmtree(old, ignore_errors=True)
        os.replace(new, jars)
    return jars


def fetched(folder: Path) -> bool:
    """Whether the jars are there."""
    return POM.is_file() and _jars(folder).is_dir()


def _jars(folder: Path) -> Path:
    return folder / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"


def _maven(into: Path, folder: Path) -> None:
    """Have Maven copy the jars into a folder. Raises UserError, with the cause.

    What Maven downloads stays in `folder` too, and not in the home folder, which may be read-only.
    """
    log = folder / "fetch.log"
    command = ["mvn", "-q", "-B", "-f", str(POM), f"-Dmaven.repo.local={folder / 'maven'}"]
    command += ["dependency:copy-dependencies", f"-DoutputDirectory={into}"]
    with log.open("wb") as out:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, check=False)
    if done.returncode or not any(into.glob("kafka_*.jar")):
        raise UserError(f"Maven could not fetch Apache Kafka: {_cause(log)}; see {log}")


def _cause(log: Path) -> str:
    """What the log of Maven says about its failure, and what to do."""
    text = log.read_text("utf-8", "replace")
    if _FULL.search(text):
        return "the disk is full"
    for pattern in _UNWRITABLE:
        if found := pattern.search(text):
            return f"it can't write to {found[1]}: {_advice(Path(found[1]))}"
    if "Non-readable settings" in text:
        return "it can't read its settings in the home folder (HOME): make them readable, or set HOME"
    return "check the network"


def _advice(path: Path) -> str:
    home = Path.home()
    if path.is_relative_to(home) and not os.access(home, os.W_OK):
        return f"HOME={home} is not writable, set HOME to a folder that is"
    return "make it writable"
