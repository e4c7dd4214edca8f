"""The events of the benchmarks are valid, credited, and the same at each run: else figures mean nothing."""

import hashlib
from collections import Counter
from datetime import UTC, date, datetime
from types import SimpleNamespace

import numpy as np
import pytest

from perf.fresh import KINDS, fresh
from perf.latency import latencies
from perf.observer import Seen, numbers
from perf.workload import MIX, events
from pipeline.intake.credit_rules import CREDITS, credits
from pipeline.intake.record_intake import Intake
from schemas.events import STRICT, parse
from schemas.frames import Side

UNTIL = date(2026, 11, 20)
MIDNIGHT = int(datetime(2026, 11, 21, tzinfo=UTC).timestamp() * 1000)
NOW = b"2026-11-20T12:00:00.123+00:00"


@pytest.fixture(scope="module")
def made():
    return list(events(5_000, 1_000, UNTIL))


@pytest.fixture(scope="module")
def live():
    return fresh(0, 2_000, 100, now=NOW)


@pytest.mark.parametrize("name", ["made", "live"])
def test_every_event_is_valid_and_its_key_is_its_member(name, request):
    for key, value in request.getfixturevalue(name):
        STRICT.validate_json(value)
        assert parse(value)["subject"].encode() == key


@pytest.mark.parametrize("name", ["made", "live"])
def test_ingest_takes_every_event(name, request):
    some = request.getfixturevalue(name)
    records = [
        SimpleNamespace(offset=n, timestamp=MIDNIGHT, key=key, value=value, headers=())
        for n, (key, value) in enumerate(some)
    ]
    rows = Intake(0, 0, credits(5), None).rows(records, np.zeros(len(records), np.int64), "activity.events")
    assert not rows.letters
    assert np.count_nonzero(rows.side == Side.ACTOR) == len(some)
    assert np.count_nonzero(rows.side == Side.COUNTERPART) > len(some) // 5


def test_no_event_lies_ahead_of_the_last_day(made):
    days = {parse(value)["time"][:10] for _, value in made}
    assert days == {"2026-11-19", "2026-11-20"}


def test_all_types_of_the_mix_come_and_are_credited(made):
    found = Counter(parse(value)["type"].removeprefix("activity.") for _, value in made)
    assert found.keys() == MIX.keys()
    assert {f"activity.{name}" for name in MIX} <= CREDITS.keys()
    assert found["reaction.given"] == max(found.values())


def test_the_bytes_are_the_same_at_each_run(made):
    """The digest of the first run: were it another, figures from before could not be compared any more."""
    digest = hashlib.sha256(b"".join(value for _, value in made)).hexdigest()
    assert digest == "29c104202cf34aaea3fd0ccc19677d667017decd4e81d378bc9f67219ac719e8"
    assert list(events(5_000, 1_000, UNTIL)) == made


def test_no_event_comes_twice(made, live):
    for some in (made, live):
        assert len({parse(value)["id"] for _, value in some}) == len(some)


def test_members_act_in_turn_and_counterparts_are_others(live):
    actors = [parse(value)["subject"] for _, value in live]
    assert actors == [f"m-{n % 100:08d}" for n in range(2_000)]
    named = [text for _, value in live for text in (parse(value).get("data") or {}).values()]
    assert not set(actors) & {text for text in named if isinstance(text, str)}


def test_a_member_does_something_else_each_time():
    types = [parse(value)["type"] for _, value in fresh(0, 100 * len(KINDS), 100, now=NOW)]
    assert set(types[::100]) == {f"activity.{kind.decode()}" for kind, _ in KINDS}


def test_any_part_of_the_fresh_events_is_what_the_whole_has_there(live):
    assert fresh(500, 700, 100, now=NOW) == live[500:700]


def test_numbers_of_members_and_of_nobody_who_is_waited_for():
    assert numbers([b"m-00000007", b"x-00000007", b"m-12345678"]).tolist() == [7, -1, 12_345_678]
    assert numbers([]).tolist() == []


def test_an_answer_belongs_to_the_last_event_before_it():
    #               member 0   1    2    0    1    2
    sent = np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0])
    seen = Seen(np.array([0, 1, 1, 2, 0]), np.array([0.5, 1.2, 4.7, 5.1, 3.3]), 0.0)
    found = latencies(sent, seen, 3)
    # the first event of member 2 was overtaken by its second, the only one that was answered
    np.testing.assert_allclose(found, [0.5, 0.2, np.nan, 0.3, 0.7, 0.1])


def test_of_two_answers_the_first_counts():
    found = latencies(np.array([1.0]), Seen(np.array([0, 0]), np.array([1.9, 1.4]), 0.0), 1)
    np.testing.assert_allclose(found, [0.4])
