"""Small files as upstream systems really write them: what counts, what is refused, and what is said of it."""

from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import orjson
import pytest

from agents.config import rubric_file
from agents.config.settings import Settings
from agents.files.inputs import Inputs
from agents.files.ndjson import Lines
from agents.files.parquet import Writer
from agents.offline.engine import Offline
from agents.publish.time_shift import to_end_at
from perf.fake_records import FakeRecord
from pipeline.common import days
from pipeline.intake.credit_rules import credits
from pipeline.intake.framer import Framer
from pipeline.intake.record_intake import Intake
from pipeline.shard import checkpoint
from schemas.frames import decode
from schemas.ledger import Block
from tests.kit.files import event, ndjson
from tests.kit.shards import new_shard

DAY = date(2026, 11, 20)
VERSION_1 = Path("ssi")  # so that the scores here stay as they are, whatever the default
POST = 73  # a post alone, by version 1


@pytest.fixture
def score(pytestconfig, tmp_path):
    """Scores a case; returns ({member: hundredths}, counters, {reason: messages})."""

    def run(name, as_of=DAY, parquet=False):
        path = pytestconfig.rootpath / "tests" / "fixtures" / "cases" / f"{name}.ndjson"
        if parquet:
            made = tmp_path / "case.parquet"
            for _ in Writer(made).write(Lines([path])):
                pass
            path = made
        engine = Offline(Settings(), rubric_file.load(VERSION_1), days.number(as_of))
        engine.read(Inputs([path]))
        assert engine.counters.difference() == 0
        table = engine.standings()
        dead = {reason: [message for _, message in found.first] for reason, found in engine.dead.items()}
        return dict(zip(table.members, table.score.tolist(), strict=True)), engine.counters, dead

    return run


def test_data_in_base64_counts_as_data(score):
    for parquet in (False, True):
        found, counters, dead = score("data-base64", parquet=parquet)
        assert dead == {}
        assert counters.scored == 4
        assert found["plain"] == 90
        assert found["base64"] == 90 + 71
        assert "ben" in found


def test_missing_seconds_are_named_once(score):
    found, _, dead = score("no-seconds")
    assert found == {"c": POST}
    hint = "time: the seconds are missing, as in 2026-11-20T08:30:00+01:00, got"
    assert dead == {"bad_time": [f"{hint} '2026-11-20T08:30Z'", f"{hint} '2026-11-20T08:30+01:00'"]}


def test_any_number_of_fraction_digits_counts(score):
    for parquet in (False, True):
        found, _, dead = score("fraction-digits", parquet=parquet)
        assert found == dict.fromkeys(["d01", "d03", "d06", "d07", "d09", "d10", "d12"], POST)
        assert dead == {}


def test_a_leap_second_counts_on_its_day(score):
    found, counters, dead = score("leap-second", date(2016, 12, 31))
    assert found == {"leap": POST}
    assert list(dead) == ["future_time"]
    assert counters.scored == 1
    assert score("leap-second", date(2016, 12, 30))[0] == {}


def test_years_that_stand_for_no_time_are_outside_the_window_or_ahead(score):
    for parquet in (False, True):
        found, counters, dead = score("sentinel-years", parquet=parquet)
        assert found == {}
        assert (counters.outside_window, counters.dead_lettered) == (2, 2)
        assert list(dead) == ["future_time"]
        assert all("s ahead" in message for message in dead["future_time"])


def test_what_is_cut_shows_that_it_is(score):
    found, _, dead = score("quote-cuts-without-dots")
    assert found == {"ann": POST}
    (time,), (subject,) = dead["bad_time"], dead["too_long"]
    assert "zone name in brackets" in time
    assert time.endswith("got '2026-11-20T08:30:00+01:0…' (40 characters)")
    assert subject.endswith(f"got '{'x' * 24}…' (257 characters)")


def test_nan_where_nothing_is_read_is_no_matter(score, pytestconfig):
    day = date(2004, 5, 2)
    found, _, dead = score("nan", day)
    assert found == {"a": POST, "nan": POST}
    assert dead == {"bad_field": ["data.words: Input should be a valid integer, got nan"]}
    lines = (pytestconfig.rootpath / "tests/fixtures/cases/nan.ndjson").read_bytes().splitlines()
    shift = to_end_at(lines, datetime(2026, 11, 20, 8, 30, tzinfo=UTC))
    moved = [shift.line(line) for line in lines]
    assert [b"2026-11-20" in line for line in moved] == [True, True, False]
    assert b"NaN" in moved[1]


def test_an_id_used_again_counts_once_for_both_sides(score):
    for parquet in (False, True):
        found, counters, dead = score("ids-used-again", parquet=parquet)
        assert set(found) == {"ann", "ben"}
        assert (counters.scored, counters.duplicate) == (2, 2)
        assert dead == {}


@pytest.mark.parametrize(
    ("name", "members", "scored", "dead"),
    [
        ("concatenated", {"good"}, 1, {"invalid_json": 1}),
        ("lone-surrogate", {"good"}, 1, {"invalid_json": 2}),
        ("normal-forms", {"jos\u00e9", "jose\u0301", " jos\u00e9", "jos\u00e9\u200b"}, 4, {}),
        ("duplicate-keys", {"last"}, 1, {}),
        ("negative-score", {"bad"}, 31, {}),
        ("old-profile", {"ann"}, 1, {}),
    ],
)
def test_what_was_right_stays_so(score, name, members, scored, dead):
    found, counters, messages = score(name)
    assert set(found) == members
    assert counters.scored == scored
    assert {reason: len(first) for reason, first in messages.items()} == dead


YEARS = (
    "0000-02-29",
    "0001-01-01",
    "1600-01-01",
    "1899-12-30",
    "1969-12-31",
    "1970-01-01",
    "2019-03-01",
    "9999-12-31",
)
KINDS = {
    "post.published": {},
    "member.updated": {"team": "blue", "connections": 5},
    "group.joined": {"group": "g"},
    "comment.written": {"author": "ben", "words": 9},
    "invitation.accepted": {"inviter": "ben"},
    "connection.removed": {"peer": "ben"},
    "member.erased": {},
}


@pytest.mark.parametrize("year", YEARS)
def test_any_year_is_counted_alike_live_and_in_files_and_kept_in_the_ledger(tmp_path, year):
    """Years that stand for no time get through all of the state: days are far outside of what it keeps."""
    rubric, today = rubric_file.load(None), days.number(DAY)
    lines = [event("post.published", "today", "ann", "2026-11-20T08:30:00Z")]
    lines += [event(kind, kind, "ann", f"{year}T00:00:00Z", **data) for kind, data in KINDS.items()]
    lines.append(event("member.erased", "ben is", "ben", f"{year}T00:00:00Z"))
    records = [FakeRecord(orjson.dumps(line), 0, n, days.end_ms(today)) for n, line in enumerate(lines)]
    framer, shard = Framer(1), new_shard(rubric, today)
    framer.begin(0, 0)
    rows = Intake(0, 900_000, credits(5)).rows(records, np.zeros(len(records), np.int64), "activity.events")
    (frame,) = framer.frames(rows, {0: ([(0, len(records))], len(records))}).values()
    shard.apply(decode(frame), 0, days.end_ms(today))
    block = checkpoint.dump(shard, 0)
    assert Block.load(block.dump()).names == block.names
    path = tmp_path / "log.ndjson"
    path.write_bytes(ndjson(lines))
    engine = Offline(Settings(), rubric, today)
    engine.read(Lines([path]))
    live, file = shard.counters, engine.counters
    assert live.difference() == file.difference() == 0
    for name in ("scored", "outside_window", "erased", "dead_lettered"):
        assert getattr(live, name) == getattr(file, name), name
    if year < "1970":
        assert file.outside_window == 6
    table = engine.standings()
    members = shard.scored()
    assert [shard.state.index.names[one] for one in members] == table.members
    assert shard.points(members).score.tolist() == table.score.tolist()
