"""Fetching Apache Kafka by Maven: where its cache is, and what is said when it fails. Maven is a script here."""

from pathlib import Path

import pytest

from agents.config.errors import UserError
from agents.local.kafka_jars import fetch


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for a `mvn`, first in the path; what it is called with is in `called` beside it."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def program(maven: Path, body: str) -> None:
    (maven / "mvn").write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {maven}/called\n{body}\n')
    (maven / "mvn").chmod(0o755)


COPIES = """
for each in "$@"; do case $each in -DoutputDirectory=*) out=${each#*=};; esac; done
mkdir -p "$out"; touch "$out/kafka_2.13-4.1.1.jar"
"""


def test_what_maven_downloads_stays_in_the_state_folder(tmp_path: Path, maven: Path) -> None:
    program(maven, COPIES)
    state = tmp_path / "jars"
    jars = fetch(state, lambda line: None)
    assert (jars / "kafka_2.13-4.1.1.jar").exists()
    assert f"-Dmaven.repo.local={state}/maven" in (maven / "called").read_text().splitlines()
    (maven / "mvn").unlink()
    assert fetch(state, lambda line: None) == jars


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            "Could not create local repository at /proc/none/repository",
            "it can't write to /proc/none/repository",
        ),
        ("java.nio.file.AccessDeniedException: /srv/x", "it can't write to /srv/x: make it writable"),
        ("java.io.FileNotFoundException: /srv/y (Read-only file system)", "it can't write to /srv/y"),
        ("java.io.IOException: No space left on device", "the disk is full"),
        ("Non-readable settings /root/.m2/settings.xml", "can't read its settings in the home folder (HOME)"),
        ("Unknown host repo.maven.apache.org", "check the network"),
        ("", "check the network"),
    ],
)
def test_a_failure_is_one_line_with_its_cause(tmp_path: Path, maven: Path, said: str, told: str) -> None:
    program(maven, f"echo '[ERROR] {said}'; exit 1")
    with pytest.raises(UserError) as caught:
        fetch(tmp_path / "jars", lambda line: None)
    assert told in str(caught.value)
    assert str(tmp_path / "jars" / "fetch.log") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_home_folder_that_is_not_writable_is_reported_as_that(
    tmp_path: Path, maven: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/proc/none")
    program(maven, "echo '[ERROR] Could not create local repository at /proc/none/.m2/repository'; exit 1")
    with pytest.raises(UserError, match="HOME=/proc/none is not writable, set HOME to a folder that is"):
        fetch(tmp_path / "jars", lambda line: None)


def test_without_maven(tmp_path: Path, maven: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(maven))
    with pytest.raises(UserError, match=r"Maven \(mvn\) is missing"):
        fetch(tmp_path / "jars", lambda line: None)
