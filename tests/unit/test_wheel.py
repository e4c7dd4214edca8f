"""Wheel and sdist have every file that commands need, and run where nothing else of the project is."""

import tarfile
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from agents.bundle import contents
from tests.kit.wheel import PACKAGES, ROOT, Built, build, missing, tried


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def metadata(built: Built) -> Message:
    with zipfile.ZipFile(built.wheel) as archive:
        [name] = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return Parser().parsestr(archive.read(name).decode())


@pytest.mark.slow
def test_it_is_complete_and_runs(built: Built, tmp_path: Path) -> None:
    assert missing(built.wheel) == []
    with zipfile.ZipFile(built.wheel) as archive:
        there = archive.namelist()
    for name in (
        "rubrics/ssi.toml",
        "samples/collegemsg.txt.gz",
        "samples/invalid.ndjson",
        "agents/screens/team_html.css",
        "agents/bundle/packed/broker/pom.xml",
        "agents/bundle/packed/k8s/components/keda/kustomization.yaml",
        "schemas/asyncapi.json",
        *(f"{package}/py.typed" for package in PACKAGES),
    ):
        assert name in there
    assert not [name for name in there if name.startswith(("tests/", "perf/", "grafana/", "deploy/"))]
    assert "dead-letters" in tried(built.wheel, tmp_path / "venv")
    written = tmp_path / "venv" / "ops"
    assert (written / "docker-compose.yml").read_bytes() == (ROOT / "docker-compose.yml").read_bytes()
    assert (written / "prometheus" / "rules" / "slo.yml").is_file()


@pytest.mark.slow
def test_the_sdist_has_the_source_of_it_all(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        there = {name.partition("/")[2] for name in archive.getnames()}
    wanted = contents.matching(ROOT, contents.PROGRAM + contents.OPERATORS)
    assert not {*wanted, "LICENSE", "README.md", "requirements.in", "deploy/packing.py"} - there


@pytest.mark.slow
def test_every_dependency_has_a_lowest_and_a_highest_version(metadata: Message) -> None:
    needed = [Requirement(text) for text in metadata.get_all("Requires-Dist", [])]
    assert "setuptools" not in {one.name for one in needed}, (
        "it builds the wheel, and is not needed to run it"
    )
    for one in needed:
        operators = {each.operator for each in one.specifier}
        assert operators in ({"=="}, {">=", "<"}), one
        assert one.specifier.contains(version(one.name)), f"{one}: {version(one.name)} is tested here"


@pytest.mark.slow
def test_the_metadata_say_what_it_is_and_where_to_read_on(metadata: Message) -> None:
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert str(metadata.get_payload()).strip() == (ROOT / "README.md").read_text("utf-8").strip()
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    links = dict(link.split(", ") for link in metadata.get_all("Project-URL", []))
    assert set(links) == {"Documentation", "Changelog", "Runbook"}
    addresses = tomllib.loads((ROOT / "prometheus" / "addresses.toml").read_text("utf-8"))
    assert links["Runbook"] == addresses["runbook"]


def test_a_file_that_is_not_packed_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "empty.whl", "w") as archive:
        archive.writestr("rubrics/ssi.toml", "")
    left_out = missing(tmp_path / "empty.whl")
    assert "agents/screens/team_html.css" in left_out
    assert "agents/bundle/packed/docker-compose.yml" in left_out
    assert "rubrics/ssi.toml" not in left_out
    assert not any("__pycache__" in name for name in left_out)


def test_a_pattern_without_a_file_stops_the_build(tmp_path: Path) -> None:
    (tmp_path / "there.yml").touch()
    assert contents.matching(tmp_path, ("*.yml",)) == ["there.yml"]
    with pytest.raises(FileNotFoundError, match=r"has no k8s/base/\*"):
        contents.matching(tmp_path, ("*.yml", "k8s/base/*"))
