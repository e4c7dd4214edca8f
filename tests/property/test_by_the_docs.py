"""The documentation is complete: a scorer written from it alone agrees with the engine, to the last hundredth."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import schemas.seniority
from agents.config.rubric_file import read
from agents.config.settings import Settings
from agents.files.ndjson import Lines
from agents.offline.engine import Offline
from perf.calibration import LAST
from pipeline.rubric.model import Rubric
from samples.personas import PERSONAS
from samples.personas import events as life
from tests.kit import by_the_docs
from tests.kit.events import DAY, TYPES, dumps, random_events

LIVING = [name for name in TYPES if name != "activity.member.erased"]
RUBRICS = pytest.mark.parametrize("name", ["ssi", "ssi-2", "ssi-rhythm"])
PHRASES = sorted(
    " ".join(words) for words in [*by_the_docs.PHRASES, *by_the_docs.NO_LEVEL, *by_the_docs.WHOLE]
)
LITTLE = sorted(word for words in by_the_docs.WORDS.values() for word in words)


def same_scores(name, day, made, tmp_path):
    """How many members there are; AssertionError unless all agree."""
    text = read(Path(name))
    file = tmp_path / "events.ndjson"
    file.write_bytes(b"\n".join(map(dumps, made)))
    offline = Offline(Settings(), Rubric.parse(text), day)
    offline.read(Lines([file]))
    assert not offline.dead
    table = offline.standings(components=True)
    expected = by_the_docs.members(made, day)
    assert set(table.members) == set(expected)
    for row, member in enumerate(table.members):
        score, pillars, parts = by_the_docs.score(text, day, *expected[member])
        assert table.score[row] == score, member
        assert table.pillars[row].tolist() == pillars, member
        assert table.components[row].tolist() == list(parts.values()), member
    return len(table)


@RUBRICS
def test_the_personas(name, tmp_path):
    made = list(life(4))
    assert same_scores(name, LAST, made, tmp_path) >= len(PERSONAS)


@RUBRICS
def test_events_of_every_type_with_erasures_and_duplicates(name, tmp_path):
    made = list(random_events(31, 9_000, members=60, types=LIVING, duplicates=0.05))
    made += random_events(32, 30, members=60, types=["activity.member.erased"], last=DAY - 1)
    assert same_scores(name, DAY, made, tmp_path) == 60


titles = st.lists(
    st.sampled_from(PHRASES) | st.sampled_from(LITTLE) | st.text("abeinrst .,/&-@'’:*()Äöü", max_size=6),
    max_size=6,
)


@given(titles, st.sampled_from([" ", ", ", " - ", " and ", "/", " of ", " to the "]))
def test_any_title_is_of_the_same_level(parts, between):
    title = between.join(parts)
    assert by_the_docs.level(title) == schemas.seniority.level(title), title


def test_it_shares_no_code_with_the_project():
    source = Path(by_the_docs.__file__).read_text(encoding="utf-8")
    imported = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else node.names[0].name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert {name.partition(".")[0] for name in imported} <= sys.stdlib_module_names
    code = f"import runpy; runpy.run_path({by_the_docs.__file__!r})"
    subprocess.run([sys.executable, "-I", "-S", "-c", code], check=True, timeout=60, cwd="/")
