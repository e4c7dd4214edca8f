"""Parquet files of other writers as columns of our own layout: types of text, dictionaries, and flattened fields.

What a column holds is not judged here; that is the task of `pipeline.intake`.
"""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas.columns import ENCODED, OPTIONAL, check, is_gaps, is_json, is_text, places


class Layout:
    """How the columns of a file become those of events.

    columns: which are read; dictionaries: which of them may be read as dictionaries, since their texts repeat.
    Raises ValueError, whose message says what to do, when files of this schema can't be read as events.
    """

    def __init__(self, schema: pa.Schema) -> None:
        check(schema)
        self._places = places(schema)
        self._gaps = [name for name in OPTIONAL if name in schema.names and is_gaps(schema, name)]
        self.columns = [*self._places, *self._gaps]
        self.dictionaries = [
            name
            for name, place in self._places.items()
            if place[0] not in ("id", "time", "data", ENCODED)
            and is_text(schema.field(name).type)
            and not is_json(schema.field(name).type)
        ]

    def misfit(self, batch: pa.RecordBatch) -> str | None:
        """What is wrong with a batch of the file: a value in a column of numbers that must be text, or nothing."""
        for name in self._gaps:
            column = batch.column(name)
            if plain(column).null_count < len(column):
                return f"column {name} is {column.type}, but must be text"
        return None

    def batch(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """A batch of the file, by the names of our layout. Raises pa.ArrowInvalid when it is damaged."""
        arrays: dict[str, pa.Array] = {}
        parts: dict[str, dict[str, pa.Array]] = {}
        for name, (field, *part) in self._places.items():
            array = plain(batch.column(name))
            if part:
                parts.setdefault(field, {})[part[0]] = array
            else:
                arrays[field] = array
        for field, flags in parts.items():
            arrays[field] = _object(flags)
        return pa.RecordBatch.from_pydict(arrays)


def _object(parts: dict[str, pa.Array]) -> pa.Array:
    """An object of its parts, null where all of them are."""
    null = pa.scalar(True)
    for array in parts.values():
        null = pc.and_(null, array.is_null())
    return pa.StructArray.from_arrays(list(parts.values()), list(parts), mask=null)


def plain(array: Any) -> pa.Array:
    """An array with text as strings, dictionary-encoded or not, and no other dictionaries, at any depth.

    NaN becomes null: it is how data frames write a gap in a column of numbers.

    Raises pa.ArrowInvalid when a dictionary has fewer values than are used.
    """
    kind = array.type
    if pa.types.is_dictionary(kind):
        _check_indices(array)
        if not is_text(kind):
            return plain(array.cast(kind.value_type))
        values = plain(array.dictionary)
        return array if values is array.dictionary else pa.DictionaryArray.from_arrays(array.indices, values)
    if is_json(kind):
        return plain(array.storage)
    if is_text(kind):
        if pa.types.is_string(kind):
            return array
        raw = pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind)
        # bytes that are no text are found where each text is judged
        return array.cast(pa.binary()).view(pa.string()) if raw else array.cast(pa.string())
    if pa.types.is_floating(kind):
        gaps = pc.is_nan(array)
        return pc.if_else(gaps, pa.scalar(None, kind), array) if pc.any(gaps).as_py() else array
    if pa.types.is_struct(kind):
        children = [plain(child) for child in array.flatten()]
        names = [kind.field(at).name for at in range(kind.num_fields)]
        return pa.StructArray.from_arrays(children, names, mask=array.is_null()) if names else array
    return array


def _check_indices(array: Any) -> None:
    ends = pc.min_max(array.indices)
    low, high = ends["min"].as_py(), ends["max"].as_py()
    if low is not None and (low < 0 or high >= len(array.dictionary)):
        raise pa.ArrowInvalid("a dictionary has fewer values than are used")
