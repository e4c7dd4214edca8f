"""The wheel has every file of the packages, and runs where nothing else of the project is."""

import zipfile

import pytest

from tests.kit.wheel import build, missing, tried


@pytest.mark.slow
def test_it_is_complete_and_runs(tmp_path):
    wheel = build(tmp_path)
    assert missing(wheel) == []
    with zipfile.ZipFile(wheel) as archive:
        there = archive.namelist()
    for name in (
        "rubrics/ssi.toml",
        "samples/collegemsg.txt.gz",
        "agents/screens/team_html.css",
        "schemas/asyncapi.json",
    ):
        assert name in there
    assert not [name for name in there if name.startswith(("tests/", "perf/", "grafana/"))]
    assert "dead-letters" in tried(wheel, tmp_path / "venv")


def test_a_file_that_is_not_packed_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path / "empty.whl", "w") as archive:
        archive.writestr("rubrics/ssi.toml", "")
    left_out = missing(tmp_path / "empty.whl")
    assert "agents/screens/team_html.css" in left_out
    assert "rubrics/ssi.toml" not in left_out
    assert not any("__pycache__" in name for name in left_out)
