"""Every way to secure a Kafka: what works, and one line with the cause for what does not."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from agents.config.settings import PREFIX
from perf.worker_process import Worker, total
from tests.kit.secured_client import SAME, SECRETS, events, own, tried, wait
from tests.kit.secured_kafka import (
    SESSION_S,
    TOKEN_S,
    Secured,
    token,
    token_server,
)


@pytest.mark.parametrize(
    ("listener", "given"),
    [
        ("OPEN", {}),
        ("PLAIN", {}),
        ("SCRAM", {"sasl_mechanism": "SCRAM-SHA-256"}),
        ("SCRAM", {"sasl_mechanism": "SCRAM-SHA-512"}),
        ("MTLS", {}),
        ("ELSEWHERE", {"ssl_check_hostname": False}),
    ],
)
def test_what_is_right_connects(secured: Secured, listener: str, given: dict[str, object]) -> None:
    assert tried(secured.environment(listener, **given)) is None


def test_tokens_connect(secured: Secured, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(token())
    assert tried(secured.environment("OAUTH", sasl_oauth_token_file=file)) is None
    with token_server() as server:
        given = {
            "sasl_oauth_token_endpoint": server.address,
            "sasl_oauth_client_id": "pillarscore",
            "sasl_oauth_scope": "kafka",
        }
        right = secured.environment("OAUTH", **given, sasl_oauth_client_secret="client-secret")
        assert [tried(right), tried(right)] == [None, None]
        assert server.issued == 1  # one token serves both
        wrong = tried(secured.environment("OAUTH", **given, sasl_oauth_client_secret="wrong-one"))
        assert wrong is not None
        assert "it answers 401: check PILLARSCORE_SASL_OAUTH_CLIENT_ID and its secret" in wrong
    away = tried(secured.environment("OAUTH", **given, sasl_oauth_client_secret="away-secret"))
    assert away is not None
    assert f"no token from {server.address}: " in away
    assert "refused" in away


WRONG_PASSWORD = "wrong user name or password"
REFUSED = [
    ("PLAIN", {"sasl_password": "wrong-one"}, WRONG_PASSWORD),
    ("SCRAM", {"sasl_password": "wrong-one"}, f"{WRONG_PASSWORD} (SCRAM-SHA-512, user alice)"),
    ("SCRAM", {"sasl_username": "nobody"}, f"{WRONG_PASSWORD} (SCRAM-SHA-512, user nobody)"),
    ("SCRAM", {"sasl_mechanism": "PLAIN"}, "no SASL mechanism PLAIN at this port, it offers SCRAM-SHA-"),
    ("SCRAM", {"ssl_cafile": "other"}, "the CA does not know the broker's certificate"),
    ("SCRAM", {"ssl_cafile": None}, "the CA does not know the broker's certificate"),
    ("EXPIRED", {}, "the broker's certificate has expired"),
    ("ELSEWHERE", {}, "the broker's certificate is not for host 127.0.0.1"),
    ("MTLS", {"ssl_certfile": None, "ssl_keyfile": None}, "asks for a client certificate: set"),
    (
        "MTLS",
        {"ssl_certfile": "expired"},
        "the client certificate in PILLARSCORE_SSL_CERTFILE has expired on 2020-02-01",
    ),
    ("MTLS", {"ssl_certfile": "other"}, "does not accept the client certificate"),
    ("MTLS", {"security_protocol": "PLAINTEXT"}, "correct PILLARSCORE_SECURITY_PROTOCOL (now PLAINTEXT)"),
    ("PLAIN", {"security_protocol": "PLAINTEXT"}, "correct PILLARSCORE_SECURITY_PROTOCOL (now PLAINTEXT)"),
    ("PLAIN", {"security_protocol": "SASL_SSL"}, "correct PILLARSCORE_SECURITY_PROTOCOL (now SASL_SSL)"),
    ("OPEN", {"security_protocol": "SSL"}, "correct PILLARSCORE_SECURITY_PROTOCOL (now SSL)"),
    ("OAUTH", {"sasl_oauth_token_file": "old"}, "refuses the token"),
]


def refused(secured: Secured, listener: str, given: dict[str, object], folder: Path) -> dict[str, str]:
    """The environment of a case above."""
    given = dict(given)
    if given.get("ssl_cafile") == "other":
        given["ssl_cafile"] = secured.other.file
    if given.get("ssl_certfile") in ("expired", "other"):
        pair = (
            secured.expired_client if given["ssl_certfile"] == "expired" else secured.other.sign("stranger")
        )
        given["ssl_certfile"], given["ssl_keyfile"] = pair
    if given.get("sasl_oauth_token_file") == "old":
        given["sasl_oauth_token_file"] = folder / "token"
        (folder / "token").write_text(token(-60))
    environment = secured.environment(listener, **given)
    if given.get("security_protocol") == "PLAINTEXT":
        environment = {k: v for k, v in environment.items() if "_SSL_" not in k and "_SASL_" not in k}
    return environment


@pytest.mark.parametrize(("listener", "given", "says"), REFUSED)
def test_what_is_wrong_is_one_line(
    secured: Secured, listener: str, given: dict[str, object], says: str, tmp_path: Path
) -> None:
    line = tried(refused(secured, listener, given, tmp_path))
    assert line is not None
    assert says in line
    assert f"Kafka at 127.0.0.1:{secured.ports[listener]}" in line
    assert "\n" not in line
    assert not any(secret in line for secret in SECRETS)


@pytest.mark.parametrize("case", [1, 4, 9, 15])
def test_commands_print_it(secured: Secured, run: Callable[..., str], tmp_path: Path, case: int) -> None:
    listener, given, says = REFUSED[case]
    environment = refused(secured, listener, given, tmp_path)
    said = run(environment, "worker" if case == 1 else "status", code=2)
    assert says in said
    assert said.startswith("pillarscore: ")
    assert len(said.splitlines()) == 1


def test_no_secret_is_logged_even_at_level_debug(secured: Secured, prefix: str, tmp_path: Path) -> None:
    more = {f"{PREFIX}LOG_LEVEL": "debug"}
    worker = Worker(secured.environment("PLAIN") | own(prefix, tmp_path) | more, tmp_path / "worker.log")
    try:
        worker.wait_ready()
    finally:
        worker.stop()
    log = worker.log.read_text()
    assert log.count("Sending username and password in the clear") == 1
    assert "Request to" in log  # or the level is another one
    assert not any(secret in log for secret in SECRETS)


@pytest.mark.parametrize("listener", ["SCRAM", "MTLS"])
def test_from_publish_to_score(
    secured: Secured, run: Callable[..., str], prefix: str, tmp_path: Path, listener: str
) -> None:
    environment = secured.environment(listener)
    worker = Worker(environment | own(prefix, tmp_path), tmp_path / "worker.log")
    try:
        worker.wait_ready()
        assert "500 events published" in run(environment, "publish", events(tmp_path))
        assert SAME.search(run(environment, "verify"))
        assert prefix in run(environment, "status", "--json")
        with_secrets = [str(worker.metrics()), worker.log.read_text()]
        assert not any(secret in text for secret in SECRETS for text in with_secrets)
    finally:
        worker.stop()


def test_a_running_worker_reports_a_wrong_password_until_it_is_right_again(
    secured: Secured, prefix: str, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text("alice-secret\n")
    environment = secured.environment("SHORT", sasl_password=None, sasl_password_file=password)
    worker = Worker(environment | own(prefix, tmp_path), tmp_path / "worker.log")
    try:
        worker.wait_ready()
        password.write_text("wrong-one\n")
        wait(lambda: any(WRONG_PASSWORD in line for line in worker.problems()), 2 * SESSION_S)
        assert worker.metrics()['pillarscore_problems{kind="access"}'] == 1
        password.write_text("alice-secret\n")
        worker.wait_ready(30)
        assert worker.problems() == []
    finally:
        worker.stop()
    assert not any(secret in worker.log.read_text() for secret in SECRETS)


@pytest.mark.chaos
@pytest.mark.timeout(300 + 360 * float(os.environ.get("OAUTH_MINUTES", "0")))
def test_tokens_that_expire_lose_and_double_nothing(
    secured: Secured, run: Callable[..., str], prefix: str, tmp_path: Path
) -> None:
    """A minute of events with tokens of 15 s, and a worker killed in between.

    OAUTH_MINUTES=10: so many minutes, with 5,000 events/s (OAUTH_RATE) and tokens of 60 s.
    """
    minutes = float(os.environ.get("OAUTH_MINUTES", "0"))
    seconds, rate, lifetime_s = (
        (round(60 * minutes), int(os.environ.get("OAUTH_RATE", "5000")), 60)
        if minutes
        else (60, 200, TOKEN_S)
    )
    file = events(tmp_path, seconds * rate)
    with token_server(lifetime_s) as server:
        environment = secured.environment(
            "OAUTH",
            sasl_oauth_token_endpoint=server.address,
            sasl_oauth_client_id="pillarscore",
            sasl_oauth_client_secret="client-secret",
            sasl_oauth_scope="kafka",
        )
        mine = environment | own(prefix, tmp_path)
        first = Worker(mine, tmp_path / "first.log")
        second = publishing = None
        try:
            first.wait_ready()
            publishing = subprocess.Popen(
                [sys.executable, "-m", "agents.cli", "publish", str(file), "--rate", str(rate)],
                env=os.environ | mine,
            )
            first.wait_metric(
                "pillarscore_ingest_events_total", 2 * lifetime_s * rate, seconds=60 + 3 * lifetime_s
            )
            before = first.metrics()
            first.stop(kill=True)
            second = Worker(mine, tmp_path / "second.log")
            second.wait_ready(60 + 2 * lifetime_s)
            assert publishing.wait(2 * seconds) == 0
            said = run(environment, "verify", within_s=60 + 2 * seconds)
            print(said)
            assert SAME.search(said), said
            status = orjson.loads(run(environment, "status", "--json"))
            assert status["events"]["read"] == seconds * rate
            assert status["difference"] == 0
            for metrics in (before, second.metrics()):
                assert total(metrics, "pillarscore_partition_failures_total") == 0
            print(f"{seconds * rate:,} events in {seconds} s, {server.issued} tokens")
            assert server.issued > 2 * seconds / lifetime_s
        finally:
            if publishing is not None:
                publishing.kill()
            first.stop(kill=True)
            if second is not None:
                second.stop()
    logs = first.log.read_text() + second.log.read_text()
    assert "Kafka refuses" not in logs
    assert "Kafka does not answer" not in logs
