"""Whatever differs between live and offline scores is found."""

import io
from datetime import date

import pytest

from agents import published, rubrics
from agents.ndjson import STDIN, Lines
from agents.offline import Offline
from agents.settings import Settings
from agents.verification import Difference, differences
from pipeline import days
from schemas.scores import Score
from tests.kit.files import event, ndjson, small_rubric

DAY = days.number(date(2025, 11, 20))
EVENTS = [
    event("post.published", "1", "ada", "2025-11-20T12:00:00Z"),
    event("session.started", "2", "bob", "2025-11-19T12:00:00Z"),
    event("session.started", "3", "bob", "2025-11-20T12:00:00Z"),
]


@pytest.fixture
def rubric(tmp_path):
    return rubrics.load(small_rubric(tmp_path))


@pytest.fixture
def read(monkeypatch):
    def feed(run):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(ndjson(EVENTS))))
        run.read(Lines([STDIN]))

    return feed


@pytest.fixture
def live(rubric, read):
    """What a worker would have published: bob has a record of the day before alone."""
    found = {}
    for day, who in ((DAY - 1, "bob"), (DAY, "ada")):
        run = Offline(Settings(), rubric, day)
        read(run)
        standings = run.standings()
        row = standings.members.index(who)
        found[who] = Score.model_validate_json(next(run.records(standings, [row])))
    return found


@pytest.fixture
def found(rubric, read):
    return lambda live: list(differences(Settings(), rubric, live, read, DAY))


def changed(score, /, **fields):
    return Score.model_validate_json(score.model_copy(update=fields).model_dump_json())


def test_each_record_is_judged_on_its_own_day(live, found):
    assert live["bob"].score == 250
    assert found(live) == []
    today = changed(live["bob"], as_of=date(2025, 11, 20))
    assert found(live | {"bob": today}) == [
        Difference("bob", "score", "2.50", "5.00"),
        Difference("bob", "find", "2.50", "5.00"),
    ]


def test_a_hundredth_is_a_difference(live, found):
    ada = live["ada"]
    assert found(live | {"ada": changed(ada, score=249)}) == [Difference("ada", "score", "2.49", "2.50")]
    moved = ada.pillars.model_copy(update={"brand": 249, "relate": 1})
    assert [one.field for one in found(live | {"ada": changed(ada, pillars=moved)})] == ["brand", "relate"]


def test_missing_and_unknown_members_are_differences(live, found):
    assert found({"bob": live["bob"], "ada": live["ada"], "eve": changed(live["ada"], member="eve")}) == [
        Difference("eve", "score", "2.50", "none")
    ]
    assert found({"ada": live["ada"]}) == [Difference("bob", "score", "none", "5.00")]
    assert {one.member for one in found({})} == {"ada", "bob"}


def test_another_rubric_is_a_difference(live, found):
    other = live["ada"].rubric.model_copy(update={"version": "4"})
    assert found(live | {"ada": changed(live["ada"], rubric=other)}) == [
        Difference("ada", "rubric", "small 4", "small 3")
    ]


def test_standings_of_live_scores(live):
    standings = published.standings(live)
    assert standings.day == DAY
    assert sorted(zip(standings.members, standings.score.tolist(), strict=True)) == [
        ("ada", 250),
        ("bob", 250),
    ]
    assert len(published.standings({})) == 0
