"""The committed schemas are current, valid, and say the same as the validators."""

import json

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from perf.fake_records import FakeRecord
from pipeline.intake.credit_rules import credits
from pipeline.intake.record_intake import Intake
from schemas.activities import DATA
from schemas.events import STRICT, parse
from schemas.examples import examples
from schemas.export import CHANNELS, RECORDS, asyncapi, documents, json_schema
from schemas.frames import SCHEMA
from schemas.ledger import VERSION
from schemas.letters import DeadLetter
from schemas.record_examples import FRAME_ROWS, LETTER, RECORD_EXAMPLES
from tests.kit.events import BAD, dumps, event, random_events

EXAMPLES = [(event_type, example) for event_type in DATA for example in examples(event_type)]


def test_committed_schemas_are_current(pytestconfig):
    folder = pytestconfig.rootpath / "schemas"
    there = {f"json/{path.name}" for path in (folder / "json").iterdir()} | {"asyncapi.json"}
    made = documents()
    assert there == set(made), "run python -m schemas.export; remove what is no longer made"
    stale = [path for path, text in made.items() if (folder / path).read_text(encoding="utf-8") != text]
    assert not stale, "run python -m schemas.export"


@pytest.mark.parametrize("name", RECORDS)
def test_schema_is_valid_json_schema(name):
    Draft202012Validator.check_schema(json_schema(name))


@pytest.mark.parametrize(("event_type", "example"), EXAMPLES, ids=lambda value: str(value)[:60])
def test_examples_are_valid(event_type, example):
    Draft202012Validator(json_schema(event_type)).validate(example)
    Draft202012Validator(json_schema("event")).validate(example)
    STRICT.validate_json(dumps(example))


OTHERS = [(name, example) for name, found in RECORD_EXAMPLES.items() for example in found]


def test_there_are_examples_of_every_record():
    assert {"event", *DATA, *RECORD_EXAMPLES} == set(RECORDS)


@pytest.mark.parametrize(("name", "example"), OTHERS, ids=lambda value: str(value)[:60])
def test_examples_of_records_are_valid_and_what_the_program_would_write(name, example):
    Draft202012Validator(json_schema(name)).validate(example)
    model = RECORDS[name]
    written = model.model_validate_json(json.dumps(example)).model_dump(mode="json", by_alias=True)
    assert json.loads(json.dumps(written)) == example


def test_the_example_of_a_stamp_is_of_this_version():
    (stamp,) = RECORD_EXAMPLES["ledger.stamp"]
    assert stamp["version"] == VERSION


def test_the_example_of_a_dead_letter_is_what_intake_makes_of_its_event():
    record = FakeRecord(LETTER.value, 2, LETTER.offset, LETTER.timestamp)
    rows = Intake(0, 0, credits(5)).rows([record], np.array([LETTER.partition]), LETTER.topic)
    (packed,) = rows.letters.values()
    assert DeadLetter.unpack(packed).out_headers() == LETTER.out_headers()


def test_the_example_of_a_frame_has_its_columns():
    assert [list(row) for row in FRAME_ROWS] == [SCHEMA.names]


def test_random_events_are_valid_by_the_published_schema():
    validators = {event_type: Draft202012Validator(json_schema(event_type)) for event_type in DATA}
    for made in random_events(seed=3, count=600):
        validators[made["type"]].validate(made)


# JSON Schema can't say the length in bytes and, without a format checker, the form of a time.
SAID = [
    (code, number)
    for code in ("missing_field", "unknown_type", "bad_specversion", "bad_field")
    for number in range(len(BAD[code]))
]


@pytest.mark.parametrize(("code", "number"), SAID)
def test_bad_events_are_bad_by_the_published_schema(code, number):
    made = json.loads(BAD[code][number](event("activity.session.started")))
    assert not Draft202012Validator(json_schema("event")).is_valid(made)


def test_events_of_the_first_version_are_still_read(pytestconfig):
    lines = (pytestconfig.rootpath / "tests" / "unit" / "events-v1.ndjson").read_bytes().splitlines()
    assert lines
    for line in lines:
        assert parse(line) == json.loads(line), (
            "upstream may have sent this: nothing may be dropped or refused"
        )


def test_asyncapi_has_every_topic_and_its_references_lead_somewhere():
    document = asyncapi()
    assert document["asyncapi"] == "3.1.0"
    assert set(document["channels"]) == {channel.topic for channel in CHANNELS}
    files = documents()

    def follow(node):
        if isinstance(node, dict):
            target = node.get("$ref")
            if target and target.startswith("#/"):
                found = document
                for step in target[2:].split("/"):
                    found = found[step]
            elif target:
                assert target.removeprefix("./") in files
            for value in node.values():
                follow(value)
        elif isinstance(node, list):
            for value in node:
                follow(value)

    follow(document)
    for name, message in document["components"]["messages"].items():
        assert message["examples"], f"{name} has no example"
        assert message["summary"], name
    for event_type in DATA:
        assert event_type in document["channels"]["activity.events"]["messages"]
