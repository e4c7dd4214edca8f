"""Counterparts counted once a day: a hundred reactions of one member are those of one member.

A second id, made of the member, the peer, the signal and the day, goes through the table of seen ids. So it costs no
state of its own, does not depend on the order of the events, and is restored as every other decision about ids is. It
reaches as far back as the table does: `docs/explanation/score.md` says how far.
"""

from dataclasses import replace

import numpy as np
import pyarrow as pa

from pipeline.common.days import Zone
from pipeline.network.member_hash import COUNTED, member_hashes
from pipeline.shard.dedupe import RecentIds
from schemas.frames import Frame

_ODD = [np.uint64(n) for n in (0x9FB21C651E98DF25, 0xD6E8FEB86659FD93, 0xBF58476D1CE4E5B9)]
_HALF = np.uint64(32)


def once_a_day(frame: Frame, rows: np.ndarray, zone: Zone, *, seen: RecentIds) -> Frame:
    """The frame, in which of each member, peer, distinct signal and day only the first row has the signal.

    Args:
        frame: whose rows are to be counted.
        rows: int64[n], ascending: those that are counted for the first time.
        zone: where days begin and end.
        seen: the ids seen before, which get those of these rows.
    """
    found = frame.signals[rows] & COUNTED
    counting = np.flatnonzero(found)
    at, bits = rows[counting], found[counting]
    first = seen.first_of_day(_ids(frame, at, bits, zone=zone))
    if first.all():
        return frame
    signals = frame.signals.copy()
    signals[at[~first]] &= ~COUNTED
    return replace(frame, signals=signals)


def _ids(frame: Frame, rows: np.ndarray, bits: np.ndarray, *, zone: Zone) -> np.ndarray:
    """uint64[n]: the hash of member, peer, signal and day of rows int64[n]; bits: uint64[n], the signal of each."""
    peer = np.zeros(len(rows), np.uint64) if frame.peer is None else frame.peer[rows]
    day = zone.of(frame.time[rows]).astype(np.uint64)
    mixed = _members(frame.member, rows) ^ peer * _ODD[0]
    mixed = (mixed ^ mixed >> _HALF) * _ODD[1]
    mixed ^= bits * _ODD[2] + day * _ODD[0]
    mixed = (mixed ^ mixed >> _HALF) * _ODD[2]
    return mixed ^ mixed >> _HALF


def _members(names: pa.Array, rows: np.ndarray) -> np.ndarray:
    """uint64[n]: the hash of the member of each row."""
    mine = names.take(pa.array(rows))
    if not pa.types.is_dictionary(mine.type):
        mine = mine.dictionary_encode()
    codes = mine.indices.to_numpy()
    hashes = np.zeros(len(mine.dictionary), np.uint64)
    used = np.unique(codes)
    hashes[used] = member_hashes(mine.dictionary.take(pa.array(used)).to_pylist())
    return hashes[codes]
