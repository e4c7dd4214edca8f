"""Whatever differs between live and offline scores is found."""

import io
from datetime import date

import orjson
import pytest

from agents.config import rubric_file
from agents.config.settings import Settings
from agents.dead_letters.refused import ids_of
from agents.dead_letters.store import StoredLetter
from agents.files.ndjson import STDIN, Lines
from agents.offline.engine import Offline
from agents.offline.verification import Difference, Horizon, Lookback, differences, look_back
from agents.queries import published_scores
from pipeline.common import days
from pipeline.common.rubric_id import RubricId
from pipeline.reports.recorded_history import RecordedHistory
from schemas.letters import DeadLetter
from schemas.scores import Change, Score
from tests.kit.files import event, ndjson, small_rubric

DAY = days.number(date(2025, 11, 20))
EVENTS = [
    event("post.published", "1", "ada", "2025-11-20T12:00:00Z"),
    event("session.started", "2", "bob", "2025-11-19T12:00:00Z"),
    event("session.started", "3", "bob", "2025-11-20T12:00:00Z"),
]


@pytest.fixture
def rubric(tmp_path):
    return rubric_file.load(small_rubric(tmp_path))


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
    return lambda live: list(differences(Settings(), rubric, live, read=read, today=DAY))


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


def test_what_live_refused_as_ahead_is_no_difference(rubric, live, read, monkeypatch):
    """A producer wrote its local time with Z: live refuses it, later the file would count it."""
    early = event("post.published", "4", "ada", "2025-11-20T14:00:00Z")
    monkeypatch.setattr(f"{__name__}.EVENTS", [*EVENTS, early])
    letter = DeadLetter("future_time", "", "activity.events", 0, 3, 0, b"ada", orjson.dumps(early))
    (identity,) = ids_of(StoredLetter((0, 0), 0, letter), 0)
    end = days.end_ms(DAY)

    def found(latest_ms, refused):
        horizon = Horizon(lambda day: min(days.end_ms(day), latest_ms), refused)
        recorded = RecordedHistory(rubric)
        return (
            list(differences(Settings(), rubric, live, read=read, today=DAY, horizon=horizon)),
            look_back(Settings(), rubric, read, recorded=recorded, most=7, horizon=horizon),
        )

    noon = end - 12 * 3_600_000
    assert found(noon, {}) == ([], Lookback(0, 0, 0))
    assert [one.member for one in found(end, {})[0]] == ["ada", "ada"]
    assert found(end, {identity: ["future_time"]}) == ([], Lookback(0, 0, 0))


@pytest.mark.parametrize(
    ("value", "headers"),
    [(b"{", ()), (None, ()), (b"[]", (("content-type", b"application/cloudevents-batch+json"),))],
)
def test_a_letter_that_cannot_be_read_refuses_nothing(value, headers):
    letter = DeadLetter("future_time", "", "activity.events", 0, 3, 0, None, value, headers)
    assert ids_of(StoredLetter((0, 0), 0, letter), 0) == []


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


@pytest.fixture
def recorded(rubric):
    """Ada's last ten days; of Bob's there is none of a week ago."""
    found = RecordedHistory(rubric)
    for day in range(DAY - 10, DAY):
        found.add("ada", day, [200, 200, 0, 0, 0], rubric=RubricId("small", "3"))
    for day in (DAY - 3, DAY - 2):
        found.add("bob", day, [260, 0, 260, 0, 0], rubric=RubricId("small", "3"))
    return found


@pytest.fixture
def live_scores(live):
    """The live records with what follows from the recorded days."""
    steady = {"band": "low", "trend": "not_enough_information"}
    ada = changed(live["ada"], **steady, change=Change(day=0.5, week=0.5), weakest="find")
    bob = changed(live["bob"], **steady, change=Change(day=-0.1, week=None), weakest="brand")
    return {"ada": ada, "bob": bob}


@pytest.fixture
def judged(rubric, read, recorded):
    return lambda live: list(differences(Settings(), rubric, live, read=read, today=DAY, recorded=recorded))


def test_what_follows_from_the_recorded_days_is_no_difference(live_scores, judged):
    assert judged(live_scores) == []


@pytest.mark.parametrize(
    ("fields", "field", "wrong", "right"),
    [
        ({"band": "middle"}, "band", "middle", "low"),
        ({"band": None}, "band", "none", "low"),
        ({"trend": "steady"}, "trend", "steady", "not_enough_information"),
        ({"trend": None}, "trend", "none", "not_enough_information"),
        ({"change": Change(day=0.51, week=0.5)}, "change.day", "0.51", "0.50"),
        ({"change": Change(day=0.5001, week=0.5)}, "change.day", "0.5001", "0.50"),
        ({"change": Change(day=None, week=0.5)}, "change.day", "none", "0.50"),
        ({"change": Change(day=0.5, week=0.0)}, "change.week", "0.00", "0.50"),
        ({"change": Change(day=0.5, week=-0.5)}, "change.week", "-0.50", "0.50"),
        ({"weakest": "engage"}, "weakest", "engage", "find"),
        ({"weakest": None}, "weakest", "none", "find"),
    ],
)
def test_each_forged_field_is_found(live_scores, judged, fields, field, wrong, right):
    forged = live_scores | {"ada": changed(live_scores["ada"], **fields)}
    assert judged(forged) == [Difference("ada", field, wrong, right)]


def test_a_change_that_cannot_be_known_is_found(live_scores, judged):
    forged = live_scores | {"bob": changed(live_scores["bob"], change=Change(day=-0.1, week=0.0))}
    assert judged(forged) == [Difference("bob", "change.week", "0.00", "none")]
    bare = live_scores | {"bob": changed(live_scores["bob"], change=None)}
    assert judged(bare) == [Difference("bob", "change.day", "none", "-0.10")]


def test_a_band_that_hangs_on_the_history_is_judged_by_it(recorded):
    """Nine days at 41 and today at 39 is still the middle band, as the score alone would not tell."""
    for day in range(DAY - 10, DAY):
        recorded.add("ada", day, [4_100, 2_500, 1_600, 0, 0], rubric=RubricId("small", "3"))
    one = recorded.expected("ada", DAY, 3_900, pillars=[2_500, 1_400, 0, 0])
    assert (one.band, one.day, one.week) == ("middle", -200, -200)


def test_recorded_days_are_counted_against_the_files(rubric, read):
    recorded = RecordedHistory(rubric)
    recorded.add("bob", DAY - 1, [250, 0, 250, 0, 0], rubric=RubricId("small", "3"))
    assert look_back(Settings(), rubric, read, recorded=recorded, most=7) == Lookback(1, 1, 0)
    recorded.add(
        "ada", DAY, [250, 0, 250, 0, 0], rubric=RubricId("small", "3")
    )  # the points of another pillar
    recorded.add("eve", DAY, [0, 0, 0, 0, 0], rubric=RubricId("small", "3"))
    assert look_back(Settings(), rubric, read, recorded=recorded, most=7) == Lookback(2, 3, 3), (
        "and bob is missing"
    )
    assert look_back(Settings(), rubric, read, recorded=recorded, most=1) == Lookback(1, 2, 3)
    assert look_back(Settings(), rubric, read, recorded=recorded, most=0) == Lookback(0, 0, 0)
    assert look_back(Settings(), rubric, read, recorded=RecordedHistory(rubric), most=7) == Lookback(0, 0, 0)


def test_standings_of_live_scores(live):
    standings = published_scores.score_table(live)
    assert standings.day == DAY
    assert sorted(zip(standings.members, standings.score.tolist(), strict=True)) == [
        ("ada", 250),
        ("bob", 250),
    ]
    assert len(published_scores.score_table({})) == 0
