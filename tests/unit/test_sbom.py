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
