"""The index of the decisions says what the records say."""

import re
from pathlib import Path

import agents

FOLDER = Path(agents.__file__).parents[1] / "docs" / "decisions"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))
PARTS = ["Context", "Decision", "Alternatives considered", "Consequences"]


def test_records_are_numbered_and_have_all_parts():
    assert [int(record.name[:4]) for record in RECORDS] == list(range(1, len(RECORDS) + 1))
    for record in RECORDS:
        text = record.read_text(encoding="utf-8")
        assert text.startswith(f"# {record.name[:4]} "), record.name
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == PARTS, record.name
        assert re.search(r"^- Status: (accepted|superseded by \[)", text, re.MULTILINE), record.name


def test_the_index_has_every_record():
    index = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"^\| (\d{4}) \| \[(.+)\]\((.+)\) \| (\S+) \| (accepted|superseded)", index, re.MULTILINE
    )
    assert [row[2] for row in rows] == [record.name for record in RECORDS]
    for number, title, name, date, status in rows:
        text = (FOLDER / name).read_text(encoding="utf-8")
        assert text.startswith(f"# {number} {title}\n"), name
        assert f"\n- Date: {date}\n" in text, name
        assert f"\n- Status: {status}" in text, name
