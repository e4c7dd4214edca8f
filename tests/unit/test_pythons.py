"""Other Pythons for the tests are found, and one that is missing is named."""

import sys
from pathlib import Path

import pytest

from tests.kit import pythons

OWN = "{}.{}".format(*sys.version_info)


def program(folder: Path, name: str, script: str) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_a_python_is_found_by_what_it_says_of_itself(tmp_path: Path) -> None:
    shim = program(tmp_path, "shim", "echo 'not installed' >&2; exit 127")
    other = program(tmp_path, "other", "echo 3.5")
    own = Path(sys.executable)
    assert pythons.find(OWN, [tmp_path / "none", shim, other, own]) == own
    assert pythons.find(OWN, [shim, other]) is None


def test_pyenvs_versions_are_looked_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / "versions" / "3.14.1" / "bin"
    folder.mkdir(parents=True)
    made = program(folder, "python", "echo 3.14")
    assert pythons.find("3.14") == made
    assert pythons.find("3.13") is None


def test_one_that_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pythons, "find", lambda version: None)
    assert pythons.main(["--only", "3.14"]) == 2
    assert capsys.readouterr().out == "Python 3.14: not found on PATH or in pyenv, not tested\n"
    assert pythons.main([]) == 0
    assert capsys.readouterr().out.count("not tested") == len(pythons.VERSIONS) - 1


def test_the_lowest_versions_are_those_that_are_named() -> None:
    text = "# numpy>=1\naiokafka==0.14.0  # why\nbackports.zstd>=1.0,<2 ; python_version < '3.14'\nrich>=13.9,<16\n"
    assert pythons.lowest(text) == ["aiokafka==0.14.0", "backports.zstd==1.0", "rich==13.9"]
    ours = (pythons.ROOT / "requirements.in").read_text("utf-8")
    needed = [line for line in ours.splitlines() if line and not line.startswith("#")]
    assert len(pythons.lowest(ours)) == len(needed), "each has a lowest version"
