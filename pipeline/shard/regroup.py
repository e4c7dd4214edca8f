"""The state of all partitions as the ledgers of another number of partitions, or of the same for another log.

What a ledger holds is of members, so it moves with them. Nothing is counted here: counts, registers, days on record
and links are copied. In the new ledgers all is in blocks, as of before the first frame of a log that is still empty;
so no offset of the old log of frames means anything in them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import gcd

import numpy as np
import pyarrow as pa

from pipeline.common.partitioner import partitions
from pipeline.common.ranges import Range, Ranges
from pipeline.common.tile_keys import WINDOW
from pipeline.common.units import NO_OFFSET, Day
from pipeline.network.journal import Journal
from pipeline.network.member_hash import member_hashes
from pipeline.network.regroup import OldNetwork
from pipeline.network.regroup import regrouped as regrouped_networks
from pipeline.shard.member_index import BLOCK_SIZE
from pipeline.shard.shard import Shard
from schemas.ledger import Block, BlockHistory, Counters, ReplayStart, Stamp, ids_key

Record = tuple[bytes, bytes]
_IDS = 100_000
"""Seen ids to a record."""


@dataclass(frozen=True)
class Old:
    """A partition as it was: the shard as its ledger gives it, with the journal of its networks, and its stamp."""

    partition: int
    shard: Shard
    journal: Journal
    stamp: Stamp

    @cached_property
    def named(self) -> np.ndarray:
        """int64[n]: the indices of its members, without holes."""
        names = self.shard.state.index.names
        return np.array([i for i, name in enumerate(names) if name is not None], np.int64)

    @cached_property
    def names(self) -> list[str]:
        """The members' names, in the order of `named`."""
        return self.shard.state.index.of(self.named)


@dataclass(frozen=True, slots=True)
class Sources:
    """What the new ledgers say of `activity.events`: by source partition the next offset, and what is missing.

    Of one partition: `regrouped` gets one for each old partition.
    """

    watermarks: Mapping[int, int]
    missing: Mapping[int, list[Range]]
    lost: Mapping[int, list[Range]]

    @classmethod
    def of(cls, stamp: Stamp) -> "Sources":
        """Those of a stamp, for the same topic."""
        return cls(stamp.watermarks, stamp.missing, stamp.lost)


def problem(stamps: Mapping[int, Stamp], count: int) -> str | None:
    """Why members can't move between these partitions to make `count` of them; None when they can.

    They must have counted the same events, or a member would lose some, or count some twice, in its new partition.
    """
    if count == len(stamps):
        return None
    first = next(iter(stamps.values()))
    for partition, stamp in stamps.items():
        if stamp.missing:
            return f"partition {partition} waits for missing events"
        if stamp.watermarks != first.watermarks:
            return f"partition {partition} has not counted the same events as the others"
        if stamp.day != first.day:
            return f"partition {partition} is at another day than the others"
        if stamp.zone != first.zone:
            return f"partition {partition} counts days in {stamp.zone}, others in {first.zone}"
        if stamp.rolled < -(-stamp.members // BLOCK_SIZE):
            return f"partition {partition} is in the middle of its rollover"
    return None


class Regrouped:
    """One partition of the new ones: `records` first, then `stamp`.

    number, count: which of how many. old: all old partitions, with what the new ledger is to say of their sources.
    """

    def __init__(self, old: Sequence[tuple[Old, Sources]], number: int, count: int) -> None:
        self.number = number
        self.count = count
        step = gcd(count, len(old))
        self._from = [(one, sources) for one, sources in old if (one.partition - number) % step == 0]
        # the counters of a partition, and what it has lost, stay together: only their sum means anything
        self._kept = [(one, sources) for one, sources in old if one.partition % count == number]
        self._same = count == len(old)
        self._members = [(one.shard, self._mine(one)) for one, _ in self._from]
        self._size = BLOCK_SIZE if not self._from else self._from[0][0].shard.state.index.block_size

    def _mine(self, one: Old) -> np.ndarray:
        """int64[n]: the indices of the members of an old partition that belong here."""
        if self._same:  # holes stay too, so that blocks are those of before
            return np.arange(len(one.shard.state.index.names))
        if not len(one.named):
            return one.named
        return one.named[partitions(pa.array(one.names, pa.string()), self.count) == self.number]

    @property
    def members(self) -> int:
        """How many members the partition has."""
        return sum(
            sum(shard.state.index.names[i] is not None for i in mine.tolist())
            for shard, mine in self._members
        )

    @property
    def _day(self) -> Day:
        return self._from[0][0].shard.day

    @property
    def _blocks(self) -> int:
        return -(-sum(len(mine) for _, mine in self._members) // self._size)

    def records(self) -> Iterator[Record]:
        """All of the ledger but its stamp."""
        for number in range(self._blocks):
            yield from self._block(number)
        yield from self._ids()
        networks = [OldNetwork(one.journal, self._wanted(one)) for one, _ in self._from]
        for key, value in regrouped_networks(networks, Day(self._day - WINDOW)):
            assert value is not None, "nothing is taken back in an empty ledger"
            yield key, value

    def _pieces(self, number: int) -> Iterator[tuple[Shard, np.ndarray]]:
        """The members of a block, by the shard they come from."""
        first, stop, at = number * self._size, (number + 1) * self._size, 0
        for shard, mine in self._members:
            part = mine[max(0, first - at) : max(0, stop - at)]
            at += len(mine)
            if len(part):
                yield shard, part

    def _block(self, number: int) -> Iterator[Record]:
        names: list[str | None] = []
        erased: list[int] = []
        registers: list[bytes | None] = []
        fill, keys, counts, points, bands, since = [], [], [], [], [], []
        last = Day(self._day - 1)
        for shard, mine in self._pieces(number):
            shard.resize()
            state = shard.state
            pairs = state.tiles.read(mine)
            order = np.argsort(pairs.row, kind="stable")
            names += [state.index.names[i] for i in mine.tolist()]
            erased += state.erased[mine].tolist()
            registers += state.registers.dump(mine)
            fill.append(np.bincount(pairs.row, minlength=len(mine)))
            keys.append(pairs.key[order])
            counts.append(pairs.count[order])
            points.append(state.history.whole(mine))
            bands.append(state.history.band[mine])
            since.append(state.history.since[mine])
            if self._same:
                last = shard.rollover.recorder.last.get(number, Day(shard.rollover.previous_day - 1))
        filled, key, count = (pa.array(np.concatenate(parts)) for parts in (fill, keys, counts))
        block = Block(number, NO_OFFSET, self._day, names, erased, filled, key, count, registers)
        yield block.key, block.dump()
        columns = (np.concatenate(parts) for parts in (points, bands, since))
        history = BlockHistory(number, last, names, *columns)
        yield history.key, history.dump()

    def _ids(self) -> Iterator[Record]:
        """The seen ids of all partitions that members come from: an id does not say whose it is."""
        generation = self._generation
        recent = [one.shard.recent_ids for one, _ in self._from]
        for of, sets in ((generation - 1, [r.old for r in recent]), (generation, [r.young for r in recent])):
            ids = np.unique(np.concatenate([np.zeros(0, np.uint64), *(one.values() for one in sets)]))
            for number, first in enumerate(range(0, len(ids), _IDS)):
                yield ids_key(of, number), ids[first : first + _IDS].astype("<u8").tobytes()

    @property
    def _generation(self) -> int:
        return max(one.shard.recent_ids.generation for one, _ in self._from)

    def _wanted(self, one: Old) -> "_Wanted":
        return _Wanted(None if self._same else one, self.number, self.count)

    def stamp(self, topics: Mapping[str, str]) -> Stamp:
        """The stamp, without its transaction and digest. topics: the ids that its offsets are of."""
        rollover, recent = self._from[0][0].shard.rollover, [one.shard.recent_ids for one, _ in self._from]
        watermarks: dict[int, int] = {}
        missing: dict[int, list[Range]] = {}
        for _, sources in self._from:  # all the same, unless it is one
            watermarks |= sources.watermarks
            missing |= sources.missing
        stamps = [one.stamp for one, _ in self._from]
        return Stamp(
            sequence=max(stamp.sequence for stamp in stamps),
            frame=NO_OFFSET,
            replay_from=0,
            day=self._day,
            rolled=rollover.rolled if self._same else self._blocks,
            turned_from=rollover.previous_day if self._same else self._day,
            members=self.members,
            rubric=stamps[0].rubric,
            zone=stamps[0].zone,
            watermarks=watermarks,
            missing=missing,
            lost=self._lost(),
            from_zero=any(stamp.from_zero for stamp in stamps),
            counters=self._counters(),
            start=ReplayStart(
                frame=NO_OFFSET,
                watermarks=watermarks,
                missing=missing,
                generation=self._generation,
                # ids are kept longer rather than shorter than they would have been
                began=max(one.began for one in recent),
                rows=min(one.rows for one in recent),
            ),
            topics=dict(topics),
        )

    def _lost(self) -> dict[int, list[Range]]:
        lost: dict[int, Ranges] = {}
        for _, sources in self._kept:
            for source, ranges in sources.lost.items():
                for start, stop in ranges:
                    lost.setdefault(source, Ranges()).add(start, stop)
        return {source: ranges.pairs() for source, ranges in sorted(lost.items())}

    def _counters(self) -> Counters:
        total = Counters()
        for one, _ in self._kept:
            for name, value in one.stamp.counters:
                setattr(total, name, getattr(total, name) + value)
        return total


class _Wanted:
    """Says which owners of links, by the hashes of their names, belong to a partition; all when old is None.

    An owner whose name is not known any more, as nothing but old connections is, belongs to every partition that it
    may belong to.
    """

    def __init__(self, old: Old | None, number: int, count: int) -> None:
        self._others = np.zeros(0, np.uint64)
        if old is not None and len(old.named):
            theirs = partitions(pa.array(old.names, pa.string()), count) != number
            hashes = member_hashes(old.names)
            self._others = np.unique(hashes[theirs])

    def __call__(self, hashes: np.ndarray) -> np.ndarray:
        """bool[n]: which of the hashes, uint64[n]."""
        wanted: np.ndarray = ~np.isin(hashes, self._others)
        return wanted
