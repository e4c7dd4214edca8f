"""A partition as a Parquet file: a row for each record, in the order of offsets."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA = pa.schema(
    [
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("timestamp", pa.int64(), nullable=False),
        pa.field("key", pa.binary()),
        pa.field("value", pa.binary()),
        pa.field("headers", pa.list_(pa.struct([("name", pa.string()), ("value", pa.binary())]))),
    ]
)
GROUP_BYTES = 16 << 20
"""Of keys and values in a row group, about: what is in memory at once."""


@dataclass(frozen=True, slots=True)
class Row:
    """A record. timestamp: ms since 1970."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]]

    def same(self, other: "Row") -> bool:
        """Whether another has the same content; where and when it was written does not matter."""
        return (self.key, self.value, self.headers) == (other.key, other.value, other.headers)


def row(record: Any) -> Row:
    """The row of a record as aiokafka gives it."""
    headers = [(name, value) for name, value in record.headers]
    return Row(record.offset, record.timestamp, record.key, record.value, headers)


class Writer:
    """Writes a file beside its place and puts it there when it is whole: to be used in a `with`."""

    def __init__(self, path: Path) -> None:
        self.records = 0
        self._path = path
        self._partial = path.with_suffix(".partial")
        self._rows: list[Row] = []
        self._bytes = 0

    def __enter__(self) -> Self:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._out = self._partial.open("wb")
        self._parquet = pq.ParquetWriter(self._out, SCHEMA, compression="zstd")
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._flush()
        self._parquet.close()
        self._out.flush()
        os.fsync(self._out.fileno())
        self._out.close()
        if kind is None:
            os.replace(self._partial, self._path)
        else:
            self._partial.unlink()

    def add(self, new: Row) -> None:
        """The next record."""
        self.records += 1
        self._rows.append(new)
        self._bytes += len(new.key or b"") + len(new.value or b"") + 100
        if self._bytes >= GROUP_BYTES:
            self._flush()

    def _flush(self) -> None:
        rows, self._rows, self._bytes = self._rows, [], 0
        if rows:
            headers = [[{"name": name, "value": value} for name, value in one.headers] for one in rows]
            columns = {
                "offset": [one.offset for one in rows],
                "timestamp": [one.timestamp for one in rows],
                "key": [one.key for one in rows],
                "value": [one.value for one in rows],
                "headers": headers,
            }
            self._parquet.write_table(pa.table(columns, schema=SCHEMA))


def rows(path: Path) -> Iterator[Row]:
    """The records of a file."""
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            for one in file.read_row_group(group).to_pylist():
                headers = [(header["name"], header["value"]) for header in one.pop("headers")]
                yield Row(**one, headers=headers)
