"""The converter against a naive reading of its rules, which looks at all lines before each line."""

import gzip
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.publish.collegemsg import BadLine, convert, member, shifted
from schemas.events import STRICT, parse
from tests.kit.events import dumps

SAMPLE = Path(__file__).parents[2] / "samples" / "collegemsg.txt.gz"
WEEK, DAY = 7 * 86_400, 86_400


@st.composite
def messages(draw):
    """Lists of (sender, recipient, time) of few members; gaps lie around zero, a day and a week."""
    gaps = st.sampled_from([0, 0, 1, 3_600, DAY - 1, DAY, WEEK - 1, WEEK, WEEK + 1]) | st.integers(
        0, 2 * WEEK
    )
    pairs = st.permutations(range(4)).map(lambda order: (order[0] + 1, order[1] + 1))
    rows, time = [], draw(st.integers(0, 2_000_000_000))
    for sender, recipient in draw(st.lists(pairs, max_size=30)):
        time += draw(gaps)
        rows.append((sender, recipient, time))
    return rows


def lines(rows):
    return [f"{sender} {recipient} {time}\n" for sender, recipient, time in rows]


def of_kind(events, kind):
    return [event for event in events if event["type"] == f"activity.{kind}"]


def instant(event) -> int:
    return int(datetime.fromisoformat(event["time"]).timestamp())


@given(messages())
def test_every_line_is_a_message_and_replies_are_within_a_week(rows):
    found = [
        (event["subject"], event["data"]["recipient"], instant(event), event["data"]["reply"])
        for event in of_kind(convert(lines(rows)), "message.sent")
    ]
    naive = [
        (
            member(sender),
            member(recipient),
            time,
            any((s, r) == (recipient, sender) and t >= time - WEEK for s, r, t in rows[:i]),
        )
        for i, (sender, recipient, time) in enumerate(rows)
    ]
    assert found == naive


@given(messages())
def test_one_session_per_sender_and_day_at_the_first_message(rows):
    naive = {}
    for sender, _, time in rows:
        naive.setdefault((member(sender), time // DAY), time)
    found = [(event["subject"], instant(event)) for event in of_kind(convert(lines(rows)), "session.started")]
    assert found == [(who, time) for (who, _), time in naive.items()]


@given(messages())
def test_a_pair_connects_once_when_the_second_of_them_writes(rows):
    naive = []
    for i, (sender, recipient, time) in enumerate(rows):
        before = [(s, r) for s, r, _ in rows[:i]]
        if (recipient, sender) in before and (sender, recipient) not in before:
            naive.append((member(sender), member(recipient), time))
    found = [
        (event["subject"], event["data"]["inviter"], instant(event))
        for event in of_kind(convert(lines(rows)), "invitation.accepted")
    ]
    assert found == naive


@given(messages())
def test_events_are_valid_ordered_unique_and_repeatable(rows):
    events = list(convert(lines(rows)))
    assert [parse(dumps(event)) for event in events] == events
    for event in events:
        STRICT.validate_json(dumps(event))
    times = [instant(event) for event in events]
    assert times == sorted(times)
    assert len({event["id"] for event in events}) == len(events)
    assert list(convert(["src dst time\n", *lines(rows)])) == events


def test_events_come_as_lines_are_read():
    read = []

    def source():
        for line in ("1 2 100\n", "2 1 200\n", "broken\n"):
            read.append(line)
            yield line

    events = convert(source())
    assert next(events)["type"] == "activity.session.started"
    assert len(read) == 1


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("1 2", "line 3: expected 'sender recipient unix-time' as whole numbers, got '1 2'"),
        ("", "line 3: expected 'sender recipient unix-time' as whole numbers, got ''"),
        ("1 2 3 4", "line 3: expected 'sender recipient unix-time' as whole numbers, got '1 2 3 4'"),
        ("1 2 1e9", "line 3: expected 'sender recipient unix-time' as whole numbers, got '1 2 1e9'"),
        ("1 2 -5", "line 3: expected 'sender recipient unix-time' as whole numbers, got '1 2 -5'"),
        (
            "1 ２ 300",
            "line 3: expected 'sender recipient unix-time' as whole numbers, got '1 ２ 300'",
        ),  # a wide digit
        (
            "src dst time",
            "line 3: expected 'sender recipient unix-time' as whole numbers, got 'src dst time'",
        ),
        ("7 7 300", "line 3: member 7 writes to themselves"),
        ("1 2 199", "line 3: time 199 is before 200 in the line above: sort by column 3"),
        ("1 2 253402300800", "line 3: time 253402300800 is not a unix time in seconds"),
    ],
)
def test_bad_line_is_named(bad, said):
    with pytest.raises(BadLine) as caught:
        list(convert(["1 2 100", "2 1 200", bad]))
    assert str(caught.value) == said


@given(
    messages(),
    st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)),
    st.booleans(),
)
def test_shift_keeps_differences_and_ends_at_the_end(rows, end, whole_days):
    events = list(convert(lines(rows)))
    moved = list(shifted(events, end, whole_days))
    assert [event | {"time": ""} for event in moved] == [event | {"time": ""} for event in events]
    steps = {instant(after) - instant(before) for before, after in zip(events, moved, strict=True)}
    assert len(steps) <= 1
    if events:
        left = end - datetime.fromisoformat(moved[-1]["time"])
        assert timedelta(0) <= left < timedelta(days=1) if whole_days else left < timedelta(seconds=1)
        assert not whole_days or steps.pop() % DAY == 0
        parse(dumps(moved[0]))


def test_shift_keeps_fractions_and_reads_offsets():
    before = [{"time": "2004-05-01T02:00:00.25+02:00"}, {"time": "2004-05-01T00:00:01Z"}]
    after = list(shifted(before, datetime(2026, 1, 1, tzinfo=UTC)))
    assert [event["time"] for event in after] == ["2025-12-31T23:59:59.250000Z", "2026-01-01T00:00:00Z"]


def test_shift_to_a_time_without_offset_is_refused():
    with pytest.raises(ValueError, match="offset"):
        list(shifted([], datetime(2026, 1, 1)))


def test_sample_is_what_its_readme_says():
    with gzip.open(SAMPLE, "rt") as file:
        events = list(convert(file))
    assert Counter(event["type"].removeprefix("activity.") for event in events) == {
        "message.sent": 34_008,
        "session.started": 7_746,
        "invitation.accepted": 4_160,
    }
    assert len({event["id"] for event in events}) == len(events)
    assert events[0]["time"][:10] == "2004-05-09"
    assert events[-1]["time"][:10] == "2004-06-14"
    assert SAMPLE.stat().st_size < 200_000
