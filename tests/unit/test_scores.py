"""What the workers write to `member.scores` is what `schemas.scores` says."""

import json
from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from pipeline.common import days
from pipeline.common.rubric_id import RubricId
from pipeline.scoring.scorer import Points
from pipeline.shard.score_records import score_records
from schemas.export import json_schema
from schemas.scores import Score

DAY = days.number(date(2025, 11, 20))
RUBRIC = RubricId("ssi", "1")
HOSTILE = [
    '"',
    "\\",
    '","score":100,"x":"',
    "\x00",
    "\x01\x1f\x7f",
    "\n\r\t",
    "Zoë",
    "名前",
    "😀",
    "\u2028",
    " ",
    "é" * 128,
]


def written(name: str, pillars: list[int], penalty: int = 0, revision: int = 7) -> bytes:
    """The value as emission writes it, of pillars in hundredths."""
    columns = np.array([pillars], np.int64)
    points = Points(
        columns.sum(axis=1) - penalty, columns, np.zeros((1, 0), np.int64), np.array([[-penalty]])
    )
    [(key, value)] = score_records([name], points, day=DAY, revision=revision, rubric=RUBRIC)
    assert key == name.encode()
    return value


@pytest.mark.parametrize("name", HOSTILE)
def test_any_name_comes_back(name):
    value = written(name, [2500, 1, 0, 99])
    score = Score.model_validate_json(value)
    assert score.member == name
    assert (score.score, score.pillars.total) == (2600, 2600)


hundredths = st.integers(0, 2500)


@given(
    st.text(st.characters(exclude_categories=["Cs"])), st.lists(hundredths, min_size=4, max_size=4), st.data()
)
def test_written_is_read_to_the_hundredth(name, pillars, data):
    penalty = data.draw(st.integers(0, sum(pillars)))
    value = written(name, pillars, penalty)
    score = Score.model_validate_json(value)
    assert score.score == sum(pillars) - penalty
    assert [score.pillars.brand, score.pillars.find, score.pillars.engage, score.pillars.relate] == pillars
    assert (score.member, score.as_of, score.revision) == (name, date(2025, 11, 20), 7)
    assert (score.rubric.name, score.rubric.version) == RUBRIC
    assert Score.model_validate_json(score.model_dump_json()) == score
    assert json.loads(score.model_dump_json(exclude_unset=True)) == json.loads(value), (
        "a field is not in the schema, or renamed"
    )


def test_every_hundredth_is_exact():
    for points in range(10_001):
        value = written(
            "m", [min(points, 2500)] + [min(max(points - at, 0), 2500) for at in (2500, 5000, 7500)]
        )
        assert Score.model_validate_json(value).score == points


def test_published_schema_takes_what_is_written():
    schema = json_schema("score")
    Draft202012Validator(schema).validate(json.loads(written('"', [2500, 2500, 2500, 2500])))
    assert schema["properties"]["score"]["maximum"] == 100
    assert schema["$defs"]["Pillars"]["properties"]["find"]["maximum"] == 25


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        (("score",), 12.345),
        (("score",), "12.3"),
        (("score",), True),
        (("score",), -0.01),
        (("score",), 100.01),
        (("score",), float("nan")),
        (("score",), 99.0),  # more than its pillars
        (("pillars", "find"), 25.01),
        (("pillars", "find"), None),
        (("as_of",), "yesterday"),
        (("revision",), -1),
    ],
)
def test_what_is_no_score_is_refused(path, wrong):
    record = json.loads(written("m", [100, 200, 300, 400]))
    at = record
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = wrong
    with pytest.raises(ValidationError):
        Score.model_validate(record)


def test_later_fields_do_no_harm():
    record = json.loads(written("m", [100, 200, 300, 400])) | {"band": "low"}
    assert Score.model_validate(record).score == 1000
