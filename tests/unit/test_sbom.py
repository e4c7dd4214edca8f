"""What `make sbom` reads of a bill of materials."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.kit import sbom

BOM: dict[str, Any] = {
    "components": [
        {"name": "typer", "version": "0.19", "licenses": [{"license": {"id": "MIT"}}]},
        {
            "name": "Numpy",
            "version": "2.1",
            "licenses": [{"license": {"name": "BSD License"}}, {"license": {"name": "BSD License"}}],
        },
        {"name": "aiohttp", "version": "3.14", "licenses": [{"expression": "Apache-2.0 AND MIT"}]},
    ]
}


def test_each_component_has_a_line_with_its_licences() -> None:
    assert list(sbom.licences(BOM)) == [
        ("aiohttp", "3.14", "Apache-2.0 AND MIT"),
        ("Numpy", "2.1", "BSD License"),
        ("typer", "0.19", "MIT"),
    ]


@pytest.mark.parametrize(("silent", "code"), [([], 0), ([{"name": "quiet", "version": "1"}], 1)])
def test_one_without_a_licence_is_named(
    silent: list[dict[str, str]],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sbom, "fresh_environment", lambda: Path("python"))
    found = json.loads(json.dumps({"components": BOM["components"] + silent}))
    monkeypatch.setattr(sbom, "write", lambda python, out: found)
    assert sbom.main() == code
    assert ("Without a licence: quiet" in capsys.readouterr().err) == bool(silent)


def test_licences_of_the_old_field_and_our_dependencies_are_added(tmp_path: Path) -> None:
    for name, stated in (("protobuf", "3-Clause BSD License"), ("typer", "something else"), ("quiet", None)):
        folder = tmp_path / f"{name}-1.dist-info"
        folder.mkdir()
        licence = f"License: {stated}\n" if stated else ""
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n{licence}")
    found = json.loads(json.dumps(BOM))
    found["components"] += [
        {"name": "protobuf", "version": "1"},
        {"name": "quiet", "version": "1", "bom-ref": "q"},
    ]
    found["dependencies"] = [{"ref": "q"}, {"ref": "root-component"}]
    own = tmp_path / "pillarscore-1.dist-info"
    own.mkdir()
    (own / "METADATA").write_text("Name: pillarscore\nVersion: 1\nRequires-Dist: Quiet>=1,<2\n")
    sbom.complete(found, [tmp_path])
    said = {name: licence for name, _, licence in sbom.licences(found)}
    assert said["protobuf"] == "3-Clause BSD License"
    assert said["typer"] == "MIT"
    assert said["quiet"] == ""
    assert found["dependencies"] == [{"ref": "q"}, {"ref": "root-component", "dependsOn": ["q"]}]
