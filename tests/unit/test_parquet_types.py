"""Parquet as other writers make it: every type that is said to be read, each beside a row that is no event.

The same events as NDJSON say what is right: the scores, and for each bad row its number, reason and message.
"""

import json
from datetime import UTC, datetime
from decimal import Decimal

import datafusion
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from agents.config.settings import Settings
from agents.files.inputs import Inputs
from agents.files.rejected import rejected_file
from agents.offline.engine import Offline
from tests.kit.events import DAY
from tests.kit.files import event, ndjson
from tests.kit.rubrics import SSI

NOON = "2025-11-20T12:00:00.000Z"
EVENTS = [
    event("session.started", "1", "ada", NOON),
    event("comment.written", "2", "ada", NOON, author="bob", words=9),
    event("comment.written", "3", "bob", NOON, author="ünï", words=1),
    event("comment.written", "4", "eve", NOON, author="x" * 257, words=3),  # too long
    event("message.sent", "5", "bob", NOON, recipient="ada", reply=True, follow_up=False, seniority="vp"),
    event("profile.updated", "6", "ada", NOON, sections={"photo": True, "headline": False}, media=2),
    event("comment.written", "7", "", NOON, author="bob", words=1),  # nobody
    event("search.made", "8", "ada", NOON) | {"data": {"kind": "people"}},
    event("search.made", "9", "ada", NOON) | {"data": {"kind": "nonsense"}},
    event("nonsense", "10", "ada", NOON),
]
BAD = (4, 7, 9, 10)
ATTRIBUTES = ("id", "source", "type", "subject", "time")
FIELDS = ("author", "words", "recipient", "reply", "follow_up", "seniority", "sections", "media", "kind")
KINDS = {"words": pa.int64(), "reply": pa.bool_(), "follow_up": pa.bool_(), "media": pa.int64()}
KINDS["sections"] = pa.struct({"photo": pa.bool_(), "headline": pa.bool_()})
INSTANT = datetime(2025, 11, 20, 12, tzinfo=UTC)


def result(path):
    """({member: (score, pillars)}, [(row, reason, message)])."""
    out = path.with_suffix(".rejected")
    with rejected_file(out) as sink:
        run = Offline(Settings(), SSI, DAY, rejected=sink)
        run.read(Inputs([path]))
    assert run.counters.difference() == 0
    found = run.standings()
    points = zip(found.score.tolist(), found.pillars.tolist(), strict=True)
    rejected = [json.loads(line) for line in out.read_bytes().splitlines()]
    rows = [(one["number"], one["reason"], one["message"]) for one in rejected]
    return dict(zip(found.members, points, strict=True)), rows


@pytest.fixture
def expected(tmp_path):
    path = tmp_path / "plain.ndjson"
    path.write_bytes(ndjson(EVENTS))
    scores, rows = result(path)
    assert scores
    assert tuple(row for row, *_ in rows) == BAD
    return scores, rows


def flat(**changed):
    """The events as columns by the names of the fields."""
    columns = {name: pa.array([one[name] for one in EVENTS], pa.string()) for name in ATTRIBUTES}
    for name in FIELDS:
        columns[name] = pa.array([one["data"].get(name) for one in EVENTS], KINDS.get(name, pa.string()))
    return pa.table(columns | changed)


def nested(kind=None, text=False):
    """The events with a column `data`."""
    columns = {name: pa.array([one[name] for one in EVENTS], pa.string()) for name in ATTRIBUTES}
    if text:
        columns["data"] = pa.array([json.dumps(one["data"]) for one in EVENTS], kind or pa.string())
    else:
        fields = [flat()[name].combine_chunks() for name in FIELDS]
        columns["data"] = pa.StructArray.from_arrays(fields, FIELDS)
    return pa.table(columns)


def texts_as(kind):
    table = flat()
    for at, field in enumerate(table.schema):
        if field.type == pa.string():
            table = table.set_column(at, field.name, table[field.name].cast(kind))
    return table


def bytes_as(kind):
    table = flat()
    for at, field in enumerate(table.schema):
        if field.type == pa.string():
            table = table.set_column(at, field.name, table[field.name].cast(pa.binary()).cast(kind))
    return table


def encoded(index):
    table = flat()
    for at, field in enumerate(table.schema):
        if field.type == pa.string():
            column = table[field.name].combine_chunks().dictionary_encode()
            column = pa.DictionaryArray.from_arrays(column.indices.cast(index), column.dictionary)
            table = table.set_column(at, field.name, column)
    return table


def times_as(kind):
    return flat(time=pa.array([INSTANT] * len(EVENTS), kind))


def by_path(separator, prefix="data"):
    """Flattened as data frames are."""
    table = flat()
    for name in ("photo", "headline"):
        part = pa.array([(one["data"].get("sections") or {}).get(name) for one in EVENTS], pa.bool_())
        table = table.append_column(f"sections{separator}{name}", part)
    table = table.drop_columns(["sections"])
    named = {name: f"{prefix}{separator}{name}" for name in table.schema.names if name not in ATTRIBUTES}
    return table.rename_columns(named) if prefix else table


def integers_as(kind):
    return flat(**{name: flat()[name].cast(kind) for name in ("words", "media")})


NANS = pa.array([float("nan")] * len(EVENTS), from_pandas=False)
TABLES = {
    "our own layout": flat,
    "a struct": nested,
    "large strings": lambda: texts_as(pa.large_string()),
    "string views": lambda: texts_as(pa.string_view()),
    "bytes": lambda: bytes_as(pa.binary()),
    "large bytes": lambda: bytes_as(pa.large_binary()),
    "byte views": lambda: bytes_as(pa.binary_view()),
    **{
        f"dictionaries of {index}": lambda index=index: encoded(index)
        for index in (pa.int8(), pa.int32(), pa.uint16())
    },
    "a struct of large strings": lambda: nested().cast(
        pa.schema([f if f.name != "data" else pa.field("data", large(f.type)) for f in nested().schema])
    ),
    "JSON text": lambda: nested(text=True),
    "JSON text, large": lambda: nested(pa.large_string(), text=True),
    "JSON text, view": lambda: nested(pa.string_view(), text=True),
    "JSON of the logical type": lambda: nested(pa.json_(), text=True),
    "JSON of the logical type, large": lambda: nested(pa.json_(pa.large_string()), text=True),
    "JSON of the logical type, view": lambda: nested(pa.json_(pa.string_view()), text=True),
    **{
        f"times in {unit}, {zone}": lambda unit=unit, zone=zone: times_as(pa.timestamp(unit, zone))
        for unit in ("s", "ms", "us", "ns")
        for zone in ("UTC", "Europe/Zurich", "+05:30", "Etc/GMT+12")
    },
    "times, repeated": lambda: flat(
        time=pa.array([INSTANT] * len(EVENTS), pa.timestamp("us", "UTC")).dictionary_encode()
    ),
    "times as large text": lambda: flat(time=flat()["time"].cast(pa.large_string())),
    **{
        f"whole numbers, {kind}": lambda kind=kind: integers_as(kind)
        for kind in (pa.int8(), pa.int32(), pa.uint8(), pa.uint64())
    },
    "flattened, with dots": lambda: by_path("."),
    "flattened, with underscores": lambda: by_path("_"),
    "flattened data alone": lambda: by_path(".", prefix=""),
    "flattened beside an empty data": lambda: by_path(".").append_column("data", pa.nulls(len(EVENTS))),
    "flattened beside a NaN data": lambda: by_path(".").append_column(
        "data", pa.nulls(len(EVENTS), pa.float64())
    ),
    **{
        f"a column {name} of {kind} without values": lambda name=name, gaps=gaps: flat().append_column(
            name, gaps
        )
        for name in ("data", "data_base64", "specversion")
        for kind, gaps in {
            "NaN": NANS,
            "empty doubles": pa.nulls(10, pa.float64()),
            "nulls": pa.nulls(10),
        }.items()
    },
    "fields that are NaN everywhere": lambda: flat(
        in_target=NANS, region=NANS, degree=NANS, note=pa.nulls(10)
    ),
    "an empty data": lambda: flat().append_column("data", pa.nulls(len(EVENTS))),
    "other columns": lambda: flat().append_column("data_center", pa.array(["x"] * len(EVENTS))),
}


def large(struct):
    return pa.struct([f if f.type != pa.string() else pa.field(f.name, pa.large_string()) for f in struct])


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("schema", ["its Arrow schema", "none"])
def test_every_type_that_is_said_to_be_read(tmp_path, expected, kind, schema):
    path = tmp_path / "x.parquet"
    pq.write_table(TABLES[kind](), path, store_schema=schema != "none", row_group_size=3)
    assert result(path) == expected


@pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "brotli", "lz4", "zstd"])
@pytest.mark.parametrize("version", ["1.0", "2.6"])
@pytest.mark.parametrize("pages", ["1.0", "2.0"])
def test_codecs_and_versions(tmp_path, expected, codec, version, pages):
    path = tmp_path / "x.parquet"
    pq.write_table(flat(), path, compression=codec, version=version, data_page_version=pages)
    assert result(path) == expected


def frame():
    """The events as rows, for writers that make their own types of them."""
    return [{name: one[name] for name in ATTRIBUTES} | one["data"] for one in EVENTS]


def test_pandas(tmp_path, expected):
    path = tmp_path / "x.parquet"
    made = pd.DataFrame(frame())
    made["time"] = pd.to_datetime(made["time"])
    for name in ("words", "media"):
        made[name] = made[name].astype("Int64")
    made.to_parquet(path)
    assert result(path) == expected
    made["time"] = made["time"].dt.tz_convert("America/New_York")
    for name in ("type", "source", "kind"):
        made[name] = made[name].astype("category")
    made.set_index("id").to_parquet(path)
    assert result(path) == expected


def test_pandas_flattened(tmp_path, expected):
    path = tmp_path / "x.parquet"
    for separator in (".", "_"):
        made = pd.json_normalize(EVENTS, sep=separator).convert_dtypes()
        assert f"data{separator}sections{separator}photo" in made.columns
        made.to_parquet(path)
        assert result(path) == expected


def test_polars(tmp_path, expected):
    path = tmp_path / "x.parquet"
    made = pl.DataFrame(frame(), infer_schema_length=None)
    made.write_parquet(path)
    assert result(path) == expected
    categorical = made.with_columns(
        pl.col("time").str.to_datetime(time_zone="UTC"), pl.col("type", "kind").cast(pl.Categorical)
    )
    categorical.write_parquet(path)
    assert result(path) == expected
    pl.DataFrame(EVENTS, infer_schema_length=None).write_parquet(path)
    assert result(path) == expected


@pytest.mark.parametrize(
    "columns",
    [
        "specversion, id, source, type, subject, time, data",
        "id, source, type, subject, time::timestamptz as time, data",
        "id, source, type, subject, time, to_json(data) as data",
        "id, source, type, subject, time, data::json::varchar as data",
        "id, source, type, subject, time, data.*",
        "id, source, type::enum({types}) as type, subject, time, data.*",
    ],
)
def test_duckdb(tmp_path, expected, columns):
    path, lines = tmp_path / "x.parquet", tmp_path / "plain.ndjson"
    lines.write_bytes(ndjson(EVENTS))
    types = ", ".join(sorted({f"'{one['type']}'" for one in EVENTS}))
    with duckdb.connect() as connection:
        read = f"read_json('{lines}', format='newline_delimited', columns={STRUCT})"
        made = f"select {columns.format(types=types)} from {read}"
        connection.execute(f"copy ({made}) to '{path}' (format parquet)")
    assert result(path) == expected


STRUCT = json.dumps(
    dict.fromkeys(("specversion", *ATTRIBUTES), "VARCHAR")
    | {
        "data": "STRUCT(author VARCHAR, words BIGINT, recipient VARCHAR, reply BOOLEAN, follow_up BOOLEAN, seniority "
        "VARCHAR, sections STRUCT(photo BOOLEAN, headline BOOLEAN), media INTEGER, kind VARCHAR)"
    }
).replace('"', "'")


def test_datafusion(tmp_path, expected):
    folder = tmp_path / "made"
    context = datafusion.SessionContext()
    context.register_record_batches("events", [flat().to_batches()])
    fields = ", ".join(
        f"arrow_cast({name}, 'Utf8View') as {name}" if name not in KINDS else name for name in FIELDS
    )
    sql = f"""select arrow_cast(id, 'Utf8View') as id, arrow_cast(source, 'LargeUtf8') as source,
        arrow_cast(type, 'Dictionary(Int32, Utf8)') as type, arrow_cast(subject, 'Utf8View') as subject,
        arrow_cast(time, 'Timestamp(Nanosecond, Some("+00:00"))') as time, {fields} from events"""
    context.sql(sql).write_parquet(str(folder))
    (path,) = folder.glob("*.parquet") if folder.is_dir() else [folder]
    assert result(path) == expected


@pytest.mark.parametrize(
    "kind",
    [
        *(pa.float32(), pa.float64(), pa.decimal32(9, 2), pa.decimal64(18, 0)),
        *(pa.decimal128(10, 0), pa.decimal128(38, 9), pa.decimal256(50, 10)),
    ],
    ids=str,
)
def test_whole_numbers_of_other_types_count(tmp_path, expected, kind):
    def numbers(name, bad=None):
        values = [one["data"].get(name) for one in EVENTS]
        values[2] = bad if name == "words" and bad is not None else values[2]
        return pa.array([None if value is None else Decimal(value) for value in values]).cast(kind)

    path = tmp_path / "x.parquet"
    pq.write_table(flat(words=numbers("words"), media=numbers("media")), path)
    assert result(path) == expected
    if not pa.types.is_decimal(kind) or kind.scale:
        pq.write_table(flat(words=numbers("words", Decimal("1.5")), media=numbers("media")), path)
        _, rows = result(path)
        assert [row[:2] for row in rows if row[0] == 3] == [(3, "bad_field")]


def test_whole_numbers_of_writers_that_have_no_gaps_in_integers(tmp_path, expected):
    """pandas makes numbers with gaps of doubles; DuckDB and others have decimals where databases do."""
    path = tmp_path / "x.parquet"
    made = pd.DataFrame(frame())
    assert made["words"].dtype == np.float64
    made.to_parquet(path)
    assert result(path) == expected
    pl.DataFrame(frame(), infer_schema_length=None).with_columns(
        pl.col("words").cast(pl.Decimal(12, 2))
    ).write_parquet(path)
    assert result(path) == expected
    table = flat()
    with duckdb.connect() as connection:
        connection.register("events", table)
        connection.execute(
            f"copy (select * replace (words::decimal(18,3) as words) from events) to '{path}' (format parquet)"
        )
    assert result(path) == expected
