"""The published JSON Schema is the validator: ingest takes what it accepts and nothing else, however it comes in."""

import base64
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.config.settings import Settings
from agents.files.inputs import Inputs
from agents.offline.engine import Offline
from perf.fake_records import FakeRecord
from pipeline.intake.column_intake import ColumnIntake
from pipeline.intake.credit_rules import credits
from pipeline.intake.record_intake import Intake
from pipeline.intake.rows import Line
from schemas.columns import check
from schemas.times import is_time
from tests.kit.contract import instances, validator
from tests.kit.contract import published as read
from tests.kit.events import DAY, TYPES, event, events
from tests.kit.rubrics import SSI

FAR = 1 << 60  # no time is ahead of this: the schema does not know what time it is
HOW = (0, 0, credits(5), FAR)
ATTRIBUTES = ("specversion", "id", "source", "type", "subject", "time")
EXAMPLES = 5 * settings.default.max_examples
SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]

published = st.sampled_from(TYPES).flatmap(instances)
wholes = st.integers(-(2**70), 2**70) | st.sampled_from(
    [0, 1, 2, 99, 100, 100_000, 10**6, 10**6 + 1, 2 * 10**9]
)
numbers = wholes | wholes.map(float) | st.floats() | st.sampled_from([12.0, 1.2e1, -0.0, 0.5, 99.5, 1e300])
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    [
        *(
            "",
            "x" * 256,
            "x" * 257,
            "é" * 128,
            "é" * 129,
            "a\0b",
            "a\n",
            "1.0",
            "people",
            "2026-11-20T08:30Z",
        ),
        *(
            "2026-11-20T08:30:00Z\n",
            "0000-02-29T00:00:00z",
            "2016-12-31T23:59:60.5-00:00",
            "2026-02-29T00:00:00Z",
        ),
    ]
)
anything = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)


def places(value, path=()):
    """The paths of all fields."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield (*path, name)
            yield from places(one, (*path, name))


@st.composite
def changed(draw, made):
    """An event with some fields changed, removed or added, and its data in Base64 or not."""
    made = json.loads(json.dumps(draw(made)))
    for _ in range(draw(st.integers(0, 3))):
        there = list(places(made))
        if not there:
            break
        *above, name = draw(st.sampled_from(there))
        place = made
        for step in above:
            place = place[step]
        what = draw(st.sampled_from(["remove", "replace", "null", "float", "longer"]))
        if what == "remove":
            del place[name]
        elif what == "float" and type(place[name]) is int:
            place[name] = float(place[name]) + draw(st.sampled_from([0.0, 0.0, 0.5]))
        elif what == "longer" and isinstance(place[name], str):
            place[name] += draw(texts)
        else:
            place[name] = None if what == "null" else draw(anything)
    if draw(st.integers(0, 3)) == 0:
        encoded = base64.b64encode(json.dumps(made.get("data")).encode()).decode()
        made["data_base64"] = draw(st.just(encoded) | st.just(encoded + "=") | anything)
        if draw(st.integers(0, 3)):
            made.pop("data", None)
    return made


candidates = changed(events()) | changed(published)


def accepted(record):
    rows = Intake(*HOW).rows([record], np.zeros(1, np.int64), "t")
    return not rows.letters


def as_binary(made):
    """The record of an event in binary mode; None when it can't be in it."""
    attributes = {name: made[name] for name in ATTRIBUTES if made.get(name) is not None}
    if not all(isinstance(one, str) for one in attributes.values()) or not attributes.keys() & {"id", "type"}:
        return None
    headers = [(f"ce_{name}", one.encode()) for name, one in attributes.items()]
    if made.get("data_base64") is None:
        value = None if made.get("data") is None else json.dumps(made["data"]).encode()
    elif made.get("data") is None and isinstance(made["data_base64"], str):
        try:
            value = base64.b64decode(made["data_base64"], validate=True)
        except ValueError:
            return None
        if not value:  # no data at all, which Base64 can't say
            return None
    else:
        return None
    return FakeRecord(
        b"" if value is None else value, headers=[*headers, ("content-type", b"application/json")]
    )


def as_columns(made, flat):
    """The event as a batch; None when no column can hold it. flat: a column for each field of its data."""
    made = {name: one for name, one in made.items() if name in (*ATTRIBUTES, "data", "data_base64")}
    if not all(one is None or isinstance(one, str) for name, one in made.items() if name != "data"):
        return None
    columns = {name: pa.array([made.get(name)], pa.string()) for name in ATTRIBUTES}
    if "data_base64" in made:
        columns["data_base64"] = pa.array([made["data_base64"]], pa.string())
    data = made.get("data")
    if not flat:
        columns["data"] = pa.array([None if data is None else json.dumps(data)], pa.string())
        return pa.record_batch(columns)
    if data is not None and not (isinstance(data, dict) and data and not data.keys() & columns.keys()):
        return None
    if data is not None and made.get("data_base64") is not None:
        return None  # nulls, and columns that no field has, are no data beside it
    try:
        return pa.record_batch(columns | {name: pa.array([one]) for name, one in (data or {}).items()})
    except (pa.ArrowException, OverflowError, TypeError):
        return None


def columns_accept(batch):
    check(batch.schema)
    return not ColumnIntake(*HOW).rows(batch, 0).dead


def agree(made):
    name = made.get("type")
    valid = validator("event").is_valid(made)
    if isinstance(name, str) and name in TYPES:
        assert validator(name).is_valid(made) == valid
    raw = json.dumps(made).encode()
    assert accepted(FakeRecord(raw)) == valid
    assert accepted(FakeRecord(b"\xef\xbb\xbf" + json.dumps(made, ensure_ascii=False).encode())) == valid
    assert accepted(Line(raw, 1)) == valid
    headers = [("content-type", b"application/cloudevents+json; charset=utf-8"), ("ce_specversion", b"1.0")]
    assert accepted(FakeRecord(raw, headers=headers)) == valid
    binary = as_binary(made)
    if binary is not None:
        assert accepted(binary) == valid
    for flat in (False, True):
        batch = as_columns(made, flat)
        if batch is not None:
            assert columns_accept(batch) == valid
    return valid


@settings(max_examples=EXAMPLES, suppress_health_check=SLOW)
@given(candidates)
def test_ingest_takes_what_the_schema_accepts_and_nothing_else(made):
    agree(made)


@pytest.mark.parametrize("name", TYPES)
@settings(max_examples=EXAMPLES // 30, suppress_health_check=SLOW)
@given(data=st.data())
def test_what_the_schema_generates_is_taken(name, data):
    assert agree(data.draw(instances(name)))


@settings(max_examples=EXAMPLES // 2)
@given(events())
def test_events_of_the_contract_are_taken(made):
    assert agree(made)
    encoded = base64.b64encode(json.dumps(made.pop("data")).encode()).decode()
    assert agree(made | {"data_base64": encoded})


@settings(max_examples=EXAMPLES // 10, suppress_health_check=SLOW)
@given(st.lists(candidates, min_size=1, max_size=12))
def test_files_are_taken_alike(tmp_path_factory, made):
    path = tmp_path_factory.getbasetemp() / "contract.ndjson"
    path.write_text("".join(json.dumps(one) + "\n" for one in made))
    run = Offline(Settings(), SSI, DAY)
    run.read(Inputs([path]))
    assert run.counters.read == len(made)
    assert refused(run) == sum(not validator("event").is_valid(one) for one in made)
    there = [one for one in made if as_columns(one, flat=False) is not None]
    if there:
        batches = [pa.Table.from_batches([as_columns(one, flat=False)]) for one in there]
        path = path.with_suffix(".parquet")
        pq.write_table(pa.concat_tables(batches, promote_options="default"), path)
        run = Offline(Settings(), SSI, DAY)
        run.read(Inputs([path]))
        assert run.counters.read == len(there)
        assert refused(run) == sum(not validator("event").is_valid(one) for one in there)


def refused(run):
    """How many lines or rows were no events; what is ahead is one."""
    return sum(found.count for reason, found in run.dead.items() if reason != "future_time")


COMMENT = event("activity.comment.written", {"author": "m-2", "words": 7})


@pytest.mark.parametrize(
    ("changes", "valid"),
    [
        ({}, True),
        ({"data": {"author": "m-2", "words": 12.0}}, True),
        ({"data": {"author": "m-2", "words": 12.5}}, False),
        ({"data": {"author": "m-2", "words": True}}, False),
        ({"data": {"author": "m-2", "words": -0.0}}, True),
        ({"data": {"author": "m-2", "words": 1e6}}, True),
        ({"data": {"author": "m-2", "words": 1000000.5}}, False),
        ({"time": "2026-11-20t08:30:60.12345678901234567890-00:00"}, True),
        ({"time": "2026-11-20T08:30:00Z\n"}, False),
        ({"time": "9999-12-31T23:59:59-23:59"}, True),
        ({"id": "é" * 129}, False),
        ({"id": "é" * 128}, True),
        ({"data_base64": None}, True),
        ({"data_base64": "e30="}, False),
        ({"data": None}, False),
        ({"data": None, "data_base64": "eyJhdXRob3IiOiJiZW4iLCJ3b3JkcyI6MTJ9"}, True),
        ({"data": None, "data_base64": "eyJhdXRob3IiOiJiZW4ifQ=="}, False),
        ({"specversion": "1.0\n"}, False),
    ],
)
def test_the_cases_that_were_judged_differently(changes, valid):
    assert agree(COMMENT | changes) is valid


@pytest.mark.parametrize(
    ("ignored", "taken"),
    [
        ("[" * 200 + "]" * 200, True),
        ("[" * 201 + "]" * 201, False),
        ("[" * 100_000 + "]" * 100_000, False),
        ("9" * 4300, True),
        ("-" + "9" * 5000, False),
        ("1e400", True),
        ("NaN", True),
    ],
)
def test_the_limits_of_json_are_the_same_wherever_an_event_is(tmp_path, ignored, taken):
    raw = json.dumps(COMMENT)[:-1].encode() + b',"ignored":' + ignored.encode() + b"}"
    assert accepted(FakeRecord(raw)) == taken
    assert accepted(FakeRecord(b"\xef\xbb\xbf" + raw)) == taken
    assert accepted(FakeRecord(raw, headers=[("content-type", b"application/cloudevents+json")])) == taken
    run = Offline(Settings(), SSI, DAY)
    (tmp_path / "log.ndjson").write_bytes(raw)
    run.read(Inputs([tmp_path / "log.ndjson"]))
    assert run.counters.scored == taken


def test_the_pattern_of_a_time_is_the_definition():
    schema = read("activity.live.hosted")["properties"]["time"]
    one = validator("activity.live.hosted").evolve(schema=schema)
    for text in ("2026-11-20T08:30:00Z", "2026-11-20T08:30Z", "2024-02-29T00:00:00z", "2023-02-29T00:00:00z"):
        assert one.is_valid(text) == is_time(text)
