"""What the Dockerfile builds, built and run without a container engine: a worker as the image's user."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import yaml

from agents.config.settings import Settings
from tests.kit import container

PATIENCE_S = 60


@pytest.fixture
def image() -> Iterator[container.Image]:
    # not below pytest's folder, which only its own user may enter
    folder = Path(tempfile.mkdtemp(prefix="pillarscore-image-"))
    folder.chmod(0o755)
    try:
        built = container.Image(folder, container.base_python())
        built.build()
        yield built
    finally:
        shutil.rmtree(folder)


@pytest.mark.slow
@pytest.mark.timeout(container.STEP_S + 200)
def test_the_image_has_a_worker_that_is_healthy_and_stops(
    image: container.Image, live: Settings, tmp_path: Path
) -> None:
    assert len(image.ran) == sum(name == "RUN" for name, _ in container.instructions()) or os.geteuid() != 0
    user, _, group = container.value_of("USER").partition(":")
    as_user = {}
    if os.geteuid() == 0:
        accounts = (image.root / "etc" / "passwd").read_text().splitlines()
        assert [line.split(":")[2:4] for line in accounts] == [[user, group]]
        if container.may_be_run_by_all(image.python):
            as_user = {"user": int(user), "group": int(group), "extra_groups": []}
    environment = image.environment() | {
        "PILLARSCORE_BROKER": live.broker,
        "PILLARSCORE_PREFIX": live.prefix,
        "PILLARSCORE_WEB_PORT": str(live.web_port),
        "PILLARSCORE_WEB_HOST": "127.0.0.1",
    }
    folder = image.root / container.value_of("WORKDIR").lstrip("/")
    program, *arguments = orjson.loads(container.value_of("ENTRYPOINT")) + orjson.loads(
        container.value_of("CMD")
    )
    found = shutil.which(program, path=environment["PATH"])
    assert found is not None
    assert Path(found).is_relative_to(image.root)
    health, *rest = container.health_check()
    asked = [str(shutil.which(health, path=environment["PATH"])), *rest]

    def healthy() -> bool:
        done = subprocess.run(
            asked,
            env=environment,
            cwd=folder,
            capture_output=True,
            check=False,
            timeout=PATIENCE_S,
            **as_user,
        )
        return done.returncode == 0

    assert not healthy()
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [found, *arguments], env=environment, cwd=folder, stdout=log, stderr=log, **as_user
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not healthy():
            assert worker.poll() is None, (tmp_path / "worker.log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "worker.log").read_text()
        if as_user:
            assert f"Uid:\t{user}\t" in Path(f"/proc/{worker.pid}/status").read_text()
        worker.send_signal(signal.Signals[container.value_of("STOPSIGNAL")])
        assert worker.wait(PATIENCE_S) == 0
    finally:
        if worker.poll() is None:
            worker.kill()
            worker.wait(PATIENCE_S)
    assert not healthy()


def test_the_health_check_asks_kafka(kafka: str) -> None:
    """As in docker-compose.yml, but for the port: 0 only for what answers as a broker does."""
    text = (container.ROOT / "docker-compose.yml").read_text()
    service = yaml.safe_load(text)["services"]["kafka"]
    shell, option, script = service["healthcheck"]["test"][1:]
    script = script.replace("$$", "$")

    def answer(port: int) -> int:
        command = [shell, option, script.replace("localhost/9092", f"127.0.0.1/{port}")]
        return subprocess.run(command, check=False, timeout=PATIENCE_S, capture_output=True).returncode

    assert answer(int(kafka.rpartition(":")[2])) == 0
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it accepts, and never answers
        assert answer(silent.getsockname()[1]) != 0
        free = silent.getsockname()[1]
    assert answer(free) != 0
