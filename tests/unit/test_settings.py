"""Settings: from the environment, checked, with errors that say what to do."""

from datetime import date
from pathlib import Path

import pytest
from pydantic import ValidationError

import agents
from agents.adapters.frame_group import faust_app
from agents.config.errors import UserError
from agents.config.seniority_file import titles
from agents.config.settings import PREFIX, TOPICS, Settings
from agents.docgen.settings import render

ROOT = Path(agents.__file__).parent.parent


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal where nothing is set."""
    for field in Settings.model_fields:
        monkeypatch.delenv(PREFIX + field.upper(), raising=False)


def test_environment_then_what_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILLARSCORE_FRAME_PARTITIONS", "8")
    monkeypatch.setenv("PILLARSCORE_AS_OF", "2026-11-20")
    monkeypatch.setenv("PILLARSCORE_PREFIX", "from-environment.")
    settings = Settings.load(prefix="given.")
    assert (settings.frame_partitions, settings.as_of, settings.prefix) == (8, date(2026, 11, 20), "given.")


def test_empty_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for field in Settings.model_fields:
        monkeypatch.setenv(PREFIX + field.upper(), "")
    assert Settings.load() == Settings()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("BROKER", "kafka", "host:port"),
        ("BROKER", "kafka:0", "host:port"),
        ("BROKER", "kafka:70000", "host:port"),
        ("BROKER", "http://kafka:9092", "host:port"),
        ("WEB_PORT", "eighty", "valid integer"),
        ("WEB_PORT", "65536", "65535"),
        ("FRAME_PARTITIONS", "0", "greater than or equal to 1"),
        ("SESSION_TIMEOUT_S", "5", "greater than or equal to 6"),
        ("PREFIX", "two words", "pattern"),
        ("AS_OF", "yesterday", "date"),
        ("LOG_FORMAT", "xml", "'json'"),
        ("BROKER_HEAP_MB", "4096", "1024"),
        ("PREFIX", "x" * 500, "at most 100"),
    ],
)
def test_a_wrong_one_is_one_line(monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str) -> None:
    monkeypatch.setenv(PREFIX + name, value)
    with pytest.raises(UserError) as caught:
        Settings.load()
    line = str(caught.value)
    assert line.startswith(f"{PREFIX}{name}={value[:50]}")
    assert says in line
    assert "\n" not in line
    assert len(line) < 200


def test_a_misspelt_one_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PILLARSCORE_WEB_PROT", "80")
    with pytest.raises(UserError, match="no setting PILLARSCORE_WEB_PROT: did you mean PILLARSCORE_WEB_PORT"):
        Settings.load()


@pytest.mark.parametrize("address", ["localhost:9092", "10.0.0.1:1", "[::1]:9092", ""])
def test_good_addresses(address: str) -> None:
    assert Settings(broker=address).broker == address


def test_they_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().web_port = 1  # type: ignore[misc]


def test_the_state_folder_does_not_move_with_the_current_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = Settings()
    monkeypatch.chdir("/")
    assert settings.state_dir == tmp_path / ".pillarscore"


def test_faust_takes_the_longest_session(tmp_path: Path) -> None:
    conf = faust_app(Settings(broker="127.0.0.1:1", state_dir=tmp_path, session_timeout_s=300)).conf
    assert conf.broker_session_timeout == 300
    assert conf.broker_request_timeout >= conf.broker_session_timeout  # or the worker ends at its start


def test_every_topic_bears_the_prefix() -> None:
    settings = Settings(prefix="mine.")
    assert settings.topic("frames") == "mine.activity.frames"
    assert {settings.topic(short) for short in TOPICS} == {f"mine.{name}" for name in TOPICS.values()}


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_reference_page_is_current() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text()
    assert page == render(), "run 'make docs'"


TITLES = """
[titles]
"account executive" = "manager"
ninja = "senior"
"head of" = "other"
"""


def test_more_titles_are_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "titles.toml"
    path.write_bytes(b"\xef\xbb\xbf" + TITLES.encode())
    known = titles(Settings(seniority_file=path))
    texts = ("Account Executive", "Sales Ninja", "Head of Sales", "CEO")
    assert [known.level(text) for text in texts] == ["manager", "senior", "other", "c_level"]
    assert titles(Settings()).level("Account Executive") == "other"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            '[titles]\nninja = "seniour"\n',
            "line 2: 'ninja' = 'seniour': no such level; did you mean 'senior'?",
        ),
        ('[titles]\n\n"big ninja" = 5\n', "line 3: 'big ninja' = 5: no such level"),
        ('ninja = "senior"\n', "'ninja' is not known; titles stand below [titles]"),
        ("", "no table [titles]"),
        ("titles = 5", "no table [titles]"),
        ("[titles]\nninja =\n", "Invalid value (at line 2, column 8)"),
        ('[titles]\nninja = "senior"\nninja = "vp"\n', "line 3"),
        ("[titles]\nninja = " + "[" * 100_000, "titles.toml"),
        (b"\xff\xfe", "not UTF-8"),
        (b"#" * (1 << 21), "larger than 1 MiB"),
    ],
)
def test_a_file_of_titles_that_cannot_be_used_is_one_line(
    tmp_path: Path, text: str | bytes, says: str
) -> None:
    path = tmp_path / "titles.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(UserError) as caught:
        titles(Settings(seniority_file=path))
    line = str(caught.value)
    assert str(path) in line
    assert says in line
    assert "\n" not in line


def test_a_file_of_titles_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="can't be read: No such file"):
        titles(Settings(seniority_file=tmp_path / "none.toml"))
