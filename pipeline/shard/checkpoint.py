"""A shard's state as blocks of the ledger, and back: which are due, how they are written and read."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from pipeline.common.keyed_record import KeyedRecord
from pipeline.common.tile_keys import WINDOW
from pipeline.common.units import Day, Offset
from pipeline.network.journal import Journal
from pipeline.shard import redo
from pipeline.shard.member_state import NO_DAY
from pipeline.shard.rollover import SLACK
from pipeline.shard.shard import ReplayGuard, Shard
from pipeline.shard.watermarks import Watermarks
from schemas.ledger import Block, BlockHistory, Stamp


def oldest_dirty(shard: Shard, count: int) -> list[int]:
    """The `count` blocks whose first change that is not in the ledger is the oldest."""
    return sorted(shard.dirty, key=shard.dirty.__getitem__)[:count]


def dump(shard: Shard, number: int) -> Block:
    """Block `number` of the shard as it is now; from here on the block counts as clean."""
    shard.resize()
    state = shard.state
    members = state.index.block(number)
    names = state.index.names[members[0] : members[-1] + 1] if len(members) else []
    pairs = state.tiles.read(members)
    order = np.argsort(pairs.row, kind="stable")
    fill = np.bincount(pairs.row, minlength=len(names))
    shard.dirty.pop(number, None)
    return Block(
        number,
        shard.frame,
        shard.day,
        names,
        state.erased[members].tolist(),
        pa.array(fill),
        pa.array(pairs.key[order]),
        pa.array(pairs.count[order]),
        state.registers.dump(members),
    )


def dump_history(shard: Shard, number: int) -> BlockHistory:
    """What is new of the history of block `number`: a day, or all; from here on it counts as written."""
    rollover, state = shard.rollover, shard.state
    whole = rollover.recorder.outdated.pop(number, True)
    start = number * state.index.block_size
    part = slice(start, min(start + state.index.block_size, len(state.index.names)))
    history = state.history
    day = rollover.recorder.last.get(number, Day(rollover.previous_day - 1))
    points = history.whole(part) if whole else history.kept(part, day)[:, None]
    names = state.index.names[part]
    return BlockHistory(number, day, names, points, history.band[part], history.since[part])


def rubrics_of(shard: Shard) -> str:
    """The rubrics the shard's scores are by, as the stamp has them."""
    shadow = shard.emitter.shadow
    used = [shard.rubric] + ([shadow.rubric] if shadow else [])
    return " + ".join(f"{rubric.name} {rubric.version} {rubric.fingerprint}" for rubric in used)


def load(shard: Shard, blocks: list[Block], stamp: Stamp, *, histories: Sequence[BlockHistory] = ()) -> None:
    """Put an empty shard into the state of the stamp and blocks; frames from `start_of` on are to follow."""
    index = shard.state.index
    for block in sorted(blocks, key=lambda b: b.number):
        index.load(block.number, block.names)
    # of each block the whole history first, then the days after it
    histories = sorted(histories, key=lambda h: (h.number, not h.whole, h.day))
    for history in histories:
        index.load(history.number, history.names)
    index.loaded()
    shard.resize()
    durable = np.full(len(index.names), -1, np.int64)
    for block in blocks:
        start = block.number * index.block_size
        durable[start : start + len(block.names)] = [
            -1 if name is None else block.frame for name in block.names
        ]
        shard.state.load(block, _oldest(stamp))
    for history in histories:
        shard.rollover.recorder.load(history)
    if stamp.start is None:
        kept = [c for c in stamp.checkpoints if c.frame <= start_of(stamp)]
        watermarks = Watermarks(kept[-1].watermarks if kept else stamp.watermarks)
        shard.restore(stamp, watermarks, ReplayGuard(durable, needed_from(stamp)))
    else:
        watermarks = Watermarks(stamp.start.watermarks, stamp.start.missing)
        watermarks.from_zero = stamp.from_zero
        shard.restore(stamp, watermarks, ReplayGuard(durable), frame=Offset(stamp.start.frame))


def _oldest(stamp: Stamp) -> Day:
    """The day before the first whose tiles are wanted: those of days not on record yet count too."""
    missed = stamp.day - stamp.turned_from
    return Day((stamp.turned_from if 0 < missed <= SLACK else stamp.day) - WINDOW)


def needed_from(stamp: Stamp) -> Offset:
    """The first frame that may change a member: what came before is in blocks."""
    return Offset(min(stamp.replay_from, stamp.frame + 1))


def start_of(stamp: Stamp) -> Offset:
    """For a stamp of version 1 the frame to read from.

    There the generation of seen ids before the first needed frame's began.
    """
    begun = [Offset(c.frame) for c in stamp.checkpoints if c.frame <= needed_from(stamp)]
    return begun[-2] if len(begun) > 1 else begun[0] if begun else needed_from(stamp)


def replay_from(shard: Shard) -> Offset:
    """Offset of the oldest frame with a change that is in no block yet."""
    oldest = min(shard.dirty.values(), default=Offset(shard.frame + 1))
    links = shard.state.network.oldest
    return oldest if links is None else min(oldest, links)


def stamp_of(shard: Shard) -> Stamp:
    """The stamp of the shard as it is now; rollovers that no restore will go through again are dropped."""
    oldest = replay_from(shard)
    start = None if shard.redo is None else shard.redo.start
    rollover = shard.rollover
    rollover.remove_starts(Offset(oldest - 1 if start is None else start.frame))
    return Stamp(
        sequence=shard.emitter.revision,
        frame=shard.frame,
        replay_from=oldest,
        day=shard.day,
        rolled=rollover.rolled,
        turned_from=rollover.previous_day,
        turns=list(rollover.starts),
        members=shard.members,
        rubric=rubrics_of(shard),
        zone=shard.state.zone.name,
        watermarks=dict(shard.watermarks.next),
        missing=shard.watermarks.missing_ranges(),
        lost=shard.watermarks.lost_ranges(),
        from_zero=shard.watermarks.from_zero,
        counters=shard.counters.model_copy(),
        start=start,
    )


def upgrade(shard: Shard, networks: Journal) -> list[KeyedRecord]:
    """What makes a ledger of version 1 sufficient by itself, from here on: all that is not in it yet."""
    records: list[KeyedRecord] = [*networks.save()]
    for number in sorted(shard.dirty):
        block = dump(shard, number)
        records.append((block.key, block.dump()))
    shard.redo, ids = redo.whole(shard.frame, shard.watermarks, shard.recent_ids)
    return records + ids


def restored_networks(shard: Shard, records: Mapping[bytes, bytes]) -> Journal:
    """The journal of a shard with blocks but no networks yet; these come from the ledger's records."""
    state = shard.state
    journal = Journal(state.network)
    journal.restore(records)
    # links may have been written before the erasure of their owner was
    for index in np.flatnonzero(state.erased > NO_DAY).tolist():
        name, last = state.index.names[index], Day(int(state.erased[index]))
        if name is not None:
            state.network.erase(name, last, state.zone.end_ms(last))
    return journal
