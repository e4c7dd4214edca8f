"""Scores from small files that can be checked by hand: 2.5 points a post, session, comment or message."""

import gzip
from datetime import date

import numpy as np
import pytest

from agents.config import rubric_file
from agents.config.settings import Settings
from agents.files.inputs import Inputs
from agents.files.ndjson import Lines
from agents.files.parquet import Writer
from agents.offline.engine import AsLive, Offline
from pipeline.common import days
from pipeline.intake.record_intake import event_id
from schemas.signals import Signal
from tests.kit.files import event, ndjson, small_rubric

DAY = date(2025, 11, 20)
NOON = "2025-11-20T12:00:00Z"


@pytest.fixture
def scored(tmp_path):
    """Runs the lines of files through the engine."""
    rubric = rubric_file.load(small_rubric(tmp_path))

    def run(*files, as_of=DAY, **settings):
        engine = Offline(Settings(**settings), rubric, days.number(as_of))
        paths = []
        for at, lines in enumerate(files):
            paths.append(tmp_path / f"{at}.ndjson")
            paths[-1].write_bytes(ndjson(lines))
        engine.read(Lines(paths))
        return engine

    return run


def points(engine):
    standings = engine.standings()
    return dict(
        zip(
            standings.members,
            zip(standings.score.tolist(), standings.pillars.tolist(), strict=True),
            strict=True,
        )
    )


def accounted(engine):
    c = engine.counters
    assert c.difference() == 0
    return (c.read, c.scored, c.duplicate, c.outside_window, c.erased, c.dead_lettered)


def test_both_sides_are_scored(scored):
    engine = scored(
        [
            event("post.published", "1", "ada", NOON),
            event("comment.written", "2", "ada", NOON, author="bob", words=9),
            event("message.sent", "3", "bob", NOON, recipient="ada", reply=False),
        ]
    )
    assert points(engine) == {"ada": (500, [250, 0, 250, 0]), "bob": (250, [0, 0, 0, 250])}
    assert accounted(engine) == (3, 3, 0, 0, 0, 0)


def test_a_member_of_whom_nothing_counts_has_no_score(scored):
    engine = scored([event("endorsement.given", "1", "ada", NOON, endorsed="bob")])
    assert set(points(engine)) == {"bob"}
    assert engine.member("ada") is None
    assert engine.member("nobody") is None


def test_the_window_ends_with_the_day(scored):
    lines = [
        event("post.published", "too old", "ada", "2025-08-22T23:59:59Z"),
        event("post.published", "oldest", "ada", "2025-08-23T00:00:00Z"),
        event("post.published", "last", "ada", "2025-11-20T23:59:59.999Z"),
        event("post.published", "tomorrow, but the clock may be ahead", "ada", "2025-11-21T00:15:00Z"),
        event("post.published", "tomorrow", "ada", "2025-11-21T00:15:01Z"),
    ]
    engine = scored(lines)
    assert points(engine)["ada"][0] == 500
    assert accounted(engine) == (5, 3, 0, 1, 0, 1)
    assert list(engine.dead) == ["future_time"]
    assert points(scored(lines, as_of=date(2025, 11, 21)))["ada"][0] == 750


def test_what_comes_twice_counts_once_in_any_file_and_batch(scored):
    one = event("post.published", "1", "ada", NOON)
    assert accounted(scored([one, one], [one])) == (3, 1, 2, 0, 0, 0)
    other_source = one | {"source": "/elsewhere"}
    assert points(scored([one, other_source]))["ada"][0] == 500


def test_the_memory_for_duplicates_is_that_of_all_partitions(scored):
    many = [event("post.published", str(n), "ada", NOON) for n in range(9_000)]
    small = {"dedupe_events": 500, "batch_events": 1}
    # two generations of at least 500 x partitions rows are remembered; batches of 4,000 turn them
    assert accounted(scored([*many, many[0]], frame_partitions=1, **small))[2] == 0
    assert accounted(scored([*many, many[0]], frame_partitions=64, **small))[2] == 1


def test_bad_lines_are_dead_letters_with_their_place(scored, tmp_path):
    bad = [b"{", b"[]", b"\xff", b'{"specversion":"1.0"}']
    engine = scored([event("post.published", "1", "ada", NOON), *bad, b"", b"nonsense"], [b"{"])
    assert accounted(engine) == (7, 1, 0, 0, 0, 6)
    dead = engine.dead["invalid_json"]
    assert dead.count == 4
    assert [place for place, _ in dead.first] == [f"{tmp_path / '0.ndjson'}:{line}" for line in (2, 4, 7)]
    assert sum(found.count for found in engine.dead.values()) == 6


def test_an_erased_member_is_gone_until_something_happens_again(scored):
    lines = [
        event("post.published", "1", "ada", "2025-11-10T12:00:00Z"),
        event("member.erased", "2", "ada", "2025-11-15T12:00:00Z"),
        event("post.published", "3", "bob", NOON),
    ]
    assert set(points(scored(lines))) == {"bob"}
    again = event("session.started", "4", "ada", NOON)
    assert points(scored([*lines, again]))["ada"] == (250, [0, 250, 0, 0])
    assert points(scored([again, *reversed(lines)]))["ada"] == (250, [0, 250, 0, 0])


def test_best_come_first_and_equals_by_name(scored):
    lines = [
        event("post.published", who + str(n), who, NOON)
        for who, n in [("c", 1), ("b", 1), ("a", 1), ("b", 2)]
    ]
    standings = scored(lines).standings()
    assert [standings.members[row] for row in standings.best_first()] == ["b", "a", "c"]


def test_a_member_is_there_to_be_explained(scored):
    engine = scored([event("post.published", str(n), "ada", NOON) for n in range(3)])
    member = engine.member("ada")
    assert member is not None
    assert member.tiles == {(Signal.POST, days.number(DAY)): 3}
    assert engine.like("adda") == ["ada"]


def test_an_empty_file_is_no_error(scored):
    engine = scored([])
    assert len(engine.standings()) == 0
    assert accounted(engine) == (0, 0, 0, 0, 0, 0)


def test_gzip_is_the_same(scored, tmp_path):
    lines = [event("post.published", str(n), f"m{n % 7}", NOON) for n in range(50)]
    plain = points(scored(lines))
    zipped = tmp_path / "z"
    zipped.write_bytes(gzip.compress(ndjson(lines)))
    engine = Offline(Settings(), rubric_file.load(small_rubric(tmp_path)), days.number(DAY))
    engine.read(Lines([zipped]))
    assert points(engine) == plain


def test_what_is_ahead_now_is_ahead_in_a_file_too(tmp_path):
    noon = days.number(DAY) * days.DAY_MS + 12 * 3_600_000
    path = tmp_path / "today.ndjson"
    lines = [
        event("post.published", str(n), "ada", f"2025-11-20T{h}:00Z")
        for n, h in enumerate(("12:15", "12:16"))
    ]
    path.write_bytes(ndjson(lines))
    rubric = rubric_file.load(small_rubric(tmp_path))
    for latest, dead in ((noon, 1), (noon + 60_000, 0), (None, 0)):
        engine = Offline(Settings(), rubric, days.number(DAY), as_live=AsLive(latest))
        engine.read(Lines([path]))
        assert engine.counters.dead_lettered == dead
        assert list(engine.dead) == ["future_time"][:dead]


@pytest.mark.parametrize("kind", ["ndjson", "parquet"])
def test_what_was_refused_live_is_left_out_as_often(tmp_path, kind):
    lines = [
        event("comment.written", "1", "ada", NOON, author="bob", words=9),
        event("comment.written", "2", "ada", NOON, author="bob", words=9),
        event("comment.written", "2", "ada", NOON, author="bob", words=9),
        event("member.updated", "3", "ada", NOON, team="blue"),
        event("comment.written", "4", "ada", NOON, author="bob", words=9),
    ]
    path = tmp_path / "log.ndjson"
    path.write_bytes(ndjson(lines))
    inputs = [path]
    if kind == "parquet":
        inputs = [tmp_path / "log.parquet"]
        for _ in Writer(inputs[0]).write(Lines([path])):
            pass
    rubric = rubric_file.load(small_rubric(tmp_path))
    ids = [event_id(one, 0) for one in lines]
    ahead, late = ["future_time"], ["too_late"]
    refused = {ids[0]: ahead, ids[1]: ahead, ids[4]: late * 3}
    engine = Offline(Settings(), rubric, days.number(DAY), as_live=AsLive(refused=refused))
    engine.read(Inputs(inputs))
    assert accounted(engine) == (5, 2, 0, 0, 0, 2)
    assert points(engine) == {"ada": (250, [0, 0, 250, 0]), "bob": (0, [0] * 4)}
    assert engine.counters.too_late == 1
    places = {reason: [place for place, _ in found.first] for reason, found in engine.dead.items()}
    assert places == {
        "future_time": [f"{inputs[0]}:{n}" for n in (1, 2)],
        "too_late": [f"{inputs[0]}:5"],
    }


def test_titles_of_an_installation_count(scored, tmp_path):
    path = tmp_path / "titles.toml"
    path.write_text('[titles]\nninja = "senior"\n')
    lines = [event("invitation.sent", "1", "ada", NOON, recipient="bob", seniority="Sales Ninja")]
    for settings, senior in (({}, 0), ({"seniority_file": path}, 1)):
        engine = scored(lines, **settings)
        rows = engine._shard.state.tiles.read(np.array([0]))
        signals = [key >> 7 for key in rows.key.tolist()]
        assert signals.count(Signal.INVITATION_SENIOR) == senior
