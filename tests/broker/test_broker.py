"""The local broker: start, stop, and all that may go wrong in between."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.local.broker import Broker, answers, connected
from agents.local.in_use import leave
from agents.topics.creation import ensure


@pytest.fixture
def broker(tmp_path: Path, jars: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path / "broker", jars=jars, heap_mb=256)
    yield broker
    broker.stop()


def another(broker: Broker, jars: Path, port: int = 0) -> Broker:
    """What another process would have to speak of the same broker."""
    return Broker(broker.folder, jars=jars, heap_mb=256, port=port)


def test_starts_once_and_stops_once(broker: Broker, jars: Path) -> None:
    address = broker.start()
    first = broker.status()
    assert answers(address)
    assert first.answers
    assert first.process is not None

    assert another(broker, jars).start() == address
    assert another(broker, jars).status() == first

    port = int(address.rpartition(":")[2])
    assert another(broker, jars, port).start() == address
    with pytest.raises(UserError, match=f"runs at {address}"):
        another(broker, jars, port + 1).start()

    assert broker.stop()
    assert not first.process.alive
    assert not answers(address)
    assert not broker.stop()


def test_starts_at_the_same_time_give_one_broker(broker: Broker, jars: Path) -> None:
    both = [another(broker, jars), another(broker, jars)]
    with ThreadPoolExecutor(2) as pool:
        addresses = list(pool.map(Broker.start, both))
    assert addresses[0] == addresses[1]
    assert both[0].status() == both[1].status()
    assert broker.log.read_text().count("Performing controller activation") == 1


def test_one_that_was_killed_comes_back_with_its_data_and_port(
    broker: Broker, jars: Path, tmp_path: Path
) -> None:
    address = broker.start()
    settings = Settings(broker=address, prefix="kept.", state_dir=tmp_path)
    assert all(found.made for found in asyncio.run(ensure(settings)))
    before = broker.status().process
    assert before is not None
    os.kill(before.pid, signal.SIGKILL)
    wait_until_gone(broker)

    assert another(broker, jars).start() == address
    after = broker.status().process
    assert after not in (None, before)
    assert not any(found.made for found in asyncio.run(ensure(settings)))


def test_a_taken_port_is_named(tmp_path: Path, jars: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"Port {port} is used"):
            Broker(tmp_path, jars=jars, port=port).start()


def test_an_end_while_starting_names_the_log(broker: Broker) -> None:
    broker.start()
    broker.stop()
    (broker.folder / "data" / "meta.properties").write_text("version=1\nnode.id=7\ncluster.id=other\n")
    with pytest.raises(UserError, match=r"exited while starting: .*broker\.log") as caught:
        broker.start()
    assert "\n" not in str(caught.value)
    assert broker.status().process is None


def test_a_layout_broken_off_is_begun_again(broker: Broker) -> None:
    (broker.folder / "data").mkdir(parents=True)
    (broker.folder / "data" / "meta.properties").write_text("half")
    assert answers(broker.start())


def test_connected_starts_the_local_broker_or_says_that_none_runs(tmp_path: Path, jars: Path) -> None:
    (tmp_path / "jars").symlink_to(jars)
    settings = Settings(broker="", state_dir=tmp_path, broker_heap_mb=256)
    with pytest.raises(UserError, match="broker start"):
        connected(settings, start=False)
    lines: list[str] = []
    try:
        started = connected(settings, lines.append)
        assert answers(started.broker)
        assert "It stops with this command" in lines[-1]
        assert connected(settings, start=False) == started
        assert connected(started) == started
    finally:
        leave()
    assert lines[-1] == "Stopping the local broker …"
    assert not answers(started.broker)
    with pytest.raises(UserError, match=f"No Kafka answers at {started.broker}"):
        connected(started)


def test_a_command_stops_only_a_broker_that_was_started_for_commands(tmp_path: Path, jars: Path) -> None:
    (tmp_path / "jars").symlink_to(jars)
    settings = Settings(broker="", state_dir=tmp_path, broker_heap_mb=256)
    lines: list[str] = []
    try:
        address = Broker.of(settings).start()
        assert connected(settings, lines.append).broker == address
        leave()
        assert lines == []
        assert answers(address)
    finally:
        Broker.of(settings).stop()


def test_a_broker_that_another_command_uses_goes_on_until_that_ends(tmp_path: Path, jars: Path) -> None:
    (tmp_path / "jars").symlink_to(jars)
    settings = Settings(broker="", state_dir=tmp_path, broker_heap_mb=256)
    lines: list[str] = []
    program = (
        "import sys\nfrom agents.config.settings import Settings\nfrom agents.local.broker import connected\n"
        "from agents.local.in_use import leave\n"
        f"connected(Settings(broker='', state_dir={str(tmp_path)!r}, broker_heap_mb=256))\n"
        "print('uses it', flush=True)\nsys.stdin.read()\nleave()"
    )
    address = connected(settings, lines.append).broker
    other = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "uses it\n"
        leave()
        assert "goes on" in lines[-1]
        assert answers(address)
        other.communicate(timeout=60)
        assert not answers(address)
    finally:
        other.kill()
        other.wait(10)
        Broker.of(settings).stop()


def test_a_broker_that_a_person_starts_too_stays(tmp_path: Path, jars: Path) -> None:
    (tmp_path / "jars").symlink_to(jars)
    settings = Settings(broker="", state_dir=tmp_path, broker_heap_mb=256)
    try:
        address = connected(settings).broker
        assert Broker.of(settings).start() == address
        leave()
        assert answers(address)
    finally:
        Broker.of(settings).stop()


def wait_until_gone(broker: Broker) -> None:
    deadline = time.monotonic() + 10
    while broker.status().process is not None:
        assert time.monotonic() < deadline
