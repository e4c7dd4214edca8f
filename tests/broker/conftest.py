"""A real Kafka for the tests of a session, and for each test topics that nobody else has.

The broker is the project's own (or PILLARSCORE_BROKER, left as it is), with its data in a temporary
folder. Processes of pytest-xdist share it: the first that needs it starts it, the last one stops it.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

import agents
from agents.config.settings import Settings
from agents.local.broker import Broker
from agents.local.kafka_jars import locked
from agents.topics.creation import delete, ensure
from tests.kit.cluster import Cluster
from tests.kit.faults import Starts, starts
from tests.kit.secured_client import SECRETS, own, tried, wait
from tests.kit.secured_kafka import Secured, secured_kafka
from tests.kit.shared_cluster import claimed, shared_cluster

TIMEOUT_S = 300
"""For a test without a limit of its own. More than its waits may take, so that theirs say first what is missing."""
JARS = Path(agents.__file__).parent.parent / ".pillarscore" / "jars"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.broker)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(TIMEOUT_S))


@pytest.fixture(scope="session")
def jars() -> Path:
    """Where the project keeps Kafka's jars, so that tests don't fetch their own."""
    if shutil.which("java") is None and os.environ.get("PILLARSCORE_BROKER"):
        pytest.skip("no Java here, the tests run against PILLARSCORE_BROKER")
    return JARS


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Kafka, host:port. BROKERS=3: the addresses of three."""
    if given := os.environ.get("PILLARSCORE_BROKER"):
        yield given
        return
    if os.environ.get("BROKERS") == "3":
        made = request.getfixturevalue("three_brokers")
        with claimed(made.nodes[0].folder.parent, alone=False):
            yield made.bootstrap
        return
    base = tmp_path_factory.getbasetemp()
    root = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    broker = Broker(root / "kafka", jars=request.getfixturevalue("jars"))
    users = root / "kafka-users"
    with locked(root / "kafka.lock"):
        address = broker.start()
        users.write_text(str(_count(users) + 1))
    try:
        yield address
    finally:
        with locked(root / "kafka.lock"):
            left = _count(users) - 1
            users.write_text(str(left))
            if left == 0:
                broker.stop()


@pytest.fixture(scope="session")
def three_brokers(jars: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three brokers with three replicas of everything, of which two have to acknowledge."""
    base = tmp_path_factory.getbasetemp()
    root = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base
    with shared_cluster(root / "three-brokers") as made:
        yield made


def _count(users: Path) -> int:
    return int(users.read_text()) if users.exists() else 0


@pytest.fixture(scope="session", autouse=True)
def everybody_may_erase() -> Iterator[None]:
    """The tests erase as the source that also publishes everything else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PILLARSCORE_SOURCES", "open")
        yield


@pytest.fixture
def settings(kafka: str, tmp_path: Path) -> Settings:
    """Settings of the real Kafka with a prefix, state folder and web port of the test's own."""
    return Settings(
        broker=kafka,
        prefix=f"t{uuid.uuid4().hex[:12]}.",
        state_dir=tmp_path / "state",
        web_port=free_port(),
        session_timeout_s=6,
    )


@pytest.fixture
def live(settings: Settings) -> Iterator[Settings]:
    """The same, with all topics made; they are deleted after the test."""
    _run(ensure(settings))
    yield settings
    _run(delete(settings))


def _run(work: Coroutine[Any, Any, Any]) -> None:
    # a loop of its own, so that tests which are coroutines keep theirs
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(work)
    finally:
        loop.close()


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
async def start(live: Settings, tmp_path: Path) -> AsyncIterator[Starts]:
    """Starts a worker, with further settings; all are stopped at the end."""
    async with starts(live, tmp_path) as one:
        yield one


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory, jars: Path) -> Iterator[Secured]:
    with secured_kafka(tmp_path_factory.mktemp("secured")) as made:
        # a broker that has just started may take longer for its first answer than a command waits
        wait(lambda: tried(made.environment("OPEN")) is None, 60)
        yield made


@pytest.fixture
def prefix() -> str:
    return f"t{uuid.uuid4().hex[:12]}."


@pytest.fixture
def run(prefix: str, tmp_path: Path) -> Callable[..., str]:
    """Run a command in an environment: its output, and no secret in it."""

    def ran(environment: dict[str, str], *arguments: object, code: int = 0, within_s: float = 60) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "agents.cli", *map(str, arguments)],
            env=os.environ | own(prefix, tmp_path) | environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=within_s,
        )
        said = done.stdout + done.stderr
        assert done.returncode == code, said
        assert not any(secret in said for secret in SECRETS)
        return said

    return ran
