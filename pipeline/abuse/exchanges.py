"""Who has credited whom, on which day and by what: gathered from rows, a few bytes for each that is different.

An event with a counterpart has two rows, which share their offset. From both follows what the actor and the
counterpart got by it. Nothing is gathered of events that credit nobody else: a message that is no reply, or a search.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipeline.common.days import UTC, Zone
from pipeline.common.tile_keys import WINDOW
from pipeline.common.units import Day
from schemas.frames import Frame, Side
from schemas.signals import ERASE_BIT, Signal, mask

ENGAGED = mask(
    *(Signal.REACTION_RECEIVED, Signal.COMMENT_RECEIVED, Signal.SHARE_RECEIVED, Signal.MENTION_RECEIVED),
    *(Signal.ENDORSEMENT_RECEIVED, Signal.RECOMMENDATION_RECEIVED, Signal.FOLLOWER),
)
"""Credits that one member gives another of their own accord; conversations and connections need both anyway."""
_ERASE = np.uint64(1 << ERASE_BIT)
_NO_DAY = -(1 << 31)
_MEMBER_BITS, _DAY_BITS, _KIND_BITS = 24, 7, 9
MOST_MEMBERS = 1 << _MEMBER_BITS
_PIECE = 1 << 20


class TooManyError(ValueError):
    """There are more members than can be told apart; the message says what to do."""


@dataclass(slots=True)
class Table:
    """n different exchanges, within the window.

    giver, receiver: int64[n], indices into `names`. day: int64[n], days since 1970. kind: int64[n], index into
    `kinds`, each (mask of the giver's signals, mask of the receiver's). count: int64[n], how often.
    """

    names: list[str]
    kinds: list[tuple[int, int]]
    giver: np.ndarray
    receiver: np.ndarray
    day: np.ndarray
    kind: np.ndarray
    count: np.ndarray

    def __len__(self) -> int:
        return len(self.giver)

    def only(self, chosen: np.ndarray) -> "Table":
        """Some of them; chosen: bool[n], or indices."""
        columns = (self.giver, self.receiver, self.day, self.kind, self.count)
        return Table(self.names, self.kinds, *(column[chosen] for column in columns))

    def engagement(self) -> "Table":
        """Those by which somebody has engaged with what another member did."""
        engaging = np.array([received & ENGAGED != 0 for _, received in self.kinds], bool)
        return self.only(engaging[self.kind] if len(engaging) else np.zeros(0, bool))


class Exchanges:
    """Gathers the exchanges of the 90 days up to `last`; zone: where days begin and end.

    Rows must be of events that count, each event once, both its rows in one frame. An erasure takes out what a member
    did and got up to its day, in whatever order it comes.
    """

    def __init__(self, last: Day, zone: Zone = UTC) -> None:
        self.last = last
        self.zone = zone
        self._codes: dict[str, int] = {}
        self._kinds: dict[tuple[int, int], int] = {}
        self._erased: dict[int, int] = {}
        self._parts: list[np.ndarray] = []
        self._waiting = 0
        self._keys, self._counts = np.zeros(0, np.uint64), np.zeros(0, np.int64)

    def add(self, frame: Frame, rows: np.ndarray) -> None:
        """Gather from rows int64[k] of a frame, ascending; its members are dictionary-encoded."""
        acting, other = rows[frame.side[rows] == Side.ACTOR], rows[frame.side[rows] == Side.COUNTERPART]
        self._erase(frame, acting)
        other, actor = _paired(frame, acting, other)
        day = self.zone.of(frame.time[other])
        inside = (day > self.last - WINDOW) & (day <= self.last)
        other, actor, day = other[inside], actor[inside], day[inside]
        if not len(other):
            return
        codes = self._members(frame.member)
        member = frame.member.indices.to_numpy()
        kind = self._kind(frame.signals[actor], frame.signals[other])
        key = codes[member[actor]] << (64 - _MEMBER_BITS)
        key |= codes[member[other]] << (_DAY_BITS + _KIND_BITS)
        key |= (day - (self.last - WINDOW + 1)).astype(np.uint64) << _KIND_BITS
        self._parts.append(key | kind)
        self._waiting += len(key)
        if self._waiting > max(_PIECE, len(self._keys)):
            self._merge()

    def nbytes(self) -> int:
        """Bytes of the exchanges, without the names."""
        return self._keys.nbytes + self._counts.nbytes + sum(part.nbytes for part in self._parts)

    def table(self) -> Table:
        """All that was gathered, without what is erased."""
        self._merge()
        key = self._keys
        members = (1 << _MEMBER_BITS) - 1
        found = Table(
            [*self._codes],
            [*self._kinds],
            (key >> (64 - _MEMBER_BITS)).astype(np.int64),
            (key >> (_DAY_BITS + _KIND_BITS)).astype(np.int64) & members,
            ((key >> _KIND_BITS).astype(np.int64) & ((1 << _DAY_BITS) - 1)) + self.last - WINDOW + 1,
            key.astype(np.int64) & ((1 << _KIND_BITS) - 1),
            self._counts,
        )
        if not self._erased:
            return found
        erased = np.full(len(self._codes), _NO_DAY, np.int64)
        for code, day in self._erased.items():
            erased[code] = day
        return found.only(found.day > np.maximum(erased[found.giver], erased[found.receiver]))

    def _merge(self) -> None:
        keys = np.concatenate([self._keys, *self._parts])
        counts = np.concatenate([self._counts, np.ones(len(keys) - len(self._keys), np.int64)])
        order = np.argsort(keys)
        keys = keys[order]
        first = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]])[: len(keys)])
        self._keys = keys[first]
        self._counts = np.add.reduceat(counts[order], first) if len(first) else counts
        self._parts, self._waiting = [], 0

    def _members(self, member: pa.DictionaryArray) -> np.ndarray:
        """uint64[values of the dictionary]: the code of each member."""
        codes = self._codes
        found = [codes.setdefault(name, len(codes)) for name in member.dictionary.to_pylist()]
        if len(codes) > MOST_MEMBERS:
            raise TooManyError(f"there are more than {MOST_MEMBERS:,} members: give fewer events at a time")
        return np.array(found, np.uint64)

    def _kind(self, given: np.ndarray, received: np.ndarray) -> np.ndarray:
        """uint64[k]: the code of each pair of masks."""
        pairs = np.stack([given, received], axis=1)
        different, at = np.unique(pairs, axis=0, return_inverse=True)
        kinds = self._kinds
        found = [kinds.setdefault((int(a), int(b)), len(kinds)) for a, b in different.tolist()]
        return np.array(found, np.uint64)[at.reshape(-1)]

    def _erase(self, frame: Frame, acting: np.ndarray) -> None:
        rows = acting[(frame.signals[acting] & _ERASE) != 0]
        if not len(rows):
            return
        names: Sequence[str] = frame.member.take(pa.array(rows)).to_pylist()
        for name, day in zip(names, self.zone.of(frame.time[rows]).tolist(), strict=True):
            code = self._codes.setdefault(name, len(self._codes))
            self._erased[code] = max(day, self._erased.get(code, day))


def _paired(frame: Frame, acting: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(int64[k] the rows of counterparts whose actor's row is there too, int64[k] those of these actors)."""
    order = acting[np.argsort(frame.offset[acting], kind="stable")]
    offsets = frame.offset[order]
    at = np.searchsorted(offsets, frame.offset[other])
    at = np.minimum(at, max(len(order) - 1, 0))
    there = offsets[at] == frame.offset[other] if len(order) else np.zeros(len(other), bool)
    return other[there], order[at[there]]
