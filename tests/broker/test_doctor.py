"""The doctor on a real Kafka: each state of it is named, and nothing is changed by looking."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agents.config.settings import PREFIX, Settings
from agents.kafka import clients
from agents.queries.doctor import clock_check
from agents.queries.doctor.examination import examine
from agents.queries.doctor.finding import Finding
from agents.topics.access import USERS, access
from agents.topics.authorized import allowed
from agents.topics.creation import ensure
from agents.topics.states import change
from perf.worker_process import Worker, free_port
from tests.broker.test_acls import script
from tests.broker.test_topics import names
from tests.kit.secured_client import settings_of
from tests.kit.secured_kafka import Secured

Run = Callable[..., str]


def looked(settings: Settings, user: str = "tools") -> dict[str, list[Finding]]:
    """The findings, by check."""

    async def all_of() -> list[Finding]:
        return [one async for one in examine(settings, user)]

    found: dict[str, list[Finding]] = {}
    for one in asyncio.run(all_of()):
        found.setdefault(one.check, []).append(one)
    return found


def states(found: dict[str, list[Finding]]) -> dict[str, str]:
    return {
        check: ones[0].state
        for check, ones in found.items()
        if check in ("kafka", "acls", "topics", "workers")
    }


def test_missing_topics_are_named_and_not_made(settings: Settings) -> None:
    found = looked(settings)
    assert states(found) == {"kafka": "ok", "acls": "ok", "topics": "problem", "workers": "skipped"}
    (one,) = found["topics"]
    assert one.found.startswith("12 missing: ")
    assert "'pillarscore topics'" in one.todo
    assert asyncio.run(names(settings)) == set()


def test_topics_without_and_with_a_worker(live: Settings, run: Run, tmp_path: Path) -> None:
    found = looked(live)
    assert states(found) == {"kafka": "ok", "acls": "ok", "topics": "ok", "workers": "warning"}
    assert found["workers"][0].todo == "start one: 'pillarscore worker'"
    assert found["events"][0].state == "ok"
    environment = {f"{PREFIX}BROKER": live.broker, f"{PREFIX}PREFIX": live.prefix}
    worker = Worker(environment | {f"{PREFIX}SESSION_TIMEOUT_S": "6"}, tmp_path / "worker.log")
    try:
        worker.wait_ready()
        told = json.loads(
            run(
                environment | {f"{PREFIX}FRAME_PARTITIONS": "4", f"{PREFIX}WEB_PORT": str(worker.port)},
                "doctor",
                "--json",
            )
        )
        by_check = {one["check"]: one for one in told["findings"]}
        assert told["ok"] is True
        assert by_check["workers"]["found"].startswith("1 running: ")
        assert by_check["web port"]["found"] == f"a worker has its pages on port {worker.port}"
    finally:
        worker.stop()


def test_one_of_several_addresses_is_dead(live: Settings) -> None:
    dead = f"127.0.0.1:{free_port()}"
    found = looked(live.model_copy(update={"broker": f"{dead},{live.broker}"}))
    (one,) = found["kafka"]
    assert one.state == "warning"
    assert f"{dead} does not answer" in one.found
    assert found["topics"][0].state == "ok"


def test_a_topic_that_is_not_as_required(live: Settings) -> None:
    async def spoil() -> None:
        async with clients.admin(live) as client:
            await change(client, {live.topic("frames"): {"message.timestamp.type": "CreateTime"}})

    asyncio.run(spoil())
    deadline = time.monotonic() + 20
    while (one := looked(live)["topics"][0]).state == "ok":
        assert time.monotonic() < deadline, "a broker learns of it a moment later"
    assert one.state == "problem"
    assert "message.timestamp.type=CreateTime" in one.found
    assert "--fix" in one.todo


@pytest.mark.parametrize(
    ("off_s", "says"), [(1200, "ahead of Kafka's"), (-1200, "behind Kafka's"), (0, "within")]
)
async def test_a_wrong_clock_shows_while_something_is_written(
    live: Settings, monkeypatch: pytest.MonkeyPatch, off_s: int, says: str
) -> None:
    real = clock_check._now_ms
    monkeypatch.setattr(clock_check, "_now_ms", lambda: real() + off_s * 1000)
    async with clients.producer(live) as producer:
        looking = asyncio.create_task(clock_check.clock(live, "tools"))
        while not looking.done():
            await producer.send_and_wait(live.topic("ledger"), b"x", key=b"not read by anybody", partition=0)
            await asyncio.sleep(0.05)
    one = await looking
    assert says in one.found
    assert (one.state == "problem") == (off_s != 0)


async def test_a_clock_that_is_behind_shows_without_that(
    live: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "not compared" in (await clock_check.clock(live, "tools")).found
    async with clients.producer(live) as producer:
        await producer.send_and_wait(live.topic("ledger"), b"x", key=b"not read by anybody", partition=0)
    assert "not behind" in (await clock_check.clock(live, "tools")).found
    real = clock_check._now_ms
    monkeypatch.setattr(clock_check, "_now_ms", lambda: real() - 1_200_000)
    assert "behind Kafka's" in (await clock_check.clock(live, "tools")).found


def test_a_secured_kafka_without_credentials(secured: Secured, run: Run) -> None:
    environment = {f"{PREFIX}BROKER": f"127.0.0.1:{secured.ports['SCRAM']}"}
    told = json.loads(run(environment, "doctor", "--json", code=1))
    by_check = {one["check"]: one for one in told["findings"]}
    assert "correct PILLARSCORE_SECURITY_PROTOCOL (now PLAINTEXT)" in by_check["kafka"]["found"]
    assert by_check["acls"]["state"] == "skipped"
    wrong = secured.environment("SCRAM", sasl_password="wrong-one")
    assert "wrong user name or password (SCRAM-SHA-512, user alice)" in " ".join(
        run(wrong, "doctor", code=1).split()
    )


@pytest.mark.timeout(280)
def test_every_missing_acl_is_found_and_no_other(secured: Secured, run: Run, prefix: str, jars: Path) -> None:
    alice = settings_of(secured.environment("SCRAM"), prefix=prefix, frame_partitions=2, event_partitions=2)
    asyncio.run(ensure(alice))
    nobody = secured.environment("SCRAM", sasl_username="bob", sasl_password="bob-secret")
    told = " ".join(run(nobody, "doctor", code=1).split())
    assert f"on topic {prefix}activity.events is not allowed" in told
    assert "kafka-acls --add --allow-principal User:bob" in told
    ours = {
        user: settings_of(
            secured.environment("SCRAM", sasl_username=user, sasl_password=f"{user}-secret"),
            prefix=prefix,
            frame_partitions=2,
            event_partitions=2,
        )
        for user in USERS
    }
    for user, settings in ours.items():
        needed = {(one.resource, one.name): set(one.operations) for one in access(settings, user)}
        before: Any = asyncio.run(allowed(settings, user))
        assert {(one.resource, one.name): set(one.operations) for one in before.lacking} == needed
    script(secured, prefix, jars, *USERS)
    for user, settings in ours.items():
        deadline = time.monotonic() + 20
        while asyncio.run(allowed(settings, user)).lacking:
            assert time.monotonic() < deadline, "all it needs is allowed"
        found = looked(settings, user)
        assert (states(found)["acls"], states(found)["topics"]) == ("ok", "ok")
