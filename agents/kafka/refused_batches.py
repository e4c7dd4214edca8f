"""Batches that aiokafka's parser has refused: which are fetched again, and what becomes of the others."""

from collections.abc import Iterator
from itertools import chain, islice
from typing import NamedTuple

from agents.kafka.record_batch import UnreadableRecord, batches, corrupt, last_offset, salvage, unframed


class Position(NamedTuple):
    """Where a consumer is: the next offset of a partition."""

    topic: str
    partition: int
    offset: int


tried: set[Position] = set()
"""Where bytes were wrong once: fetched again they may be right, if not they are lost."""


def refused(
    data: bytes, number: int, place: Position, *, why: str, wrong_checksum: bool
) -> tuple[Iterator[UnreadableRecord], int] | None:
    """(the records of a batch in a fetch answer, the offset after it, 0 where that is not certain).

    number: which batch of the answer. why: what the parser has said. None when it should be fetched once more.
    """
    topic, partition, after = place
    rest = islice(batches(data), number, None)
    found, following = next(rest, None), next(rest, None)
    if found is not None and not wrong_checksum:
        return salvage(topic, partition, found, why=why, first=after), last_offset(found) + 1
    if place not in tried:
        tried.add(place)
        return None
    if found is None:
        return iter([unframed(*place, why=why)]), 0
    base = None if following is None else int.from_bytes(following[:8])
    records = corrupt(topic, partition, found, following=base, first=after)
    return chain(records, [unframed(*place, why="its batch has no such offset")]), 0
