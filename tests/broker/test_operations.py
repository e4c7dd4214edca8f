"""What an operator does with a real Kafka: look at the status, and edit and redrive dead letters."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from agents.cli import _run
from agents.config.errors import UserError
from agents.config.settings import Settings
from agents.dead_letters.redrive import HEADER, Candidate, Judge, remembered, sender
from agents.dead_letters.store import StoredLetter, Wanted, letters
from agents.queries import published_scores
from agents.queries.commit_progress import counted
from perf.worker_process import Worker
from schemas.ledger import Counters
from schemas.letters import DeadLetter
from tests.kit.bounded import at_most
from tests.kit.events import dumps, event

WAIT_S = 60
HOSTILE = b"\x1b]0;pwned\x07\xff{" + b"\x00" * 5
Pillarscore = Callable[..., str]


@pytest.fixture
def environment(settings: Settings) -> dict[str, str]:
    return {
        "PILLARSCORE_BROKER": settings.broker,
        "PILLARSCORE_PREFIX": settings.prefix,
        "PILLARSCORE_SESSION_TIMEOUT_S": "6",
    }


@pytest.fixture
def pillarscore(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Pillarscore:
    """Calls a command; its output, after it ended with the code."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def call(*arguments: str, code: int = 0) -> str:
        ended = _run(list(arguments))
        out, err = capsys.readouterr()
        assert ended == code, out + err
        return out + err

    return call


@pytest.fixture
def worker(live: Settings, environment: dict[str, str], tmp_path: Path) -> Iterator[Worker]:
    running = Worker(environment, tmp_path / "worker.log")
    try:
        running.wait_ready()
        yield running
    finally:
        running.stop()


def _post(member: str, **changes: Any) -> dict[str, Any]:
    made = event("activity.post.published", id=f"of-{member}", subject=member)
    return made | {"time": datetime.now(UTC).isoformat()} | changes


async def _publish(settings: Settings, values: list[bytes]) -> None:
    """To partition 1, so that no letter is where its event was."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.broker)
    await producer.start()
    try:
        for value in values:
            await producer.send_and_wait(settings.topic("events"), value, key=b"k", partition=1)
    finally:
        await producer.stop()


def _counted(settings: Settings, events: int) -> Counters:
    found = asyncio.run(counted(settings, {1: events}, within_s=WAIT_S))
    assert found is not None
    return found


async def _letters(settings: Settings) -> list[StoredLetter]:
    async with letters(settings) as box:
        return [found async for found in box.read(Wanted())]


def test_without_topics_there_is_one_line_and_nothing_is_made(pillarscore: Pillarscore) -> None:
    for command in (["status"], ["dead-letters", "list"], ["dead-letters", "replay", "--all"]):
        for _ in range(2):
            said = pillarscore(*command, code=2)
            assert "has no topic" in said
            assert said.count("\n") == 1


def test_status_tells_of_workers_lag_and_commits(
    live: Settings,
    pillarscore: Pillarscore,
    environment: dict[str, str],
    tmp_path: Path,
) -> None:
    said = pillarscore("status")
    assert "No worker is running" in said
    assert pillarscore("dead-letters", "list").strip() == "none"
    asyncio.run(_publish(live, [dumps(_post("ada")), b"{oops", b"{oops"]))
    before = json.loads(pillarscore("status", "--json"))
    assert [row["lag"]["records"] for row in before["sources"]] == [0, 3, 0, 0]
    assert before["workers"] == []
    assert before["partitions"][0]["committed_age_s"] is None
    worker = Worker(environment, tmp_path / "worker.log")
    try:
        worker.wait_ready()
        _counted(live, 3)
        found = json.loads(pillarscore("status", "--json"))
        watching = subprocess.Popen(
            [sys.executable, "-m", "agents.cli", "status", "--watch", "--json", "--every", "0.2"],
            env=os.environ | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert watching.stdout is not None
        with at_most(WAIT_S, watching):
            looks = [json.loads(watching.stdout.readline()) for _ in range(3)]
        watching.send_signal(signal.SIGINT)
        _, errors = watching.communicate(timeout=WAIT_S)
    finally:
        worker.stop()
    assert (watching.returncode, errors) == (0, b"")
    assert looks[0]["at"] < looks[1]["at"] < looks[2]["at"]
    (name,) = found["workers"]
    assert name.endswith(f":{worker.port}")
    for rows in (found["sources"], found["partitions"]):
        assert [row["owner"] for row in rows] == [name] * 4
        assert [row["lag"]["records"] for row in rows] == [0] * 4
    assert found["members"] == 1
    assert found["letters"] == {"invalid_json": 2}
    assert (found["events"]["read"], found["events"]["scored"]) == (3, 1)
    assert (found["settled"], found["difference"]) == (True, 0)
    assert all(row["committed_age_s"] is not None for row in found["partitions"])
    assert all(row["as_of"] == found["as_of"] for row in found["partitions"])


def test_a_letter_is_mended_sent_again_and_scored(
    live: Settings, worker: Worker, pillarscore: Pillarscore
) -> None:
    values = [HOSTILE, dumps(_post("bob", time="yesterday")), dumps(_post("eve", specversion="2"))]
    asyncio.run(_publish(live, values))
    assert _counted(live, 3).dead_lettered == 3

    listed = [json.loads(x) for x in pillarscore("dead-letters", "list", "--json").splitlines()]
    assert [one["reason"] for one in listed] == ["invalid_json", "bad_time", "bad_specversion"]
    assert [(one["partition"], one["offset"]) for one in listed] == [(1, 0), (1, 1), (1, 2)]
    hostile, late, old = (one["letter"] for one in listed)
    assert [one["source"] for one in listed] == [None, "/test", "/test"]
    assert len(pillarscore("dead-letters", "list", "--source", "/te*", "--json").splitlines()) == 2
    assert json.loads(pillarscore("dead-letters", "list", "--source", "", "--json"))["letter"] == hostile
    assert "\x1b" not in pillarscore("dead-letters", "show", hostile)
    chosen = pillarscore(
        "dead-letters", "list", "--type", "activity.post.*", "--reason", "bad_time", "--json"
    )
    assert json.loads(chosen)["letter"] == late

    # what would fail again is held back, and a rehearsal sends nothing
    edit = ["--set", f"time={datetime.now(UTC).isoformat()}"]
    assert "2 would fail again" in pillarscore("dead-letters", "replay", late, old, code=1)
    assert "1 to be sent" in pillarscore("dead-letters", "replay", late, *edit)
    dry = json.loads(pillarscore("dead-letters", "replay", late, *edit, "--json"))
    assert (dry["dry_run"], dry["letters"], dry["sent"], dry["would_fail_again"]) == (True, 1, 0, 0)
    assert json.loads(pillarscore("dead-letters", "show", late, "--json"))["letter"] == late
    assert "0 sent, 3 would fail" in pillarscore("dead-letters", "replay", "--all", "--yes", code=1)
    assert "1 letter: 1 sent" in pillarscore("dead-letters", "replay", late, *edit, "--yes")
    # a transaction's marker has an offset too
    assert _counted(live, 4).scored == 1
    assert set(asyncio.run(published_scores.newest(live))) == {"bob"}

    # each letter is counted once: the one that was redriven would also fail again as it is
    said = pillarscore("dead-letters", "replay", "--all", code=1)
    assert "3 letters: 0 to be sent, 2 would fail again (--force sends them anyway), 1 already sent" in said

    # once more is held back; when it is meant, it is a duplicate to the score
    assert "0 sent, 1 already sent" in pillarscore("dead-letters", "replay", late, *edit, "--yes")
    assert "1 sent (among them 1 already sent)" in pillarscore(
        "dead-letters", "replay", late, *edit, "--yes", "--again"
    )
    found = _counted(live, 6)
    assert (found.scored, found.duplicate, found.dead_lettered) == (1, 1, 3)

    # what fails again when forced is a letter that says of which it came
    assert "1 sent (among them 1 that would fail again)" in pillarscore(
        "dead-letters", "replay", hostile, "--yes", "--force"
    )
    assert _counted(live, 8).dead_lettered == 4
    newest = asyncio.run(_letters(live))[-1].letter
    assert newest.value == HOSTILE
    assert newest.headers == ((HEADER, hostile.encode()),)
    assert newest.partition == 1


async def test_of_two_replays_at_once_only_the_later_sends(live: Settings) -> None:
    made = [StoredLetter((0, n), 5, _dead(_post(f"m-{n}", time="2026-01-01T00:00:00Z"))) for n in range(2)]
    candidates = [Candidate(found, found.letter.value, False) for found in made]
    first, second = Judge(live).judge(candidates, {}, 1_795_000_000_000)
    assert first.fails is None
    async with sender(live) as earlier:
        async with sender(live) as later:
            with pytest.raises(UserError, match="Another redrive"):
                await earlier.send([first])
            await later.send([second])
        assert set(await remembered(live)) == {(0, 1)}


def _dead(made: dict[str, Any]) -> DeadLetter:
    return DeadLetter("bad_time", "", "activity.events", 1, 0, 5, b"k", dumps(made))
