"""publish, worker, verify, top and run against a real Kafka, as processes that a user would start."""

import asyncio
import gzip
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer

from agents.config.settings import PREFIX, Settings
from agents.publish.kept_copies import played
from agents.publish.sample import DEFAULT, RECORDED_DAYS, SAMPLES
from agents.topics.creation import delete
from tests.kit.events import random_events
from tests.kit.files import event, ndjson

MAIN = [sys.executable, "-c", "from agents.cli import main; main()"]
PATIENCE_S = 60


class Program:
    """`pillarscore` with the settings of a test."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        given = settings.model_dump(
            include={"broker", "prefix", "state_dir", "web_port", "session_timeout_s"}
        )
        self.environment = os.environ | {PREFIX + name.upper(): str(value) for name, value in given.items()}
        self.environment |= {"PYTHONUNBUFFERED": "1"}

    def __call__(self, *arguments: object, code: int = 0) -> str:
        """Its output, stderr behind stdout, after it ended with the code."""
        done = subprocess.run(
            [*MAIN, *map(str, arguments)],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def start(self, *arguments: object, output: Path) -> "subprocess.Popen[bytes]":
        with output.open("wb") as file:
            return subprocess.Popen(
                [*MAIN, *map(str, arguments)], env=self.environment, stdout=file, stderr=file
            )


def until(true: Callable[[], bool], what: str, process: "subprocess.Popen[bytes] | None" = None) -> None:
    """Wait for something that must come true, while the process lives."""
    deadline = time.monotonic() + PATIENCE_S
    while not true():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        assert process is None or process.poll() is None, f"ended while waiting: {what}"
        time.sleep(0.05)  # between looks, the condition is the wait


def counted(settings: Settings) -> float:
    """How many events the worker has read, by its metrics."""
    with urllib.request.urlopen(f"http://127.0.0.1:{settings.web_port}/metrics", timeout=5) as answer:
        (line,) = (x for x in answer.read().splitlines() if x.startswith(b"pillarscore_ingest_events_total "))
    return float(line.split()[1])


@pytest.fixture
def fresh(settings: Settings) -> Iterator[Settings]:
    """Settings whose topics nobody has made yet; they are deleted after the test."""
    yield settings
    asyncio.run(delete(settings))


@pytest.fixture
def program(live: Settings) -> Program:
    return Program(live)


@pytest.fixture
def worker(program: Program, tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    process = program.start("worker", output=tmp_path / "worker.log")
    url = f"http://127.0.0.1:{program.settings.web_port}/ready"

    def ready() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=1) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            return False

    try:
        until(ready, "the worker is ready", process)
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
        assert process.wait(30) == 0, (tmp_path / "worker.log").read_text()


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Random events of every type with duplicates and bad lines, plain and gzip, of the last 100 days."""
    today = int(time.time()) // 86_400
    lines = [
        orjson.dumps(e) for e in random_events(7, 3_000, first=today - 100, last=today - 1, duplicates=0.1)
    ]
    lines[10:10] = [b"{oops", b"[]", b"\xff\xfe", b'"text"', b'{"subject": 7}', b"{}" + b" " * 1000]
    plain, zipped = tmp_path / "a.ndjson", tmp_path / "b.ndjson.gz"
    plain.write_bytes(b"\n".join(lines[:2000]))
    zipped.write_bytes(gzip.compress(b"\n".join(lines[2000:]) + b"\n"))
    return [plain, zipped]


def test_what_is_published_is_scored_as_offline(program: Program, worker: object, files: list[Path]) -> None:
    printed = program("publish", *files)
    assert "3,006 events published" in printed
    verified = program("verify")  # waits for the worker, and takes the copies that publish kept
    assert verified.endswith(" members, 0 differences\n")
    members = int(verified.splitlines()[-1].split()[0])
    assert f"ledger against member.scores: {members:,} members, 0 differences" in verified
    assert members > 40
    assert program("verify", *files) == verified

    best = json.loads(program("score", *files, "--format", "json", "--top", 1).partition("\n]}")[0] + "]}")[
        "members"
    ][0]
    assert best["member"] in program("top", "-n", 1)
    assert json.loads(program("top", "-n", 1, "--json"))["score"] == best["score"]
    compared = json.loads(program("verify", "--json"))
    assert (compared["files"]["members"], compared["files"]["differences"]) == (members, 0)
    assert compared["ledger"]["problems"] == []

    # what only one side has is found
    assert " differences" in program("verify", files[0], code=1)
    extra = files[0].with_name("extra.ndjson")
    extra.write_bytes(ndjson([event("post.published", "x", "nobody-else", datetime.now(UTC).isoformat())]))
    printed = program("verify", *files, extra, code=1)
    assert f"\n{members:,} members, 1 differences" in printed
    assert f"ledger against member.scores: {members:,} members, 0 differences" in printed
    assert "nobody-else" in printed


async def test_lines_are_published_untouched_with_their_subject_as_key(
    program: Program, files: list[Path]
) -> None:
    lines = list(dict.fromkeys(files[0].read_bytes().split(b"\n")))
    files[0].write_bytes(b"\n".join(lines))
    await asyncio.to_thread(program, "publish", files[0], "--no-keep")
    consumer = AIOKafkaConsumer(
        program.settings.topic("events"),
        bootstrap_servers=program.settings.broker,
        auto_offset_reset="earliest",
    )
    await consumer.start()
    try:
        found = [await asyncio.wait_for(consumer.getone(), PATIENCE_S) for _ in lines]
    finally:
        await consumer.stop()
    assert sorted(record.value for record in found) == sorted(lines)
    for record in found:
        try:
            subject = json.loads(record.value)["subject"]
        except (ValueError, TypeError, KeyError):
            subject = None
        assert record.key == (subject.encode() if isinstance(subject, str) else None)
    for partition in {record.partition for record in found}:
        mine = [lines.index(record.value) for record in found if record.partition == partition]
        assert mine == sorted(mine)
    assert (await played(program.settings)).parts == []


def test_until_now_moves_the_times_and_keeps_a_copy(program: Program, worker: object, tmp_path: Path) -> None:
    began = datetime.now(UTC).replace(microsecond=0)
    old = tmp_path / "old.ndjson"
    old.write_bytes(
        ndjson(
            [
                event("post.published", "1", "ada", "2004-05-01T12:00:00Z"),
                event("post.published", "2", "bob", "2004-05-02T12:00:00Z"),
                b"{oops",
            ]
        )
    )
    printed = program("publish", old, "--until", "now")
    assert "All times shifted by +" in printed
    assert program("verify").endswith("\n2 members, 0 differences\n")
    assert program("verify", old, code=1).endswith("2 members, 2 differences\n")

    (part,) = asyncio.run(played(program.settings)).parts
    lines = gzip.decompress(part.file.read_bytes()).splitlines()
    first, second = (datetime.fromisoformat(json.loads(line)["time"]) for line in lines[:2])
    assert second - first == timedelta(days=1)
    assert began <= second <= datetime.now(UTC)
    assert lines[2] == b"{oops"
    assert part.events == 3


def test_a_pace_is_kept_and_a_broken_off_publish_can_be_verified(
    program: Program, worker: object, files: list[Path], tmp_path: Path
) -> None:
    began = time.monotonic()
    process = program.start("publish", *files, "--rate", 40, output=tmp_path / "publish.log")
    until(lambda: counted(program.settings) > 40, "some are counted", process)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    (part,) = asyncio.run(played(program.settings)).parts
    assert 40 < part.events <= 40 * (time.monotonic() - began)
    assert len(gzip.decompress(part.file.read_bytes()).splitlines()) == part.events
    assert "0 differences" in program("verify")


PLAYED = {
    "network": (
        143,
        142,
        "232,286 events read: 227,626 scored, 0 duplicate, 4,659 outside the window, 1 erased",
    ),
    "collegemsg": (1107, 1107, "47,021 events read: 47,021 scored"),
}
"""Members, how many have a team (one is erased), and what becomes of the events, by sample."""


@pytest.mark.parametrize("name", SAMPLES)
def test_run_once_and_again(name: str, fresh: Settings) -> None:
    program = Program(fresh)
    members, in_teams, account = PLAYED[name]
    first = program("run", "--once", *(() if name == DEFAULT else ("--sample", name)))
    assert f"Publishing the sample {name}" in first
    assert account in first
    assert f"Live against offline: {members:,} members, 0 differences" in first
    _check_a_team(program, in_teams)
    again = program("run", "--once")
    assert "was already published in an earlier run" in again
    assert account in again
    assert f"Live against offline: {members:,} members, 0 differences" in again
    (other,) = SAMPLES.keys() - {name}
    refused = program("run", "--once", "--sample", other, code=2)
    assert (
        f"The sample {name} was played here before: choose another PILLARSCORE_PREFIX for {other}" in refused
    )


def _check_a_team(program: Program, members: int) -> None:
    """The live report of a team, with the change over a week that was played, is that of the file."""
    (kept,) = program.settings.state_dir.glob("played/*/*.ndjson.gz")

    def report(*arguments: object) -> Any:
        return json.JSONDecoder().raw_decode(program("team", *arguments, "--json"))[0]

    teams = report()
    assert teams == report("--list", kept)
    assert sum(team["members"] for team in teams) == members
    largest = max(teams, key=lambda team: team["members"])["team"]
    live, offline = report(largest), report(largest, kept)
    assert {member["change"] for member in live["members"]} != {None}
    assert live["members"] == offline["members"]
    assert live["summary"]["pillars"] == offline["summary"]["pillars"]
    best = live["members"][0]
    days = [
        line for line in program("history", best["member"], "--json").splitlines() if line.startswith("{")
    ]
    assert len(days) == RECORDED_DAYS


def test_run_serves_and_stops_what_it_started(fresh: Settings, tmp_path: Path) -> None:
    program = Program(fresh)
    output = tmp_path / "run.log"

    def serving() -> bool:
        return b"Serving" in output.read_bytes()

    process = program.start("run", output=output)
    until(serving, "run serves", process)
    with urllib.request.urlopen(f"http://127.0.0.1:{fresh.web_port}/metrics", timeout=5) as answer:
        assert b"pillarscore_events{" in answer.read()
    other = Program(fresh)("worker", code=2)
    assert f"Port {fresh.web_port} of 127.0.0.1 is not available" in other
    process.terminate()
    assert process.wait(60) == 0
    (child,) = _stopped(fresh)
    assert child == "stopped"


def test_run_says_when_its_worker_dies(fresh: Settings, tmp_path: Path) -> None:
    output = tmp_path / "run.log"
    process = Program(fresh).start("run", output=output)
    until(lambda: b"Serving" in output.read_bytes(), "run serves", process)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        pytest.skip("the children of a process can't be listed here")
    (worker,) = map(int, children.read_text().split())
    os.kill(worker, signal.SIGKILL)
    assert process.wait(60) == 1
    assert b"pillarscore: The worker exited unexpectedly (exit code -9)" in output.read_bytes()


def test_a_worker_does_not_outlive_a_killed_run(fresh: Settings, tmp_path: Path) -> None:
    output = tmp_path / "run.log"
    process = Program(fresh).start("run", output=output)
    until(lambda: b"Serving" in output.read_bytes(), "run serves", process)
    process.kill()
    process.wait(30)
    until(lambda: _stopped(fresh) == ["stopped"], "the worker stopped")


def test_a_command_without_a_kafka_starts_one_and_stops_it_again(tmp_path: Path, jars: Path) -> None:
    (tmp_path / "jars").symlink_to(jars)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    environment |= {f"{PREFIX}STATE_DIR": str(tmp_path), f"{PREFIX}BROKER_HEAP_MB": "256"}
    done = subprocess.run(
        [*MAIN, "topics", "--json"], env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["differences"] == []
    assert done.stderr.splitlines() == [
        "Starting the local broker …",
        "It stops with this command; 'pillarscore broker start' starts one that stays",
        "Stopping the local broker …",
    ]
    stopped = subprocess.run(
        [*MAIN, "broker", "status"], env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert (stopped.returncode, stopped.stdout) == (1, "The local broker is not running.\n")


def _stopped(settings: Settings) -> list[str]:
    """The last event that the worker of `run` logged."""
    lines = (settings.state_dir / "worker.log").read_text().splitlines()
    return [json.loads(lines[-1])["event"]]
