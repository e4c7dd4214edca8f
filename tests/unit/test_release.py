"""A release has one version, wherever it is named, and the change log knows it."""

import re
import tomllib
from pathlib import Path

import orjson
import pytest

ROOT = Path(__file__).parents[2]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
NAMED = {
    "docker-compose.yml": r"image: pillarscore:(\S+)",
    "k8s/base/kustomization.yaml": r"newTag: (\S+)",
    "k8s/overlays/example/kustomization.yaml": r"newTag: (\S+)",
    "docs/how-to/run-on-kubernetes.md": r"/pillarscore:(\S+)",
}


@pytest.mark.parametrize("name", NAMED)
def test_release_has_one_version(name: str) -> None:
    found = set(re.findall(NAMED[name], (ROOT / name).read_text(encoding="utf-8")))
    assert found == {VERSION}, f"{name} names another version than pyproject.toml"


def test_release_of_the_published_schemas() -> None:
    made = orjson.loads((ROOT / "schemas" / "asyncapi.json").read_bytes())
    assert made["info"]["version"] == VERSION, "change schemas/export.py, then run 'make docs'"


def test_release_is_in_the_change_log() -> None:
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    assert headings[1] == VERSION
    numbers = [tuple(map(int, heading.split("."))) for heading in headings[1:]]
    assert numbers == sorted(numbers, reverse=True)
