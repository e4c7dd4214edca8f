"""What can be done about a ledger that has records in it which no worker wrote.

A restore leaves out what it knows to be foreign by itself. If that is not enough it refuses, and a person decides
which records to leave out. `examine` says what a restore would make of that, `proposed` looks for records without
which it works, and `rewritten` gives the records that make it last.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.common.units import Day
from pipeline.shard.recovery import Foreign, Image, Unreadable, recover
from pipeline.shard.shard import Shard, ShardConfig
from schemas.ledger import STAMP_KEY, Stamp

MAX_STAMPS = 5
"""Newest stamps that are tried to be left out, one after the other."""
Changes = list[tuple[bytes, bytes | None]]


class LedgerRecord(NamedTuple):
    """A committed record of a ledger partition."""

    offset: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Examined:
    """What a restore makes of a ledger. foreign: what it leaves out; problem: why it refuses, None if it does not."""

    image: Image
    stamp: Stamp | None
    foreign: list[Foreign]
    problem: str | None


def examine(
    records: Iterable[LedgerRecord], config: ShardConfig, skipped: frozenset[int] = frozenset()
) -> Examined:
    """Restore from the records (in order), without those at the offsets `skipped`."""
    image = Image()
    for record in records:
        if record.offset not in skipped:
            image.add(record.offset, record.key, record.value)
    stamp = None
    try:
        stamp = image.close()
        recover(Shard(config, Day(0 if stamp is None else stamp.day)), image, stamp)
    except Unreadable as error:
        return Examined(image, stamp, image.foreign, str(error))
    return Examined(image, stamp, image.foreign, None)


def proposed(records: Sequence[LedgerRecord], config: ShardConfig) -> frozenset[int] | None:
    """Offsets of records without which a restore works: the newest stamps, or any two records; None if none is found.

    Leaving out what a worker did write would lose it, so this is for a person to judge.
    """
    stamps = [record.offset for record in records if record.key == STAMP_KEY and record.value is not None]
    for count in range(min(MAX_STAMPS, len(stamps) - 1) + 1):
        skipped = frozenset(stamps[len(stamps) - count :])
        found = examine(records, config, skipped)
        if found.problem is None:
            return skipped
        pair = None if found.stamp is None and found.image.stamp_bytes is None else _pair(found.image)
        if pair is not None and examine(records, config, skipped.union(pair)).problem is None:
            return skipped.union(pair)
    return None


def _pair(image: Image) -> tuple[int, int] | None:
    try:
        return image.pair()
    except Unreadable:
        return None


def rewritten(records: Iterable[LedgerRecord], found: Examined) -> Changes:
    """The records to append, the stamp last, so that a restore comes to `found` and leaves out nothing.

    Empty when there is nothing to be written.
    """
    newest: dict[bytes, bytes | None] = {}
    for record in records:
        if record.key is not None:
            newest[record.key] = record.value
    stamp = newest.pop(STAMP_KEY, None)
    wanted = found.image.starting(b"")
    changes: Changes = [
        (key, wanted.get(key)) for key in sorted(newest.keys() | wanted) if newest.get(key) != wanted.get(key)
    ]
    good = found.image.stamp_bytes
    if not changes and stamp == good:
        return []
    return changes if good is None else [*changes, (STAMP_KEY, good)]
