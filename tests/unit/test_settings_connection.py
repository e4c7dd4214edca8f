"""Settings of a secured connection: which go together, where secrets come from, and that they stay secret."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agents.adapters.frame_group import credentials, faust_app, left_out
from agents.config import client_options
from agents.config.errors import UserError
from agents.config.settings import PREFIX, Settings
from agents.connection.certificate_dates import not_after
from agents.connection.security import context
from agents.kafka.clients import connection

SECRET = "hunter2-is-secret"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.delenv(PREFIX + field.upper(), raising=False)


def load(monkeypatch: pytest.MonkeyPatch, text: str) -> Settings:
    for pair in text.split():
        name, _, value = pair.partition("=")
        monkeypatch.setenv(PREFIX + name, value)
    return Settings.load()


PLAIN = "SECURITY_PROTOCOL=SASL_SSL SASL_MECHANISM=PLAIN SASL_USERNAME=alice"
OAUTH = "SECURITY_PROTOCOL=SASL_SSL SASL_MECHANISM=OAUTHBEARER"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("SECURITY_PROTOCOL=SASL_SSL", "needs PILLARSCORE_SASL_MECHANISM"),
        ("SASL_MECHANISM=PLAIN", "no effect with PILLARSCORE_SECURITY_PROTOCOL=PLAINTEXT: set SASL_SSL"),
        ("SECURITY_PROTOCOL=SSL SASL_USERNAME=alice", "PILLARSCORE_SASL_USERNAME has no effect"),
        ("SSL_CAFILE=ca.pem", "PILLARSCORE_SSL_CAFILE has no effect"),
        ("SECURITY_PROTOCOL=SASL_SSL SASL_MECHANISM=PLAIN", "needs PILLARSCORE_SASL_USERNAME"),
        (PLAIN, "needs PILLARSCORE_SASL_PASSWORD or PILLARSCORE_SASL_PASSWORD_FILE"),
        (f"{PLAIN} SASL_PASSWORD=x SASL_PASSWORD_FILE=y", "are both set: set one"),
        (f"{PLAIN} SASL_PASSWORD=x SASL_OAUTH_SCOPE=y", "PILLARSCORE_SASL_OAUTH_SCOPE has no effect"),
        ("SECURITY_PROTOCOL=SSL SSL_KEYFILE=key.pem", "without PILLARSCORE_SSL_CERTFILE"),
        ("SECURITY_PROTOCOL=SSL SSL_KEY_PASSWORD=x", "without PILLARSCORE_SSL_CERTFILE"),
        (OAUTH, "needs either PILLARSCORE_SASL_OAUTH_TOKEN_FILE or"),
        (f"{OAUTH} SASL_USERNAME=alice", "PILLARSCORE_SASL_USERNAME has no effect"),
        (f"{OAUTH} SASL_OAUTH_TOKEN_FILE=t SASL_OAUTH_SCOPE=s", "PILLARSCORE_SASL_OAUTH_SCOPE is for"),
        (f"{OAUTH} SASL_OAUTH_TOKEN_ENDPOINT=https://idp/token", "needs PILLARSCORE_SASL_OAUTH_CLIENT_ID"),
        (
            f"{OAUTH} SASL_OAUTH_TOKEN_ENDPOINT=https://idp/token SASL_OAUTH_CLIENT_ID=c",
            "needs PILLARSCORE_SASL_OAUTH_CLIENT_SECRET or",
        ),
        (f"{OAUTH} SASL_OAUTH_TOKEN_ENDPOINT=ftp://idp/token", "PILLARSCORE_SASL_OAUTH_TOKEN_ENDPOINT=ftp"),
    ],
)
def test_what_does_not_fit_together_is_one_line(
    monkeypatch: pytest.MonkeyPatch, given: str, says: str
) -> None:
    with pytest.raises(UserError) as caught:
        load(monkeypatch, given)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_secrets_stay_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings = load(monkeypatch, f"{PLAIN} SASL_PASSWORD={SECRET}")
    assert SECRET not in repr(settings) + str(settings) + settings.model_dump_json()
    assert connection(settings)["sasl_plain_password"] == SECRET
    assert SECRET not in repr(credentials(settings))
    monkeypatch.setenv(f"{PREFIX}SASL_MECHANISM", SECRET)
    monkeypatch.setenv(f"{PREFIX}SASL_PASSWORD_FILE", str(tmp_path))
    monkeypatch.setenv(f"{PREFIX}SASL_MECHANISM", "PLAIN")
    with pytest.raises(UserError) as caught:
        Settings.load()
    assert SECRET not in str(caught.value)


def test_a_password_from_a_file_is_read_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("first\n")
    settings = load(monkeypatch, f"{PLAIN} SASL_PASSWORD_FILE={file}")
    password = connection(settings)["sasl_plain_password"]
    assert password == "first"
    file.write_text("second\n")
    assert password.current() == "second"
    file.unlink()
    # better than none, while a file is being replaced
    assert password.current() == connection(settings)["sasl_plain_password"] == "second"
    other = Settings(**settings.model_dump() | {"sasl_password_file": tmp_path / "other"})
    with pytest.raises(UserError, match=r"PILLARSCORE_SASL_PASSWORD_FILE=.*/other: No such file"):
        connection(other)
    (tmp_path / "other").write_text("")
    with pytest.raises(UserError, match="the file is empty"):
        connection(other)


def openssl(*arguments: str) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60)


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate, its key, the same key encrypted, and another key."""
    made = tmp_path_factory.mktemp("pem")
    new = ("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=alice")
    for name in ("one", "other"):
        openssl(*new, "-keyout", str(made / f"{name}.key"), "-out", str(made / f"{name}.pem"))
    openssl(
        *("rsa", "-aes256", "-passout", f"pass:{SECRET}"),
        *("-in", str(made / "one.key"), "-out", str(made / "locked.key")),
    )
    (made / "not.pem").write_text("no certificate")
    return made


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("SSL_CAFILE={}/missing.pem", "PILLARSCORE_SSL_CAFILE={}/missing.pem: No such file"),
        ("SSL_CAFILE={}/not.pem", "holds no CA certificates"),
        ("SSL_CERTFILE={}/one.pem", "no certificate and key in PEM"),
        ("SSL_CERTFILE={}/one.pem SSL_KEYFILE={}/other.key", "does not belong to the certificate"),
        ("SSL_CERTFILE={}/one.pem SSL_KEYFILE={}/locked.key", "encrypted: set PILLARSCORE_SSL_KEY_PASSWORD"),
        (
            "SSL_CERTFILE={}/one.pem SSL_KEYFILE={}/locked.key SSL_KEY_PASSWORD=wrong",
            "wrong password of the key",
        ),
    ],
)
def test_files_that_can_not_be_used(
    monkeypatch: pytest.MonkeyPatch, pem: Path, given: str, says: str
) -> None:
    settings = load(monkeypatch, f"SECURITY_PROTOCOL=SSL {given}".replace("{}", str(pem)))
    with pytest.raises(UserError) as caught:
        connection(settings)
    assert says.replace("{}", str(pem)) in str(caught.value)
    assert "wrong password" in says or "wrong" not in str(caught.value)


def test_a_context_is_made_again_when_a_file_changes(
    monkeypatch: pytest.MonkeyPatch, pem: Path, tmp_path: Path
) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes((pem / "one.pem").read_bytes())
    settings = load(
        monkeypatch,
        f"SECURITY_PROTOCOL=SSL SSL_CAFILE={ca} SSL_CERTFILE={pem}/one.pem SSL_KEYFILE={pem}/locked.key "
        f"SSL_KEY_PASSWORD={SECRET} SSL_CHECK_HOSTNAME=false",
    )
    first = connection(settings)["ssl_context"]
    assert not first.check_hostname
    assert first.current() is context(settings) is first
    before = first.get_ca_certs(binary_form=True)
    ca.write_bytes((pem / "other.pem").read_bytes() + b"\n")
    second = first.current()
    assert second is not first
    assert second.get_ca_certs(binary_form=True) != before
    ca.write_text("half a fi")
    assert second.current() is second


def test_faust_gets_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert credentials(Settings()) is None
    given = credentials(load(monkeypatch, f"{PLAIN} SASL_PASSWORD={SECRET}"))
    assert (given.protocol.value, given.mechanism.value) == ("SASL_SSL", "PLAIN")
    assert (given.username, given.password) == ("alice", SECRET)
    monkeypatch.setenv(f"{PREFIX}SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    assert credentials(Settings.load()).protocol.value == "SASL_PLAINTEXT"
    token = tmp_path / "token"
    token.write_text("abc")
    tokens = Settings(
        security_protocol="SASL_SSL",
        sasl_mechanism="OAUTHBEARER",
        sasl_oauth_token_file=token,
        sasl_username="",
        sasl_password=None,
    )
    assert credentials(tokens).protocol.value == "SASL_SSL"


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.toml", "enable_auto_commit = true", "can't be changed"),
        ("a.toml", "consumer.isolation_level = 'read_uncommitted'", "can't be changed"),
        ("a.properties", "producer.transactional.id=x", "can't be changed"),
        ("a.properties", "sasl.jaas.config=x", "use the settings PILLARSCORE_SSL_"),
        ("a.toml", "request_timeout_ms = 5", "set PILLARSCORE_REQUEST_TIMEOUT_S instead"),
        ("a.toml", "metadata_max_age = 5", "did you mean 'metadata_max_age_ms'?"),
        ("a.toml", "linger_ms = 5", "write producer.linger_ms"),
        ("a.toml", "producer.linger_ms = 'soon'", "whole number"),
        ("a.toml", "producer.compression_type = 'zip'", "one of none, gzip"),
        ("a.toml", "no toml", "a.toml: "),
    ],
)
def test_client_options_that_are_refused(tmp_path: Path, name: str, text: str, says: str) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(UserError) as caught:
        client_options.read(file)
    assert says in str(caught.value)


def test_client_options(tmp_path: Path) -> None:
    toml, properties = tmp_path / "a.toml", tmp_path / "a.properties"
    toml.write_text("metadata_max_age_ms = 60000\n[consumer]\nclient_rack = 'a'\n[producer]\nlinger.ms = 3\n")
    properties.write_text(
        "# as Kafka writes them\nmetadata.max.age.ms=60000\nconsumer.client.rack=a\nproducer.linger.ms = 3\n"
    )
    assert client_options.read(toml) == client_options.read(properties)
    made = connection(Settings(client_options_file=toml), "producer")
    assert (made["linger_ms"], made["metadata_max_age_ms"]) == (3, 60000)
    assert "client_rack" not in made


def test_the_end_of_a_certificate(pem: Path) -> None:
    end = not_after(pem / "one.pem")
    assert end is not None
    assert timedelta(days=29) < end - datetime.now(UTC) < timedelta(days=31)  # what openssl gives by default
    assert not_after(pem / "not.pem") is None
    assert not_after(pem / "missing.pem") is None


def test_faust_gets_the_client_options_that_it_passes_on(tmp_path: Path) -> None:
    file = tmp_path / "client.toml"
    file.write_text(
        "metadata_max_age_ms = 61000\nconnections_max_idle_ms = 62000\nretry_backoff_ms = 200\n"
        '[consumer]\nclient_rack = "a"\n[producer]\nlinger_ms = 5\n'
    )
    settings = Settings(broker="127.0.0.1:1", client_options_file=file, state_dir=tmp_path)
    conf = faust_app(settings).conf
    assert conf.consumer_metadata_max_age_ms == 61_000
    assert conf.consumer_connections_max_idle_ms == 62_000
    assert left_out(settings) == ["retry_backoff_ms", "consumer.client_rack"]
    assert left_out(Settings()) == []
