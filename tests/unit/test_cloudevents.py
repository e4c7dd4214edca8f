"""Binary mode becomes structured mode, or a ValueError of one line."""

import json

import pytest

from schemas.cloudevents import from_binary, is_binary
from schemas.events import parse

HEADERS = [
    ("ce_specversion", b"1.0"),
    ("ce_id", "e-ü".encode()),
    ("ce_source", b"/feed"),
    ("ce_type", b"activity.reaction.given"),
    ("ce_subject", b'm-"1"'),
    ("ce_time", b"2025-11-20T12:00:00Z"),
    ("ce_traceparent", b"00-ab-cd-01"),
    ("content-type", b"application/json; charset=utf-8"),
    ("other", b"\xff"),
]


def test_binary_event_reads_like_the_structured_one():
    made = parse(from_binary(HEADERS, b' {"author": "m-7"} '))
    assert made == {
        "specversion": "1.0",
        "id": "e-ü",
        "source": "/feed",
        "type": "activity.reaction.given",
        "subject": 'm-"1"',
        "time": "2025-11-20T12:00:00Z",
        "data": {"author": "m-7"},
    }


@pytest.mark.parametrize("value", [None, b""])
def test_no_value_is_an_event_without_data(value):
    assert "data" not in json.loads(from_binary(HEADERS, value))


def test_no_headers_at_all_still_gives_json():
    assert json.loads(from_binary([], b"[1]")) == {"data": [1]}


@pytest.mark.parametrize(
    "value",
    [
        b'{"author":"m-7"},"subject":"somebody else"',  # must not reach into the envelope
        b'{"author":"m-7"}}',
        b"\xff",
        b"{",
        b" ",
    ],
)
def test_value_that_is_not_one_json_document_is_refused(value):
    with pytest.raises(ValueError, match=r"^value is not JSON: [^\n]+$"):
        from_binary(HEADERS, value)


@pytest.mark.parametrize(
    ("extra", "line"),
    [
        (("ce_id", b"again"), "header ce_id comes twice"),
        (
            ("content-type", b"application/avro"),
            "content-type should be application/json, got 'application/avro'",
        ),
    ],
)
def test_bad_header_is_refused(extra, line):
    with pytest.raises(ValueError) as caught:
        from_binary([*HEADERS, extra], b"{}")
    assert str(caught.value) == line


def test_attribute_that_is_not_utf8_is_refused():
    with pytest.raises(ValueError, match="header ce_subject is not UTF-8"):
        from_binary([("ce_subject", b"\xff")], None)


@pytest.mark.parametrize(
    ("headers", "binary"),
    [
        (HEADERS, True),
        ([], False),
        ([("content-type", b"application/json")], False),
        ([("content-type", b"application/cloudevents+json"), ("ce_specversion", b"1.0")], False),
    ],
)
def test_mode_is_told_by_the_headers(headers, binary):
    assert is_binary(headers) is binary
