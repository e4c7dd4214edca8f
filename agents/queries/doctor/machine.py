"""This machine: versions, Java and Maven, the state folder and its disk, ports, the local broker."""

import os
import re
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.local.broker import HOST, Broker
from agents.local.java import LEAST, java_version
from agents.local.kafka_jars import fetched
from agents.local.ports import OTHERS, reserve
from agents.queries.doctor.finding import Finding

GB = 1_000_000_000
ALMOST_FULL, FILLING = (1 * GB, 0.10), (5 * GB, 0.25)
"""Free bytes and share of the disk; less than both is reported, as by the alerts on disks."""
_ANSWER_S = 2.0


def machine(settings: Settings) -> Iterator[Finding]:
    """All checks that need no Kafka."""
    yield _versions()
    if not settings.broker:
        yield from _java(settings)
    yield from _state_folder(settings.state_dir)
    yield _web_port(settings)
    if not settings.broker:
        yield _local_broker(settings)


def _versions() -> Finding:
    """Those of Python and of the packages that are pinned, since their faults are known."""
    try:
        wanted = requires("pillarscore") or []
        ours = version("pillarscore")
    except PackageNotFoundError:
        return Finding("versions", "warning", "pillarscore is not installed", "install it: 'make run' does")
    pins = (re.match(r"([\w-]+)==([\w.]+)", one) for one in wanted)
    pinned = {found[1]: found[2] for found in pins if found}
    installed = {name: _installed(name) for name in pinned}
    said = ", ".join(
        [f"pillarscore {ours}", f"Python {sys.version.split()[0]}", *map(" ".join, installed.items())]
    )
    if other := [f"{name} {needed}" for name, needed in pinned.items() if installed[name] != needed]:
        todo = f"install {', '.join(other)}: the versions in requirements.txt"
        return Finding("versions", "problem", said, todo)
    return Finding("versions", "ok", said)


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def _java(settings: Settings) -> Iterator[Finding]:
    """What only the local broker needs."""
    found, other = java_version(), "or set PILLARSCORE_BROKER to a Kafka that runs elsewhere"
    install = f"install Java {LEAST} or newer (Debian: apt-get install openjdk-17-jre-headless), {other}"
    if found is None:
        yield Finding("java", "problem", "Java is missing", install)
    elif found < LEAST:
        yield Finding("java", "problem", f"Java {found or 'of unknown version'} is too old", install)
    else:
        yield Finding("java", "ok", f"Java {found}")
    if fetched(settings.state_dir / "jars"):
        yield Finding("kafka files", "ok", "Apache Kafka is fetched")
    elif shutil.which("mvn") is None:
        todo = f"install it (Debian: apt-get install maven), {other}"
        yield Finding("kafka files", "problem", "Maven (mvn) is missing, which fetches Apache Kafka", todo)
    else:
        yield Finding(
            "kafka files", "ok", "Apache Kafka is fetched when the local broker starts first (54 MB)"
        )


def _state_folder(folder: Path) -> Iterator[Finding]:
    """Whether it can be written, or made; and the disk that it is on."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        why = "is not writable" if there.is_dir() else "is not a folder"
        todo = "make it writable, or set PILLARSCORE_STATE_DIR to another folder"
        yield Finding("state folder", "problem", f"{there} {why}", todo)
    else:
        yield Finding("state folder", "ok", str(folder))
    try:
        usage = shutil.disk_usage(there)
    except OSError as error:
        yield Finding("disk", "problem", f"the disk of {there} can't be read: {error.strerror}")
        return
    share = usage.free / usage.total if usage.total else 0.0
    said = f"{usage.free / GB:,.1f} GB free of {usage.total / GB:,.1f} GB ({share:.0%})"
    for state, (least, least_share), section in (
        ("problem", ALMOST_FULL, "PillarscoreDiskAlmostFull"),
        ("warning", FILLING, "PillarscoreDiskFilling"),
    ):
        if usage.free < least and share < least_share:
            yield Finding("disk", state, said, f"free some space (runbook, {section})")  # type: ignore[arg-type]
            return
    yield Finding("disk", "ok", said)


def _web_port(settings: Settings) -> Finding:
    """Whether a worker can start its pages; a worker that already has the port is no problem."""
    host, port = settings.web_host, settings.web_port
    try:
        reserve(host, port).close()
        return Finding("web port", "ok", f"port {port} is free")
    except UserError as error:
        refused = error
    if _is_worker(settings):
        return Finding("web port", "ok", f"a worker has its pages on port {port}")
    if "web_port" in settings.model_fields_set:
        return Finding("web port", "problem", str(refused))
    try:
        with reserve(host, port, others=OTHERS) as other:
            free = other.getsockname()[1]
    except UserError as error:
        return Finding("web port", "problem", str(error))
    return Finding("web port", "ok", f"another program uses port {port}: a worker takes {free}")


def _is_worker(settings: Settings) -> bool:
    host = f"[{settings.web_host}]" if ":" in settings.web_host else settings.web_host
    scheme = "https" if settings.web_tls_certfile else "http"
    try:
        with urllib.request.urlopen(
            f"{scheme}://{host}:{settings.web_port}/live", timeout=_ANSWER_S
        ) as answer:
            return b'"ok"' in answer.read(4096)
    except urllib.error.HTTPError as error:
        return error.code == 503 and b'"ok"' in error.read(4096)
    except (OSError, ValueError):
        return False


def _local_broker(settings: Settings) -> Finding:
    local = Broker.of(settings)
    now = local.status()
    if now.answers:
        return Finding("local broker", "ok", f"answers at {now.address}")
    if now.process is not None:
        todo = f"see {local.log}, then 'pillarscore broker stop' and 'pillarscore broker start'"
        return Finding(
            "local broker", "problem", f"pid {now.process.pid} does not answer at {now.address}", todo
        )
    if settings.broker_port:
        try:
            reserve(HOST, settings.broker_port).close()
        except UserError:
            todo = "set PILLARSCORE_BROKER_PORT to a free port, or stop that program"
            said = f"another program uses port {settings.broker_port}"
            return Finding("local broker", "problem", said, todo)
    return Finding("local broker", "ok", "not running; commands start it when they need it")
