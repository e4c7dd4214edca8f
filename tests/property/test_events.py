"""The contract holds for any bytes: a valid event comes through whole, all else is a ValidationError."""

import json

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.intake.credit_rules import CREDITS
from schemas.cloudevents import from_binary
from schemas.events import FAST, MAX_BYTES, STRICT, parse
from schemas.reasons import REASONS, reason
from tests.kit.events import BAD, DAY, TYPES, at, datas, dumps, event, events, random_events

VALIDATORS = [FAST.validate_json, parse, STRICT.validate_json]
ATTRIBUTES = ("specversion", "id", "source", "type", "subject", "time")

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(
        ["1.0", "", "2025-11-20T12:00:00Z", "2025-11-20", "\0", "x" * 257, "é" * 200, *TYPES[:3]]
    )
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@st.composite
def almost_events(draw):
    """A valid event with some of its fields, at any depth of the contract, made something else."""
    made = draw(events())
    for _ in range(draw(st.integers(0, 3))):
        place = made
        if isinstance(made.get("data"), dict) and draw(st.booleans()):
            place = made["data"]
            if isinstance(place.get("sections"), dict) and draw(st.booleans()):
                place = place["sections"]
        names = [*place, "data", "extra"]
        name = draw(st.sampled_from(names))
        if draw(st.booleans()):
            place[name] = draw(anything)
        else:
            place.pop(name, None)
    # ASCII, so that lone surrogates get into the JSON as escapes.
    return json.dumps(made).encode()


@st.composite
def mangled(draw):
    """The bytes of an event with some bytes changed, cut or repeated."""
    value = bytearray(dumps(draw(events())))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(value)))
        end = draw(st.integers(start, min(len(value), start + 12)))
        value[start:end] = draw(st.binary(max_size=6) | st.just(value[start:end] * 2))
    return bytes(value)


def judge(value: bytes) -> None:
    for validate in VALIDATORS:
        try:
            made = validate(value)
        except ValidationError as error:
            code, message = reason(error)
            assert code in REASONS
            assert 0 < len(message) <= 300
            assert "\n" not in message
            message.encode()  # goes into a header of the dead letter
        else:
            assert set(ATTRIBUTES) <= set(made) <= {*ATTRIBUTES, "data"}
            CREDITS[made["type"]](made.get("data"))


@given(st.binary() | mangled() | almost_events() | anything.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_an_event_or_a_validation_error(value):
    judge(value)


@pytest.mark.parametrize(
    "value",
    [
        b"[" * 1_000_000,
        b'{"a":' * 100_000,
        b'{"data":' + b"[" * 150 + b"]" * 150 + b"}",
        b"9" * 100_000,
        b"1e999999999",
        b'{"id":1e400,"id":NaN,"id":-Infinity}',
        b'{"type":"activity.post.published","type":7}',
        b'{"type":"\\ud800"}',
        b'{"\\ud800":1}',
        b"\xef\xbb\xbf{}",
        b"\x00",
        b'"' + b"x" * 5_000_000 + b'"',
    ],
    ids=lambda value: value[:20].decode("latin-1"),
)
def test_bombs_are_validation_errors(value):
    for validate in VALIDATORS:
        with pytest.raises(ValidationError) as caught:
            validate(value)
        reason(caught.value)


@given(events())
def test_valid_event_comes_through_whole(made):
    assert FAST.validate_json(dumps(made)) == made
    assert parse(dumps(made)) == made
    assert STRICT.validate_json(dumps(made)) == made


@pytest.mark.parametrize("event_type", TYPES)
@given(st.data())
def test_every_type_ignores_extra_fields(event_type, data):
    made = event(event_type, data.draw(datas(event_type)))
    extra = data.draw(anything)
    more = made | {"extra": extra, "traceparent": "00", "data": made["data"] | {"extra": extra}}
    try:
        value = orjson.dumps(more)
    except TypeError:  # lone surrogates and huge numbers, which no serialiser of events writes
        value = dumps(made | {"extra": 1})
    assert parse(value) == made


def attempt(validate, value: bytes):
    """What validation returns, or the ValidationError."""
    try:
        return validate(value)
    except ValidationError as error:
        return error


@given(almost_events() | mangled())
def test_parse_and_strict_differ_in_time_alone(value):
    fast, strict = attempt(parse, value), attempt(STRICT.validate_json, value)
    if isinstance(strict, dict):
        assert fast == strict
    elif isinstance(fast, dict):
        assert {one["loc"][-1] for one in strict.errors()} == {"time"}


@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=300),
    st.sampled_from(ATTRIBUTES[1:3]),
)
def test_text_is_bounded_in_bytes_and_free_of_nul(text, attribute):
    value = dumps(event("activity.live.hosted", None, **{attribute: text}))
    if len(text.encode()) <= MAX_BYTES and "\0" not in text:
        assert parse(value)[attribute] == text
    else:
        with pytest.raises(ValidationError):
            parse(value)


@given(events())
def test_binary_mode_reads_like_structured_mode(made):
    headers = [(f"ce_{name}", made[name].encode()) for name in ATTRIBUTES]
    assert parse(from_binary(headers, dumps(made["data"]))) == made


@given(
    st.lists(st.tuples(st.sampled_from([*(f"ce_{a}" for a in ATTRIBUTES), "ce_data", "x"]), st.binary())),
    st.binary(),
)
def test_any_binary_record_is_json_or_a_value_error(headers, value):
    said, made = "", None
    try:
        made = from_binary(headers, value)
    except ValueError as error:
        said = str(error)
    assert "\n" not in said
    if made is not None:
        judge(made)
        assert set(json.loads(made)) <= {*ATTRIBUTES, "data"}


def test_generated_events_are_valid_and_repeatable():
    made = list(random_events(seed=7, count=2_000, duplicates=0.05))
    assert made == list(random_events(seed=7, count=2_000, duplicates=0.05))
    assert [parse(dumps(one)) for one in made] == made
    assert {one["type"] for one in made} == set(TYPES)
    assert len({one["id"] for one in made}) < len(made)


@given(st.sampled_from([way for ways in BAD.values() for way in ways]), events())
def test_spoilt_events_are_never_valid(way, made):
    with pytest.raises(ValidationError):
        STRICT.validate_json(way(made))


def test_times_are_written_on_their_utc_day():
    assert at(DAY, 0, 120) == "2025-11-20T02:00:00.000+02:00"
    assert at(DAY, 1, -300) == "2025-11-19T19:00:00.001-05:00"
