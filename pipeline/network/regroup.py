"""The networks of several partitions as those of another: for a new number of partitions.

Codes and slots hold for one partition only, so links are taken apart to hashes and put together again.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.common.keyed_record import KeyedRecord
from pipeline.common.units import Day
from pipeline.network.graph import NetworkGraph
from pipeline.network.journal import Journal
from pipeline.network.link_block import OWNERS
from pipeline.network.peer_codes import NONE

_SHIFT = np.uint64(32)


@dataclass(frozen=True, slots=True)
class OldNetwork:
    """Of an old partition. wanted: takes hashes of owners, uint64[n], and says of each whether it belongs here."""

    journal: Journal
    wanted: Callable[[np.ndarray], np.ndarray]


def regrouped(old: Sequence[OldNetwork], floor: Day) -> Iterator[KeyedRecord]:
    """All ledger records of a network that has the wanted owners of the old ones, which are folded by this.

    floor: engagement of strangers up to this day is dropped, as a sweep does.
    """
    network = NetworkGraph()
    for one in old:
        _take(network, one, floor)
    rounds = [min(one.journal.refreshed, default=0) for one in old if one.journal.refreshed]
    journal = Journal(network)
    journal.begin()
    for number in range(len(network.blocks)):
        network.fold(number, floor)
        yield from journal.write(number, min(rounds, default=0))


def _take(network: NetworkGraph, one: OldNetwork, floor: Day) -> None:
    """Put the wanted owners of a network, and their links, into another."""
    graph = one.journal.network
    for number in range(len(graph.blocks)):
        links = graph.fold(number, floor)
        first = number * OWNERS
        codes = graph.owner[first : first + links.owners]
        slots = np.flatnonzero(codes != NONE)
        slots = slots[one.wanted(graph.codes.hashes[codes[slots]])]
        if not len(slots):
            continue
        place = np.full(links.owners, -1, np.int64)
        place[slots] = network.owner_slots(network.codes.add(graph.codes.hashes[codes[slots]]))
        network.has_record[place[slots]] |= graph.has_record[first + slots]
        owner = place[links.of()]
        mine = np.flatnonzero(owner >= 0)
        peer = network.codes.add(graph.codes.hashes[links.peer[mine]])
        key = owner[mine].astype(np.uint64) << _SHIFT | peer
        network.overlay.take(key, links.state[mine], links.days()[mine].astype(np.uint16), fresh=True)
