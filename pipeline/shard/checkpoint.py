"""A shard's state as blocks of the ledger, and back: which are due, how they are written and read."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from pipeline.common.tile_keys import RING, WINDOW, key_days
from pipeline.network.journal import Journal
from pipeline.shard import redo
from pipeline.shard.member_index import BLOCK
from pipeline.shard.shard import NEVER, SLACK, Shard
from pipeline.shard.watermarks import Watermarks
from schemas.ledger import Block, BlockHistory, Stamp


def due(shard: Shard, elapsed: float, cycle: float) -> list[int]:
    """The blocks to write now, oldest change first, so that each dirty one is written once in `cycle` s.

    elapsed: seconds since blocks were last written.
    """
    if not shard.dirty:
        return []
    many = int(len(shard.dirty) * min(1.0, elapsed / cycle))
    return sorted(shard.dirty, key=shard.dirty.__getitem__)[:many]


def dump(shard: Shard, number: int) -> Block:
    """Block `number` of the shard as it is now; from here on the block counts as clean."""
    start = number * BLOCK
    names = shard.directory.names[start : start + BLOCK]
    members = np.arange(start, start + len(names))
    shard.resize()
    pairs = shard.tiles.read(members)
    order = np.argsort(pairs.row, kind="stable")
    fill = np.bincount(pairs.row, minlength=len(names))
    shard.dirty.pop(number, None)
    return Block(
        number,
        shard.frame,
        shard.day,
        names,
        shard.erased[members].tolist(),
        pa.array(fill),
        pa.array(pairs.key[order]),
        pa.array(pairs.count[order]),
        shard.registers.dump(members),
    )


def dump_history(shard: Shard, number: int) -> BlockHistory:
    """What is new of the history of block `number`: a day, or all; from here on it counts as written."""
    whole = shard.recorder.outdated.pop(number, True)
    start = number * BLOCK
    part = slice(start, min(start + BLOCK, len(shard.directory.names)))
    history = shard.history
    day = shard.recorder.last.get(number, shard.turned_from - 1)
    points = history.whole(part) if whole else history.kept(part, day)[:, None]
    names = shard.directory.names[part]
    return BlockHistory(number, day, names, points, history.band[part], history.since[part])


def rubrics_of(shard: Shard) -> str:
    """The rubrics the shard's scores are by, as the stamp has them."""
    used = [shard.rubric] + ([shard.shadow.rubric] if shard.shadow else [])
    return " + ".join(f"{rubric.name} {rubric.version} {rubric.fingerprint}" for rubric in used)


def load(shard: Shard, blocks: list[Block], stamp: Stamp, histories: Sequence[BlockHistory] = ()) -> None:
    """Put an empty shard into the state of the stamp and blocks; frames from `start_of` on are to follow."""
    for block in sorted(blocks, key=lambda b: b.number):
        shard.directory.load(block.number, block.names)
    # of each block the whole history first, then the days after it
    histories = sorted(histories, key=lambda h: (h.number, not h.whole, h.day))
    for history in histories:
        shard.directory.load(history.number, history.names)
    shard.directory.loaded()
    shard.resize()
    shard.durable = np.full(len(shard.directory.names), -1, np.int64)
    for block in blocks:
        _load(shard, block, _oldest(stamp))
    if stamp.start is None:
        kept = [c for c in stamp.checkpoints if c.frame <= start_of(stamp)]
        shard.watermarks = Watermarks(kept[-1].watermarks if kept else stamp.watermarks)
        shard.needed = needed_from(stamp)
    else:
        shard.watermarks = Watermarks(stamp.start.watermarks, stamp.start.missing)
        shard.watermarks.from_zero = stamp.from_zero
        shard.frame = stamp.start.frame
    shard.sequence = stamp.sequence
    shard.counters = stamp.counters.model_copy()
    shard.rolled = stamp.rolled
    shard.turned_from = stamp.turned_from
    shard.turns = list(stamp.turns)
    for history in histories:
        _load_history(shard, history)
    for number in range(stamp.rolled):
        shard.recorder.last.setdefault(number, stamp.day - 1)


def _load_history(shard: Shard, history: BlockHistory) -> None:
    start = history.number * BLOCK
    # a member new since then has a place beyond the end of it
    part = slice(start, start + len(history.bands))
    shard.history.resize(part.stop)
    if history.whole:
        shard.history.restore(part, history.points)
    elif history.day > shard.recorder.last.get(history.number, -1):
        shard.history.put(np.arange(part.start, part.stop), history.day, history.points[:, 0])
    else:
        return
    shard.history.band[part] = history.bands
    shard.history.since[part] = history.since
    shard.recorder.last[history.number] = history.day


def _oldest(stamp: Stamp) -> int:
    """The day before the first whose tiles are wanted: those of days not on record yet count too."""
    missed = stamp.day - stamp.turned_from
    return (stamp.turned_from if 0 < missed <= SLACK else stamp.day) - WINDOW


def _load(shard: Shard, block: Block, before: int) -> None:
    start = block.number * BLOCK
    members = np.arange(start, start + len(block.names))
    shard.erased[members] = block.erased
    shard.durable[members] = [block.frame if name is not None else -1 for name in block.names]
    row = np.repeat(members, block.fill.to_numpy())
    key = block.keys.to_numpy()
    on = key_days(block.day)[key]
    # a block written long ago holds days that the ring would take for others today
    stays = on > before
    key = (key >> 7 << 7 | (on & (RING - 1))).astype(np.uint16)
    shard.tiles.add(row[stays], key[stays], block.counts.to_numpy()[stays].astype(np.int64))
    for index, data in zip(members.tolist(), block.registers, strict=True):
        if data is not None:
            shard.registers.load(index, data)


def needed_from(stamp: Stamp) -> int:
    """The first frame that may change a member: what came before is in blocks."""
    return min(stamp.replay_from, stamp.frame + 1)


def start_of(stamp: Stamp) -> int:
    """For a stamp of version 1 the frame to read from.

    There the generation of seen ids before the first needed frame's began.
    """
    begun = [c.frame for c in stamp.checkpoints if c.frame <= needed_from(stamp)]
    return begun[-2] if len(begun) > 1 else begun[0] if begun else needed_from(stamp)


def replay_from(shard: Shard) -> int:
    """Offset of the oldest frame with a change that is in no block yet."""
    oldest = min(shard.dirty.values(), default=shard.frame + 1)
    return oldest if shard.network.oldest is None else min(oldest, shard.network.oldest)


def stamp_of(shard: Shard) -> Stamp:
    """The stamp of the shard as it is now; turns of the day that no restore will want again are dropped."""
    oldest = replay_from(shard)
    start = None if shard.redo is None else shard.redo.start
    shard.turns = [
        turn for turn in shard.turns if turn.frame > (oldest - 1 if start is None else start.frame)
    ]
    return Stamp(
        sequence=shard.sequence,
        frame=shard.frame,
        replay_from=oldest,
        day=shard.day,
        rolled=shard.rolled,
        turned_from=shard.turned_from,
        turns=list(shard.turns),
        members=shard.members,
        rubric=rubrics_of(shard),
        zone=shard.zone.name,
        watermarks=dict(shard.watermarks.next),
        missing=shard.watermarks.missing_ranges(),
        lost=shard.watermarks.lost_ranges(),
        from_zero=shard.watermarks.from_zero,
        counters=shard.counters.model_copy(),
        start=start,
    )


def upgrade(shard: Shard, networks: Journal) -> list[tuple[bytes, bytes | None]]:
    """What makes a ledger of version 1 sufficient by itself, from here on: all that is not in it yet."""
    records: list[tuple[bytes, bytes | None]] = [*networks.save()]
    for number in sorted(shard.dirty):
        block = dump(shard, number)
        records.append((block.key, block.dump()))
    shard.redo, ids = redo.whole(shard.frame, shard.watermarks, shard.seen)
    return records + ids


def restored(shard: Shard, records: Mapping[bytes, bytes]) -> Journal:
    """The journal of a shard with blocks but no networks yet; these come from the ledger's records."""
    journal = Journal(shard.network)
    journal.restore(records)
    # links may have been written before the erasure of their owner was
    for index in np.flatnonzero(shard.erased > NEVER).tolist():
        name, last = shard.directory.names[index], int(shard.erased[index])
        if name is not None:
            shard.network.erase(name, last, shard.zone.end_ms(last))
    return journal
