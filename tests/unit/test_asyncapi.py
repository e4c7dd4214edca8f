"""The AsyncAPI document by AsyncAPI's own parser, and its page."""

import copy
import json
import shutil
from pathlib import Path

import pytest

from pipeline.docgen.asyncapi import render
from schemas.export import asyncapi
from tests.kit.toolchains import ROOT, node_folder, run

VALIDATOR = ROOT / "tests" / "kit" / "asyncapi"


@pytest.mark.slow
@pytest.mark.timeout(600)  # the first time, npm fetches the parser
def test_asyncapis_own_parser_accepts_the_document_and_nothing_broken(tmp_path: Path) -> None:
    folder = node_folder(VALIDATOR)
    shutil.copytree(ROOT / "schemas" / "json", tmp_path / "json")
    document = asyncapi()
    broken = copy.deepcopy(document)
    broken["operations"]["send.member.scores"]["action"] = "publish"
    dangling = copy.deepcopy(document)
    dangling["components"]["messages"]["score"]["payload"]["schema"]["$ref"] = "./json/none.json"
    files = []
    for name, one in (("good", document), ("broken", broken), ("dangling", dangling)):
        files.append(str(tmp_path / f"{name}.json"))
        (tmp_path / f"{name}.json").write_text(json.dumps(one), encoding="utf-8")
    found = [
        json.loads(line) for line in run(["node", "validate.mjs", *files], folder, within_s=100).splitlines()
    ]
    good, *bad = found
    assert good["problems"] == []
    assert good["version"] == "3.1.0"
    assert good["messages"] == len(document["components"]["messages"])
    assert all(one["problems"] for one in bad)


def test_the_page_has_every_topic_and_an_example_of_every_message() -> None:
    page, document = render(), asyncapi()
    sections = page.split("\n## ")[1:]
    assert [one.partition("\n")[0] for one in sections] == [f"`{topic}`" for topic in document["channels"]]
    for section, channel in zip(sections, document["channels"].values(), strict=True):
        assert section.count("```json\n") >= len(channel["messages"]) or "As in `member.scores`" in section
