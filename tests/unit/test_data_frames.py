"""Events as data frames write them: every event has every field, with a gap where it has none."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.intake.credit_rules import credits
from pipeline.intake.record_intake import Intake
from pipeline.intake.rows import Line
from schemas.frames import Side
from tests.kit.files import event, ndjson
from tests.unit.test_parquet_types import ATTRIBUTES, BAD, EVENTS, FIELDS, NOON, result


def test_gaps_in_numbers_are_missing_fields(tmp_path):
    """NaN beside null: pandas and NumPy have no other gap in numbers. What is required stays required."""
    nan = float("nan")
    lines = [
        event("profile.viewed", "1", "ada", NOON, viewed="bob"),
        event("post.published", "2", "ada", NOON),
        event("comment.written", "3", "ada", NOON, author="bob"),
        event("profile.viewed", "4", "ada", NOON, viewed="bob", degree=3),
    ]
    plain, path = tmp_path / "plain.ndjson", tmp_path / "x.parquet"
    plain.write_bytes(ndjson(lines))
    expected = result(plain)
    assert [row[:2] for row in expected[1]] == [(3, "missing_field")]
    columns = {name: [one[name] for one in lines] for name in ATTRIBUTES}
    columns |= {"viewed": ["bob", None, None, "bob"], "author": [None, None, "bob", None]}
    for gap in (nan, None):
        numbers = {"degree": [gap, gap, gap, 3.0], "words": [gap] * 4, "media": [gap] * 4}
        flat = {name: pa.array(values, pa.float64(), from_pandas=False) for name, values in numbers.items()}
        pq.write_table(pa.table(columns | flat), path)
        assert result(path) == expected
        fields = {"viewed": columns["viewed"], "author": columns["author"]} | flat
        data = pa.StructArray.from_arrays([pa.array(values) for values in fields.values()], list(fields))
        pq.write_table(pa.table({name: columns[name] for name in ATTRIBUTES} | {"data": data}), path)
        assert result(path) == expected


@pytest.mark.parametrize("gap", [float("nan"), None, pd.NA], ids=str)
def test_json_lines_of_pandas(tmp_path, gap):
    """What comes of a data frame with columns: every event has every field, most of them null, and 9.0 for 9."""
    plain = tmp_path / "plain.ndjson"
    plain.write_bytes(ndjson(EVENTS))
    scores, _ = result(plain)
    path, again = tmp_path / "x.ndjson", tmp_path / "again.ndjson"
    data = [{name: one["data"].get(name, gap) for name in FIELDS} for one in EVENTS]
    for one in data:
        one["words"] = float(one["words"]) if isinstance(one["words"], int) else gap
    made = pd.DataFrame([one | {"data": values} for one, values in zip(EVENTS, data, strict=True)])
    made["time"] = pd.to_datetime(made["time"])
    made["datacontenttype"] = gap
    made.to_json(path, orient="records", lines=True, date_format="iso")
    assert b'"words":9.0' in path.read_bytes()
    assert b'"recipient":null' in path.read_bytes()
    found, rows = result(path)
    assert found == scores
    assert tuple(row for row, *_ in rows) == BAD
    pd.read_json(path, orient="records", lines=True, dtype=False).to_json(again, orient="records", lines=True)
    assert result(again) == (found, rows)
    # live, a record with such a value gives the same rows
    lines = [Line(one, n) for n, one in enumerate(path.read_bytes().splitlines())]
    live = Intake(0, 0, credits(5), 2**50).rows(lines, np.zeros(len(lines), np.int64), "activity.events")
    assert int((live.side == Side.DEAD).sum()) == len(BAD)
