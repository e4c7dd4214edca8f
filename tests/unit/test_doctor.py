"""The doctor, as far as no Kafka is needed: each thing that can be wrong with a machine is found, with what to do."""

import asyncio
import json
import shutil
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiokafka.errors import TopicAuthorizationFailedError
from typer.testing import CliRunner

from agents.cli import app
from agents.config.clock_skew import Skew
from agents.config.errors import UserError
from agents.config.settings import PREFIX, Settings
from agents.local import java, kafka_jars
from agents.queries.doctor import connection as connecting
from agents.queries.doctor import examination
from agents.queries.doctor import machine as checks
from agents.queries.doctor.access_check import acls
from agents.queries.doctor.clock_check import judged, synchronised
from agents.queries.doctor.connection import certificates, connection
from agents.queries.doctor.finding import Finding, healthy
from agents.screens.doctor import as_json, summary
from agents.topics.access import Access
from agents.topics.authorized import Allowed


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Those of a machine on which nothing was started yet, with Java and the jars of Kafka."""
    monkeypatch.setattr(checks, "java_version", lambda: 17)
    monkeypatch.setattr(checks, "fetched", lambda folder: True)
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: SimpleNamespace(total=500 * checks.GB, free=300 * checks.GB)
    )
    return Settings(broker="", state_dir=tmp_path / "state", web_port=free())


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen(1)
        yield other.getsockname()[1]


def free() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def found(settings: Settings, check: str) -> Finding:
    (one,) = [one for one in checks.machine(settings) if one.check == check]
    return one


def test_a_good_machine(settings: Settings) -> None:
    findings = list(checks.machine(settings))
    assert {one.state for one in findings} == {"ok"}, findings
    assert [one.check for one in findings] == [
        *("versions", "java", "kafka files", "state folder", "disk", "web port", "local broker")
    ]
    assert not settings.state_dir.exists(), "nothing is made"


def test_with_a_kafka_of_ones_own_java_does_not_matter(settings: Settings) -> None:
    shown = [one.check for one in checks.machine(settings.model_copy(update={"broker": "kafka:9092"}))]
    assert not {"java", "kafka files", "local broker"} & set(shown)


@pytest.mark.parametrize(("version", "says"), [(None, "Java is missing"), (11, "Java 11 is too old")])
def test_java(settings: Settings, monkeypatch: pytest.MonkeyPatch, version: int | None, says: str) -> None:
    monkeypatch.setattr(checks, "java_version", lambda: version)
    one = found(settings, "java")
    assert (one.state, one.found) == ("problem", says)
    assert "install Java 17 or newer" in one.todo
    assert "PILLARSCORE_BROKER" in one.todo


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_402"', 8),
        ("nonsense", 0),
        (None, None),
    ],
)
def test_the_version_of_java(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, printed: str | None, version: int | None
) -> None:
    if printed is not None:
        (tmp_path / "java").write_text(f"#!/bin/sh\necho '{printed}' >&2\n")
        (tmp_path / "java").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert java.java_version() == version


def test_maven_is_needed_only_until_the_jars_are_there(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert found(settings, "kafka files").state == "ok"
    monkeypatch.setattr(checks, "fetched", kafka_jars.fetched)
    one = found(settings, "kafka files")
    assert one.state == "problem"
    assert "Maven (mvn) is missing" in one.found


def test_another_version_of_a_pinned_package(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "requires", lambda name: ["aiokafka==0.14.0", "numpy"])
    monkeypatch.setattr(checks, "version", lambda name: "0.15.1")
    one = found(settings, "versions")
    assert one.state == "problem"
    assert "aiokafka 0.15.1" in one.found
    assert "install aiokafka 0.14.0" in one.todo


def test_a_state_folder_that_cannot_be_made(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    one = found(settings.model_copy(update={"state_dir": tmp_path / "file" / "state"}), "state folder")
    assert (one.state, one.found) == ("problem", f"{tmp_path}/file is not a folder")
    assert "PILLARSCORE_STATE_DIR" in one.todo


def test_a_state_folder_that_is_read_only(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks.os, "access", lambda path, mode: False)
    one = found(settings, "state folder")
    assert one.state == "problem"
    assert one.found.endswith("is not writable")


@pytest.mark.parametrize(
    ("free_gb", "total_gb", "state"),
    [
        (0, 100, "problem"),
        (0.9, 100, "problem"),
        (0.9, 5, "warning"),
        (4, 100, "warning"),
        (40, 100, "ok"),
        (4, 10, "ok"),
    ],
)
def test_the_disk(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, free_gb: float, total_gb: float, state: str
) -> None:
    usage = SimpleNamespace(total=int(total_gb * checks.GB), free=int(free_gb * checks.GB))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    one = found(settings, "disk")
    assert one.state == state
    assert ("free some space" in one.todo) == (state != "ok")


def test_a_web_port_that_is_taken(settings: Settings, taken: int) -> None:
    asked = found(settings.model_copy(update={"web_port": taken}), "web port")
    assert asked.state == "problem"
    assert f"Port {taken} of 127.0.0.1 is not available" in asked.found

    class Defaulting(Settings):
        web_port: int = taken

    default = found(Defaulting(broker="", state_dir=settings.state_dir), "web port")
    assert default.state == "ok"
    assert f"another program uses port {taken}: a worker takes " in default.found


def test_a_broker_port_that_is_taken(settings: Settings, taken: int) -> None:
    one = found(settings.model_copy(update={"broker_port": taken}), "local broker")
    assert (one.state, one.found) == ("problem", f"another program uses port {taken}")


def test_each_address_is_tried(settings: Settings, taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def examined(**answers: str | None) -> list[Finding]:
        async def check(one: Settings) -> str | None:
            return answers[one.broker.partition(":")[0]]

        async def brokers(one: Settings) -> Finding:
            return Finding("kafka", "ok", "answers")

        async def all_of() -> list[Finding]:
            broker = ",".join(f"{name}:9092" for name in answers)
            return [one async for one in connection(settings.model_copy(update={"broker": broker}))]

        monkeypatch.setattr(connecting.clients, "check", check)
        monkeypatch.setattr(connecting, "_brokers", brokers)
        monkeypatch.setattr(asyncio.BaseEventLoop, "getaddrinfo", known)
        return asyncio.run(all_of())

    async def known(self: object, host: str, port: object) -> list[object]:
        if host == "nohost":
            raise socket.gaierror
        return []

    assert [one.state for one in examined(a=None, b=None)] == ["ok"]
    (one,) = examined(a=None, b="")
    assert (one.state, one.found.partition(":")[0]) == ("warning", "1 of 2 addresses")
    (one,) = examined(a="", b="Kafka at b:9092: wrong password")
    assert one.state == "problem"
    assert "a:9092 does not answer: start Kafka" in one.found
    assert "; Kafka at b:9092: wrong password" in one.found
    (one,) = examined(nohost=None)
    assert "the host name nohost is unknown" in one.found


def test_certificates(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime(2026, 11, 27, tzinfo=UTC)
    ends = {
        "old": now - timedelta(days=1),
        "soon": now + timedelta(days=3),
        "later": now + timedelta(days=300),
    }
    monkeypatch.setattr(connecting, "first_end", lambda file: ends.get(file.name))

    def states(**files: str) -> list[tuple[str, str]]:
        given = settings.model_copy(update={name: Path(file) for name, file in files.items()})
        return [(one.state, one.found.split()[0]) for one in certificates(given, now)]

    assert states() == []
    assert states(ssl_certfile="later", ssl_cafile="unreadable") == [("ok", "the")]
    assert states(ssl_certfile="old", ssl_cafile="soon") == [
        ("problem", "PILLARSCORE_SSL_CERTFILE"),
        ("warning", "PILLARSCORE_SSL_CAFILE"),
    ]


def test_a_missing_acl_comes_with_the_command_that_adds_it(settings: Settings) -> None:
    given = settings.model_copy(update={"sasl_username": "carol"})
    lacking = (
        Access("topic", "member.scores", ("Read", "Describe")),
        Access("transactionalId", "score-", ("Describe",), prefixed=True),
    )
    topic, ids = acls(given, "score", Allowed(20, lacking, ()))
    assert topic.found == "Read, Describe on topic member.scores is not allowed"
    assert (
        "kafka-acls --add --allow-principal User:carol --operation Read --operation Describe --topic"
        in topic.todo
    )
    assert ids.todo.endswith("--transactional-id score- --resource-pattern-type prefixed")
    many = list(acls(given, "score", Allowed(20, lacking * 10, ())))
    assert (len(many), many[-1].found) == (6, "and 15 more of the kind")
    (one,) = acls(given, "score", Allowed(20, (), ()))
    assert one.state == "ok"


def skew(seconds: float) -> Skew:
    measured = Skew()
    measured.observe(1_000_000_000, 1_000_000_000 + int(seconds * 1000), 1_000_000_500 + int(seconds * 1000))
    return measured


@pytest.mark.parametrize(
    ("compared", "synced", "state", "says"),
    [
        ((skew(1200), True), True, "problem", "1,200 s ahead of Kafka's"),
        ((skew(-1200), False), None, "problem", "1,200 s behind Kafka's"),
        ((skew(0), True), False, "ok", "within 10 s"),
        ((skew(0), False), True, "ok", "not behind"),
        ((skew(0), False), False, "warning", "does not synchronise"),
        (None, None, "ok", "not compared"),
    ],
)
def test_the_clock(compared: tuple[Skew, bool] | None, synced: bool | None, state: str, says: str) -> None:
    one = judged(compared, synced)
    assert one.state == state
    assert says in one.found


def test_the_system_is_asked_about_its_clock_without_changing_it() -> None:
    assert synchronised() in (True, False, None)


def invoked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *arguments: str, **given: str
) -> tuple[int, str]:
    for name, value in ({"STATE_DIR": str(tmp_path), "WEB_PORT": str(free())} | given).items():
        monkeypatch.setenv(PREFIX + name, value)
    result = CliRunner().invoke(app, ["doctor", *arguments], catch_exceptions=False, standalone_mode=False)
    return result.return_value, result.stdout


def test_no_kafka_is_a_problem_and_the_rest_is_skipped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    code, out = invoked(monkeypatch, tmp_path, "--json", BROKER=f"127.0.0.1:{free()}")
    made = json.loads(out)
    assert (code, made["ok"]) == (1, False)
    states = {one["check"]: one["state"] for one in made["findings"]}
    assert states["kafka"] == "problem"
    assert {states[check] for check in ("acls", "topics", "clock", "workers", "events")} == {"skipped"}


def test_a_wrong_setting_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code, out = invoked(monkeypatch, tmp_path, BROKER="kafka")
    assert code == 1
    assert out.startswith("problem  settings")
    assert "must be host:port" in out


def test_findings_fit_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("agents.screens.console.WIDTH", 60)
    _, out = invoked(monkeypatch, tmp_path, BROKER="127.0.0.1:1,127.0.0.1:2")
    assert all(len(line) <= 60 for line in out.splitlines())
    assert "\x1b" not in out


async def test_a_check_that_fails_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examination, "PATIENCE_S", 0.05)

    async def checked(error: BaseException | None) -> Finding:
        async def work() -> list[Finding]:
            if error is None:
                await asyncio.sleep(60)
            raise error or AssertionError

        (one,) = await examination._checked("topics", work)
        assert (one.check, one.state) == ("topics", "problem")
        return one

    assert (await checked(None)).found == "no answer of Kafka within 0.05 s"
    assert (await checked(UserError("No topic:\n make it"))).found == "No topic: make it"
    assert "needs ACLs Read" in (await checked(TopicAuthorizationFailedError("x"))).found
    assert "Connection refused" in (await checked(ConnectionRefusedError(111, "Connection refused"))).found
    assert "2.3" in (await checked(NotImplementedError())).found
    with pytest.raises(ZeroDivisionError):
        await checked(ZeroDivisionError())


def test_what_the_findings_come_to() -> None:
    states: list[Callable[[], Finding]] = [
        lambda s=s: Finding("x", s, "") for s in ("ok", "warning", "skipped")
    ]  # type: ignore[misc]
    fine = [make() for make in states]
    assert healthy(fine)
    assert (summary(fine), summary(fine[:1])) == ("1 warning", "No problems")
    bad = [*fine, Finding("x", "problem", ""), Finding("x", "problem", "")]
    assert not healthy(bad)
    assert summary(bad) == "2 problems, 1 warning"
    assert as_json(bad)["ok"] is False
