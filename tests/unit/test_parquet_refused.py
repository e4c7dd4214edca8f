"""Parquet files that are refused, in part or as a whole: one line says what to do."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from agents.config.errors import UserError
from agents.files.inputs import Inputs
from tests.unit.test_parquet_types import INSTANT, flat, result


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"id": pa.array(range(10))}, "column id is int64, but must be text"),
        ({"id": pa.nulls(10)}, "column id is null, but must be text"),
        (
            {"subject": pa.array([b"x" * 16] * 10, pa.uuid())},
            "column subject is extension<arrow.uuid>, but must be text",
        ),
        ({"time": pa.array([INSTANT] * 10, pa.timestamp("us"))}, "column time has no zone"),
        ({"time": pa.array([INSTANT.date()] * 10)}, "column time is date32"),
        ({"data": pa.array([["x"]] * 10)}, "column data is list"),
        (
            {"data": pa.array([[("author", "x")]] * 10, pa.map_(pa.string(), pa.string()))},
            "column data is map",
        ),
        ({"data.author": pa.array(["x"] * 10)}, "columns author and data.author are the same field of data"),
    ],
)
def test_columns_that_are_not_read_are_named(tmp_path, changed, says):
    path = tmp_path / "x.parquet"
    pq.write_table(flat(**changed), path)
    with pytest.raises(UserError, match=r"^[^\n]*; see docs/reference/files.md$") as caught:
        Inputs([path])
    assert says in str(caught.value)


@pytest.mark.parametrize("name", ["data", "data_base64", "specversion"])
def test_numbers_in_a_column_of_text_are_named_before_anything_counts(tmp_path, name):
    path = tmp_path / "x.parquet"
    gaps = pa.array([None] * 9 + [1.0])
    pq.write_table(flat().append_column(name, gaps), path)
    with pytest.raises(
        UserError, match=f"column {name} is double, but must be text; see docs/reference/files.md"
    ):
        result(path)


def test_texts_that_are_no_utf8_are_dead_letters(tmp_path):
    """Each in another column, plain and dictionary-encoded."""
    for dictionaries in (True, False):
        table = flat()
        for row, name in ((0, "id"), (1, "author"), (2, "subject"), (4, "recipient")):
            raw = [None if value is None else value.encode() for value in table[name].to_pylist()]
            raw[row] = b"\xff\xfe"
            table = table.set_column(table.schema.get_field_index(name), name, pa.array(raw, pa.binary()))
        path = tmp_path / "x.parquet"
        pq.write_table(table, path, use_dictionary=dictionaries)
        _, rows = result(path)
        assert [row for row, reason, _ in rows if reason == "invalid_json"] == [1, 2, 3, 5]


def test_a_file_of_no_rows(tmp_path):
    path = tmp_path / "x.parquet"
    pq.write_table(flat().slice(0, 0), path)
    assert result(path) == ({}, [])


def test_an_encrypted_file_is_named(tmp_path):
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PARE" + bytes(100) + b"PARE")
    with pytest.raises(
        UserError, match="Parquet with an encrypted footer: write it again without encryption"
    ):
        Inputs([path])
