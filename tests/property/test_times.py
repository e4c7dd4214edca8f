"""One definition of a time: pattern, validation, the slow and the fast way to read it agree with a reference."""

import json
import re
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.intake.times import read_times
from schemas.events import STRICT, parse, reason
from schemas.reasons import time_message
from schemas.times import PATTERN, fault, is_time, microseconds, milliseconds
from tests.kit import rfc3339
from tests.kit.events import dumps, event

YEARS = [
    "0000",
    "0001",
    "1599",
    "1600",
    "1677",
    "1678",
    "1779",
    "1780",
    "1900",
    "1970",
    "2000",
    "2016",
    "2024",
]
YEARS += ["2026", "2199", "2200", "2261", "2262", "2263", "9999"]
offsets = st.sampled_from(["Z", "z", "+00:00", "-00:00", "+01:00", "-12:00", "+23:59", "-23:59", "+05:30"])


@st.composite
def times(draw):
    """A text that is a time."""
    year = draw(st.sampled_from(YEARS) | st.integers(0, 9999).map("{:04}".format))
    while True:
        month, day = draw(st.integers(1, 12)), draw(st.integers(1, 31) | st.sampled_from([28, 29]))
        if rfc3339.milliseconds(f"{year}-{month:02}-{day:02}T00:00:00Z") is not None:
            break
    clock = f"{draw(st.integers(0, 23)):02}:{draw(st.integers(0, 59)):02}"
    second = draw(st.integers(0, 59) | st.just(60))
    fraction = draw(st.just("") | st.text("0123456789", min_size=1, max_size=40).map(".{}".format))
    return f"{year}-{month:02}-{day:02}{draw(st.sampled_from('TTTt'))}{clock}:{second:02}{fraction}{draw(offsets)}"


@st.composite
def near_times(draw):
    """A text that is nearly a time: some of its characters replaced, left out or put in."""
    text = draw(times())
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        new = draw(st.sampled_from([*"0123456789:-+.TtZz, []/\n\0", "", "00", "１", "é", "[Europe/Berlin]"]))
        text = text[:at] + new + text[at + draw(st.integers(0, 2)) :]
    return text


any_text = times() | near_times() | st.text(max_size=40)


def by_strict(text):
    try:
        STRICT.validate_json(json.dumps(event("activity.live.hosted", time=text)))
    except ValidationError as error:
        found = reason(error)[0]
    else:
        return True
    assert found == "bad_time"
    return False


@settings(max_examples=1000)
@given(times())
def test_every_time_is_read_as_the_reference_reads_it(text):
    expected = rfc3339.milliseconds(text)
    assert expected is not None
    assert is_time(text)
    assert milliseconds(text) == microseconds(text) // 1000 == expected
    assert by_strict(text)
    assert fault(text) == ""


@settings(max_examples=3000)
@given(any_text)
def test_pattern_validation_and_reference_agree_on_any_text(text):
    expected = rfc3339.milliseconds(text)
    there = expected is not None
    assert is_time(text) == there
    assert (len(text) <= 256 and re.search(PATTERN.replace("$", r"\Z"), text) is not None) == there
    assert by_strict(text) == there
    assert (fault(text) == "") == there
    message = time_message(text)
    assert len(message) <= 300
    assert "\n" not in message


@settings(max_examples=500)
@given(st.lists(any_text, max_size=20))
def test_many_at_once_are_read_as_one_by_one(texts):
    time, bad = read_times(pa.array(texts, pa.string()))
    expected = [rfc3339.milliseconds(text) for text in texts]
    assert bad.tolist() == [one is None for one in expected]
    assert time[~bad].tolist() == [one for one in expected if one is not None]


@settings(max_examples=300)
@given(st.lists(times(), max_size=20))
def test_many_good_ones_are_read_as_one_by_one(texts):
    time, bad = read_times(pa.array(texts, pa.string()))
    assert not bad.any()
    assert time.tolist() == [rfc3339.milliseconds(text) for text in texts]


@given(st.datetimes(timezones=st.just(UTC)))
def test_the_reference_agrees_with_pythons_calendar(moment):
    text = moment.isoformat().replace("+00:00", "Z")
    assert rfc3339.milliseconds(text) == (moment - datetime(1970, 1, 1, tzinfo=UTC)) // (
        datetime(1970, 1, 1, 0, 0, 0, 1000, tzinfo=UTC) - datetime(1970, 1, 1, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2026-11-20T08:30Z", "seconds are missing"),
        ("2026-11-20T08:30+01:00", "seconds are missing"),
        ("2026-11-20T08:30:00", "offset (time zone) is missing"),
        ("2026-11-20T08:30:00.123", "offset (time zone) is missing"),
        ("2026-11-20", "time of day is missing"),
        ("2026-11-20 08:30:00Z", "a blank instead of the T"),
        ("2026-11-20_08:30:00Z", "instead of the T"),
        ("2026-11-20T08:30:00 Z", "a blank after the seconds"),
        ("2026-11-20T08:30:00+0100", "colon"),
        ("2026-11-20T08:30:00+01", "colon"),
        ("2026-11-20T08:30:00 UTC", "blank"),
        ("2026-11-20T08:30:00UTC", "should be Z or"),
        ("2026-11-20T08:30:00,5Z", "dot and digits"),
        ("2026-11-20T08:30:00.Z", "dot and digits"),
        ("2026-11-20T08:30:00+01:00[Europe/Berlin]", "zone name in brackets"),
        ("2026-11-20T08:30:00Zx", "more after the offset"),
        ("2026-02-30T08:30:00Z", "no day 2026-02-30"),
        ("2025-02-29T08:30:00Z", "no day 2025-02-29"),
        ("2026-11-20T24:00:00Z", "hour"),
        ("2026-11-20T08:60:00Z", "minute"),
        ("2026-11-20T08:30:61Z", "leap second"),
        ("2026-11-20T08:30:00+24:00", "23:59"),
        ("1763640000", "a number"),
        ("1763640000.5", "a number"),
        (1763640000, "a number"),
        ("20251120T120000Z", "RFC 3339"),
        ("yesterday", "RFC 3339"),
        (True, "RFC 3339"),
        ("2026-11-20T08:30:00." + "1" * 300 + "Z", "256 characters"),
    ],
)
def test_a_message_names_what_is_wrong(text, says):
    message = time_message(text)
    assert message.startswith("time: ")
    assert says in message
    made = dumps(event("activity.live.hosted", time=text))
    with pytest.raises(ValidationError) as caught:
        STRICT.validate_json(made)
    assert reason(caught.value) == ("bad_time", message)
    if isinstance(text, str) and 20 <= len(text) <= 256:
        assert parse(made)["time"] == text  # only its length is known there
    else:
        with pytest.raises(ValidationError) as caught:
            parse(made)
        assert reason(caught.value) == ("bad_time", message)


days = st.sampled_from(
    [
        "2026-11-20",
        "2026/11/20",
        "20.11.2026",
        "11/20/2026",
        "20261120",
        "2026-W47-5",
        "Fri Nov 20",
        "2026-02-30",
    ]
)
clocks = st.sampled_from(
    [
        "08:30",
        "8:30",
        "08:30:00",
        "8:30:5",
        "08:30:00.5",
        "08:30:00,123",
        "08:30:00.",
        "08:30:00 ",
        "8:30 AM",
        "08:30:00 p.m.",
        "24:00:00",
        "08:30:61",
    ]
)


@given(days, st.sampled_from(["T", "t", " ", "  ", "_", ", "]), clocks)
def test_a_missing_zone_is_named_in_every_spelling(day, between, clock):
    assert "offset (time zone) is missing" in time_message(f"{day}{between}{clock}")


@pytest.mark.parametrize(
    "text",
    ["2026-11-20", "20261120T083000", "20261120T0830", "2026-11-20T083000.5", "Fri Nov 20 08:30:00 2026"],
)
def test_a_missing_zone_is_named_in_rarer_spellings_too(text):
    assert "offset (time zone) is missing" in time_message(text)


@given(
    days,
    st.sampled_from(["T", " "]),
    st.sampled_from(["08:30", "08:30:00", "08:30:00.5"]),
    st.sampled_from(["Z", "+01:00", "-0130", "+01", " +01:00", " UTC", "CET", "[Europe/Berlin]", " GMT+1"]),
)
def test_a_zone_that_is_there_is_not_called_missing(day, between, clock, zone):
    assert "is missing" not in time_message(f"{day}{between}{clock}{zone}").replace("seconds are missing", "")


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999Z"),
        ("2017-01-01T00:59:60.5+01:00", "2016-12-31T23:59:59.999Z"),
        ("2026-11-20t08:30:00z", "2026-11-20T08:30:00Z"),
        ("2026-11-20T08:30:00-00:00", "2026-11-20T08:30:00Z"),
        ("2026-11-20T08:30:00.123999999999999999Z", "2026-11-20T08:30:00.123Z"),
        ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
        ("0001-01-01T00:30:00+01:00", "0000-12-31T23:30:00Z"),
    ],
)
def test_the_same_moment(text, same):
    time, bad = read_times(pa.array([text, same]))
    assert not bad.any()
    assert time[0] == time[1] == milliseconds(text) == milliseconds(same)
