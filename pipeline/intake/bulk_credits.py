"""Credits of many events at once: the rules of `pipeline.intake.credit_rules`, asked once for each distinct
combination.

A rule looks at few fields, and those have few distinct values: whether a message is a reply, the kind of a
search. So rows that agree in all that the rule has looked at are credited alike, and the rules have no
second, vectorised form that could differ from the first. A rule takes absent data and data without
fields for the same.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from pipeline.intake.credit_rules import Credit, Rule
from pipeline.intake.typed_columns import Column, Text
from schemas.columns import COUNTERPARTS, FIELDS

_TABLE = 1 << 16


@dataclass(slots=True)
class Peers:
    """Counterparts of some rows: `at` int64[k] are places in the rows asked for, `who` their members.

    signals: uint64[k], 0 for those who are credited nothing.
    """

    at: np.ndarray
    who: pa.Array
    signals: np.ndarray


@dataclass(slots=True)
class Credited:
    """What k rows are credited: uint64[k] masks of the actors, counterparts, register updates by place."""

    signals: np.ndarray
    peers: list[Peers]
    registers: dict[int, bytes] = field(default_factory=dict)


class _Named(str):
    """Stands for the member that a field names, whoever it is."""

    __slots__ = ()


class _Data(Mapping[str, Any]):
    """The data of one row, which notes what is read of it."""

    def __init__(self, event_type: str, columns: Mapping[str, Column], row: int) -> None:
        self.fields = FIELDS[event_type]
        self.columns = columns
        self.row = row
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        wanted = self.fields.get(name)
        if wanted is None:
            raise KeyError(name)
        if wanted.required and name in COUNTERPARTS:
            return _Named(name)
        self.read.add(name)
        value = self.columns[name].value(self.row) if name in self.columns else None
        if value is None:
            raise KeyError(name)
        return _Named(name) if name in COUNTERPARTS else value

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        raise TypeError("a rule must name the fields it reads")

    __len__ = __iter__  # type: ignore[assignment]


class Combinations:
    """The rules given, for rows as columns."""

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self.rules = rules
        self._read: dict[str, list[str]] = {event_type: [] for event_type in rules}

    def credits(self, event_type: str, columns: Mapping[str, Column], rows: np.ndarray) -> Credited:
        """The credits of `rows` int64[k], valid events of one type."""
        which, results = self._results(event_type, columns, rows)
        signals = np.array([actor for actor, _, _, _ in results], np.uint64)[which]
        peers: list[Peers] = []
        masks = np.array([mask for _, _, mask, _ in results], np.uint64)
        named: dict[str, list[int]] = {}
        for number, (_, peer, _, _) in enumerate(results):
            if peer is not None:
                named.setdefault(peer, []).append(number)
        for name, numbers in named.items():
            at = np.flatnonzero(np.isin(which, numbers))
            who = columns[name]
            assert isinstance(who, Text)
            peers.append(Peers(at, who.plain(rows[at]), masks[which[at]]))
        return Credited(signals, peers, _registers(results, which))

    def _results(
        self, event_type: str, columns: Mapping[str, Column], rows: np.ndarray
    ) -> tuple[np.ndarray, list[Credit]]:
        """(int64[k]: which result is that of each row, the results)."""
        names = self._read[event_type]
        while True:
            parts = [_codes(name, columns[name], rows) for name in names if name in columns]
            which, first = _combined(parts, len(rows))
            results: list[Credit] = []
            for row in rows[first].tolist():
                data = _Data(event_type, columns, row)
                results.append(self.rules[event_type](data))
                if not data.read <= set(names):
                    names += sorted(data.read - set(names))
                    break
            else:
                return which, results


def _codes(name: str, column: Column, rows: np.ndarray) -> tuple[np.ndarray, int]:
    """The codes of a column; of one that names members only whether it does."""
    codes, size = column.codes(rows)
    return (np.minimum(codes, 1), min(size, 2)) if name in COUNTERPARTS else (codes, size)


def _registers(results: list[Credit], which: np.ndarray) -> dict[int, bytes]:
    packed = [None if updates is None else orjson.dumps(updates) for _, _, _, updates in results]
    at = np.flatnonzero(np.array([one is not None for one in packed])[which]).tolist()
    return {place: one for place in at if (one := packed[which[place]]) is not None}


def _combined(parts: list[tuple[np.ndarray, int]], n: int) -> tuple[np.ndarray, np.ndarray]:
    """(int64[n]: the number of each row's combination of codes, int64: a row that has each combination)."""
    code, size = np.zeros(n, np.int64), 1
    for part, width in parts:
        if size * width >= 1 << 62:
            _, code = np.unique(code, return_inverse=True)
            size = n + 1
        code, size = code * width + part, size * width
    if size > _TABLE:
        _, first, which = np.unique(code, return_index=True, return_inverse=True)
        return which, first
    some = np.full(size, -1)
    some[code] = np.arange(n)
    used = np.flatnonzero(some >= 0)
    number = np.zeros(size, np.int64)
    number[used] = np.arange(len(used))
    return number[code], some[used]
