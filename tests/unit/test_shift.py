"""Times moved so that the last event ends at a moment, and nothing else changed."""

from datetime import UTC, datetime

import orjson
import pytest

from agents.config.errors import UserError
from agents.publish.time_shift import to_end_at
from tests.kit.files import event

END = datetime(2026, 11, 20, 8, 30, tzinfo=UTC)


def raw(*times):
    return [orjson.dumps(event("post.published", str(n), "ada", time)) for n, time in enumerate(times)]


def times(lines):
    return [orjson.loads(line)["time"] for line in lines]


def test_the_last_ends_there_whatever_the_order_and_offset():
    lines = raw("2004-01-02T00:00:00Z", "2004-01-02T01:30:00+01:00", "2004-01-01T00:00:00.250Z")
    shift = to_end_at(lines, END)
    assert times(map(shift.line, lines)) == [
        "2026-11-20T08:00:00Z",
        "2026-11-20T08:30:00Z",
        "2026-11-19T08:00:00.250000Z",
    ]


def test_whole_days_keep_the_time_of_day():
    lines = raw("2004-01-01T23:00:00Z", "2004-01-02T09:00:00Z")
    shift = to_end_at(lines, END, whole_days=True)
    assert times(map(shift.line, lines)) == ["2026-11-18T23:00:00Z", "2026-11-19T09:00:00Z"]


def test_only_the_time_changes():
    line = orjson.dumps(
        event("comment.written", "x", "ada", "2004-01-01T00:00:00Z", author="b", words=3) | {"extra": [1]}
    )
    moved = orjson.loads(to_end_at([line], END).line(line))
    assert moved == orjson.loads(line) | {"time": "2026-11-20T08:30:00Z"}


@pytest.mark.parametrize(
    "bad",
    [b"{", b"[]", b"\xff", b'{"time":"2090-01-01T00:00:00Z"}', raw("2090-01-01T00:00:00")[0], raw("soon")[0]],
)
def test_what_is_no_event_decides_nothing_and_stays_as_it_is(bad):
    lines = [*raw("2004-01-01T00:00:00Z"), bad]
    shift = to_end_at(lines, END)
    assert [shift.line(line) for line in lines] == [raw("2026-11-20T08:30:00Z")[0], bad]


def test_what_ingest_reads_is_moved_and_stays_as_it_is():
    good = raw("2004-01-02T00:00:00Z", "2004-01-01t00:00:00.1234567891z")
    odd = [
        good[0][:-1] + b',"confidence":NaN,"big":123456789012345678901234567890}',
        b"\xef\xbb\xbf" + good[0],
        good[0].replace(b'"data":{}', b'"data_base64":"e30="'),
    ]
    shift = to_end_at([*good, *odd], END)
    nan, marked, encoded = map(shift.line, odd)
    assert (
        nan
        == raw("2026-11-20T08:30:00Z")[0][:-1] + b',"confidence":NaN,"big":123456789012345678901234567890}'
    )
    assert marked == raw("2026-11-20T08:30:00Z")[0]
    assert orjson.loads(encoded)["data_base64"] == "e30="
    assert times(map(shift.line, good)) == ["2026-11-20T08:30:00Z", "2026-11-19T08:30:00.123456Z"]


def test_nothing_to_move():
    assert to_end_at([b"{"], END) is None


def test_it_is_said_what_was_moved():
    assert str(to_end_at(raw("2026-11-18T07:00:00Z"), END)) == (
        "All times shifted by +2 days 1:30:00 h: the last event is now at 2026-11-20 08:30:00 UTC"
    )


def test_a_time_before_the_first_year_is_an_error():
    lines = raw("0001-01-02T00:00:00Z", "2026-11-25T00:00:00Z")
    shift = to_end_at(lines, END)
    with pytest.raises(UserError, match="years 1 to 9999"):
        shift.line(lines[0])
