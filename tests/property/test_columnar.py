"""Events as columns against the same events as JSON: the same rows, the same dead letters word for word."""

import base64
import json
from datetime import date, datetime
from decimal import Decimal

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.common import days
from pipeline.intake.column_intake import ColumnIntake
from pipeline.intake.credit_rules import credits
from pipeline.intake.record_intake import Intake
from pipeline.intake.rows import Line
from pipeline.intake.typed_columns import sound
from schemas.columns import LAYOUT, check
from schemas.frames import Side
from schemas.letters import DeadLetter
from tests.kit.events import BAD, DAY, TYPES, at, event, events

HOW = (0, 900_000, credits(5), days.end_ms(DAY))
HOSTILE = ["", "x" * 256, "x" * 257, "é" * 128, "é" * 129, "a\0b", "m-00001", "m-00002", "people", "senior"]
TIMES = [
    at(DAY, 5),
    at(DAY + 1, 900_000),
    at(DAY + 1, 900_001),
    at(DAY - 95),
    "2025-02-30T00:00:00Z",
    "2025-11-20 00:00:00Z",
    "2025-11-20T00:00:00",
    "2025-11-20T00:00:00.123456789+01:00",
    "2025-11-20T00:00:00.1234567890123+01:00",
    "2025-11-20t00:00:60z",
    "2025-11-20T00:00Z",
    "1600-01-01T00:00:00Z",
    "2300-01-01T00:00:00Z",
    "0000-02-29T00:00:00-00:00",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "x",
    "",
    "2025-11-20T00:00:00\0Z",
]


def rows_of_lines(lines):
    """What intake makes of the lines, as plain rows; and the dead letters."""
    intake = Intake(*HOW, remember=0)  # what comes twice is the shard's task where both sides are in one
    rows = intake.rows([Line(line, n) for n, line in enumerate(lines)], np.zeros(len(lines), int), "")
    letters = [DeadLetter.unpack(packed) for packed in rows.letters.values()]
    return plain(rows), sorted((letter.offset, letter.reason, letter.message) for letter in letters)


def rows_of_columns(batch):
    check(batch.schema)
    outcome = ColumnIntake(*HOW, first=1 << 30).rows(batch, 0)
    for count, shown in outcome.dead.values():
        assert count == len(shown)
    dead = [(n, reason, message) for reason, (_, shown) in outcome.dead.items() for n, message in shown]
    return plain(outcome.rows), sorted(dead)


def plain(rows):
    columns = (rows.offset, rows.side, rows.time, rows.signals, rows.source, rows.id, rows.peer)
    listed = zip(rows.member.to_pylist(), *(column.tolist() for column in columns), strict=True)
    made = [(*row, rows.registers.get(at)) for at, row in enumerate(listed)]
    return sorted((row for row in made if row[2] != Side.DEAD), key=lambda row: row[1:3])


def clean(value):
    """Without nulls, which are the same as absent, and flags in the place of numbers."""
    return {name: one for name, one in value.items() if one is not None}


def flat(made):
    """Events as a batch of our own layout, whose time is text here."""
    columns = {name: [one.get(name) for one in made] for name in ("id", "source", "type", "subject", "time")}
    arrays = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    for field in LAYOUT:
        if field.name not in columns:
            values = [(one.get("data") or {}).get(field.name) for one in made]
            arrays[field.name] = pa.array(values, field.type)
    return pa.record_batch(arrays)


def nested(batch):
    """The same with the fields in a struct."""
    names = [name for name in batch.schema.names if name not in ("id", "source", "type", "subject", "time")]
    arrays = {name: batch[name] for name in ("id", "source", "type", "subject", "time")}
    arrays["data"] = pa.StructArray.from_arrays([batch[name] for name in names], names)
    return pa.record_batch(arrays)


def as_text(made):
    """The same with the data as JSON text."""
    batch = flat([one | {"data": None} for one in made]).select(["id", "source", "type", "subject", "time"])
    shown = [None if one.get("data") is None else orjson.dumps(one["data"]).decode() for one in made]
    return batch.append_column("data", pa.array(shown, pa.string()))


def encoded(batch):
    """The same with dictionaries, as files are read."""
    columns = {
        name: column.dictionary_encode()
        if column.type == pa.string() and name not in ("id", "time")
        else column
        for name, column in zip(batch.schema.names, batch.columns, strict=True)
    }
    return pa.record_batch(columns)


def numbered(value):
    """Media given as a flag is a number in a column, and credits the same."""
    data = value.get("data")
    if isinstance(data, dict) and isinstance(data.get("media"), bool):
        return value | {"data": data | {"media": int(data["media"])}}
    return value


@settings(max_examples=150)
@given(st.lists(events().map(numbered), min_size=1, max_size=30))
def test_valid_events_make_the_same_rows(made):
    expected, dead = rows_of_lines([orjson.dumps(one) for one in made])
    assert not dead
    batch = flat(made)
    assert rows_of_columns(batch) == (expected, [])
    assert rows_of_columns(encoded(batch)) == (expected, [])
    assert rows_of_columns(nested(batch)) == (expected, [])
    assert rows_of_columns(as_text(made)) == (expected, [])


def hostile(kind):
    """Any value that a column of this type can hold, or null."""
    if pa.types.is_struct(kind):
        parts = {field.name: st.none() | st.booleans() for field in kind}
        return st.none() | st.fixed_dictionaries(parts)
    values = {
        pa.string(): st.sampled_from(HOSTILE),
        pa.int64(): st.sampled_from(
            [-1, 0, 1, 2, 3, 4, 5, 99, 100, 100_001, 1_000_001, 2**31, 2**63 - 1, -(2**63)]
        ),
        pa.bool_(): st.booleans(),
    }[kind]
    return st.none() | values


ANY = st.fixed_dictionaries(
    {
        "id": st.none() | st.sampled_from(HOSTILE),
        "source": st.just("/test") | st.sampled_from(HOSTILE),
        "type": st.sampled_from([*TYPES, "activity.nonsense", "", None]),
        "subject": st.none() | st.sampled_from(HOSTILE),
        "time": st.just(TIMES[0]) | st.none() | st.sampled_from(TIMES),
        "data": st.fixed_dictionaries(
            {field.name: hostile(field.type) for field in LAYOUT if field.nullable}
        ).map(clean),
    }
)


@settings(max_examples=250)
@given(st.lists(ANY, min_size=1, max_size=30))
def test_whatever_the_columns_hold_the_contract_decides(made):
    expected = rows_of_lines([orjson.dumps({"specversion": "1.0"} | clean(one)) for one in made])
    batch = flat(made)
    assert rows_of_columns(batch) == expected
    assert rows_of_columns(encoded(batch)) == expected
    assert rows_of_columns(nested(batch)) == expected
    assert rows_of_columns(as_text(made)) == expected


@settings(max_examples=100)
@given(
    st.lists(st.sampled_from(TYPES).flatmap(lambda one: events(types=[one])), min_size=1, max_size=12),
    st.data(),
)
def test_data_as_text_may_be_anything(made, data):
    other = st.sampled_from(
        [
            *("null", "{}", "[]", "7", '"x"', "", "{", "{}}", " {} ", "1" * 400),
            *('{},"subject":"m-9"', '{"a":NaN}', '{"words":1e400}', '{"author":"a","author":"b"}'),
            *('{"author":"\\u0000"}', '{"author":"\\ud800"}'),
        ]
    )
    texts = [data.draw(st.just(orjson.dumps(one["data"]).decode()) | other) for one in made]
    heads = [
        orjson.dumps({name: value for name, value in one.items() if name != "data"})[:-1] for one in made
    ]
    batch = as_text(made).set_column(5, "data", pa.array(texts, pa.string()))
    rows, dead = rows_of_columns(batch)
    valid = [is_json(text) for text in texts]
    lines = [head + b',"data":' + text.encode() + b"}" for head, text in zip(heads, texts, strict=True)]
    expected, letters = rows_of_lines([line if ok else b"{" for line, ok in zip(lines, valid, strict=True)])
    assert rows == expected
    assert [one[:2] for one in dead] == [one[:2] for one in letters]


def is_json(text):
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return False
    return "ud800" not in text


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-(10**10), 10**10), min_size=1, max_size=10))
def test_timestamps_are_as_their_text(unit, values):
    per = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    made = [event(TYPES[0], id=str(n)) for n in range(len(values))]
    base = flat(made)
    zoned = pa.array(values, pa.timestamp(unit, tz="Europe/Zurich"))
    batch = base.set_column(base.schema.get_field_index("time"), "time", zoned)
    rows, dead = rows_of_columns(batch)
    lines = []
    for one, value in zip(made, values, strict=True):
        # beyond what RFC 3339 can write a time is the first or the last that it can
        ms = min(max(value * 1000 // per, -62_167_219_200_000), 253_402_300_799_999)
        lines.append(orjson.dumps(one | {"time": f"{np.datetime64(ms, 'ms')}Z"}))
    assert (rows, dead) == rows_of_lines(lines)


@pytest.mark.parametrize("reason", sorted(BAD))
def test_bad_events_are_told_alike_where_columns_can_hold_them(reason):
    for spoil in BAD[reason]:
        line = spoil(event("activity.comment.written", {"author": "m-1", "words": 3}))
        try:
            made = orjson.loads(line)
            batch = as_text([made])
            if made.get("specversion", "") != "1.0":
                version = pa.array([made.get("specversion")], pa.string())
                batch = batch.append_column("specversion", version)
        except (orjson.JSONDecodeError, AttributeError, TypeError, pa.ArrowException):
            continue  # no column holds it
        assert rows_of_columns(batch) == rows_of_lines([line])


def test_text_that_is_no_utf8_is_a_dead_letter():
    made = [event("activity.comment.written", {"author": "m-2", "words": 3}, id=str(n)) for n in range(4)]
    batch = flat(made)
    for n, name in ((1, "id"), (2, "author")):
        raw = [value.encode() for value in batch[name].to_pylist()]
        raw[n] = b"\xff\xfe"
        array = pa.array(raw, pa.binary())
        broken = pa.StringArray.from_buffers(len(array), array.buffers()[1], array.buffers()[2])
        batch = batch.set_column(batch.schema.get_field_index(name), name, broken)
    rows, dead = rows_of_columns(batch)
    assert {row[1] for row in rows} == {0, 3}
    assert [(n, reason) for n, reason, _ in dead] == [(1, "invalid_json"), (2, "invalid_json")]


def with_words(array):
    """Comments whose words are an array of any type."""
    base = flat([event("activity.comment.written", {"author": "m-2"}, id=str(n)) for n in range(len(array))])
    return base.set_column(base.schema.get_field_index("words"), "words", array)


@pytest.mark.parametrize(
    ("array", "says"),
    [
        (pa.array(["1", None, "3"]), "got '3'"),
        (pa.array([True, None, False]), "got False"),
        (pa.array([b"1", None, b"x"]), "got b'x' (bytes)"),
        (pa.array([datetime(2025, 1, 1), None, datetime(2025, 1, 2)]), "00:00:00 (dat… (30 characters)"),
        (pa.array([date(2025, 1, 1), None, date(2025, 1, 2)]), "got 2025-01-02 (date)"),
        (pa.array([[1], None, [2]]), "got a list"),
        (pa.array([{"a": 1}, None, {"a": 2}]), "got an object"),
        (pa.array([2.5, None, -0.25]), "got -0.25"),
        (pa.array([float("nan"), None, float("inf")]), "got inf"),
        (pa.array([float("inf"), None, float("nan")]), "got nan"),
        (pa.array([1e300, None, -1.0]), "got -1.0"),
        (pa.array([-1, None, 1_000_001]), "got 1000001"),
        (pa.array([Decimal("2.50"), None, Decimal("-0.25")]), "got -0.25"),
        (pa.array([Decimal(10) ** 30, None, Decimal(-1)]), "got -1"),
        (pa.array([Decimal(10) ** 30, None, Decimal(10) ** 25]), "got 1e+25"),
    ],
)
def test_what_is_no_whole_number_is_refused_by_its_value(array, says):
    rows, dead = rows_of_columns(with_words(array))
    assert rows == []
    assert [reason for _, reason, _ in dead] == ["bad_field", "missing_field", "bad_field"]
    assert dead[2][2].endswith(says)


WHOLE = [0, 7, None, 1_000_000]


@pytest.mark.parametrize(
    "array",
    [
        *(pa.array(WHOLE, kind) for kind in (pa.int32(), pa.uint32(), pa.int64(), pa.uint64())),
        *(pa.array(WHOLE, kind) for kind in (pa.float32(), pa.float64())),
        *(
            pa.array([None if one is None else Decimal(one) for one in WHOLE], kind)
            for kind in (
                pa.decimal32(9, 2),
                pa.decimal64(18, 4),
                pa.decimal128(38, 0),
                pa.decimal128(38, 18),
                pa.decimal256(76, 10),
            )
        ),
        pa.array(WHOLE, pa.float64()).dictionary_encode(),
        pa.array(WHOLE, pa.int64()).dictionary_encode(),
    ],
    ids=lambda array: str(array.type),
)
def test_whole_numbers_count_in_any_type(array):
    expected = rows_of_columns(with_words(pa.array(WHOLE, pa.int64())))
    assert [row[1] for row in expected[0] if row[2] == 0] == [0, 1, 3]
    assert rows_of_columns(with_words(array)) == expected


@given(
    st.lists(
        st.none()
        | st.integers(-(10**7), 10**7).map(lambda n: Decimal(n).scaleb(-2))
        | st.integers(-3, 10**7).map(Decimal),
        min_size=1,
        max_size=20,
    )
)
def test_decimals_and_floats_are_as_in_json(values):
    made = [event("activity.comment.written", {"author": "m-2"}, id=str(n)) for n in range(len(values))]
    lines = [
        json.dumps(one | {"data": one["data"] | ({} if n is None else {"words": float(n)})}).encode()
        for one, n in zip(made, values, strict=True)
    ]
    rows, dead = rows_of_lines(lines)
    for array in (
        pa.array(values, pa.decimal128(20, 2)),
        pa.array([None if n is None else float(n) for n in values], pa.float64()),
    ):
        found, refused = rows_of_columns(with_words(array))
        assert found == rows
        assert [one[:2] for one in refused] == [one[:2] for one in dead]


def test_large_unsigned_numbers_are_refused():
    rows, dead = rows_of_columns(with_words(pa.array([3, 2**64 - 1, 7], pa.uint64())))
    assert [row[1] for row in rows if row[2] == 0] == [0, 2]
    assert [one[:2] for one in dead] == [(1, "bad_field")]


def test_data_in_base64_is_read_from_its_column():
    made = [event("activity.comment.written", {"author": "m-2", "words": n}, id=str(n)) for n in range(3)]
    encoded64 = [base64.b64encode(orjson.dumps(one["data"])).decode() for one in made]
    bare = flat([{name: value for name, value in one.items() if name != "data"} for one in made])
    expected = rows_of_lines([orjson.dumps(one) for one in made])
    for batch in (bare, bare.select(["id", "source", "type", "subject", "time"])):
        assert rows_of_columns(batch.append_column("data_base64", pa.array(encoded64))) == expected
    _, dead = rows_of_columns(flat(made).append_column("data_base64", pa.array([None, encoded64[1], "!"])))
    assert [one[:2] for one in dead] == [(1, "bad_field"), (2, "bad_field")]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"id": None}, "missing column id"),
        ({"type": pa.array([1])}, "column type is int64"),
        ({"time": pa.array([1], pa.timestamp("ms"))}, "no zone"),
        ({"time": pa.array([1])}, "column time is int64"),
        ({"data": pa.array([1])}, "column data is int64"),
    ],
)
def test_a_layout_that_is_not_ours_is_told(change, says):
    columns = {name: pa.array(["x"]) for name in ("id", "source", "type", "subject", "time")} | change
    schema = pa.schema([(name, array.type) for name, array in columns.items() if array is not None])
    with pytest.raises(ValueError, match=says):
        check(schema)


@given(st.lists(st.text(max_size=90) | st.sampled_from(HOSTILE)))
def test_sound_texts(texts):
    try:
        array = pa.array(texts, pa.string())
    except UnicodeEncodeError:
        return
    assert sound(array).tolist() == [len(one.encode()) <= 256 and "\0" not in one for one in texts]
