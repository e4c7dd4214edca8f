"""The content mode of a record, by the table of the Kafka binding; and what is said of records without an event."""

import json

import numpy as np
import pytest

from perf.fake_records import FakeRecord
from pipeline.intake.credit_rules import credits
from pipeline.intake.record_intake import Intake
from schemas.cloudevents import Mode, NotAnEvent, content_mode, from_binary, structured
from schemas.events import parse
from schemas.letters import DeadLetter
from tests.kit.events import dumps, event

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
        (("ce_id", b"again"), "header ce_id comes twice, with two values"),
        (("CE_ID", b"again"), "header CE_ID comes twice, with two values"),
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


EVENT = event("activity.comment.written", {"author": "m-2", "words": 7}, id="in the value")
VALUE = dumps(EVENT)
DATA = dumps(EVENT["data"])
NAMES = ("specversion", "id", "source", "type", "subject", "time")
IN_HEADERS = [(f"ce_{name}", (EVENT | {"id": "in the headers"})[name].encode()) for name in NAMES]
JSON, STRUCTURED = ("content-type", b"application/json"), ("content-type", b"application/cloudevents+json")
TRACE = ("ce_traceparent", b"00-ab-cd-01")


def of_type(content_type):
    return ("content-type", content_type)


@pytest.mark.parametrize(
    ("headers", "value", "found"),
    [
        # the content type decides first, in any case and with parameters (section 3)
        ([STRUCTURED], VALUE, "in the value"),
        ([of_type(b"application/cloudevents")], VALUE, "in the value"),
        ([of_type(b"application/cloudevents+json; charset=UTF-8")], VALUE, "in the value"),
        ([of_type(b" Application/CloudEvents+JSON;charset=utf-8")], VALUE, "in the value"),
        ([("Content-Type", b"application/cloudevents+json")], VALUE, "in the value"),
        # structured records may have the headers of binary mode too (section 3.3.3)
        ([STRUCTURED, *IN_HEADERS], VALUE, "in the value"),
        ([*IN_HEADERS, STRUCTURED], VALUE, "in the value"),
        ([STRUCTURED, TRACE], VALUE, "in the value"),
        ([STRUCTURED, ("ce_id", b"\xff")], VALUE, "in the value"),
        # any other content type, or none: binary mode, its data in the value (section 3.2)
        (IN_HEADERS, DATA, "in the headers"),
        ([JSON, *IN_HEADERS], DATA, "in the headers"),
        ([of_type(b"application/json; charset=utf-8"), *IN_HEADERS], DATA, "in the headers"),
        ([of_type(b"application/vnd.acme.comment+json"), *IN_HEADERS], DATA, "in the headers"),
        ([JSON, *IN_HEADERS, TRACE], DATA, "in the headers"),
        ([JSON, *((name.upper(), value) for name, value in IN_HEADERS)], DATA, "in the headers"),
        ([JSON, *IN_HEADERS, *IN_HEADERS], DATA, "in the headers"),
        (IN_HEADERS, b"\xef\xbb\xbf" + DATA, "in the headers"),
        # no headers that make an event: most upstreams write JSON and nothing else
        ([], VALUE, "in the value"),
        ([JSON], VALUE, "in the value"),
        ([TRACE], VALUE, "in the value"),
        ([("traceparent", b"\xff")], VALUE, "in the value"),
        ([("ce_subject", b"m-1"), ("ce_time", b"then")], VALUE, "in the value"),
        ([("ce-id", b"1")], VALUE, "in the value"),
        ([], b"\xef\xbb\xbf" + VALUE, "in the value"),
        # a value that is an event is one, also where the content type is missing or that of the data
        (IN_HEADERS, VALUE, "in the value"),
        ([JSON, *IN_HEADERS], b"\xef\xbb\xbf" + VALUE, "in the value"),
    ],
)
def test_the_event_is_where_the_binding_says(headers, value, found):
    made = parse(structured(headers, value))
    assert made == EVENT | {"id": found}
    mode = Mode.BINARY if found == "in the headers" else Mode.STRUCTURED
    assert content_mode(headers, value) is mode
    rows = Intake(0, 0, credits(5)).rows([FakeRecord(value, headers=headers)], np.zeros(1, np.int64), "t")
    assert not rows.letters
    assert rows.member.to_pylist() == ["m-00001", "m-2"]


@pytest.mark.parametrize("value", [None, b""])
def test_in_binary_mode_an_event_without_data_has_no_value(value):
    headers = [(name, b"activity.live.hosted" if name == "ce_type" else raw) for name, raw in IN_HEADERS]
    assert "data" not in parse(structured([*headers, of_type(b"text/plain")], value))


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("traceparent", b"00-ab-cd-01")],
        [("x", b"\xff")],
        [TRACE],
        [JSON],
        [STRUCTURED],
        [STRUCTURED, *IN_HEADERS],
        IN_HEADERS[1:],
        [of_type(b"application/cloudevents-batch+json")],
    ],
)
def test_a_tombstone_is_no_value_whatever_its_headers(headers):
    with pytest.raises(NotAnEvent) as caught:
        structured(headers, None)
    assert caught.value.reason == "no_value"
    assert letter(None, headers)[0] == "no_value"


def letter(value, headers=()):
    """(reason, message) of the dead letter that a record becomes."""
    rows = Intake(0, 0, credits(5)).rows([FakeRecord(value, headers=headers)], np.zeros(1, np.int64), "t")
    found = DeadLetter.unpack(rows.letters[0])
    assert (found.value, list(found.headers)) == (value, list(headers))
    found.out_headers()
    return found.reason, found.message


@pytest.mark.parametrize(
    ("headers", "value", "code", "says"),
    [
        (
            [of_type(b"application/cloudevents-batch+json")],
            b"[" + VALUE + b"]",
            "unsupported_format",
            "no batch",
        ),
        ([of_type(b"application/cloudevents-batch+json; x=y")], b"[]", "unsupported_format", "no batch"),
        ([of_type(b"application/cloudevents+avro")], b"\x00", "unsupported_format", "only events in JSON"),
        ([of_type(b"application/cloudevents+protobuf"), *IN_HEADERS], b"", "unsupported_format", "protobuf"),
        ([of_type(b"application/cloudevents+xml")], b"<event/>", "unsupported_format", "only events in JSON"),
        ([], b"[" + VALUE + b"]", "not_an_object", "one event per record"),
        ([], json.dumps(VALUE.decode()).encode(), "not_an_object", "serialized twice"),
        ([("ce-id", b"1"), ("ce-type", b"t")], DATA, "bad_headers", "in Kafka they begin with ce_"),
        ([("Ce-Specversion", b"1.0")], DATA, "bad_headers", "in Kafka they begin with ce_"),
        ([JSON, *((f"ce-{name[3:]}", raw) for name, raw in IN_HEADERS)], DATA, "bad_headers", "ce_"),
        ([("ce-id", b"1")], VALUE.replace(b"2025-", b"25-"), "bad_time", "time"),
        ([JSON, *IN_HEADERS, ("ce-id", b"1")], b"{}", "missing_field", "data.author"),
        (IN_HEADERS[1:], DATA, "missing_field", "specversion"),
        ([*IN_HEADERS[:3], *IN_HEADERS[4:]], DATA, "missing_field", "type"),
        ([("ce_id", b"\xff"), *IN_HEADERS[2:]], DATA, "bad_headers", "ce_id is not UTF-8"),
        ([("\udcff", b"x")], VALUE, "bad_headers", "name of a header is not UTF-8"),
        ([("caf\udce9", b"x"), *IN_HEADERS], DATA, "bad_headers", "name of a header is not UTF-8"),
        ([JSON, *IN_HEADERS], b"\x00\x00\x00\x00\x07" + DATA, "bad_headers", "schema registry"),
        ([], b"\x00\x00\x00\x00\x07" + VALUE, "invalid_json", "a schema registry (a zero byte, schema id 7)"),
        ([], b"\x00\x00\x01\x86\xa0\x02\x0em-1", "invalid_json", "schema id 100,000), then Avro or Protobuf"),
        ([], b"\xc3\x01" + b"12345678abc", "invalid_json", "Avro (single-object"),
        ([], b"Obj\x01\x04", "invalid_json", "Avro file"),
        ([], VALUE.decode().encode("utf-16"), "invalid_json", "UTF-16"),
        ([], VALUE.decode().encode("utf-16-le"), "invalid_json", "UTF-16"),
        ([], VALUE.decode().encode("utf-16-be"), "invalid_json", "UTF-16"),
        ([], VALUE.decode().encode("utf-32"), "invalid_json", "UTF-32"),
        ([], b"\x1f\x8b\x08\x00", "invalid_json", "gzip"),
        ([], b"\x28\xb5\x2f\xfd", "invalid_json", "zstd"),
        ([], b"\xac\xed\x00\x05t", "invalid_json", "Java object"),
        ([], b"<html>", "invalid_json", "XML or HTML"),
        ([], b"\xef\xbb\xbf", "invalid_json", "EOF"),
        ([], b"\x00", "invalid_json", "expected value"),
    ],
)
def test_a_dead_letter_names_what_was_seen(headers, value, code, says):
    found, message = letter(value, headers)
    assert found == code
    assert says in message
    assert "\n" not in message


def test_the_name_of_a_header_in_latin_1_is_kept_and_can_be_written():
    rows = Intake(0, 0, credits(5)).rows(
        [FakeRecord(VALUE, headers=[("caf\udce9", b"x")])], np.zeros(1, np.int64), "t"
    )
    found = DeadLetter.unpack(rows.letters[0])
    assert found.headers == (("caf\udce9", b"x"),)
    assert found.out_headers()[0] == ("caf\\xe9", b"x")
