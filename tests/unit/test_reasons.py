"""Every way to spoil an event gives its reason code and one line that helps."""

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from pipeline.intake.typed_columns import Text
from schemas.columns import FIELDS
from schemas.events import FAST, STRICT, parse
from schemas.reasons import FOREIGN, REASONS, quote, reason
from tests.kit.events import BAD, dumps, event

CASES = [(code, number) for code, ways in BAD.items() for number in range(len(ways))]


def failure(validate, value: bytes) -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        validate(value)
    return caught.value


@pytest.mark.parametrize("validate", [parse, STRICT.validate_json], ids=["parse", "strict"])
@pytest.mark.parametrize(("code", "number"), CASES)
def test_spoilt_event_has_its_reason(validate, code, number):
    value = BAD[code][number](event("activity.session.started"))
    found, message = reason(failure(validate, value))
    assert found == code
    assert 0 < len(message) <= 300
    assert "\n" not in message


def test_every_code_that_validation_can_give_has_a_bad_event():
    found_elsewhere = {
        "future_time",
        "too_late",
        "not_allowed",
        "bad_headers",
        "no_value",
        "unsupported_format",
        "bad_batch",
        "internal_error",
    }
    assert set(BAD) == set(REASONS) - found_elsewhere


@pytest.mark.parametrize(
    ("data", "line"),
    [
        ({"author": "m-1"}, "data.words: field required"),
        ({"author": None, "words": 1}, "data.author: field required"),
        ({"author": "m-1", "words": "5"}, "data.words: Input should be a valid integer, got '5'"),
        ({"author": "é" * 200, "words": 5}, "data.author: text is over 256 bytes"),
        (None, "data: field required"),
    ],
)
def test_message_names_the_field(data, line):
    assert reason(failure(parse, dumps(event("activity.comment.written", data))))[1] == line


def test_message_of_alternatives_names_them_all():
    value = dumps(event("activity.post.published", {"media": "x"}))
    line = "data.media: Input should be a valid boolean or Input should be a valid integer, got 'x'"
    assert reason(failure(FAST.validate_json, value)) == ("bad_field", line)


@pytest.mark.parametrize("field", ["subject", "time", "specversion", "type"])
def test_message_quotes_only_the_start_of_a_value(field):
    secret = "a private remark that is nobody's business at all\n" * 20
    _, message = reason(
        failure(STRICT.validate_json, dumps(event("activity.session.started") | {field: secret}))
    )
    assert "business" not in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("2026-11-20", "'2026-11-20'"),
        ("x" * 24, f"'{'x' * 24}'"),
        ("2026-11-20T08:30:00.1234567890000+01:00", "'2026-11-20T08:30:00.1234…' (39 characters)"),
        ("x" * 5000, f"'{'x' * 24}…' (5,000 characters)"),
        ("it's", '"it\'s"'),
        ("it's" * 9, "\"it'sit'sit'sit'sit'sit's…\" (36 characters)"),
        ("é\u200f\n", "'\\xe9\\u200f\\n'"),
        ("\U0001f600" * 3, "'\\U0001f600\\U0001f600…' (3 characters)"),
        ("", "''"),
        (12.5, "12.5"),
        (10**30, "100000000000000000000000… (31 characters)"),
        pytest.param(10**5000, "a very long number", id="huge"),
        (float("nan"), "nan"),
        (True, "True"),
        ({}, "an object"),
        ([1], "a list"),
        ({FOREIGN: "2026-01-01 (date)"}, "2026-01-01 (date)"),
    ],
)
def test_a_quoted_value_shows_when_it_is_cut(value, shown):
    assert quote(value) == shown


@pytest.mark.parametrize("text", ["x" * 200, "é" * 100])
def test_a_text_that_is_kept_of_a_member_has_at_most_200_bytes(text):
    parse(dumps(event("activity.member.updated", {"team": text})))
    longer = failure(parse, dumps(event("activity.member.updated", {"team": f"{text}x"})))
    assert reason(longer)[0] == "too_long"
    assert "data.team" in reason(longer)[1]
    columns = pa.array([text, f"{text}x"])
    team = FIELDS["activity.member.updated"]["team"]
    assert Text(columns).fits(team, np.arange(2)).tolist() == [True, False]
